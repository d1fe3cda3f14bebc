//! Public names of keys: what may be shown, stored and logged.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use keycap_base::Timestamp;
use uuid::{Builder, Uuid};

use crate::RandomnessError;
use crate::format::{MAX_PREFIX_BYTES, fill_random};

const PREFIX: &str = "key_";

/// The public id of a key: a UUID of version 7 (RFC 9562 §5.7), written `key_` and 32 lower-case
/// hexadecimal digits. Ids sort by the millisecond they were made in, also as text.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Uuid);

/// A text is no key id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key id; write `key_` and the 32 lower-case hexadecimal digits of a version 7 UUID")]
#[non_exhaustive]
pub struct KeyIdError;

/// What may be shown of a key to recognise it by, such as `acme_live_4eC3`. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisplayPrefix(Arc<str>);

/// A text cannot be shown as the beginning of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a display prefix; use the first 1 to {} visible ASCII characters of the key, no more",
    DisplayPrefix::MAX_BYTES
)]
#[non_exhaustive]
pub struct DisplayPrefixError;

impl KeyId {
    /// A new id, made at `now`.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system gives no random bytes.
    pub fn new(now: Timestamp) -> Result<Self, RandomnessError> {
        let mut random = [0; 10];
        fill_random(&mut random)?;
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Ok(Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid()))
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digits = text.strip_prefix(PREFIX).ok_or(KeyIdError)?;
        let id = Uuid::try_parse(digits).map_err(|_| KeyIdError)?;
        let id = Self(id);
        let written = id.0.get_version_num() == 7 && id.to_string() == text;
        if written { Ok(id) } else { Err(KeyIdError) }
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyIdError;

    fn try_from(text: String) -> Result<Self, KeyIdError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.as_simple())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl DisplayPrefix {
    /// Characters shown behind the format's prefix.
    pub(crate) const SHOWN: usize = 4;

    /// The longest one, in bytes.
    pub const MAX_BYTES: usize = MAX_PREFIX_BYTES + 1 + Self::SHOWN;

    /// The beginning of a key that was made elsewhere. Give no more of it than may be shown.
    ///
    /// # Errors
    /// [`DisplayPrefixError`] unless it is 1 to 23 visible ASCII characters.
    pub fn new(text: &str) -> Result<Self, DisplayPrefixError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let sound = visible && (1..=Self::MAX_BYTES).contains(&text.len());
        if sound { Ok(Self(text.into())) } else { Err(DisplayPrefixError) }
    }

    /// The first `shown` bytes of `text`.
    pub(crate) fn cut(text: &str, shown: usize) -> Self {
        Self(text.get(..shown).unwrap_or_default().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_as_values_and_as_text() {
        let ids: Vec<_> = (0..64)
            .map(|second| KeyId::new(Timestamp::from_millis(second * 1_000)).unwrap())
            .collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().map(KeyId::to_string).is_sorted());
    }

    #[test]
    fn an_id_reads_as_it_is_written_and_in_no_other_way() {
        let id = KeyId::new(Timestamp::from_millis(1_700_000_000_000)).unwrap();
        let text = id.to_string();
        assert_eq!((text.len(), text.parse()), (36, Ok(id)));
        let hyphenated = format!("key_{}", id.0.hyphenated());
        let version_4 = "key_00000000000040008000000000000000";
        for wrong in ["", "key_", &text[4..], &text.to_uppercase(), &hyphenated, version_4] {
            assert_eq!(wrong.parse::<KeyId>(), Err(KeyIdError), "{wrong}");
        }
    }

    #[test]
    fn a_display_prefix_is_bounded() {
        assert!(DisplayPrefix::new(&"a".repeat(DisplayPrefix::MAX_BYTES)).is_ok());
        for wrong in ["", "a b", "é", &"a".repeat(DisplayPrefix::MAX_BYTES + 1)] {
            assert_eq!(DisplayPrefix::new(wrong), Err(DisplayPrefixError), "{wrong:?}");
        }
    }
}
