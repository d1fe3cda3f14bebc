//! The live keys of one shard.
//!
//! The only way out of here is past [`Entry::leave`]: whoever kept an entry from when it was here can
//! tell by the entry alone that it is here no more.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::entry::Entry;
use crate::Digest;
use crate::bounded::{BoundedMap, Keyed};

pub(super) struct LiveKeys<E>(BoundedMap<Arc<Entry<E>>>);

impl<E> Keyed for Arc<Entry<E>> {
    type Key = Digest;
    type Handle = Self;

    fn key(&self) -> &Digest {
        self.digest()
    }

    fn handle(&self) -> Self {
        Self::clone(self)
    }

    fn key_of(handle: &Self) -> &Digest {
        handle.digest()
    }
}

impl<E> LiveKeys<E> {
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self(BoundedMap::new(capacity))
    }

    pub(super) fn look_up(&self, digest: &Digest) -> Option<&Arc<Entry<E>>> {
        self.0.look_up(digest)
    }

    /// Puts an entry in, and returns what had to leave for it.
    pub(super) fn insert(&mut self, entry: Arc<Entry<E>>) -> Option<Arc<Entry<E>>> {
        self.0.insert(entry).inspect(|old| old.leave())
    }

    pub(super) fn remove(&mut self, digest: &Digest) -> Option<Arc<Entry<E>>> {
        self.0.remove(digest).inspect(|old| old.leave())
    }

    /// The digests that `which` picks of some places from this one on; `None` past the last.
    pub(super) fn pick(
        &self,
        from: usize,
        which: impl Fn(&Entry<E>) -> bool,
    ) -> Option<Vec<Digest>> {
        self.0.pick(from, |entry| which(entry))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Nobody would tell what was kept of a table that is gone when a key is revoked.
impl<E> Drop for LiveKeys<E> {
    fn drop(&mut self) {
        self.0.values().for_each(|entry| entry.leave());
    }
}
