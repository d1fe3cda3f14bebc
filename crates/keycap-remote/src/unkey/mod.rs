//! Unkey: keys that Unkey (API v2) keeps.
//!
//! One call, `POST /v2/keys.verifyKey`, asked as the official client asks it; `answer` reads what
//! comes back and decides, `who` turns a valid key into an identity. What an answer means may change
//! only in those two. `docs/providers.md` says what was checked against which version.

mod answer;
mod builder;
#[cfg(feature = "fuzzing")]
mod fuzz;
#[cfg(test)]
mod tests;
mod who;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde::Serialize;

use keycap_base::Clock;
use keycap_verify::{Answer, IdentityProvider, Rejection, Secret, Unavailable};

use crate::flights::Flights;
use crate::http::{Call, Client, OwnSecret};
use crate::sent::Sent;

use answer::{Trouble, Verdict};
pub use builder::{DEFAULT_API_URL, MAX_PREFIX_BYTES, UnkeyBuilder, UnkeyError};
#[cfg(feature = "fuzzing")]
pub(crate) use fuzz::fuzz;
use who::Who;
pub use who::{CREDITS_CLAIM, IDENTITY_CLAIM, KEY_SUBJECTS, ROLES_CLAIM, UnkeySubject};

/// The longest key that Unkey takes, in bytes; a longer one is refused without asking.
pub const MAX_KEY_BYTES: usize = 512;

const JSON: &str = "application/json";

/// Keys that Unkey keeps.
///
/// | Unkey answers | and that means |
/// |---|---|
/// | `VALID` | known |
/// | `NOT_FOUND` | rejected, unknown: nobody issued it, or it is of an API that the root key may not verify |
/// | `EXPIRED` | rejected, expired; also `VALID` with an expiry that has passed by our clock |
/// | `DISABLED` | rejected, revoked: its owner switched it off |
/// | `RATE_LIMITED` | unavailable, until the key's limit at Unkey lets it be verified again |
/// | `USAGE_EXCEEDED`, `FORBIDDEN`, `INSUFFICIENT_PERMISSIONS` | unavailable: see below |
/// | any other code, or a `valid` that contradicts the code | unavailable |
/// | any other status than 200 | unavailable |
///
/// **Credits stay.** A verification costs no credits (`cost: 0`): Keycap verifies a key once per time
/// to live and not once per request, so Unkey's credits would count something that nobody means.
/// Spend is counted by Keycap's budget. What is left at Unkey is the claim [`CREDITS_CLAIM`]. Unkey
/// answers `USAGE_EXCEEDED` only where a cost is asked for; should it come, it is no word about the
/// key.
///
/// **Rate limits at Unkey.** Keycap names none. Those that a key applies by itself (`autoApply`)
/// count each verification, and one that is used up hides whether the key is good: unavailable (503),
/// with the time to wait, and never kept. Better take such limits off the keys: rates are Keycap's
/// to limit.
///
/// **Permissions** are the key's scopes, each taken by its letter; what a route needs is the route's
/// guard to say, so Unkey is asked for none. `FORBIDDEN` says that the key is limited to addresses
/// among which this server's is not (Unkey sees the server, not its caller) or that the workspace is
/// switched off: that is about the setup, not about the key.
///
/// Asked for the same key by many at once, it calls once. A call may be repeated: with a cost of 0 it
/// takes nothing, as the official client repeats it too; at worst it counts twice in a limit that the
/// key applies by itself.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use keycap_base::SystemClock;
/// use keycap_remote::unkey::Unkey;
/// use keycap_standins::unkey::{StandIn, NewKey};
/// use keycap_verify::{Answer, IdentityProvider, Rejection, Secret};
///
/// let service = StandIn::start(SystemClock).await;
/// let key = service.create(NewKey::named("ci").prefix("acme").owner("user_1"));
///
/// let unkey = Unkey::root_key(service.root_key())
///     .api_url(service.url()) // without it, the real service
///     .prefix("acme")
///     .build()?;
/// let Answer::Known(identity) = unkey.verify(&Secret::parse(&key.secret)?).await else { panic!() };
/// assert_eq!(identity.subject.to_string(), "unkey::user_1");
/// assert_eq!(unkey.screen(&Secret::parse("other_key")?), Some(Rejection::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Unkey(Arc<Parts>);

struct Parts {
    name: Arc<str>,
    root_key: OwnSecret,
    verify_url: Url,
    prefix: Option<Box<str>>,
    who: Who,
    clock: Arc<dyn Clock>,
    client: Client,
    flights: Flights,
}

/// What is sent.
#[derive(Serialize)]
struct Question<'a> {
    key: &'a str,
    credits: Credits,
}

#[derive(Serialize)]
struct Credits {
    cost: u32,
}

impl Unkey {
    /// Begins to set up Unkey with a root key. It needs the permission `api.*.verify_key`, or
    /// `api.<api_id>.verify_key` for each API whose keys are to be known, and no other.
    pub fn root_key(root_key: impl Into<String>) -> UnkeyBuilder {
        UnkeyBuilder::new(OwnSecret::new(root_key))
    }

    async fn ask(&self, secret: &Secret) -> Answer {
        let call = match self.question(secret) {
            Ok(call) => call,
            Err(trouble) => return self.cannot(trouble),
        };
        match self.0.client.ask(call, |reply| answer::read(reply.status, &reply.body)).await {
            Ok(told) => self.decide(told, &Sent::of(secret).and(self.0.root_key.expose())),
            Err(error) => Answer::Unavailable(self.0.client.unavailable(error)),
        }
    }

    fn question(&self, secret: &Secret) -> Result<Call, Trouble> {
        let question = Question { key: secret.expose(), credits: Credits { cost: 0 } };
        let body = serde_json::to_vec(&question).map_err(|_| Trouble::Question)?;
        let authorization = self.0.root_key.authorization("Bearer");
        let authorization = authorization.map_err(|_| Trouble::Question)?;
        Ok(Call::post("verify_key", self.0.verify_url.clone(), JSON, body)
            .repeatable()
            .header(ACCEPT, HeaderValue::from_static(JSON))
            .header(AUTHORIZATION, authorization))
    }

    fn decide(&self, told: answer::VerifyKey, sent: &Sent<'_>) -> Answer {
        let now = self.0.clock.now();
        let known = match told.verdict(now) {
            Verdict::Valid(key) => self.0.who.identity(&self.0.name, *key, now),
            Verdict::Rejected(rejection) => return Answer::Rejected(rejection),
            Verdict::Cannot(trouble) => Err(trouble.veiled(sent)),
        };
        match known.map(|identity| sent.clear(identity)) {
            Ok(Ok(identity)) => Answer::Known(identity),
            Ok(Err(error)) => Answer::Unavailable(self.0.client.unavailable(error)),
            Err(trouble) => self.cannot(trouble),
        }
    }

    fn cannot(&self, trouble: Trouble) -> Answer {
        let wait = trouble.retry_after();
        let unavailable = Unavailable::because(&self.0.name, trouble);
        Answer::Unavailable(match wait {
            Some(wait) => unavailable.with_retry_after(wait),
            None => unavailable,
        })
    }
}

#[async_trait]
impl IdentityProvider for Unkey {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        let secret = secret.expose();
        let fits = secret.len() <= MAX_KEY_BYTES
            && self.0.prefix.as_deref().is_none_or(|prefix| secret.starts_with(prefix));
        (!fits).then_some(Rejection::Unknown)
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        match self.screen(secret) {
            Some(rejection) => Answer::Rejected(rejection),
            None => self.0.flights.once(&secret.digest(), || self.ask(secret)).await,
        }
    }
}

impl fmt::Debug for Unkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unkey").field("name", &self.0.name).finish_non_exhaustive()
    }
}
