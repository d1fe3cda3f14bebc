//! What is wrong with the settings.

use std::time::Duration;

/// A provider cannot be called as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSettingsError {
    /// A URL does not fit.
    #[error("`{url}` {wrong}")]
    Url {
        /// What was given, without user, password, query and fragment; `…` if it is no URL or
        /// not HTTP, because it may then be a secret in the wrong place.
        url: String,
        /// What is wrong with it, and what would be right.
        wrong: &'static str,
    },
    /// A span is zero or too long.
    #[error("{what} is {span:?}; it should be above zero and at most {most:?}")]
    Span {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        span: Duration,
        /// The most it may be.
        most: Duration,
    },
    /// A number is zero or too large.
    #[error("{what} is {count}; it should be 1 to {most}")]
    Count {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        count: usize,
        /// The most it may be.
        most: usize,
    },
    /// The certificates to trust cannot be used.
    #[error("the certificates to trust cannot be used: {0}")]
    Trust(String),
}
