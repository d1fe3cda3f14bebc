//! How Keycap's own keys are written: `<prefix>_<random><check>`.
//!
//! The check characters let a typo or a guess be refused without asking any store, and the shape
//! lets a secret scanner find leaked keys by expression.

use std::error::Error;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::{DisplayPrefix, Secret};

/// The longest prefix, in bytes: the whole key then takes 55, which SHA-256 digests in one block.
pub const MAX_PREFIX_BYTES: usize = 18;

const RANDOM: usize = 30;
const CHECK: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The format of issued keys: a prefix, 30 random base-62 characters (178 bits) and 6 of CRC-32.
///
/// ```
/// use keycap_verify::{FormatCheck, KeyFormat};
///
/// let format = KeyFormat::new("acme_live")?;
/// let secret = format.mint()?;
/// assert!(secret.expose().starts_with("acme_live_"));
/// assert_eq!(format.check(secret.expose()), FormatCheck::Sound);
/// assert_eq!(format.check("sk_test_1234"), FormatCheck::Foreign);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFormat {
    prefix: Arc<str>,
}

/// What a text looks like to a [`KeyFormat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum FormatCheck {
    /// Our prefix, our shape, and the check characters are right.
    Sound,
    /// Our prefix and our shape, but the check characters are wrong: a typo or a guess.
    Mistyped,
    /// Not of our prefix or not of our shape: not one of our keys.
    Foreign,
}

/// A text cannot be the prefix of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{prefix}` cannot begin keys; use 1 to {MAX_PREFIX_BYTES} of a-z A-Z 0-9 _, first a letter \
     and last no `_`, such as `acme_live`"
)]
#[non_exhaustive]
pub struct PrefixError {
    /// What was given.
    pub prefix: String,
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomnessError(#[source] Box<dyn Error + Send + Sync>);

impl KeyFormat {
    /// Keys that begin with `prefix` and `_`.
    ///
    /// # Errors
    /// [`PrefixError`] unless it is 1 to 18 of `a-z A-Z 0-9 _`, first a letter and last no `_`.
    pub fn new(prefix: &str) -> Result<Self, PrefixError> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let sound = prefix.len() <= MAX_PREFIX_BYTES
            && prefix.starts_with(|first: char| first.is_ascii_alphabetic())
            && !prefix.ends_with('_')
            && prefix.bytes().all(letters);
        if !sound {
            return Err(PrefixError { prefix: prefix.escape_debug().take(40).collect() });
        }
        Ok(Self { prefix: prefix.into() })
    }

    /// The prefix, without the `_` that follows it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A new secret from the operating system's generator.
    ///
    /// # Errors
    /// [`RandomnessError`] if the generator fails.
    pub fn mint(&self) -> Result<Secret, RandomnessError> {
        self.mint_from(fill_random)
    }

    fn mint_from(
        &self,
        fill: impl FnMut(&mut [u8]) -> Result<(), RandomnessError>,
    ) -> Result<Secret, RandomnessError> {
        let mut text = Zeroizing::new(Vec::with_capacity(self.prefix.len() + 1 + RANDOM + CHECK));
        text.extend_from_slice(self.prefix.as_bytes());
        text.push(b'_');
        push_random(&mut text, fill)?;
        let check = check_characters(&text);
        text.extend_from_slice(&check);
        Secret::parse(&*text).map_err(|malformed| RandomnessError(malformed.into()))
    }

    /// Whether `text` is one of our keys as far as its characters tell. No I/O.
    pub fn check(&self, text: &str) -> FormatCheck {
        let Some(body) = text.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix('_'))
        else {
            return FormatCheck::Foreign;
        };
        if body.len() != RANDOM + CHECK || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return FormatCheck::Foreign;
        }
        let (covered, check) = text.as_bytes().split_at(text.len() - CHECK);
        if check == check_characters(covered) { FormatCheck::Sound } else { FormatCheck::Mistyped }
    }

    /// What may be shown of `secret` to recognise it by: the prefix and the first 4 characters.
    pub(crate) fn display_prefix(&self, secret: &Secret) -> DisplayPrefix {
        let shown = self.prefix.len() + 1 + DisplayPrefix::SHOWN;
        DisplayPrefix::cut(secret.expose(), shown)
    }
}

impl Default for KeyFormat {
    /// Keys that begin with `keycap_`.
    fn default() -> Self {
        Self { prefix: "keycap".into() }
    }
}

pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), RandomnessError> {
    getrandom::fill(bytes).map_err(|error| RandomnessError(error.to_string().into()))
}

/// Pushes random base-62 characters. Bytes from 248 on are thrown away: 248 is the largest multiple
/// of 62, so that every character is equally likely.
fn push_random(
    text: &mut Vec<u8>,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), RandomnessError>,
) -> Result<(), RandomnessError> {
    let end = text.len() + RANDOM;
    let mut bytes = Zeroizing::new([0; 2 * RANDOM]);
    while text.len() < end {
        fill(&mut *bytes)?;
        let fair = bytes.iter().filter(|byte| **byte < 248).copied();
        text.extend(fair.map(|byte| base62(u32::from(byte))).take(end - text.len()));
    }
    Ok(())
}

/// Six base-62 digits of CRC-32 (ISO 3309), the most significant first; 62⁶ exceeds 2³².
fn check_characters(covered: &[u8]) -> [u8; CHECK] {
    let mut rest = crc32fast::hash(covered);
    let mut digits = [b'0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = base62(rest);
        rest /= 62;
    }
    digits
}

/// The last base-62 digit of `number`.
fn base62(number: u32) -> u8 {
    let place = usize::try_from(number % 62).unwrap_or_default();
    BASE62.get(place).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A generator that counts, so that a minted key can be written down.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), RandomnessError> {
        let mut next = 0_u8;
        move |bytes| {
            bytes.iter_mut().for_each(|byte| {
                *byte = next;
                next = next.wrapping_add(1);
            });
            Ok(())
        }
    }

    #[test]
    fn the_format_is_what_is_written_down() {
        let secret = KeyFormat::new("acme_live").unwrap().mint_from(counting()).unwrap();
        assert_eq!(secret.expose(), "acme_live_0123456789ABCDEFGHIJKLMNOPQRST4MTgoG");
    }

    #[test]
    fn bytes_that_would_favour_some_characters_are_thrown_away() {
        let mut rounds = 0;
        let secret = KeyFormat::default().mint_from(|bytes| {
            rounds += 1;
            bytes.fill(if rounds < 3 { 248 } else { 247 });
            Ok(())
        });
        let secret = secret.unwrap();
        assert_eq!((rounds, secret.expose().contains(&"z".repeat(RANDOM))), (3, true));
    }

    #[test]
    fn a_generator_that_fails_mints_nothing() {
        let failed = KeyFormat::default().mint_from(|_| Err(RandomnessError("empty".into())));
        assert_eq!(failed.unwrap_err().source().unwrap().to_string(), "empty");
    }

    #[test]
    fn the_longest_key_is_digested_in_one_block() {
        let longest = "p".repeat(MAX_PREFIX_BYTES);
        let secret = KeyFormat::new(&longest).unwrap().mint().unwrap();
        assert_eq!(secret.expose().len(), 55);
        assert!(KeyFormat::new(&format!("{longest}p")).is_err());
    }

    #[test]
    fn a_prefix_is_checked_when_built() {
        for wrong in ["", "_a", "a_", "1a", "a-b", "a b", "é"] {
            let error = KeyFormat::new(wrong).unwrap_err();
            assert!(error.to_string().contains("such as `acme_live`"), "{wrong:?}");
        }
        assert!(KeyFormat::new("a").is_ok() && KeyFormat::new("A_1_b").is_ok());
    }

    #[test]
    fn one_prefix_may_begin_another() {
        let (short, long) = (KeyFormat::new("acme").unwrap(), KeyFormat::new("acme_live").unwrap());
        let secret = long.mint().unwrap();
        assert_eq!(short.check(secret.expose()), FormatCheck::Foreign);
        assert_eq!(long.check(short.mint().unwrap().expose()), FormatCheck::Foreign);
    }

    #[test]
    fn another_shape_under_our_prefix_is_foreign() {
        let format = KeyFormat::new("acme").unwrap();
        for text in ["acme", "acme_", "acme_4f6c", "acmex_123", "xacme_123"] {
            assert_eq!(format.check(text), FormatCheck::Foreign, "{text}");
        }
    }

    /// Few cases by default; as many as `PROPTEST_CASES` says otherwise.
    fn config() -> ProptestConfig {
        match std::env::var_os("PROPTEST_CASES") {
            Some(_) => ProptestConfig::default(),
            None => ProptestConfig::with_cases(128),
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn what_is_minted_is_sound_and_any_single_change_is_caught(
            prefix in "[a-z][a-z0-9]{0,7}(_[a-z]{1,8})?",
            bytes in prop::collection::vec(any::<u8>(), 1..97),
            place in any::<prop::sample::Index>(),
            other in "[!-~]",
        ) {
            let format = KeyFormat::new(&prefix).unwrap();
            let mut source = bytes.iter().copied().chain(0..=255).cycle();
            let secret = format.mint_from(|out| {
                out.iter_mut().zip(&mut source).for_each(|(out, byte)| *out = byte);
                Ok(())
            }).unwrap();
            let text = secret.expose();
            prop_assert_eq!(format.check(text), FormatCheck::Sound);

            let place = place.index(text.len());
            let mut changed = text.to_owned();
            changed.replace_range(place..=place, &other);
            prop_assert_eq!(format.check(&changed) == FormatCheck::Sound, changed == text);
        }
    }
}
