//! News of changed keys.
//!
//! News is a hint: it names a key by its public id and makes whoever holds the key look again.
//! Nothing is granted or revoked on its word.

use std::fmt;
use std::sync::Weak;

use parking_lot::Mutex;

/// Hears of changed keys.
pub trait KeyListener: Send + Sync {
    /// A key changed. Called before the change is reported to who made it, so that the next request
    /// on this node sees it (P7). Must be quick and must not block.
    fn key_changed(&self, news: &KeyNews);
}

/// What happened to which key. Carries public ids only, never a digest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct KeyNews {
    /// The public id of the key.
    pub key_id: Box<str>,
    /// What happened.
    pub change: KeyChange,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyChange {
    /// It is new, so its digest may stand among the rejected ones.
    Minted,
    /// It was revoked.
    Revoked,
    /// It expires at another time than before.
    ExpiryChanged,
}

impl KeyNews {
    /// News of one key.
    #[must_use]
    pub fn new(key_id: impl AsRef<str>, change: KeyChange) -> Self {
        Self { key_id: key_id.as_ref().into(), change }
    }
}

/// Those on this node who want to hear of one store's keys. A store keeps it, so that every handle on
/// the store tells the same listeners.
#[derive(Default)]
pub struct KeyAudience(Mutex<Vec<Weak<dyn KeyListener>>>);

impl KeyAudience {
    /// Adds a listener, and forgets those that were dropped.
    pub fn add(&self, listener: Weak<dyn KeyListener>) {
        let mut all = self.0.lock();
        all.retain(|known| known.strong_count() > 0);
        all.push(listener);
    }

    /// Tells everyone, one after the other, without holding the lock.
    pub fn tell(&self, news: &KeyNews) {
        let living: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        living.iter().for_each(|listener| listener.key_changed(news));
    }
}

impl fmt::Debug for KeyAudience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyAudience({})", self.0.lock().len())
    }
}
