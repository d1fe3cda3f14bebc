//! Labels: small notes an application hangs on keys, accounts and charges.

use std::collections::{BTreeMap, btree_map};

use crate::allowance::excerpt;

/// The most labels in one set.
pub const MAX_LABELS: usize = 16;

/// The longest label key, in bytes.
pub const MAX_LABEL_KEY_BYTES: usize = 64;

/// The longest label value, in bytes.
pub const MAX_LABEL_VALUE_BYTES: usize = 256;

/// At most 16 labels, sorted by key. Costs no allocation while empty.
///
/// A key has 1 to 64 of `a-z A-Z 0-9 _ . -`, a value at most 256 bytes of any text.
///
/// ```
/// use keycap_base::Labels;
///
/// let mut labels = Labels::of([("team", "search"), ("env", "live")])?;
/// labels.insert("env", "test")?;
/// assert_eq!(labels.get("env"), Some("test"));
/// assert_eq!(labels.iter().collect::<Vec<_>>(), [("env", "test"), ("team", "search")]);
/// # Ok::<(), keycap_base::LabelError>(())
/// ```
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Labels(BTreeMap<String, String>);

/// Why a label was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The key is empty, over [`MAX_LABEL_KEY_BYTES`], or has another character.
    #[error("label key `{0}` does not fit; use 1 to {MAX_LABEL_KEY_BYTES} of a-z A-Z 0-9 _ . -")]
    Key(String),
    /// The value is over [`MAX_LABEL_VALUE_BYTES`].
    #[error("the value of label `{0}` is too long; it may have {MAX_LABEL_VALUE_BYTES} bytes")]
    Value(String),
    /// Over [`MAX_LABELS`].
    #[error("label `{0}` does not fit; a set has at most {MAX_LABELS} labels")]
    TooMany(String),
}

impl Labels {
    /// No labels.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// These labels; of two with the same key, the later one.
    ///
    /// # Errors
    /// [`LabelError`] for the first that does not fit.
    pub fn of<K: Into<String>, V: Into<String>>(
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, LabelError> {
        let mut set = Self::new();
        for (key, value) in labels {
            set.insert(key, value)?;
        }
        Ok(set)
    }

    /// Adds a label, or replaces the value of one.
    ///
    /// # Errors
    /// [`LabelError`] if it does not fit; the set is then as it was.
    pub fn insert(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), LabelError> {
        let (key, value) = (key.into(), value.into());
        if !is_key(&key) {
            return Err(LabelError::Key(excerpt(&key).escape_debug().to_string()));
        }
        if value.len() > MAX_LABEL_VALUE_BYTES {
            return Err(LabelError::Value(key));
        }
        if self.0.len() == MAX_LABELS && !self.0.contains_key(&key) {
            return Err(LabelError::TooMany(key));
        }
        self.0.insert(key, value);
        Ok(())
    }

    /// Takes a label away and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys and values, sorted by key.
    #[must_use]
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter(self.0.iter())
    }

    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Keys and values of [`Labels`], sorted by key.
#[derive(Clone, Debug)]
pub struct LabelsIter<'a>(btree_map::Iter<'a, String, String>);

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

fn is_key(text: &str) -> bool {
    (1..=MAX_LABEL_KEY_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = LabelError;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, LabelError> {
        Self::of(labels)
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_checked_at_their_bounds() {
        let mut labels = Labels::new();
        assert_eq!(labels.insert("k".repeat(MAX_LABEL_KEY_BYTES), ""), Ok(()));
        for wrong in ["", "a b", "é", "a/b", &"k".repeat(MAX_LABEL_KEY_BYTES + 1)] {
            assert!(matches!(labels.insert(wrong, ""), Err(LabelError::Key(_))), "{wrong:?}");
        }
        assert_eq!(labels.insert("a_b.C-9", "v".repeat(MAX_LABEL_VALUE_BYTES)), Ok(()));
        let too_long = labels.insert("v", "v".repeat(MAX_LABEL_VALUE_BYTES + 1));
        assert_eq!(too_long, Err(LabelError::Value("v".into())));
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn a_full_set_still_replaces_but_takes_no_more() {
        let mut labels = Labels::of((0..MAX_LABELS).map(|n| (format!("k{n}"), "old"))).unwrap();
        assert_eq!(labels.insert("k0", "new"), Ok(()));
        assert_eq!(labels.get("k0"), Some("new"));
        assert_eq!(labels.insert("one-more", ""), Err(LabelError::TooMany("one-more".into())));
        assert_eq!(labels.remove("k0").as_deref(), Some("new"));
        assert_eq!(labels.insert("one-more", ""), Ok(()));
    }

    #[test]
    fn deserialising_runs_the_same_check() {
        let labels = Labels::of([("a", "1"), ("b", "2")]).unwrap();
        let text = serde_json::to_string(&labels).unwrap();
        assert_eq!(text, r#"{"a":"1","b":"2"}"#);
        assert_eq!(serde_json::from_str::<Labels>(&text).unwrap(), labels);
        assert!(serde_json::from_str::<Labels>(r#"{"a b":"1"}"#).is_err());
    }
}
