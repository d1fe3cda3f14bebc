//! Why a token is refused, and what its bearer is told of it.

use keycap_base::Timestamp;
use keycap_verify::Rejection;

use crate::claims::ClaimsError;
use crate::jose::{Algorithm, CompactError};

/// A token is refused. For the log: names claims and times, never what a secret says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it is no signed token: {0}")]
    NotCompact(#[from] CompactError),
    #[error("what it says cannot be read: {0}")]
    Unreadable(ClaimsError),
    #[error("it is signed by {0}, which is not among the allowed algorithms")]
    Algorithm(Algorithm),
    #[error("its `typ` is not that of a token which may be used here")]
    Kind,
    #[error("it is bound to a key of its bearer (`cnf`), and proofs of that are not checked")]
    Bound,
    #[error("it is not by the issuer")]
    Issuer,
    #[error("the issuer has no key that verifies it")]
    NoKey,
    #[error("its signature is not by the key that it names")]
    Forged,
    #[error("it ended at {0}")]
    Ended(Timestamp),
    #[error("it begins at {0}")]
    NotBegun(Timestamp),
    #[error("it was issued at {0}, which is to come")]
    IssuedLater(Timestamp),
    #[error("it is for another audience")]
    Audience,
    #[error("its claim `{0}` is not as required")]
    Required(Box<str>),
    #[error("it has no `{0}`")]
    Missing(Box<str>),
    #[error(transparent)]
    Claims(ClaimsError),
    #[error("its subject cannot be one: it has white space or a control character")]
    Subject,
}

impl Refusal {
    /// What the bearer is told.
    pub(super) fn rejection(&self) -> Rejection {
        match self {
            Self::NotCompact(_)
            | Self::Unreadable(_)
            | Self::Missing(_)
            | Self::Claims(_)
            | Self::Subject => Rejection::Malformed,
            Self::Algorithm(_)
            | Self::Kind
            | Self::Bound
            | Self::Issuer
            | Self::NoKey
            | Self::Forged
            | Self::NotBegun(_)
            | Self::IssuedLater(_)
            | Self::Audience
            | Self::Required(_) => Rejection::Unknown,
            Self::Ended(_) => Rejection::Expired,
        }
    }

    /// Whether the token is genuine, and the issuer and our configuration do not agree on what a token
    /// says. Somebody should look.
    pub(super) fn is_the_issuers(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Claims(_) | Self::Subject)
    }
}
