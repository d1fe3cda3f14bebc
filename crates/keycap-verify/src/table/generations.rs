//! What makes a lookup in flight unbelievable, and which entries a key has.
//!
//! A lookup notes the time (a count, not a clock) before it asks. Whoever changes a key first changes
//! the store, then raises the key's generation to a new count, then removes its entries. An answer
//! is inserted only if no generation that concerns it was raised since it noted. So either the lookup
//! asked after the change; or it is not believed; or it was inserted before the raise, and is removed.
//!
//! A lookup does not know its key's id before it has asked, so keys share generations by the hash of
//! their id; a raise makes lookups of other keys ask once more, rarely, and does them no harm.
//!
//! Lock order: a shard of the table, then a stripe. Never two of either.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;
use parking_lot::Mutex;

use super::entry::Entry;
use super::namesakes::Namesakes;
use super::reading::Reading;

const STRIPES: usize = 64;

/// Places for the changes of things that lookups read. Two names share one rarely enough for a wave of
/// changes to overtake few lookups that it does not concern.
const SLOTS: usize = 4_096;

pub(super) struct Generations<E> {
    count: AtomicU64,
    everyone: AtomicU64,
    rejected: AtomicU64,
    stripes: [Mutex<Stripe<E>>; STRIPES],
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// The keys whose ids share a hash.
struct Stripe<E> {
    generation: u64,
    keys: HashTable<Namesakes<E>>,
}

/// The count at which a lookup was about to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted(u64);

/// The answer may be from before a change.
#[derive(Debug)]
pub(super) struct Overtaken;

impl<E> Generations<E> {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            everyone: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            stripes: std::array::from_fn(|_| Mutex::new(Stripe::new())),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// To be called before asking.
    pub(super) fn note(&self) -> Noted {
        Noted(self.count.load(Ordering::SeqCst))
    }

    fn raised(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Makes every lookup in flight unbelievable.
    pub(super) fn forget_everyone(&self) {
        self.everyone.fetch_max(self.raised(), Ordering::SeqCst);
    }

    /// Makes lookups in flight unbelievable that read the thing of this name.
    pub(super) fn change(&self, name: &str) {
        if let Some(slot) = self.slots.get(self.slot(name)) {
            slot.fetch_max(self.raised(), Ordering::SeqCst);
        }
    }

    /// Where changes of the thing of this name are noted.
    pub(super) fn slot(&self, name: &str) -> usize {
        place(self.hasher.hash_one(name), SLOTS)
    }

    /// Whether nothing of what was read was changed since.
    pub(super) fn stands(&self, reading: &Reading) -> bool {
        let slots = reading.slots.iter().filter_map(|slot| self.slots.get(*slot));
        slots.map(|slot| slot.load(Ordering::SeqCst)).all(|raised| raised <= reading.noted.0)
    }

    /// Makes every rejection in flight unbelievable.
    pub(super) fn forget_rejected(&self) {
        self.rejected.fetch_max(self.raised(), Ordering::SeqCst);
    }

    /// Makes lookups of this key in flight unbelievable, and returns its entries.
    pub(super) fn forget_key(&self, key_id: &str) -> Vec<Arc<Entry<E>>> {
        let generation = self.raised();
        let hash = self.hasher.hash_one(key_id);
        let mut stripe = self.stripe(hash).lock();
        stripe.generation = stripe.generation.max(generation);
        match stripe.keys.find_entry(hash, |kept| kept.key_id() == Some(key_id)) {
            Ok(found) => found.remove().0.into_vec(),
            Err(_absent) => Vec::new(),
        }
    }

    /// Whether a rejection may be believed.
    pub(super) fn believe_rejected(&self, noted: Noted) -> Result<(), Overtaken> {
        let raised = self.everyone.load(Ordering::SeqCst).max(self.rejected.load(Ordering::SeqCst));
        if raised > noted.0 { Err(Overtaken) } else { Ok(()) }
    }

    /// Whether a live key may be believed; if so, notes its entry, in the same step.
    pub(super) fn believe_live(
        &self,
        entry: &Arc<Entry<E>>,
        reading: Option<&Reading>,
    ) -> Result<(), Overtaken> {
        if self.everyone.load(Ordering::SeqCst) > entry.noted.0 {
            return Err(Overtaken);
        }
        if reading.is_some_and(|reading| !self.stands(reading)) {
            return Err(Overtaken);
        }
        let Some(key_id) = entry.key_id() else { return Ok(()) };
        let hash = self.hasher.hash_one(key_id);
        let mut stripe = self.stripe(hash).lock();
        if stripe.generation > entry.noted.0 {
            return Err(Overtaken);
        }
        match stripe.keys.find_mut(hash, |kept| kept.key_id() == Some(key_id)) {
            Some(kept) => kept.add(Arc::clone(entry)),
            None => {
                let hash_of =
                    |kept: &Namesakes<E>| self.hasher.hash_one(kept.key_id().unwrap_or(""));
                stripe.keys.insert_unique(hash, Namesakes::one(Arc::clone(entry)), hash_of);
            }
        }
        Ok(())
    }

    /// Whether no key of this id's hash was changed since.
    pub(super) fn unmoved_since(&self, noted: Noted, key_id: Option<&str>) -> bool {
        let unmoved = |id| self.stripe(self.hasher.hash_one(id)).lock().generation <= noted.0;
        key_id.is_none_or(unmoved)
    }

    /// Notes that an entry has left the table.
    pub(super) fn left(&self, entry: &Entry<E>) {
        let Some(key_id) = entry.key_id() else { return };
        let hash = self.hasher.hash_one(key_id);
        let mut stripe = self.stripe(hash).lock();
        if let Ok(mut found) = stripe.keys.find_entry(hash, |kept| kept.key_id() == Some(key_id))
            && found.get_mut().remove(entry.digest()).is_break()
        {
            found.remove();
        }
    }

    /// How many keys are noted.
    #[cfg(test)]
    pub(super) fn keys_noted(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().keys.len()).sum()
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is below its divisor")]
    fn stripe(&self, hash: u64) -> &Mutex<Stripe<E>> {
        &self.stripes[place(hash, STRIPES)]
    }
}

impl<E> Stripe<E> {
    fn new() -> Self {
        Self { generation: 0, keys: HashTable::new() }
    }
}

fn place(hash: u64, of: usize) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() % of
}
