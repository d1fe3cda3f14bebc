//! What makes a lookup in flight unbelievable, and where a key's entries are.
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

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::digests::Digests;
use super::entry::Entry;
use super::reading::Reading;
use crate::Digest;

const STRIPES: usize = 64;

/// Places for the changes of things that lookups read. Two names share one rarely enough for a wave of
/// changes to overtake few lookups that it does not concern.
const SLOTS: usize = 4_096;

pub(super) struct Generations {
    count: AtomicU64,
    everyone: AtomicU64,
    rejected: AtomicU64,
    stripes: [Mutex<Stripe>; STRIPES],
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// The keys whose ids share a hash.
#[derive(Default)]
struct Stripe {
    generation: u64,
    digests: HashMap<Arc<str>, Digests>,
}

/// The count at which a lookup was about to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted(u64);

/// The answer may be from before a change.
#[derive(Debug)]
pub(super) struct Overtaken;

impl Generations {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            everyone: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            stripes: std::array::from_fn(|_| Mutex::default()),
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
        self.place(name, SLOTS)
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

    /// Makes lookups of this key in flight unbelievable, and returns the digests it is kept under.
    pub(super) fn forget_key(&self, key_id: &str) -> Vec<Digest> {
        let generation = self.raised();
        let mut stripe = self.stripe(key_id).lock();
        stripe.generation = stripe.generation.max(generation);
        stripe.digests.remove(key_id).map(Digests::into_vec).unwrap_or_default()
    }

    /// Whether a rejection may be believed.
    pub(super) fn believe_rejected(&self, noted: Noted) -> Result<(), Overtaken> {
        let raised = self.everyone.load(Ordering::SeqCst).max(self.rejected.load(Ordering::SeqCst));
        if raised > noted.0 { Err(Overtaken) } else { Ok(()) }
    }

    /// Whether a live key may be believed; if so, notes where it is kept, in the same step.
    pub(super) fn believe_live<E>(
        &self,
        entry: &Entry<E>,
        reading: Option<&Reading>,
    ) -> Result<(), Overtaken> {
        if self.everyone.load(Ordering::SeqCst) > entry.noted.0 {
            return Err(Overtaken);
        }
        if reading.is_some_and(|reading| !self.stands(reading)) {
            return Err(Overtaken);
        }
        let Some(key_id) = entry.key_id_shared() else { return Ok(()) };
        let mut stripe = self.stripe(key_id).lock();
        if stripe.generation > entry.noted.0 {
            return Err(Overtaken);
        }
        match stripe.digests.get_mut(key_id) {
            Some(digests) => digests.add(*entry.digest()),
            None => drop(stripe.digests.insert(key_id.clone(), Digests::one(*entry.digest()))),
        }
        Ok(())
    }

    /// Whether no key of this id's hash was changed since.
    pub(super) fn unmoved_since(&self, noted: Noted, key_id: Option<&str>) -> bool {
        key_id.is_none_or(|key_id| self.stripe(key_id).lock().generation <= noted.0)
    }

    /// Notes that a key is no longer kept under its entry's digest.
    pub(super) fn left<E>(&self, entry: &Entry<E>) {
        let Some(key_id) = entry.key_id() else { return };
        let mut stripe = self.stripe(key_id).lock();
        if let Some(digests) = stripe.digests.get_mut(key_id)
            && digests.remove(entry.digest()).is_break()
        {
            stripe.digests.remove(key_id);
        }
    }

    /// How many keys are noted.
    #[cfg(test)]
    pub(super) fn keys_noted(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().digests.len()).sum()
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is below its divisor")]
    fn stripe(&self, key_id: &str) -> &Mutex<Stripe> {
        &self.stripes[self.place(key_id, STRIPES)]
    }

    fn place(&self, name: &str, of: usize) -> usize {
        usize::try_from(self.hasher.hash_one(name) >> 32).unwrap_or_default() % of
    }
}
