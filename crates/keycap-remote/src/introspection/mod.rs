//! Tokens that their server is asked about: OAuth 2.0 Token Introspection (RFC 7662).
//!
//! [`Introspection`] sends a token to the introspection endpoint, as a client of the server, and reads
//! the answer: what is sent is in `request`, how Keycap shows who it is in `client_authentication`,
//! what an answer may look like in `answer`, and whom it names in `terms`. The rules of the last two
//! are pure. A token is only ever in the body of a request, never in a URL, a log or an error.
//!
//! The server has the last word on whether a token is active; the rules here may refuse more, never
//! less. Signed answers (RFC 9701) are not asked for and cannot be read.

mod answer;
mod builder;
mod client_assertions;
mod client_authentication;
mod error;
mod request;
mod terms;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::{Clock, Timestamp};
use keycap_verify::{Answer, IdentityProvider, Rejection, Secret};

use crate::flights::Flights;
use crate::http::{CallError, Client, Reply};
use crate::sent::Sent;

use answer::Said;
use request::Request;
use terms::{Objection, Refusal, Terms};

pub use crate::jose::{Algorithm, MAX_KEY_ID_BYTES, SigningKey, SigningKeyError};
pub use builder::IntrospectionBuilder;
pub use error::IntrospectionError;
#[cfg(feature = "fuzzing")]
pub(crate) use terms::fuzz;

/// The name of the provider, unless another is given.
pub(crate) const DEFAULT_NAME: &str = "introspection";

/// Asks the server that issued a token who presents it (RFC 7662).
///
/// Accepts bearer tokens that the server calls active. `exp` ends a token here too, at that instant;
/// `nbf` is held to with some leeway. What is refused besides:
///
/// - tokens whose answer says no `token_type`, because several servers leave it out for refresh tokens
///   alone (see [`IntrospectionBuilder::accept_untyped`]), and tokens of another type than `Bearer`;
/// - tokens bound to a key or certificate (`cnf`: DPoP, RFC 9449, or mutual TLS, RFC 8705), which
///   whoever intercepted them could otherwise present as if they were not;
/// - tokens of another audience or issuer than those named;
/// - tokens without a subject (see [`IntrospectionBuilder::client_as_subject`]).
///
/// Each is told to the caller as an unknown key and named in the log at debug level.
/// A server that cannot be asked, answers anything else than the standard says, or does not accept
/// *us*, is [`Answer::Unavailable`]. The scopes of the token are what `scope` says, literally.
///
/// Clones share everything. Callers who ask for the same token at the same time, also through several
/// gates, make one call.
///
/// ```
/// use keycap_remote::introspection::Introspection;
/// use keycap_verify::IdentityProvider as _;
///
/// let provider = Introspection::endpoint("https://id.example.com/token/introspection")
///     .client_secret_basic("my-api", "the secret of this client")
///     .issuer("https://id.example.com")
///     .audience("https://api.example.com")
///     .build()?;
/// assert_eq!(provider.name(), "introspection");
/// # Ok::<(), keycap_remote::introspection::IntrospectionError>(())
/// ```
#[derive(Clone)]
pub struct Introspection {
    parts: Arc<Parts>,
}

struct Parts {
    name: Arc<str>,
    client: Client,
    request: Arc<Request>,
    terms: Terms,
    clock: Arc<dyn Clock>,
    flights: Flights,
}

impl Introspection {
    /// Begins to set up a provider that asks this endpoint.
    pub fn endpoint(url: impl Into<String>) -> IntrospectionBuilder {
        IntrospectionBuilder::new(url.into())
    }
}

#[async_trait]
impl IdentityProvider for Introspection {
    fn name(&self) -> &str {
        &self.parts.name
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        self.parts.flights.once(&secret.digest(), || self.parts.ask(secret)).await
    }
}

impl Parts {
    async fn ask(&self, token: &Secret) -> Answer {
        let asked_at = self.clock.now();
        let sent = self.request.own().into_iter().fold(Sent::of(token), Sent::and);
        let read = |reply: Reply| answer::read(reply.status, &reply.body);
        let said = match self.request.about(token) {
            Ok(call) => self.client.ask(call, read).await,
            Err(error) => Err(error),
        };
        let answer = match said {
            Ok(said) => self.answer(said, asked_at),
            Err(error) => self.unavailable(error),
        };
        match answer {
            Answer::Known(identity) => match sent.clear(identity) {
                Ok(identity) => Answer::Known(identity),
                Err(error) => self.unavailable(error),
            },
            answer => answer,
        }
    }

    fn answer(&self, said: Said, asked_at: Timestamp) -> Answer {
        let claims = match said {
            Said::Active(claims) => claims,
            Said::Inactive => return self.refuse(Refusal::Inactive),
            Said::NotOfItsKind => return self.refuse(Refusal::NotOfItsKind),
        };
        match self.terms.identity(claims, asked_at, self.clock.now()) {
            Ok(identity) => Answer::Known(identity),
            Err(Objection::Refused(refusal)) => self.refuse(refusal),
            Err(Objection::Unreadable(error)) => self.unavailable(error),
        }
    }

    fn unavailable(&self, error: CallError) -> Answer {
        Answer::Unavailable(self.client.unavailable(error))
    }

    fn refuse(&self, refusal: Refusal) -> Answer {
        tracing::debug!(provider = &*self.name, %refusal, "token refused");
        Answer::Rejected(Rejection::from(refusal))
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Introspection({})", self.parts.name)
    }
}
