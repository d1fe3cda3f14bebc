//! Whom an active token names, and why it may be refused all the same. Pure: claims and the time in,
//! an identity or an [`Objection`] out.
//!
//! A refusal is a property of the token that the application does not accept. A claim that is there but
//! is not what the standard says it is makes the answer unreadable: that is broken, not "no".

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;
use keycap_verify::{Identity, NameError, Rejection, Subject};

use crate::claims::{Claims, ClaimsError};
use crate::http::CallError;

use super::answer;

/// Which active tokens are accepted, and what their claims mean.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) provider: Arc<str>,
    pub(super) issuer: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) subject_claim: String,
    pub(super) without_subject: WithoutSubject,
    pub(super) organisation_claim: Option<String>,
    pub(super) untyped: Untyped,
    pub(super) leeway: Duration,
}

/// What becomes of a token that acts for nobody but its client.
#[derive(Clone, Copy, Debug)]
pub(super) enum WithoutSubject {
    Refused,
    NamesClient,
}

/// What becomes of a token whose answer does not say its type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Untyped {
    Refused,
    Accepted,
}

/// Why an active token gets no identity.
#[derive(Debug)]
pub(super) enum Objection {
    Refused(Refusal),
    Unreadable(CallError),
}

/// Why a token is refused, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the server says that it is not active")]
    Inactive,
    #[error("the server does not introspect tokens of this kind")]
    NotOfItsKind,
    #[error("it has expired (`exp`)")]
    Expired,
    #[error("it is not valid yet (`nbf`)")]
    NotYet,
    #[error("it is no bearer token (`token_type`)")]
    NotBearer,
    #[error(
        "the answer does not say its `token_type`, so it may be a refresh token; if this server never \
         says it, `accept_untyped` accepts such tokens"
    )]
    Untyped,
    #[error("it is bound to a key or certificate (`cnf`), which is not checked here")]
    Bound,
    #[error("it is for another audience (`aud`)")]
    OtherAudience,
    #[error("it is from another issuer (`iss`)")]
    OtherIssuer,
    #[error(
        "it names no subject; `client_as_subject` accepts tokens of clients that act for nobody"
    )]
    NoSubject,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Expired => Self::Expired,
            _ => Self::Unknown,
        }
    }
}

impl From<Refusal> for Objection {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ClaimsError> for Objection {
    fn from(error: ClaimsError) -> Self {
        Self::Unreadable(answer::unfit(&error))
    }
}

impl From<NameError> for Objection {
    fn from(error: NameError) -> Self {
        let what = match error {
            NameError::Unfit { what, .. } => what,
            _ => "name",
        };
        Self::Unreadable(CallError::Unfit(format!("the {what} has a character it may not have")))
    }
}

impl Terms {
    /// Whom these claims of an active token name, as of `asked_at`.
    pub(super) fn identity(
        &self,
        claims: Claims,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Result<Identity, Objection> {
        self.check_kind(&claims)?;
        let expires_at = self.check_life(&claims, now)?;
        self.check_audience(&claims)?;
        let mut identity = Identity::new(self.subject(&claims)?, asked_at);
        identity.scopes = claims.scopes()?;
        identity.organisation = self.organisation(&claims)?;
        identity.expires_at = expires_at;
        identity.claims = claims.into_map();
        Ok(identity)
    }

    /// Only what may be presented by whoever has it. The type is compared as RFC 6749 §5.1 says.
    fn check_kind(&self, claims: &Claims) -> Result<(), Objection> {
        if claims.value("cnf").is_some() {
            return Err(Refusal::Bound.into());
        }
        match (claims.text("token_type")?, self.untyped) {
            (Some(kind), _) if kind.eq_ignore_ascii_case("Bearer") => Ok(()),
            (Some(_), _) => Err(Refusal::NotBearer.into()),
            (None, Untyped::Accepted) => Ok(()),
            (None, Untyped::Refused) => Err(Refusal::Untyped.into()),
        }
    }

    /// The end of the token's life. It gets no leeway: whoever is told a later one would still be
    /// served from the table of live keys.
    fn check_life(&self, claims: &Claims, now: Timestamp) -> Result<Option<Timestamp>, Objection> {
        let expires_at = claims.date("exp")?;
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired.into());
        }
        match claims.date("nbf")? {
            Some(start) if now.plus(self.leeway) < start => Err(Refusal::NotYet.into()),
            _ => Ok(expires_at),
        }
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Objection> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let named = claims.texts("aud")?;
        match self.audiences.iter().any(|audience| named.contains(&audience.as_str())) {
            true => Ok(()),
            false => Err(Refusal::OtherAudience.into()),
        }
    }

    fn subject(&self, claims: &Claims) -> Result<Subject, Objection> {
        let id = match (claims.text(&self.subject_claim)?, self.without_subject) {
            (Some(id), _) => id,
            (None, WithoutSubject::Refused) => return Err(Refusal::NoSubject.into()),
            (None, WithoutSubject::NamesClient) => {
                claims.text("client_id")?.ok_or(Refusal::NoSubject)?
            }
        };
        let subject = Subject::new(&self.provider, id)?;
        match self.issuer(claims)? {
            Some(issuer) => Ok(subject.with_issuer(issuer)?),
            None => Ok(subject),
        }
    }

    /// The issuer that was named when this was built, or else the one that the answer names.
    fn issuer<'a>(&'a self, claims: &'a Claims) -> Result<Option<&'a str>, Objection> {
        match (self.issuer.as_deref(), claims.text("iss")?) {
            (Some(ours), Some(named)) if ours != named => Err(Refusal::OtherIssuer.into()),
            (Some(ours), _) => Ok(Some(ours)),
            (None, named) => Ok(named),
        }
    }

    fn organisation(&self, claims: &Claims) -> Result<Option<Arc<str>>, ClaimsError> {
        match &self.organisation_claim {
            Some(name) => Ok(claims.text(name)?.map(Arc::from)),
            None => Ok(None),
        }
    }
}

/// Reads any bytes as an answer of any status, with every rule there is.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(status: u16, body: &[u8]) {
    let terms = Terms {
        provider: "introspection".into(),
        issuer: None,
        audiences: vec!["api".into()],
        subject_claim: "sub".into(),
        without_subject: WithoutSubject::NamesClient,
        organisation_claim: Some("org".into()),
        untyped: Untyped::Accepted,
        leeway: Duration::ZERO,
    };
    let now = Timestamp::from_millis(1_773_144_000_000);
    if let Ok(answer::Said::Active(claims)) = answer::read(status, body)
        && let Ok(identity) = terms.identity(claims, now, now)
    {
        assert!(status == 200 && identity.expires_at.is_none_or(|end| end > now));
    }
}
