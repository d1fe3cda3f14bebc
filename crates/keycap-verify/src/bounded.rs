//! A map with a bound that drops what was not looked at lately.
//!
//! The CLOCK algorithm: a hand goes round the places; who was looked at since it last passed is
//! spared once, who was not makes room. Reading needs no exclusive access.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

/// At most `capacity` values.
pub(crate) struct BoundedMap<K, V> {
    capacity: NonZeroUsize,
    places: HashMap<K, usize>,
    slots: Vec<Option<Slot<K, V>>>,
    free: Vec<usize>,
    hand: usize,
}

struct Slot<K, V> {
    key: K,
    value: V,
    looked_at: AtomicBool,
}

impl<K: Copy + Eq + Hash, V> BoundedMap<K, V> {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity, places: HashMap::new(), slots: Vec::new(), free: Vec::new(), hand: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The value, which is spared the next time room is made.
    pub(crate) fn look_up(&self, key: &K) -> Option<&V> {
        let slot = self.slots.get(*self.places.get(key)?)?.as_ref()?;
        // Written only when it changes, so that readers of a hot value share its cache line.
        if !slot.looked_at.load(Ordering::Relaxed) {
            slot.looked_at.store(true, Ordering::Relaxed);
        }
        Some(&slot.value)
    }

    /// The value, for changing it; spared like [`look_up`](Self::look_up).
    pub(crate) fn look_up_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.slots.get_mut(*self.places.get(key)?)?.as_mut()?;
        *slot.looked_at.get_mut() = true;
        Some(&mut slot.value)
    }

    /// Puts `value` in, and returns what had to leave for it: the key's old value or, when the map
    /// is full, another key with its value.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        let new = Slot { key, value, looked_at: AtomicBool::new(false) };
        if let Some(place) = self.places.get(&key).copied() {
            return self.put(place, new);
        }
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.slots.len() < self.capacity.get() => {
                self.slots.push(None);
                self.slots.len() - 1
            }
            None => self.place_to_clear(),
        };
        self.places.insert(key, place);
        self.put(place, new)
    }

    /// Puts `new` at `place`, and returns what was there.
    fn put(&mut self, place: usize, new: Slot<K, V>) -> Option<(K, V)> {
        let key = new.key;
        let old = self.slots.get_mut(place)?.replace(new)?;
        if old.key != key {
            self.places.remove(&old.key);
        }
        Some((old.key, old.value))
    }

    /// The next place whose value was not looked at since the hand last passed. Comes to an end
    /// within two rounds, because the hand takes the mark away.
    fn place_to_clear(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % self.slots.len().max(1);
            let slot = self.slots.get_mut(place).and_then(Option::as_mut);
            let spared = slot.is_some_and(|slot| std::mem::take(slot.looked_at.get_mut()));
            if !spared {
                return place;
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.places.remove(key)?;
        self.free.push(place);
        Some(self.slots.get_mut(place)?.take()?.value)
    }

    /// Removes and returns all whose value `which` picks.
    pub(crate) fn extract(&mut self, which: impl Fn(&V) -> bool) -> Vec<(K, V)> {
        let picked = |slot: &Slot<K, V>| which(&slot.value).then_some(slot.key);
        let keys: Vec<_> = self.slots.iter().flatten().filter_map(picked).collect();
        keys.into_iter().filter_map(|key| Some((key, self.remove(&key)?))).collect()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn map(capacity: usize) -> BoundedMap<u32, u32> {
        BoundedMap::new(NonZeroUsize::new(capacity).unwrap())
    }

    #[test]
    fn it_holds_its_bound_and_drops_one_for_the_next() {
        let mut map = map(3);
        assert!((0..3).all(|key| map.insert(key, key).is_none()));
        assert_eq!(map.len(), 3);
        assert_eq!(map.insert(3, 3), Some((0, 0)));
        assert_eq!((map.len(), map.look_up(&0), map.look_up(&3)), (3, None, Some(&3)));
    }

    #[test]
    fn what_was_looked_at_is_spared_once() {
        let mut map = map(3);
        assert!((0..3).all(|key| map.insert(key, key).is_none()));
        map.look_up(&0);
        assert_eq!(map.insert(3, 3), Some((1, 1)));
        assert_eq!(map.insert(4, 4), Some((2, 2)));
        assert_eq!(map.insert(5, 5), Some((0, 0)), "spared once, not for ever");
    }

    #[test]
    fn when_all_were_looked_at_one_still_leaves() {
        let mut map = map(2);
        assert!((0..2).all(|key| map.insert(key, key).is_none()));
        (0..2).for_each(|key| assert!(map.look_up(&key).is_some()));
        assert_eq!((map.insert(2, 2), map.len()), (Some((0, 0)), 2));
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
                    0 | 1 => { map.insert(key, value); last_put.insert(key, value); }
                    2 => { map.remove(&key); last_put.remove(&key); }
                    _ => {
                        let odd = map.extract(|value| value % 2 == 1);
                        prop_assert!(odd.iter().all(|(_, value)| value % 2 == 1));
                        last_put.retain(|_, value| *value % 2 == 0);
                    }
                }
                prop_assert!(map.len() <= capacity);
                let found: Vec<_> = (0..8).filter_map(|key| Some((key, *map.look_up(&key)?))).collect();
                prop_assert_eq!(found.len(), map.len());
                prop_assert!(found.iter().all(|(key, value)| last_put.get(key) == Some(value)));
                if what < 2 {
                    prop_assert_eq!(map.look_up(&key), Some(&value));
                }
            }
        }
    }
}
