//! The entries that one key has in the table.
//!
//! Nearly always one, kept in place. Where a provider gives many tokens the id of one key, they are
//! many, and none of them may be slow to find.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::entry::Entry;
use crate::Digest;

/// Never none. All have the same id.
pub(super) struct Namesakes<E>(Kept<E>);

#[expect(clippy::box_collection, reason = "so that one entry takes no more than it has to")]
enum Kept<E> {
    One(Arc<Entry<E>>),
    Many(Box<HashMap<Digest, Arc<Entry<E>>>>),
}

impl<E> Namesakes<E> {
    pub(super) fn one(entry: Arc<Entry<E>>) -> Self {
        Self(Kept::One(entry))
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        match &self.0 {
            Kept::One(one) => one.key_id(),
            Kept::Many(many) => many.values().next()?.key_id(),
        }
    }

    /// Adds an entry, in place of the one with its digest.
    pub(super) fn add(&mut self, entry: Arc<Entry<E>>) {
        match &mut self.0 {
            Kept::One(one) if one.digest() == entry.digest() => *one = entry,
            Kept::One(one) => {
                let both = [Arc::clone(one), entry].map(|entry| (*entry.digest(), entry));
                self.0 = Kept::Many(Box::new(HashMap::from(both)));
            }
            Kept::Many(many) => drop(many.insert(*entry.digest(), entry)),
        }
    }

    /// Removes the entry with this digest. Breaks off where none would be left, and nothing has changed
    /// then.
    pub(super) fn remove(&mut self, digest: &Digest) -> ControlFlow<()> {
        match &mut self.0 {
            Kept::One(one) if one.digest() == digest => return ControlFlow::Break(()),
            Kept::One(_) => {}
            Kept::Many(many) => {
                many.remove(digest);
                if let (1, Some(last)) = (many.len(), many.values().next()) {
                    self.0 = Kept::One(Arc::clone(last));
                }
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn into_vec(self) -> Vec<Arc<Entry<E>>> {
        match self.0 {
            Kept::One(one) => vec![one],
            Kept::Many(many) => many.into_values().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keycap_base::Timestamp;

    use super::super::entry::Term;
    use super::super::generations::Generations;
    use super::*;

    fn entry(text: &str, payload: u32) -> Arc<Entry<u32>> {
        let noted = Generations::<u32>::new().note();
        let (asked_at, ttl) = (Timestamp::EPOCH, Duration::from_secs(1));
        let term = Term { asked_at, noted, ttl, grace: Duration::ZERO };
        let digest = Digest::of(text.as_bytes());
        Arc::new(Entry::new(digest, payload, Some("key".into()), term, None))
    }

    fn of(entries: &[(&str, u32)]) -> Namesakes<u32> {
        let mut all = entries.iter().map(|(text, payload)| entry(text, *payload));
        let mut kept = Namesakes::one(all.next().unwrap());
        all.for_each(|entry| kept.add(entry));
        kept
    }

    fn payloads(kept: Namesakes<u32>) -> Vec<u32> {
        let mut payloads: Vec<_> = kept.into_vec().iter().map(|entry| *entry.payload()).collect();
        payloads.sort_unstable();
        payloads
    }

    #[test]
    fn of_each_digest_the_last_entry_is_kept() {
        assert_eq!(payloads(of(&[("a", 1)])), [1]);
        assert_eq!(payloads(of(&[("a", 1), ("a", 2)])), [2]);
        assert_eq!(payloads(of(&[("a", 1), ("b", 2), ("b", 3), ("a", 4), ("c", 5)])), [3, 4, 5]);
        assert_eq!(of(&[("a", 1), ("b", 2)]).key_id(), Some("key"));
    }

    #[test]
    fn entries_leave_one_by_one_and_the_last_stays() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        for (gone, left) in [
            (vec![], vec![1, 2, 3]),
            (vec!["b"], vec![1, 3]),
            (vec!["b", "b"], vec![1, 3]),
            (vec!["b", "a"], vec![3]),
        ] {
            let mut kept = of(&[("a", 1), ("b", 2), ("c", 3)]);
            assert!(gone.iter().all(|text| kept.remove(&digest(text)).is_continue()));
            assert_eq!(matches!(kept.0, Kept::One(_)), left.len() == 1, "one is kept in place");
            assert_eq!(payloads(kept), left);
        }
        let mut last = of(&[("c", 3)]);
        assert!(last.remove(&digest("a")).is_continue(), "it is not there");
        assert!(last.remove(&digest("c")).is_break(), "none would be left");
        assert_eq!(payloads(last), [3]);
    }

    /// A million of them are kept.
    #[test]
    fn one_entry_takes_no_more_than_it_has_to() {
        assert_eq!(size_of::<Namesakes<u32>>(), 16);
    }
}
