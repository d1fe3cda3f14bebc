//! How a provider can be configured wrongly.

use std::time::Duration;

use keycap_verify::NameError;

use crate::HttpSettingsError;

use super::builder::MAX_LEEWAY;

/// Token introspection was configured wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// A URL or a setting of HTTP does not fit.
    #[error(transparent)]
    Http(#[from] HttpSettingsError),
    /// The name of the provider, or the issuer, does not fit.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nobody said how to authenticate.
    #[error(
        "the server must know who asks it (RFC 7662 section 2.1); give one of `client_secret_basic`, \
         `client_secret_post` and `private_key_jwt`"
    )]
    NoClient,
    /// Two ways to authenticate.
    #[error("two client authentications were given; a server accepts only one at a time")]
    ManyClients,
    /// Somebody is named to whom nothing is asserted.
    #[error(
        "an audience of assertions was given, but the client authenticates without any; leave it out \
         or give `private_key_jwt`"
    )]
    NoAssertions,
    /// A client id or secret that no server can have given out.
    #[error(
        "the {what} {wrong}; it should be the printable ASCII characters that the server gave out \
         (RFC 6749 appendix A)"
    )]
    Client {
        /// `client id` or `client secret`.
        what: &'static str,
        /// What is wrong with it, without its text.
        wrong: &'static str,
    },
    /// A claim or an audience is the empty text.
    #[error("the {0} is empty; leave it out or name one")]
    Empty(&'static str),
    /// The leeway is too long.
    #[error("the leeway is {0:?}; it should be at most {MAX_LEEWAY:?}")]
    Leeway(Duration),
}
