//! The newest id under each root. Ids begin with their date, so nearly every id that is new to the
//! database is newer than all that it has, and need not be looked for.

use hashbrown::HashMap;
use keycap_budget::AccountId;

use crate::StoreError;

/// The most roots whose newest id is known.
const MAX_ROOTS: usize = 16_384;

/// For each root the newest id, or a newer one: rows that are deleted do not lower it.
#[derive(Debug)]
pub(crate) struct Newest<I> {
    ids: HashMap<AccountId, Option<I>>,
}

impl<I> Default for Newest<I> {
    fn default() -> Self {
        Self { ids: HashMap::new() }
    }
}

impl<I: Copy + Ord> Newest<I> {
    /// Whether `id` is newer than every id that the database has under `root`. Asks it once for each
    /// root.
    pub(crate) fn is_before(
        &mut self,
        root: &AccountId,
        id: I,
        ask: impl FnOnce() -> Result<Option<I>, StoreError>,
    ) -> Result<bool, StoreError> {
        if let Some(newest) = self.ids.get(root) {
            return Ok(*newest < Some(id));
        }
        let newest = ask()?;
        if self.ids.len() >= MAX_ROOTS {
            self.ids.clear();
        }
        self.ids.insert(root.clone(), newest);
        Ok(newest < Some(id))
    }

    /// Notes an id that was written.
    pub(crate) fn note(&mut self, root: &AccountId, id: I) {
        if let Some(newest) = self.ids.get_mut(root) {
            *newest = (*newest).max(Some(id));
        }
    }

    /// Forgets all: somebody else wrote.
    pub(crate) fn clear(&mut self) {
        self.ids.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(number: usize) -> AccountId {
        AccountId::new(number.to_string()).unwrap()
    }

    #[test]
    fn only_what_is_newer_than_all_is_known_to_be_absent() {
        let mut newest = Newest::default();
        let never = || -> Result<Option<u32>, StoreError> { unreachable!("it was asked before") };
        assert!(newest.is_before(&root(1), 1, || Ok(None)).unwrap());
        newest.note(&root(1), 5);
        newest.note(&root(1), 3);
        for (id, is_absent) in [(4, false), (5, false), (6, true)] {
            assert_eq!(newest.is_before(&root(1), id, never).unwrap(), is_absent, "{id}");
        }
        assert!(!newest.is_before(&root(2), 6, || Ok(Some(7))).unwrap());
        // What is noted of a root that is not known says nothing of what else it has.
        newest.note(&root(3), 1);
        assert!(!newest.is_before(&root(3), 2, || Ok(Some(9))).unwrap());
    }

    #[test]
    fn memory_for_roots_is_bounded() {
        let mut newest = Newest::default();
        for number in 0..MAX_ROOTS {
            newest.is_before(&root(number), 1, || Ok(None)).unwrap();
        }
        assert_eq!(newest.ids.len(), MAX_ROOTS);
        newest.is_before(&root(MAX_ROOTS), 1, || Ok(None)).unwrap();
        assert_eq!(newest.ids.len(), 1);
    }
}
