//! A map with a bound that drops what was not looked at lately.
//!
//! The CLOCK algorithm: a hand goes round the places; who was looked at since it last passed is
//! spared once, who was not makes room. Reading needs no exclusive access.

use std::hash::{BuildHasher, Hash};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};

/// How many places are looked at in one go.
pub(crate) const MOST_AT_ONCE: usize = 512;

/// A value that knows what it is found by, so that the map need not keep it a second time.
pub(crate) trait Keyed {
    type Key: Copy + Eq + Hash;

    fn key(&self) -> &Self::Key;
}

impl<K: Copy + Eq + Hash, T> Keyed for (K, T) {
    type Key = K;

    fn key(&self) -> &K {
        &self.0
    }
}

/// At most `capacity` values, and never more than a `u32` counts.
pub(crate) struct BoundedMap<V> {
    capacity: usize,
    hasher: DefaultHashBuilder,
    places: HashTable<u32>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<u32>,
    hand: u32,
}

struct Slot<V> {
    value: V,
    looked_at: AtomicBool,
}

impl<V: Keyed> BoundedMap<V> {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        Self {
            capacity: capacity.get().min(most),
            hasher: DefaultHashBuilder::default(),
            places: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The value, which is spared the next time room is made.
    pub(crate) fn look_up(&self, key: &V::Key) -> Option<&V> {
        let slot = slot(&self.slots, self.place(key)?)?;
        // Written only when it changes, so that readers of a hot value share its cache line.
        if !slot.looked_at.load(Ordering::Relaxed) {
            slot.looked_at.store(true, Ordering::Relaxed);
        }
        Some(&slot.value)
    }

    /// The value, for changing anything but its key; spared like [`look_up`](Self::look_up).
    pub(crate) fn look_up_mut(&mut self, key: &V::Key) -> Option<&mut V> {
        let place = self.place(key)?;
        let slot = self.slots.get_mut(index(place))?.as_mut()?;
        *slot.looked_at.get_mut() = true;
        Some(&mut slot.value)
    }

    /// Puts `value` in, and returns what had to leave for it: what the key had before or, when the map
    /// is full, another key's value.
    pub(crate) fn insert(&mut self, value: V) -> Option<V> {
        if let Some(place) = self.place(value.key()) {
            return self.put(place, value);
        }
        let (place, left) = self.vacate();
        let hash = self.hasher.hash_one(value.key());
        self.put(place, value);
        let Self { places, slots, hasher, .. } = self;
        places.insert_unique(hash, place, |place| hash_at(hasher, slots, *place));
        left
    }

    /// A place with nothing in it, and what was there.
    fn vacate(&mut self) -> (u32, Option<V>) {
        if let Some(place) = self.free.pop() {
            return (place, None);
        }
        if let Some(place) = u32::try_from(self.slots.len()).ok().filter(|_| !self.is_full()) {
            self.slots.push(None);
            return (place, None);
        }
        let place = self.place_to_clear();
        let left = slot(&self.slots, place).map(|slot| *slot.value.key());
        let left = left.and_then(|key| self.take(&key)).map(|(_, value)| value);
        (place, left)
    }

    fn is_full(&self) -> bool {
        self.slots.len() >= self.capacity
    }

    /// Puts `value` at `place`, and returns what was there.
    fn put(&mut self, place: u32, value: V) -> Option<V> {
        let new = Slot { value, looked_at: AtomicBool::new(false) };
        Some(self.slots.get_mut(index(place))?.replace(new)?.value)
    }

    /// The next place whose value was not looked at since the hand last passed. Comes to an end
    /// within two rounds, because the hand takes the mark away.
    fn place_to_clear(&mut self) -> u32 {
        loop {
            let place = self.hand;
            let next = place.wrapping_add(1);
            self.hand = if index(next) < self.slots.len() { next } else { 0 };
            let slot = self.slots.get_mut(index(place)).and_then(Option::as_mut);
            let spared = slot.is_some_and(|slot| std::mem::take(slot.looked_at.get_mut()));
            if !spared {
                return place;
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &V::Key) -> Option<V> {
        let (place, value) = self.take(key)?;
        self.free.push(place);
        Some(value)
    }

    /// Takes a value out of its place, which is then nobody's.
    fn take(&mut self, key: &V::Key) -> Option<(u32, V)> {
        let hash = self.hasher.hash_one(key);
        let Self { places, slots, .. } = self;
        let found = places.find_entry(hash, |place| is_at(slots, *place, key)).ok()?;
        let (place, _) = found.remove();
        Some((place, self.slots.get_mut(index(place))?.take()?.value))
    }

    /// The keys that `which` picks of the [`MOST_AT_ONCE`] places from this one on; `None` where there
    /// are no more. A value keeps its place until it is removed or replaced.
    pub(crate) fn pick(&self, from: usize, which: impl Fn(&V) -> bool) -> Option<Vec<V::Key>> {
        let places = self.slots.get(from..).filter(|places| !places.is_empty())?;
        let values = places.iter().take(MOST_AT_ONCE).flatten().map(|slot| &slot.value);
        Some(values.filter(|value| which(value)).map(|value| *value.key()).collect())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.iter().flatten().map(|slot| &slot.value)
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.slots.clear();
        self.free.clear();
        self.hand = 0;
    }

    fn place(&self, key: &V::Key) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.places.find(hash, |place| is_at(&self.slots, *place, key)).copied()
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn slot<V>(slots: &[Option<Slot<V>>], place: u32) -> Option<&Slot<V>> {
    slots.get(index(place))?.as_ref()
}

fn is_at<V: Keyed>(slots: &[Option<Slot<V>>], place: u32, key: &V::Key) -> bool {
    slot(slots, place).is_some_and(|slot| slot.value.key() == key)
}

/// The hash of what is at a place that is taken; of one that is not, nothing will be looked for.
fn hash_at<V: Keyed>(hasher: &DefaultHashBuilder, slots: &[Option<Slot<V>>], place: u32) -> u64 {
    slot(slots, place).map_or(0, |slot| hasher.hash_one(slot.value.key()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn map(capacity: usize) -> BoundedMap<(u32, u32)> {
        BoundedMap::new(NonZeroUsize::new(capacity).unwrap())
    }

    #[test]
    fn it_holds_its_bound_and_drops_one_for_the_next() {
        let mut map = map(3);
        assert!((0..3).all(|key| map.insert((key, key)).is_none()));
        assert_eq!(map.len(), 3);
        assert_eq!(map.insert((3, 3)), Some((0, 0)));
        assert_eq!((map.len(), map.look_up(&0), map.look_up(&3)), (3, None, Some(&(3, 3))));
    }

    #[test]
    fn what_was_looked_at_is_spared_once() {
        let mut map = map(3);
        assert!((0..3).all(|key| map.insert((key, key)).is_none()));
        map.look_up(&0);
        assert_eq!(map.insert((3, 3)), Some((1, 1)));
        assert_eq!(map.insert((4, 4)), Some((2, 2)));
        assert_eq!(map.insert((5, 5)), Some((0, 0)), "spared once, not for ever");
    }

    #[test]
    fn when_all_were_looked_at_one_still_leaves() {
        let mut map = map(2);
        assert!((0..2).all(|key| map.insert((key, key)).is_none()));
        (0..2).for_each(|key| assert!(map.look_up(&key).is_some()));
        assert_eq!((map.insert((2, 2)), map.len()), (Some((0, 0)), 2));
    }

    #[test]
    fn all_values_are_picked_from_so_many_places_at_a_time() {
        let mut map = map(2 * MOST_AT_ONCE);
        let count = u32::try_from(MOST_AT_ONCE).unwrap() + 1;
        assert!((0..count).all(|key| map.insert((key, key)).is_none()));
        assert_eq!(map.pick(0, |_| true).unwrap().len(), MOST_AT_ONCE);
        assert_eq!(map.pick(MOST_AT_ONCE, |_| true), Some(vec![count - 1]));
        assert_eq!(map.pick(MOST_AT_ONCE, |_| false), Some(vec![]));
        assert_eq!(map.pick(MOST_AT_ONCE + 1, |_| true), None);
    }

    #[test]
    fn a_map_that_was_cleared_holds_its_bound_again() {
        let mut map = map(2);
        for _ in 0..2 {
            assert!((0..2).all(|key| map.insert((key, key)).is_none()));
            assert!(map.insert((2, 2)).is_some());
            assert_eq!((map.values().count(), map.len()), (2, 2));
            map.clear();
            assert_eq!((map.values().count(), map.len(), map.look_up(&2)), (0, 0, None));
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
        fn it_never_lies_and_never_exceeds_its_bound(
            capacity in 1_usize..5,
            steps in prop::collection::vec((0_u8..4, 0_u32..8, any::<u32>()), 0..64),
        ) {
            let mut map = map(capacity);
            let mut last_put = HashMap::new();
            for (what, key, value) in steps {
                match what {
                    0 | 1 => { map.insert((key, value)); last_put.insert(key, value); }
                    2 => { map.remove(&key); last_put.remove(&key); }
                    _ => {
                        let odd = map.pick(0, |(_, value)| value % 2 == 1).unwrap_or_default();
                        let odd: Vec<_> = odd.iter().filter_map(|key| map.remove(key)).collect();
                        prop_assert!(odd.iter().all(|(_, value)| value % 2 == 1));
                        last_put.retain(|_, value| *value % 2 == 0);
                    }
                }
                prop_assert!(map.len() <= capacity);
                let found: Vec<_> =
                    (0..8).filter_map(|key| map.look_up(&key)).copied().collect();
                prop_assert_eq!(found.len(), map.len());
                prop_assert!(found.iter().all(|(key, value)| last_put.get(key) == Some(value)));
                if what < 2 {
                    prop_assert_eq!(map.look_up(&key), Some(&(key, value)));
                }
            }
        }
    }
}
