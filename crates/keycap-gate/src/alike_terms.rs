//! The terms that many accounts are on, kept once for all of them.
//!
//! A template mostly says the same of all accounts of a kind, and a ledger may hand out terms of their
//! own for each reading. What must not change: what is shared is equal in every field, so whose terms
//! they were makes no difference.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashTable};
use keycap_budget::Terms;

/// Terms nobody is on any more are let go of when there are twice as many as at the last time, and so
/// many at least.
const LEAST_SWEPT: usize = 1_024;

/// Terms, as long as somebody is on them.
#[derive(Default)]
pub(crate) struct AlikeTerms {
    all: HashTable<Kept>,
    hasher: DefaultHashBuilder,
    sweep_at: usize,
}

struct Kept {
    hash: u64,
    terms: Weak<Terms>,
}

impl AlikeTerms {
    /// The same terms: those that others are on already, where there are any.
    pub(crate) fn shared(&mut self, terms: &Arc<Terms>) -> Arc<Terms> {
        let hash = self.hasher.hash_one(terms);
        let alike = self.all.iter_hash(hash).filter(|kept| kept.hash == hash);
        let known = alike.filter_map(|kept| kept.terms.upgrade()).find(|known| known == terms);
        known.unwrap_or_else(|| {
            self.sweep();
            let kept = Kept { hash, terms: Arc::downgrade(terms) };
            self.all.insert_unique(hash, kept, |kept| kept.hash);
            Arc::clone(terms)
        })
    }

    fn sweep(&mut self) {
        if self.all.len() >= self.sweep_at {
            self.all.retain(|kept| kept.terms.strong_count() > 0);
            self.sweep_at = (self.all.len() * 2).max(LEAST_SWEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use keycap_base::Labels;

    use super::*;

    fn terms(plan: usize) -> Arc<Terms> {
        let labels = Labels::of([("plan", plan.to_string())]).unwrap();
        Arc::new(Terms { labels, ..Terms::default() })
    }

    #[test]
    fn equal_terms_are_kept_once_and_others_are_not() {
        let mut alike = AlikeTerms::default();
        let one = alike.shared(&terms(1));
        assert!(Arc::ptr_eq(&one, &alike.shared(&terms(1))));
        let other = alike.shared(&terms(2));
        assert_ne!(one, other);
        assert!(Arc::ptr_eq(&other, &alike.shared(&terms(2))));
    }

    #[test]
    fn terms_that_nobody_is_on_are_let_go_of() {
        let mut alike = AlikeTerms::default();
        for plan in 0..LEAST_SWEPT * 4 {
            alike.shared(&terms(plan));
            assert!(alike.all.len() <= LEAST_SWEPT);
        }
    }

    #[test]
    fn terms_that_somebody_is_on_stay_however_many_they_are() {
        let mut alike = AlikeTerms::default();
        let used: Vec<_> = (0..LEAST_SWEPT * 4).map(|plan| alike.shared(&terms(plan))).collect();
        let again = (0..used.len()).map(|plan| alike.shared(&terms(plan)));
        assert!(again.zip(&used).all(|(again, known)| Arc::ptr_eq(&again, known)));
    }
}
