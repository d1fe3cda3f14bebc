//! Why a provider could not be asked.

use std::time::Duration;

use super::About;
use super::breaker::End;
use crate::json::JsonError;

/// A call came to no answer that says anything about a key. Names no secret, no body and no URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    #[error("it was not asked, because we could not sign who we are: {0}")]
    Unsigned(&'static str),
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
    #[error("the connection failed before the answer was whole: {0}")]
    Broken(String),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("it answered {0}")]
    Status(u16),
    #[error(
        "it answered {0}: it does not accept our own credentials; check the secret that the \
         provider was built with and what it may do"
    )]
    RefusesUs(u16),
    #[error("it answered {0}, a redirect, which is never followed; give the final URL")]
    Redirected(u16),
    #[error("it asked for fewer calls and is left alone for {0:?}")]
    Throttled(Duration),
    #[error("it failed too often in a row and is left alone for {0:?}")]
    CircuitOpen(Duration),
    #[error("no place among the calls in flight within {0:?}")]
    Busy(Duration),
    #[error("its answer cannot be read: {0}")]
    Unreadable(String),
    #[error("what it says of this key cannot be used: {0}")]
    Unfit(String),
}

impl CallError {
    /// When asking again may help, where that is known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled(span) | Self::CircuitOpen(span) => Some(*span),
            _ => None,
        }
    }

    /// What a call that failed like this says about the provider's health.
    pub(super) fn end(&self, about: About) -> End {
        match self {
            Self::Unsigned(_) | Self::Throttled(_) | Self::CircuitOpen(_) | Self::Busy(_) => {
                End::Neither
            }
            _ if about == About::OneKey && self.may_be_the_keys_doing() => End::Neither,
            _ => End::Failed,
        }
    }

    /// Whether another key might have been answered: if such a failure counted, whoever has such a key
    /// could open the circuit for everybody. So it is with any other status of 400 to 499, 403 too (a
    /// firewall before the provider may dislike how a key looks), and with what is said of a key that
    /// is too much or cannot be used.
    fn may_be_the_keys_doing(&self) -> bool {
        match self {
            Self::Status(status) => (400..=499).contains(status) && *status != 408,
            Self::RefusesUs(status) => *status == 403,
            Self::TooLarge(_) | Self::Unfit(_) => true,
            _ => false,
        }
    }

    /// The word for it in metrics and spans.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Unsigned(_) => "unsigned",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timed_out",
            Self::Broken(_) => "broken",
            Self::TooLarge(_) => "too_large",
            Self::Status(_) => "status",
            Self::RefusesUs(_) => "refuses_us",
            Self::Redirected(_) => "redirected",
            Self::Throttled(_) => "throttled",
            Self::CircuitOpen(_) => "circuit_open",
            Self::Busy(_) => "busy",
            Self::Unreadable(_) => "unreadable",
            Self::Unfit(_) => "unfit",
        }
    }
}

impl From<JsonError> for CallError {
    fn from(error: JsonError) -> Self {
        Self::Unreadable(error.to_string())
    }
}
