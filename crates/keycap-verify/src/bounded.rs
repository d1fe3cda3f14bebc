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

/// A value that knows what it is found by.
pub(crate) trait Keyed {
    type Key: Copy + Eq + Hash;
    /// What is kept a second time, to go through all values in order. Small.
    type Handle;

    fn key(&self) -> &Self::Key;

    fn handle(&self) -> Self::Handle;

    fn key_of(handle: &Self::Handle) -> &Self::Key;
}

impl<K: Copy + Eq + Hash, T> Keyed for (K, T) {
    type Key = K;
    type Handle = K;

    fn key(&self) -> &K {
        &self.0
    }

    fn handle(&self) -> K {
        self.0
    }

    fn key_of(handle: &K) -> &K {
        handle
    }
}

/// At most `capacity` values, and never more than a `u32` counts.
pub(crate) struct BoundedMap<V: Keyed> {
    capacity: usize,
    hasher: DefaultHashBuilder,
    seats: HashTable<Seat<V>>,
    places: Vec<Option<V::Handle>>,
    free: Vec<u32>,
    hand: u32,
}

/// Where a value is found. Leads to nothing that would have to be read besides the value.
struct Seat<V> {
    value: V,
    place: u32,
    looked_at: AtomicBool,
}

impl<V: Keyed> BoundedMap<V> {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        Self {
            capacity: capacity.get().min(most),
            hasher: DefaultHashBuilder::default(),
            seats: HashTable::new(),
            places: Vec::new(),
            free: Vec::new(),
            hand: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// The value, which is spared the next time room is made.
    #[inline]
    pub(crate) fn look_up(&self, key: &V::Key) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        let seat = self.seats.find(hash, |seat| seat.value.key() == key)?;
        // Written only when it changes, so that readers of a hot value share its cache line.
        if !seat.looked_at.load(Ordering::Relaxed) {
            seat.looked_at.store(true, Ordering::Relaxed);
        }
        Some(&seat.value)
    }

    /// The value, for changing anything but its key; spared like [`look_up`](Self::look_up).
    pub(crate) fn look_up_mut(&mut self, key: &V::Key) -> Option<&mut V> {
        let seat = self.seat_mut(key)?;
        *seat.looked_at.get_mut() = true;
        Some(&mut seat.value)
    }

    /// Puts `value` in, and returns what had to leave for it: what the key had before or, when the map
    /// is full, another key's value.
    pub(crate) fn insert(&mut self, value: V) -> Option<V> {
        let handle = value.handle();
        if let Some(seat) = self.seat_mut(value.key()) {
            *seat.looked_at.get_mut() = false;
            let (place, old) = (seat.place, std::mem::replace(&mut seat.value, value));
            self.note(place, Some(handle));
            return Some(old);
        }
        let (place, left) = self.vacate();
        self.note(place, Some(handle));
        let hash = self.hasher.hash_one(value.key());
        let seat = Seat { value, place, looked_at: AtomicBool::new(false) };
        let Self { seats, hasher, .. } = self;
        seats.insert_unique(hash, seat, |seat| hasher.hash_one(seat.value.key()));
        left
    }

    /// A place with nothing in it, and what was there.
    fn vacate(&mut self) -> (u32, Option<V>) {
        if let Some(place) = self.free.pop() {
            return (place, None);
        }
        if let Some(place) = u32::try_from(self.places.len()).ok().filter(|_| !self.is_full()) {
            self.places.push(None);
            return (place, None);
        }
        let (place, key) = self.next_to_leave();
        (place, key.and_then(|key| self.take(&key)).map(|seat| seat.value))
    }

    fn is_full(&self) -> bool {
        self.places.len() >= self.capacity
    }

    /// The next place whose value was not looked at since the hand last passed, and its key. Comes to
    /// an end within two rounds, because the hand takes the mark away.
    fn next_to_leave(&mut self) -> (u32, Option<V::Key>) {
        loop {
            let place = self.hand;
            let next = place.wrapping_add(1);
            self.hand = if index(next) < self.places.len() { next } else { 0 };
            let handle = self.places.get(index(place)).and_then(Option::as_ref);
            let key = handle.map(|handle| *V::key_of(handle));
            let seat = key.and_then(|key| self.seat_mut(&key));
            if !seat.is_some_and(|seat| std::mem::take(seat.looked_at.get_mut())) {
                return (place, key);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &V::Key) -> Option<V> {
        let seat = self.take(key)?;
        self.note(seat.place, None);
        self.free.push(seat.place);
        Some(seat.value)
    }

    /// The keys whose handles `which` picks of the [`MOST_AT_ONCE`] places from this one on; `None`
    /// where there are no more. A value keeps its place until it is removed or replaced.
    pub(crate) fn pick(
        &self,
        from: usize,
        which: impl Fn(&V::Handle) -> bool,
    ) -> Option<Vec<V::Key>> {
        let places = self.places.get(from..).filter(|places| !places.is_empty())?;
        let handles = places.iter().take(MOST_AT_ONCE).flatten();
        Some(handles.filter(|handle| which(handle)).map(|handle| *V::key_of(handle)).collect())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.seats.iter().map(|seat| &seat.value)
    }

    pub(crate) fn clear(&mut self) {
        self.seats.clear();
        self.places.clear();
        self.free.clear();
        self.hand = 0;
    }

    fn seat_mut(&mut self, key: &V::Key) -> Option<&mut Seat<V>> {
        let hash = self.hasher.hash_one(key);
        self.seats.find_mut(hash, |seat| seat.value.key() == key)
    }

    fn take(&mut self, key: &V::Key) -> Option<Seat<V>> {
        let hash = self.hasher.hash_one(key);
        let found = self.seats.find_entry(hash, |seat| seat.value.key() == key).ok()?;
        Some(found.remove().0)
    }

    /// Notes what is at a place.
    fn note(&mut self, place: u32, handle: Option<V::Handle>) {
        if let Some(at) = self.places.get_mut(index(place)) {
            *at = handle;
        }
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
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
                        let odd = map.pick(0, |key| last_put.get(key).is_some_and(|value| value % 2 == 1));
                        let odd: Vec<_> = odd.iter().flatten().filter_map(|key| map.remove(key)).collect();
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
