//! Whom an active token names, and why it may be refused all the same. Pure: claims and the time in,
//! an identity or an [`Objection`] out.
//!
//! A refusal is a property of the token that the application does not accept. A claim that is there but
//! is not what the standard says it is makes the answer unreadable: that is broken, not "no".

use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Scopes, Timestamp};
use keycap_verify::{Identity, Rejection, Subject};
use serde_json::{Map, Value};

use crate::http::CallError;

use super::answer::unreadable;

type Claims = Map<String, Value>;

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

impl From<CallError> for Objection {
    fn from(error: CallError) -> Self {
        Self::Unreadable(error)
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
        identity.scopes = scopes(&claims)?;
        identity.organisation = self.organisation(&claims)?;
        identity.expires_at = expires_at;
        identity.claims = claims;
        Ok(identity)
    }

    /// Only what may be presented by whoever has it. The type is compared as RFC 6749 §5.1 says.
    fn check_kind(&self, claims: &Claims) -> Result<(), Objection> {
        if claims.get("cnf").is_some_and(|bond| !bond.is_null()) {
            return Err(Refusal::Bound.into());
        }
        match (text(claims, "token_type")?, self.untyped) {
            (Some(kind), _) if kind.eq_ignore_ascii_case("Bearer") => Ok(()),
            (Some(_), _) => Err(Refusal::NotBearer.into()),
            (None, Untyped::Accepted) => Ok(()),
            (None, Untyped::Refused) => Err(Refusal::Untyped.into()),
        }
    }

    /// The end of the token's life. It gets no leeway: whoever is told a later one would still be
    /// served from the table of live keys.
    fn check_life(&self, claims: &Claims, now: Timestamp) -> Result<Option<Timestamp>, Objection> {
        let expires_at = instant(claims, "exp")?;
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired.into());
        }
        match instant(claims, "nbf")? {
            Some(start) if now.plus(self.leeway) < start => Err(Refusal::NotYet.into()),
            _ => Ok(expires_at),
        }
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Objection> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let ours = |named: &str| self.audiences.iter().any(|audience| audience == named);
        let meets = match claims.get("aud") {
            None | Some(Value::Null) => false,
            Some(Value::String(named)) => ours(named),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).any(ours),
            Some(_) => return Err(wrong("aud", "neither a text nor a list of them").into()),
        };
        match meets {
            true => Ok(()),
            false => Err(Refusal::OtherAudience.into()),
        }
    }

    fn subject(&self, claims: &Claims) -> Result<Subject, Objection> {
        let id = match (text(claims, &self.subject_claim)?, self.without_subject) {
            (Some(id), _) => id,
            (None, WithoutSubject::Refused) => return Err(Refusal::NoSubject.into()),
            (None, WithoutSubject::NamesClient) => {
                text(claims, "client_id")?.ok_or(Refusal::NoSubject)?
            }
        };
        let unfit = |_| wrong(&self.subject_claim, "no name for a subject");
        let subject = Subject::new(&self.provider, id).map_err(unfit)?;
        match self.issuer(claims)? {
            Some(issuer) => {
                let unfit = |_| wrong("iss", "no name for an issuer");
                Ok(subject.with_issuer(issuer).map_err(unfit)?)
            }
            None => Ok(subject),
        }
    }

    /// The issuer that was named when this was built, or else the one that the answer names.
    fn issuer<'a>(&'a self, claims: &'a Claims) -> Result<Option<&'a str>, Objection> {
        match (self.issuer.as_deref(), text(claims, "iss")?) {
            (Some(ours), Some(named)) if ours != named => Err(Refusal::OtherIssuer.into()),
            (Some(ours), _) => Ok(Some(ours)),
            (None, named) => Ok(named),
        }
    }

    fn organisation(&self, claims: &Claims) -> Result<Option<Arc<str>>, CallError> {
        match &self.organisation_claim {
            Some(name) => Ok(text(claims, name)?.map(Arc::from)),
            None => Ok(None),
        }
    }
}

/// The scopes, separated by spaces (RFC 7662 §2.2).
fn scopes(claims: &Claims) -> Result<Scopes, CallError> {
    Ok(Scopes::literal(text(claims, "scope")?.unwrap_or_default().split(' ')))
}

/// A claim that is a text, if it is there at all.
fn text<'a>(claims: &'a Claims, name: &str) -> Result<Option<&'a str>, CallError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(name, "no text")),
    }
}

/// A claim that is an instant, in whole seconds since the Unix epoch (RFC 7662 §2.2).
fn instant(claims: &Claims, name: &str) -> Result<Option<Timestamp>, CallError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let seconds = number.as_i64().or(number.as_u64().map(|_beyond| i64::MAX));
            let seconds = seconds.ok_or_else(|| wrong(name, "no whole number of seconds"))?;
            Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1_000))))
        }
        Some(_) => Err(wrong(name, "no whole number of seconds")),
    }
}

fn wrong(claim: &str, what: &str) -> CallError {
    unreadable(format!("`{claim}` is {what}"))
}
