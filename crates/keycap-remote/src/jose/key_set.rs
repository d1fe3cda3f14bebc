//! The keys of an issuer (RFC 7517 §5), and which of them verifies a token.
//!
//! What must not change: `kid` picks the key. A token without one is taken only if a single key fits,
//! so that nobody's guesses are tried against all keys.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::Value;

use super::{Compact, VerificationKey};
use crate::json::{self, JsonError};

/// The most keys of one set, unusable ones included.
pub(crate) const MAX_KEYS: usize = 100;
/// The longest JSON text of a set, in bytes.
pub(crate) const MAX_KEY_SET_BYTES: usize = 256 * 1024;

/// Keys that verify signatures, at least one.
#[derive(Clone, Debug)]
pub(crate) struct KeySet(Vec<VerificationKey>);

/// What a set says of a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// One of the keys has signed it.
    Genuine,
    /// The key that it names has not, or is for something else.
    Forged,
    /// The key that it names is not in the set, or it names none and not exactly one key verifies it.
    NoKey,
}

/// A text is no set of keys that could verify anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("the key set has more than {MAX_KEY_SET_BYTES} bytes")]
    TooLong,
    #[error("the key set is not `{{\"keys\": [..]}}` (RFC 7517 section 5): {0}")]
    Unreadable(#[from] JsonError),
    #[error("the key set has {0} keys; it should have at most {MAX_KEYS}")]
    TooMany(usize),
    #[error("the key set has no key that verifies RS256, PS256, ES256 or EdDSA{0}")]
    NoneUsable(String),
}

#[derive(Deserialize)]
struct Written {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set. Keys that cannot be used are left out (RFC 7517 §5).
    pub(crate) fn read(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetError::TooLong);
        }
        let Written { keys } = json::read(text)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(keys.len()));
        }
        let (mut usable, mut why) = (Vec::with_capacity(keys.len()), String::new());
        for key in &keys {
            match VerificationKey::read(key) {
                Ok(key) => usable.push(key),
                Err(unusable) => why = format!("; one was left out because {unusable}"),
            }
        }
        if usable.is_empty() {
            return Err(KeySetError::NoneUsable(why));
        }
        Ok(Self(usable))
    }

    /// Whether one of the keys has signed the token.
    pub(crate) fn judge(&self, token: &Compact<'_>) -> Verdict {
        match token.header.key_id.as_deref() {
            Some(key_id) => self.named(key_id, token),
            None => self.only_fitting(token),
        }
    }

    fn named(&self, key_id: &str, token: &Compact<'_>) -> Verdict {
        let named = || self.0.iter().filter(|key| key.key_id() == Some(key_id));
        match named().any(|key| key.has_signed(token)) {
            true => Verdict::Genuine,
            false if named().next().is_some() => Verdict::Forged,
            false => Verdict::NoKey,
        }
    }

    fn only_fitting(&self, token: &Compact<'_>) -> Verdict {
        let mut fitting = self.0.iter().filter(|key| key.fits(token.header.algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) if key.has_signed(token) => Verdict::Genuine,
            _ => Verdict::NoKey,
        }
    }
}
