//! Where the tills of a node are.
//!
//! There is one for each limit of each live key, so that this is lean: it keeps no name, only where a
//! till is and what its account's name hashes to. What must not change: a limit has one till at a time;
//! and no till is let go of while a part of the register is locked, because a till that goes has its
//! place cleared.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashTable};
use keycap_budget::lease::LimitAt;
use keycap_budget::{AccountId, LimitKey};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::till::Till;

/// The register is cut into so many parts with a lock each.
const PARTS: usize = 64;

/// The tills of a node, as long as somebody uses them.
pub(crate) struct Tills {
    parts: [Mutex<HashTable<Slot>>; PARTS],
    hasher: DefaultHashBuilder,
    /// So often an account changed, or something came free that the ledger did not say where.
    changes: AtomicU64,
}

/// Where a till is.
struct Slot {
    hash: u64,
    till: Weak<Till>,
}

/// Tills whose accounts' names hash alike: mostly those of one account.
type Alike = SmallVec<[Arc<Till>; 4]>;

impl Default for Tills {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            hasher: DefaultHashBuilder::default(),
            changes: AtomicU64::new(0),
        }
    }
}

impl Tills {
    /// The till of this limit.
    pub(crate) fn at(self: &Arc<Self>, at: &LimitAt) -> Arc<Till> {
        let hash = self.hasher.hash_one(&at.account);
        // Before the lock, so that it is dropped after.
        let mut known = Alike::new();
        let mut part = self.part(hash).lock();
        known.extend(alike(&part, hash));
        if let Some(till) = known.iter().find(|till| till.at == *at) {
            return Arc::clone(till);
        }
        let till = Arc::new(Till::new(at.clone(), Arc::downgrade(self)));
        let slot = Slot { hash, till: Arc::downgrade(&till) };
        part.insert_unique(hash, slot, |slot| slot.hash);
        till
    }

    /// What the names of a chain hash to; never nothing.
    pub(super) fn chain_hash(&self, names: &[AccountId]) -> u64 {
        self.hasher.hash_one(names).max(1)
    }

    /// The tills of an account.
    pub(super) fn of(&self, account: &AccountId) -> Vec<Arc<Till>> {
        let alike = self.alike(account);
        alike.into_iter().filter(|till| till.at.account == *account).collect()
    }

    /// The till of this limit, if there is one.
    pub(super) fn find(&self, account: &AccountId, limit: &LimitKey) -> Option<Arc<Till>> {
        let is_it = |till: &Arc<Till>| till.at.account == *account && till.at.limit == *limit;
        self.alike(account).into_iter().find(is_it)
    }

    /// Clears the place of a till that nobody uses any more. A new one may stand for its limit already.
    pub(super) fn forget(&self, gone: &Till) {
        let hash = self.hasher.hash_one(&gone.at.account);
        let mut part = self.part(hash).lock();
        let place = part.find_entry(hash, |slot| std::ptr::eq(slot.till.as_ptr(), gone));
        if let Ok(place) = place {
            place.remove();
        }
    }

    /// Notes that something changed that evidence may rest on.
    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }

    fn alike(&self, account: &AccountId) -> Alike {
        let hash = self.hasher.hash_one(account);
        alike(&self.part(hash).lock(), hash).collect()
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is below its divisor")]
    fn part(&self, hash: u64) -> &Mutex<HashTable<Slot>> {
        &self.parts[usize::try_from(hash >> 32).unwrap_or_default() % PARTS]
    }
}

fn alike(part: &HashTable<Slot>, hash: u64) -> impl Iterator<Item = Arc<Till>> {
    let slots = part.iter_hash(hash).filter(move |slot| slot.hash == hash);
    slots.filter_map(|slot| slot.till.upgrade())
}

#[cfg(test)]
mod tests {
    use keycap_budget::{Meter, Period};

    use super::*;

    fn limit(account: &str, meter: Meter) -> LimitAt {
        let limit = LimitKey { meter, period: Period::day() };
        LimitAt { account: AccountId::new(account).unwrap(), limit }
    }

    #[test]
    fn a_limit_has_one_till_as_long_as_somebody_uses_it() {
        let tills = Arc::<Tills>::default();
        let till = tills.at(&limit("a", Meter::USD));
        assert!(Arc::ptr_eq(&till, &tills.at(&limit("a", Meter::USD))));
        let others = [tills.at(&limit("a", Meter::TOKENS)), tills.at(&limit("b", Meter::USD))];
        assert!(others.iter().all(|other| !Arc::ptr_eq(&till, other)));
        assert_eq!((tills.of(&till.at.account).len(), tills.count()), (2, 3));
        let found = tills.find(&till.at.account, &others[0].at.limit).unwrap();
        assert!(Arc::ptr_eq(&found, &others[0]));
        drop((found, others));
        assert_eq!((tills.of(&till.at.account).len(), tills.count()), (1, 1));
        drop(till);
        assert_eq!(tills.count(), 0, "nothing stays of what nobody uses");
    }

    /// Between a till's last use and the clearing of its place another may come: it stays.
    #[test]
    fn a_till_that_goes_does_not_take_its_successor_along() {
        let tills = Arc::<Tills>::default();
        let at = limit("a", Meter::USD);
        let till = tills.at(&at);
        let gone = Till::new(at.clone(), Arc::downgrade(&tills));
        drop(gone);
        assert!(Arc::ptr_eq(&till, &tills.at(&at)));
    }

    #[test]
    fn the_register_is_found_by_many_threads_at_once() {
        let tills = Arc::<Tills>::default();
        let use_all = |tills: &Arc<Tills>| {
            for round in 0..1_000 {
                let till = tills.at(&limit(&format!("a{}", round % 3), Meter::USD));
                let other = tills.find(&till.at.account, &till.at.limit).unwrap();
                assert!(Arc::ptr_eq(&till, &other));
            }
        };
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| use_all(&tills));
            }
        });
        assert_eq!(tills.count(), 0);
    }

    /// A million of them are kept.
    #[test]
    fn a_place_takes_no_more_than_it_has_to() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
