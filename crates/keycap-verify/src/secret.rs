//! The plaintext key a caller presents.

use std::fmt;

use zeroize::Zeroizing;

use crate::Digest;

/// The longest secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 4096;

/// The plaintext key a caller presents: a b64token of RFC 6750 §2.1, 1 to 4096 bytes.
///
/// It shows itself only to who calls [`Secret::expose`]; `Debug` is redacted, there is no `Display`
/// and no serialisation, and its memory is overwritten when it is dropped.
///
/// ```
/// use keycap_verify::{Malformed, Secret};
///
/// let secret = Secret::parse("acme_live_4eC39HqLyjWDarjtT1zdp7dc")?;
/// assert_eq!(secret.expose(), "acme_live_4eC39HqLyjWDarjtT1zdp7dc");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(Secret::parse("two, keys").err(), Some(Malformed::Character));
/// # Ok::<(), Malformed>(())
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<str>>);

/// Why bytes are no secret. Says nothing about their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// There are none.
    #[error("the credential is empty; send a key")]
    Empty,
    /// Over [`MAX_SECRET_BYTES`].
    #[error("the credential is too long; a key has at most {MAX_SECRET_BYTES} bytes")]
    TooLong,
    /// A byte that a b64token may not have, or `=` before the end.
    #[error("the credential has a character that keys do not have; use A-Z a-z 0-9 - . _ ~ + / =")]
    Character,
}

impl Secret {
    /// Reads what a caller sent.
    ///
    /// # Errors
    /// [`Malformed`] if it is no b64token (RFC 6750 §2.1) or not of 1 to 4096 bytes.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, Malformed> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() {
            return Err(Malformed::Empty);
        }
        if bytes.len() > MAX_SECRET_BYTES {
            return Err(Malformed::TooLong);
        }
        if !is_b64token(bytes) {
            return Err(Malformed::Character);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Character)?;
        Ok(Self(Zeroizing::new(text.into())))
    }

    /// The plaintext. Hand it to the provider that owns the key, or to who minted it; never to a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its SHA-256, by which it is looked up.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(bytes: &[u8]) -> bool {
    let mut body = bytes;
    while let [rest @ .., b'='] = body {
        body = rest;
    }
    !body.is_empty() && body.iter().fold(true, |sound, byte| sound & is_b64_byte(*byte))
}

/// Written without a branch, so that many bytes are looked at together.
fn is_b64_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits follow upon one another.
    let digit_or_mark = byte.wrapping_sub(b'-') <= b'9' - b'-';
    letter | digit_or_mark | (byte == b'+') | (byte == b'_') | (byte == b'~')
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_b64token_is_a_secret() {
        for right in ["a", "a=", "a==", "A-._~+/9", "eyJhbGciOi.J9.e30="] {
            assert_eq!(Secret::parse(right).unwrap().expose(), right);
        }
        for wrong in ["=", "a=b", "a b", "a,b", "a\n", "é", "a\0", "\"a\"", "a:b", " a"] {
            assert_eq!(Secret::parse(wrong).err(), Some(Malformed::Character), "{wrong:?}");
        }
        assert_eq!(Secret::parse([0xff, 0xfe]).err(), Some(Malformed::Character));
    }

    #[test]
    fn every_byte_is_one_of_a_secret_or_it_is_not() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            let right = alphabet.as_bytes().contains(&byte);
            assert_eq!(is_b64_byte(byte), right, "{byte:#x}");
            for place in [0, 1, 15, 16, 43] {
                let mut bytes = [b'a'; 44];
                bytes[place] = byte;
                let at_the_end = place == 43 && byte == b'=';
                assert_eq!(
                    Secret::parse(bytes).is_ok(),
                    right || at_the_end,
                    "{byte:#x} at {place}"
                );
            }
        }
    }

    #[test]
    fn a_secret_is_bounded() {
        assert_eq!(Secret::parse("").err(), Some(Malformed::Empty));
        assert!(Secret::parse("a".repeat(MAX_SECRET_BYTES)).is_ok());
        let too_long = Secret::parse("a".repeat(MAX_SECRET_BYTES + 1));
        assert_eq!(too_long.err(), Some(Malformed::TooLong));
    }
}
