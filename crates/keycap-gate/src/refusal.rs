//! Why a request does not pass: denied by a rule, or something is broken.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_budget::LedgerError;
use keycap_verify::Unavailable;

use crate::{Code, Denial};

/// The longest wait of a provider's choice that callers are told of: a provider must not be able to send
/// an application's callers away for a day.
pub const MAX_PROVIDER_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Why a request does not pass.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// A rule denies it.
    Denied(Denial),
    /// Something is broken, so nobody knows whether a rule would (P6).
    Broken(Broken),
}

/// Something failed that a decision needs. The cause is for the log only.
///
/// ```
/// use keycap_gate::{Broken, Code};
///
/// let broken = Broken::auth_unavailable("connection refused");
/// assert_eq!(broken.code(), Code::AuthUnavailable);
/// ```
#[derive(Clone, Debug)]
pub struct Broken {
    part: Part,
    cause: Arc<dyn Error + Send + Sync>,
    retry_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Verification,
    Ledger,
    Setup,
}

impl Broken {
    fn new(part: Part, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { part, cause: cause.into().into(), retry_after: None }
    }

    /// The provider or the key store cannot answer. The cause must not contain a secret.
    #[must_use]
    pub fn auth_unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Part::Verification, cause)
    }

    /// The ledger cannot answer, or its queue is full.
    #[must_use]
    pub fn ledger_unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Part::Ledger, cause)
    }

    /// The application is put together wrongly: a layer is missing, a template failed.
    #[must_use]
    pub fn misconfigured(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Part::Setup, cause)
    }

    /// The code that callers see.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.part {
            Part::Verification => Code::AuthUnavailable,
            Part::Ledger => Code::LedgerUnavailable,
            Part::Setup => Code::Misconfigured,
        }
    }

    /// How long the provider says it is of no use to come back, at most
    /// [`MAX_PROVIDER_RETRY_AFTER`]; `None` where it said nothing.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl Broken {
    /// What a provider said that could not tell; none if something else failed.
    pub(crate) fn unavailable(&self) -> Option<&Unavailable> {
        self.cause.downcast_ref()
    }
}

impl Refusal {
    /// The code that callers see.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Denied(denial) => denial.code(),
            Self::Broken(broken) => broken.code(),
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Unavailable> for Broken {
    fn from(unavailable: Unavailable) -> Self {
        let retry_after = unavailable.retry_after().map(|wait| wait.min(MAX_PROVIDER_RETRY_AFTER));
        Self { retry_after, ..Self::auth_unavailable(unavailable) }
    }
}

impl From<LedgerError> for Broken {
    fn from(error: LedgerError) -> Self {
        Self::ledger_unavailable(error)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.part {
            Part::Verification => "the key could not be verified",
            Part::Ledger => "the budget could not be checked",
            Part::Setup => "the application is put together wrongly",
        };
        write!(f, "{}: {what}", self.code())
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

impl fmt::Display for Refusal {
    /// For the log, not for callers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denial) => denial.fmt(f),
            Self::Broken(broken) => broken.fmt(f),
        }
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Denied(_) => None,
            Self::Broken(broken) => broken.source(),
        }
    }
}
