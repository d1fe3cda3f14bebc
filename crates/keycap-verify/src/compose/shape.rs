//! What a secret looks like, as far as that tells whose it is.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;

use super::ComposeError;
use crate::Secret;
use crate::subject::beginning;

/// The longest prefix that a route goes by, in bytes.
pub const MAX_ROUTE_PREFIX_BYTES: usize = 64;

/// What a secret looks like. Looking asks nobody and keeps nothing.
///
/// ```
/// use keycap_verify::{Secret, Shape};
///
/// let key = Secret::parse("ak_4eC39HqLyjWDarjtT1zdp7dc")?;
/// // {"alg":"RS256"} . {} . x
/// let token = Secret::parse("eyJhbGciOiJSUzI1NiJ9.e30.eA")?;
/// assert!(Shape::prefix("ak_").fits(&key) && !Shape::prefix("ak_").fits(&token));
/// assert!(Shape::Jwt.fits(&token) && !Shape::Jwt.fits(&key));
/// # Ok::<(), keycap_verify::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// It begins with this text, case-sensitively.
    Prefix(Box<str>),
    /// It is a signed JWT in compact form (RFC 7515 §3.1): three parts with a dot between, none of
    /// them empty, each of the base64url alphabet without padding (§2), the first of them a JSON
    /// object (§4). Five parts (an encrypted one, RFC 7516) are none, nor is an unsigned one, whose
    /// last part is empty. Whether header and signature are any good is for the provider to say.
    Jwt,
}

impl Shape {
    /// Secrets that begin with `text`.
    #[must_use]
    pub fn prefix(text: impl AsRef<str>) -> Self {
        Self::Prefix(text.as_ref().into())
    }

    /// Whether `secret` looks so.
    #[must_use]
    pub fn fits(&self, secret: &Secret) -> bool {
        match self {
            Self::Prefix(prefix) => secret.expose().starts_with(&**prefix),
            Self::Jwt => is_jwt(secret.expose()),
        }
    }

    /// Which of two shapes that fit decides: the larger.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Prefix(prefix) => prefix.len(),
            Self::Jwt => 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), ComposeError> {
        let Self::Prefix(prefix) = self else { return Ok(()) };
        let in_secrets = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if (1..=MAX_ROUTE_PREFIX_BYTES).contains(&prefix.len()) && prefix.bytes().all(in_secrets) {
            return Ok(());
        }
        Err(ComposeError::Prefix(beginning(prefix)))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => write!(f, "begin with `{prefix}`"),
            Self::Jwt => f.write_str("are JWTs"),
        }
    }
}

fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_base64url(payload) && is_base64url(signature) && is_json_object(header)
}

fn is_base64url(part: &str) -> bool {
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !part.is_empty() && part.bytes().all(in_alphabet)
}

/// A secret is bounded, and so is what is decoded here; what the object says is skipped.
fn is_json_object(part: &str) -> bool {
    let Ok(json) = URL_SAFE_NO_PAD.decode(part) else { return false };
    json.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(&json).is_ok()
}
