//! How a provider can be configured wrongly.

use std::time::Duration;

use keycap_verify::NameError;

use super::builder::MAX_LEEWAY;
use crate::HttpSettingsError;

/// A provider of JWTs was configured wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// A URL or a setting of HTTP does not fit.
    #[error(transparent)]
    Http(#[from] HttpSettingsError),
    /// The name of the provider, or the issuer, does not fit.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The issuer cannot be asked for its metadata.
    #[error("the issuer `{0}` has a query, so it has no metadata; give `jwks_url` or `fixed_keys`")]
    Discovery(String),
    /// Nobody said whom tokens are for.
    #[error(
        "no audience, so tokens for anybody else's API would be accepted; give `audience`, or say \
         `insecure_any_audience`"
    )]
    NoAudience,
    /// An audience and none.
    #[error("both `audience` and `insecure_any_audience` were given; leave one out")]
    AudienceTwice,
    /// Nobody said where the keys are.
    #[error("no keys; give one of `discover`, `discover_oauth`, `jwks_url` and `fixed_keys`")]
    NoKeys,
    /// Keys from two places.
    #[error(
        "keys from more than one place; give one of `discover`, `discover_oauth`, `jwks_url` and `fixed_keys`"
    )]
    ManyKeys,
    /// The fixed keys cannot be used.
    #[error("the fixed keys cannot be used: {0}")]
    FixedKeys(String),
    /// No algorithm is allowed.
    #[error(
        "no algorithm is allowed, so no token could be verified; leave `algorithms` out or name one"
    )]
    NoAlgorithm,
    /// A claim or an audience is the empty text.
    #[error("the {0} is empty; leave it out or name one")]
    Empty(&'static str),
    /// More of something than may be.
    #[error("{count} {what}; there may be at most {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The most there may be.
        most: usize,
    },
    /// The leeway is too long.
    #[error("the leeway is {0:?}; it should be at most {MAX_LEEWAY:?}")]
    Leeway(Duration),
    /// A span is too short or too long.
    #[error("{what} is {span:?}; it should be {least:?} to {most:?}")]
    Span {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        span: Duration,
        /// The least it may be.
        least: Duration,
        /// The most it may be.
        most: Duration,
    },
}
