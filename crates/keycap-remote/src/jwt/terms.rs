//! What a token must say. Pure: it is handed the token and the time.
//!
//! What must not change: [`Terms::screen`] believes nothing and asks nobody, [`Terms::judge`] is only
//! for claims whose signature has been verified, and every time is compared with one and the same now.

use std::fmt;
use std::time::Duration;

use keycap_base::Timestamp;
use keycap_verify::{Identity, Subject};
use serde_json::Value;

use super::refusal::Refusal;
use crate::claims::Claims;
use crate::jose::{Algorithm, Compact};

/// What a token of an issuer must say.
pub(super) struct Terms {
    pub(super) provider: Box<str>,
    pub(super) issuer: Box<str>,
    pub(super) audience: Audience,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) kinds: Kinds,
    pub(super) required: Vec<(Box<str>, Value)>,
    pub(super) subject_claim: Box<str>,
    pub(super) organisation_claim: Option<Box<str>>,
    pub(super) leeway: Duration,
}

/// Whom tokens are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// One of these.
    OneOf(Vec<String>),
    /// Anybody.
    Any,
}

/// Which tokens are taken, by their `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kinds {
    /// Those that say that they are access tokens (RFC 9068 §2.1).
    AccessTokens,
    /// Those too that do not say what they are for.
    Unsaid,
}

/// A token that may be the issuer's. Nothing of it is verified.
pub(super) struct Screened<'a> {
    pub(super) compact: Compact<'a>,
    pub(super) claims: Claims,
}

impl Terms {
    /// Takes a token apart, if it could be one of the issuer's.
    pub(super) fn screen<'a>(&self, token: &'a str) -> Result<Screened<'a>, Refusal> {
        let compact = Compact::read(token)?;
        if !self.algorithms.contains(&compact.header.algorithm) {
            return Err(Refusal::Algorithm(compact.header.algorithm));
        }
        if !self.kinds.take(compact.header.kind.as_deref()) {
            return Err(Refusal::Kind);
        }
        let claims = Claims::read(&compact.payload).map_err(Refusal::Unreadable)?;
        // RFC 7800 §3.1: only who proves that the key is theirs may use it, and no proof is asked for.
        if claims.value("cnf").is_some() {
            return Err(Refusal::Bound);
        }
        match claims.text("iss") {
            Ok(Some(issuer)) if *issuer == *self.issuer => Ok(Screened { compact, claims }),
            _ => Err(Refusal::Issuer),
        }
    }

    /// Who presents a token with these claims, which are the issuer's.
    pub(super) fn judge(&self, claims: Claims, now: Timestamp) -> Result<Identity, Refusal> {
        let expires_at = self.check_times(&claims, now)?;
        self.check_audience(&claims)?;
        for (claim, value) in &self.required {
            if !claims.value(claim).is_some_and(|said| says(said, value)) {
                return Err(Refusal::Required(claim.clone()));
            }
        }
        self.identity(claims, expires_at, now)
    }

    /// RFC 7519 §4.1.4 to §4.1.6. Returns when the token ends, leeway included.
    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<Timestamp, Refusal> {
        let date = |claim| claims.date(claim).map_err(Refusal::Claims);
        let end = date("exp")?.ok_or_else(|| Refusal::Missing("exp".into()))?;
        let expires_at = end.plus(self.leeway);
        if now >= expires_at {
            return Err(Refusal::Ended(end));
        }
        let latest = now.plus(self.leeway);
        if let Some(beginning) = date("nbf")?.filter(|beginning| *beginning > latest) {
            return Err(Refusal::NotBegun(beginning));
        }
        if let Some(issued) = date("iat")?.filter(|issued| *issued > latest) {
            return Err(Refusal::IssuedLater(issued));
        }
        Ok(expires_at)
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Refusal> {
        let Audience::OneOf(ours) = &self.audience else { return Ok(()) };
        let named = claims.texts("aud").map_err(Refusal::Claims)?;
        match named.iter().any(|named| ours.iter().any(|our| our == named)) {
            true => Ok(()),
            false => Err(Refusal::Audience),
        }
    }

    fn identity(
        &self,
        claims: Claims,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        let id = claims.text(&self.subject_claim).map_err(Refusal::Claims)?;
        let id = id.ok_or_else(|| Refusal::Missing(self.subject_claim.clone()))?;
        let subject = Subject::new(&self.provider, id)
            .and_then(|subject| subject.with_issuer(&self.issuer))
            .map_err(|_| Refusal::Subject)?;
        let organisation = match &self.organisation_claim {
            Some(claim) => claims.text(claim).map_err(Refusal::Claims)?,
            None => None,
        };
        let mut identity = Identity::new(subject, now);
        identity.organisation = organisation.map(Into::into);
        identity.scopes = claims.scopes().map_err(Refusal::Claims)?;
        identity.expires_at = Some(expires_at);
        identity.claims = claims.into_map();
        Ok(identity)
    }
}

impl Kinds {
    /// RFC 8725 §3.11: a token that says what it is for is for nothing else. `application/` may be
    /// left out, and case does not matter (RFC 7515 §4.1.9).
    fn take(self, kind: Option<&str>) -> bool {
        let kind = kind.map(str::to_ascii_lowercase);
        let kind = kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        match kind {
            Some("at+jwt") => true,
            Some("jwt") | None => self == Self::Unsaid,
            Some(_) => false,
        }
    }
}

/// Whether a claim is what is required, or a list that has it.
fn says(said: &Value, required: &Value) -> bool {
    said == required || said.as_array().is_some_and(|list| list.contains(required))
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Terms {
    /// The defaults, for any audience.
    pub(super) fn any(issuer: &str) -> Self {
        Self {
            provider: "jwt".into(),
            issuer: issuer.into(),
            audience: Audience::Any,
            algorithms: Algorithm::ALL.to_vec(),
            kinds: Kinds::Unsaid,
            required: Vec::new(),
            subject_claim: "sub".into(),
            organisation_claim: None,
            leeway: Duration::from_secs(60),
        }
    }
}
