//! When keys were last used: noted at verification, written down off the request path.

use std::collections::HashMap;
use std::time::Duration;

use keycap_base::Timestamp;
use parking_lot::Mutex;

use crate::store::MAX_TOUCHES;
use crate::{KeyId, KeyRecord, KeyStore};

/// How far apart two recorded uses of a key are at least.
pub const DEFAULT_DEBOUNCE: Duration = Duration::from_secs(5 * 60);

/// How many keys' uses may wait to be written down.
pub const DEFAULT_PENDING_USES: usize = 10_000;

/// Uses that wait to be written down.
pub(super) struct LastUsed {
    debounce: Duration,
    most: usize,
    pending: Mutex<HashMap<KeyId, Timestamp>>,
}

impl LastUsed {
    pub(super) fn new(debounce: Duration, most: usize) -> Self {
        Self { debounce, most, pending: Mutex::default() }
    }

    /// Notes a use at `now`, unless one that is recent enough is on record. When all places are
    /// taken the use is left out; the key's next verification notes a later one.
    pub(super) fn note(&self, record: &KeyRecord, now: Timestamp) {
        let recent = |used: Timestamp| now.since(used) < self.debounce;
        if record.last_used_at.is_some_and(recent) {
            return;
        }
        let mut pending = self.pending.lock();
        if pending.contains_key(&record.id) || pending.len() < self.most {
            pending.insert(record.id, now);
        }
    }

    /// Writes down what is pending now, batch by batch. A use stays pending until the store has
    /// taken it, so nothing is lost when the store fails or the future is dropped.
    pub(super) async fn write_down(&self, store: &dyn KeyStore) {
        let all: Vec<_> = self.pending.lock().iter().map(|(id, at)| (*id, *at)).collect();
        for batch in all.chunks(MAX_TOUCHES) {
            if let Err(error) = store.touch(batch).await {
                tracing::warn!(%error, waiting = all.len(), "last uses of keys are not written down");
                return;
            }
            let mut pending = self.pending.lock();
            for (id, written) in batch {
                if pending.get(id).is_some_and(|waiting| waiting <= written) {
                    pending.remove(id);
                }
            }
        }
    }
}
