//! Why providers cannot be put together.

use std::time::Duration;

use super::first_of::{MAX_TURN, MAX_TURNS};
use super::routes::MAX_ROUTES;
use super::shape::MAX_ROUTE_PREFIX_BYTES;
use crate::NameError;

/// Providers were put together wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// Nobody to ask.
    #[error("no provider was given; give at least one")]
    Empty,
    /// Over [`MAX_ROUTES`].
    #[error("{0} routes; there may be at most {MAX_ROUTES}")]
    TooManyRoutes(usize),
    /// Over [`MAX_TURNS`].
    #[error("{0} providers to ask in turn; there may be at most {MAX_TURNS}")]
    TooManyTurns(usize),
    /// A route that no secret could take, or that every secret would.
    #[error(
        "`{0}` is no prefix of secrets; write 1 to {MAX_ROUTE_PREFIX_BYTES} of A-Z a-z 0-9 - . _ ~ + /"
    )]
    Prefix(String),
    /// Two routes for the same secrets.
    #[error("two routes take secrets that {0}; give each its own")]
    Twice(String),
    /// A provider that takes no secrets.
    #[error("the provider `{0}` is given no shape of secrets; give at least one")]
    NoShape(String),
    /// Two providers whose subjects would run together.
    #[error(
        "two providers are called `{0}`, so their subjects could not be told apart; rename one, or \
         give a single provider all its routes at once with `route(..)`"
    )]
    SameName(String),
    /// A name that no subject can carry.
    #[error("a provider cannot be called so: {0}")]
    Name(#[source] NameError),
    /// No time, or more than [`MAX_TURN`].
    #[error("a turn of {0:?}; it should be above zero and at most {MAX_TURN:?}")]
    Turn(Duration),
}
