//! What the types that are written as text have in common.

use std::fmt;

/// The longest piece of foreign text that an error repeats, in characters.
const MAX_QUOTED: usize = 48;

/// Foreign text as errors repeat it: escaped, and cut when long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quoted(String);

impl Quoted {
    pub(crate) fn new(text: &str) -> Self {
        let mut kept: String = text.chars().take(MAX_QUOTED).flat_map(char::escape_debug).collect();
        if text.chars().nth(MAX_QUOTED).is_some() {
            kept.push('…');
        }
        Self(kept)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// Serialises types as their `Display` text and reads them back by `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),+) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;
