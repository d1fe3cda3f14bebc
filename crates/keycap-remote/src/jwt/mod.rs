//! JSON Web Tokens (RFC 7519), verified here with the keys that their issuer publishes.
//!
//! [`Jwt`] asks the issuer for its keys now and then, and nobody for a token. What a token must say is
//! in `terms`, which is pure; whose keys are trusted and how long is in `keys`; signatures are in
//! `jose`. What must not change: nothing that a token says chooses whom is asked or how it is
//! verified, beyond which of the issuer's own keys; and keys that are too old verify nothing (P6).

mod builder;
mod error;
mod keys;
mod refusal;
mod terms;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::Clock;
use keycap_verify::{Answer, Identity, IdentityProvider, Rejection, Secret, Unavailable};

use crate::jose::Verdict;

use keys::Keys;
use refusal::Refusal;
use terms::Terms;

pub use crate::jose::Algorithm;
pub use builder::JwtBuilder;
pub use error::JwtError;

/// The name of the provider, unless another is given.
pub(crate) const DEFAULT_NAME: &str = "jwt";

/// Tokens of one issuer, verified with its published keys or a fixed set.
///
/// A token is refused without asking anybody if it is not written like one, is signed by an algorithm
/// that is not allowed (`none` and the symmetric ones never are), names another issuer, or is bound to
/// a key or certificate of its bearer (`cnf`). Then one of the issuer's keys must have signed it, and
/// it must be for this API and valid now.
///
/// - The issuer's keys are kept for a while (5 minutes, unless told otherwise) and fetched anew ahead
///   of their end. A token that names an unknown key makes them be fetched anew, at most every 30
///   seconds. One who withdraws a key is heard when they are fetched next.
/// - Without keys, or with keys that are too old and cannot be had anew, the answer is
///   [`Answer::Unavailable`], whatever the token says.
/// - The subject is (provider name, issuer, `sub`). An id that no [`Subject`](keycap_verify::Subject)
///   may have, longer than 255 bytes or with white space, is [`Rejection::Malformed`], and logged.
/// - The identity has no key id: the id of a token (`jti`) ends with it, and a budget must not.
/// - It ends when the token does, plus the leeway.
///
/// ```
/// use keycap_remote::jwt::Jwt;
/// use keycap_verify::{IdentityProvider, Rejection, Secret};
///
/// let tokens = Jwt::issuer("https://id.example.com").audience("https://api.example.com").discover();
/// let tokens = tokens.build()?;
/// assert_eq!(tokens.screen(&Secret::parse("acme_live_1")?), Some(Rejection::Malformed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Jwt(Arc<Parts>);

struct Parts {
    name: Arc<str>,
    terms: Terms,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl Jwt {
    /// Begins to set up tokens of this issuer: what their `iss` is, to the letter.
    pub fn issuer(issuer: impl Into<String>) -> JwtBuilder {
        JwtBuilder::new(issuer.into())
    }

    async fn judge(&self, secret: &Secret) -> Result<Result<Identity, Refusal>, Unavailable> {
        let Parts { terms, keys, clock, .. } = &*self.0;
        let token = match terms.screen(secret.expose()) {
            Ok(token) => token,
            Err(refusal) => return Ok(Err(refusal)),
        };
        Ok(match keys.judge(&token.compact).await? {
            Verdict::Genuine => terms.judge(token.claims, clock.now()),
            Verdict::Forged => Err(Refusal::Forged),
            Verdict::NoKey => Err(Refusal::NoKey),
        })
    }

    fn reject(&self, refusal: &Refusal) -> Rejection {
        let provider = &*self.0.name;
        match refusal.is_the_issuers() {
            true => tracing::warn!(provider, %refusal, "a genuine token cannot be used"),
            false => tracing::debug!(provider, %refusal, "a token is refused"),
        }
        refusal.rejection()
    }
}

#[async_trait]
impl IdentityProvider for Jwt {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        let refusal = self.0.terms.screen(secret.expose()).err()?;
        Some(self.reject(&refusal))
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        match self.judge(secret).await {
            Ok(Ok(identity)) => Answer::Known(identity),
            Ok(Err(refusal)) => Answer::Rejected(self.reject(&refusal)),
            Err(unavailable) => Answer::Unavailable(unavailable),
        }
    }

    /// Fetches the issuer's keys ahead of the end of those it has.
    async fn housekeep(&self) {
        self.0.keys.renew_ahead().await;
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("name", &self.0.name)
            .field("terms", &self.0.terms)
            .finish_non_exhaustive()
    }
}

/// Reads any bytes as a token's header, its claims and a key set: for fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz {
    use keycap_base::Timestamp;

    use super::terms::Terms;
    use crate::claims::Claims;
    use crate::jose::{Header, KeySet};

    pub(crate) fn header(bytes: &[u8]) {
        let _ = Header::read(bytes);
    }

    pub(crate) fn claims(bytes: &[u8]) {
        let Ok(claims) = Claims::read(bytes) else { return };
        let _ = Terms::any("https://id.example.com").judge(claims, Timestamp::EPOCH);
    }

    pub(crate) fn key_set(bytes: &[u8]) {
        let _ = KeySet::read(bytes);
    }
}
