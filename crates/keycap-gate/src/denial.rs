//! Refusals by rule, as data.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Resource, Scope, Scopes};
use keycap_budget::{AccountId, Chain, Shortfall};
use keycap_verify::{Malformed, Rejection};

use crate::{Code, Disclosure, OverLimit};

/// A refusal by rule. An outcome, not a failure: nothing is broken when a request is denied.
///
/// What a variant carries is for the answer and for the log. Callers see less of it: no reason
/// behind [`Denial::InvalidKey`], no account but one whose figures they may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No credential.
    MissingKey,
    /// A credential that is no key.
    InvalidKey(Invalid),
    /// A known key that has expired.
    ExpiredKey,
    /// A known key that was revoked.
    RevokedKey,
    /// An account has expired; a new key would not help.
    AccountExpired {
        /// Which one.
        account: AccountId,
    },
    /// More than one credential.
    AmbiguousCredentials,
    /// Too many failed attempts from the address.
    TooManyFailures {
        /// Until the next attempt is looked at.
        retry_after: Duration,
    },
    /// An account is suspended.
    Suspended {
        /// Which one.
        account: AccountId,
    },
    /// The address is not allowed, or is not known where a list demands one.
    AddressNotAllowed {
        /// The account whose list refused it.
        account: AccountId,
        /// The address, if it is known.
        address: Option<IpAddr>,
    },
    /// A required scope is not granted.
    InsufficientScope {
        /// All that the route requires.
        required: Box<[Scope]>,
        /// What the identity and every account of the chain grant.
        available: Scopes,
    },
    /// The resource may not be used.
    ResourceNotAllowed {
        /// The account whose list refused it.
        account: AccountId,
        /// The resource that was asked for.
        resource: Resource,
    },
    /// A limit has no room for the hold.
    OverLimit(OverLimit),
}

/// Why a credential is no key. Callers are not told, so that an answer helps nobody to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not written like any secret (RFC 6750 §2.1).
    Malformed(Malformed),
    /// Not written like one of the provider's keys, or its check characters are wrong.
    Format,
    /// Nobody issued it.
    Unknown,
}

impl Denial {
    /// A refusal by `shortfall`, shown to who calls with `chain`.
    #[must_use]
    pub fn over_limit(shortfall: impl Into<Arc<Shortfall>>, chain: &Chain) -> Self {
        let shortfall = shortfall.into();
        let disclosure = Disclosure::of(&shortfall.standing.account, chain);
        Self::OverLimit(OverLimit::new(shortfall, disclosure))
    }

    /// The code that callers see.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MissingKey => Code::MissingKey,
            Self::InvalidKey(_) => Code::InvalidKey,
            Self::ExpiredKey => Code::ExpiredKey,
            Self::RevokedKey => Code::RevokedKey,
            Self::AccountExpired { .. } => Code::AccountExpired,
            Self::AmbiguousCredentials => Code::AmbiguousCredentials,
            Self::TooManyFailures { .. } => Code::TooManyFailures,
            Self::Suspended { .. } => Code::Suspended,
            Self::AddressNotAllowed { .. } => Code::AddressNotAllowed,
            Self::InsufficientScope { .. } => Code::InsufficientScope,
            Self::ResourceNotAllowed { .. } => Code::ResourceNotAllowed,
            Self::OverLimit(over) => over.code(),
        }
    }

    /// How long to wait before trying again; none where waiting does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyFailures { retry_after } => Some(*retry_after),
            Self::OverLimit(over) => over.retry_after(),
            _ => None,
        }
    }
}

impl From<Rejection> for Denial {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Unknown => Self::InvalidKey(Invalid::Unknown),
            Rejection::Malformed => Self::InvalidKey(Invalid::Format),
            Rejection::Revoked => Self::RevokedKey,
            Rejection::Expired => Self::ExpiredKey,
        }
    }
}

impl From<Malformed> for Denial {
    fn from(malformed: Malformed) -> Self {
        Self::InvalidKey(Invalid::Malformed(malformed))
    }
}

impl fmt::Display for Denial {
    /// For the log, not for callers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())?;
        match self {
            Self::MissingKey | Self::ExpiredKey | Self::RevokedKey | Self::AmbiguousCredentials => {
                Ok(())
            }
            Self::InvalidKey(why) => write!(f, ": {why}"),
            Self::AccountExpired { account } | Self::Suspended { account } => {
                write!(f, ": account {account}")
            }
            Self::TooManyFailures { retry_after } => write!(f, ": for {retry_after:?}"),
            Self::AddressNotAllowed { account, address: Some(address) } => {
                write!(f, ": {address}, by account {account}")
            }
            Self::AddressNotAllowed { account, address: None } => {
                write!(f, ": address not known, by account {account}")
            }
            Self::InsufficientScope { required, available } => {
                f.write_str(": needs")?;
                required.iter().try_for_each(|scope| write!(f, " {}", scope.as_str()))?;
                write!(f, "; has {available}")
            }
            Self::ResourceNotAllowed { account, resource } => {
                write!(f, ": {}, by account {account}", resource.as_str())
            }
            Self::OverLimit(over) => write!(f, ": {over}"),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Format => Rejection::Malformed.fmt(f),
            Self::Unknown => Rejection::Unknown.fmt(f),
        }
    }
}
