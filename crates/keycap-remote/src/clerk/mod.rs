//! Clerk: API keys and machine tokens.
//!
//! Clerk keeps the keys that an application's users and organisations make for themselves (`ak_…`)
//! and the tokens with which its machines call each other (`mt_…`). Both are verified by Clerk's
//! Backend API; what is sent and what is read follows its official client, `@clerk/backend`.
//!
//! - [`Clerk`] asks, and nothing else: it holds no state but the calls under way.
//! - `kind` is what differs between the two kinds; `answer` reads what Clerk says, strictly: an answer
//!   that does not fit is never taken for "no" (P6).
//!
//! Machine tokens may also be JSON Web Tokens. Those are verified without asking Clerk, by the JWT
//! provider with the instance's published keys.

mod answer;
mod builder;
mod kind;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use keycap_base::Clock;
use keycap_verify::{Answer, IdentityProvider, Rejection, Secret};

use crate::flights::Flights;
use crate::http::{Call, CallError, Client, OwnSecret};
use crate::sent::Sent;

use answer::Verdict;
pub use builder::{ClerkBuilder, ClerkError, DEFAULT_API_URL, DEFAULT_API_VERSION};
use kind::Kind;

#[cfg(feature = "fuzzing")]
pub(crate) use answer::fuzz;

const CLERK_API_VERSION: HeaderName = HeaderName::from_static("clerk-api-version");

/// Verifies Clerk's API keys and machine tokens by asking Clerk.
///
/// What an [`Identity`](keycap_verify::Identity) says:
///
/// | | API key (`ak_…`) | machine token (`mt_…`) |
/// |---|---|---|
/// | `subject` | `user_…`, `org_…` or `mch_…` | the machine, `mch_…` |
/// | `key_id` | the key's id: it outlives every token, so it may have an account of its own | none |
/// | `organisation` | the subject, where that is an `org_…` | none |
/// | `scopes` | the key's, each literally: `*` grants nothing | the machines it may call (`mch_…`) |
/// | `claims` | the object the key was made with, and nothing else | likewise |
/// | `labels` | `name`: the key's, where it is at most 256 bytes | none |
/// | `expires_at` | the key's, if it has one | the token's, if it has one |
///
/// The subject has no issuer: one provider asks one Clerk instance. Who verifies keys of two instances
/// names the second provider otherwise ([`ClerkBuilder::name`]).
///
/// A user's key acts for no organisation, because Clerk does not say one. Where an application writes
/// it into the key's claims, its template reads it there.
///
/// ```
/// use keycap_remote::clerk::Clerk;
/// use keycap_verify::{IdentityProvider, Rejection, Secret};
///
/// let clerk = Clerk::secret_key("sk_test_0123456789").build()?;
/// let foreign = Secret::parse("acme_live_4eC39HqLyjWDarjtT1zdp7dc")?;
/// assert_eq!(clerk.screen(&foreign), Some(Rejection::Malformed));
///
/// let wrong = Clerk::secret_key("pk_test_0123456789").build().unwrap_err();
/// assert!(wrong.to_string().contains("publishable key"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Clerk(Arc<Parts>);

struct Parts {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    version: HeaderValue,
    ways: Vec<Way>,
    client: Client,
    flights: Flights,
}

/// How secrets of one kind are verified.
struct Way {
    kind: Kind,
    url: Url,
    own: OwnSecret,
}

impl Clerk {
    /// Begins to set up a provider that shows Clerk the instance's secret key, `sk_test_…` or
    /// `sk_live_…`. It may verify every API key and every machine token of the instance.
    pub fn secret_key(key: impl Into<String>) -> ClerkBuilder {
        ClerkBuilder::new().instance(key)
    }

    /// Begins to set up a provider that shows Clerk a machine's secret key, `ak_…`. It may verify the
    /// machine tokens that are meant for this machine, and no API keys.
    pub fn machine_secret_key(key: impl Into<String>) -> ClerkBuilder {
        ClerkBuilder::new().machine_secret_key(key)
    }

    fn way(&self, secret: &Secret) -> Option<&Way> {
        self.0.ways.iter().find(|way| way.kind.fits(secret))
    }

    async fn ask(&self, way: &Way, secret: &Secret) -> Answer {
        let own = self.0.ways.iter().map(|way| way.own.expose());
        let sent = own.fold(Sent::of(secret), Sent::and);
        let known = match self.verdict(way, secret).await {
            Ok(Ok(identity)) => sent.clear(identity),
            Ok(Err(rejection)) => return Answer::Rejected(rejection),
            Err(error) => Err(error),
        };
        match known {
            Ok(identity) => Answer::Known(identity),
            Err(error) => Answer::Unavailable(self.0.client.unavailable(error)),
        }
    }

    async fn verdict(&self, way: &Way, secret: &Secret) -> Result<Verdict, CallError> {
        let now = self.0.clock.now();
        let call = self.call(way, secret)?;
        self.0.client.ask(call, |reply| answer::read(way.kind, &reply, &self.0.name, now)).await
    }

    /// The call, which may be sent twice: it changes nothing but when the key was last used.
    fn call(&self, way: &Way, secret: &Secret) -> Result<Call, CallError> {
        let unsendable = |_| CallError::Unsigned("our own key fits no header");
        let credential = way.own.authorization("Bearer").map_err(unsendable)?;
        let (operation, url) = (way.kind.operation(), way.url.clone());
        let call = Call::post(operation, url, "application/json", way.kind.body(secret)?);
        let call = call.header(CLERK_API_VERSION, self.0.version.clone());
        Ok(call.header(AUTHORIZATION, credential).repeatable())
    }
}

#[async_trait]
impl IdentityProvider for Clerk {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        self.way(secret).is_none().then_some(Rejection::Malformed)
    }

    /// Cancel safe: who else waits for the same secret asks instead.
    async fn verify(&self, secret: &Secret) -> Answer {
        match self.way(secret) {
            Some(way) => self.0.flights.once(&secret.digest(), || self.ask(way, secret)).await,
            None => Answer::Rejected(Rejection::Malformed),
        }
    }
}

impl fmt::Debug for Clerk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.0.ways.iter().map(|way| way.kind).collect();
        f.debug_struct("Clerk").field("name", &self.0.name).field("takes", &kinds).finish()
    }
}
