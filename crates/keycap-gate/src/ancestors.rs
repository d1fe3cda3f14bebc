//! The rows of accounts that many keys hang under, kept once for all of them.
//!
//! A ledger may hand out a row of its own for each reading. What must not change: what is shared is
//! equal in every field, so whose row it was makes no difference. The account a key spends from is not
//! looked for: mostly it is the key's alone. Where nobody else keeps its row, it shares what it says
//! with other rows.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use keycap_budget::{Account, AccountId, Chain};
use parking_lot::Mutex;

use crate::alike_terms::AlikeTerms;

/// Rows nobody uses any more are let go of when there are twice as many as at the last time, and so many
/// at least.
const LEAST_SWEPT: usize = 1_024;

/// Ancestors' rows, as long as somebody uses them.
#[derive(Default)]
pub(crate) struct Ancestors(Mutex<Rows>);

#[derive(Default)]
struct Rows {
    rows: HashMap<AccountId, Weak<Account>>,
    terms: AlikeTerms,
    sweep_at: usize,
}

impl Ancestors {
    /// The same chain, with rows that others use already where they are equal.
    #[expect(clippy::expect_used, reason = "a chain has as many accounts as before")]
    pub(crate) fn shared(&self, chain: Chain) -> Chain {
        let mut rows = self.0.lock();
        let mut accounts = chain.into_accounts();
        accounts.shrink_to_fit();
        if let [leaf, ancestors @ ..] = &mut *accounts {
            ancestors.iter_mut().for_each(|account| *account = rows.shared(account));
            if let Some(own) = Arc::get_mut(leaf) {
                rows.trim(own, ancestors);
            }
        }
        drop(rows);
        Chain::new(accounts).expect("it had as many accounts before")
    }
}

impl Rows {
    /// Lets a row say what it says with names and terms that others keep.
    fn trim(&mut self, row: &mut Account, ancestors: &[Arc<Account>]) {
        let own = row.id.clone();
        let parents = [row.parent.as_mut(), row.applied.parent.as_mut()];
        for name in std::iter::once(&mut row.root).chain(parents.into_iter().flatten()) {
            let mut known = std::iter::once(&own).chain(ancestors.iter().map(|above| &above.id));
            if let Some(same) = known.find(|known| *known == name) {
                *name = same.clone();
            }
        }
        row.terms = self.terms.shared(&row.terms);
        row.applied.terms = self.terms.shared(&row.applied.terms);
    }

    fn shared(&mut self, account: &Arc<Account>) -> Arc<Account> {
        if let Some(known) = self.rows.get(&account.id).and_then(Weak::upgrade)
            && known == *account
        {
            return known;
        }
        self.rows.insert(account.id.clone(), Arc::downgrade(account));
        if self.rows.len() >= self.sweep_at {
            self.rows.retain(|_, row| row.strong_count() > 0);
            self.sweep_at = (self.rows.len() * 2).max(LEAST_SWEPT);
        }
        Arc::clone(account)
    }
}

#[cfg(test)]
mod tests {
    use keycap_base::Timestamp;
    use keycap_budget::{Applied, Terms};

    use super::*;

    fn account(name: &str, version: u64) -> Arc<Account> {
        let (id, terms) = (AccountId::new(name).unwrap(), Arc::new(Terms::default()));
        let asserted_at = Timestamp::EPOCH;
        let applied = Applied { terms: terms.clone(), parent: None, asserted_at };
        let root = AccountId::new("org").unwrap();
        let opened_at = Timestamp::EPOCH;
        Account { id, root, parent: None, height: 0, version, opened_at, applied, terms }.into()
    }

    fn chain(leaf: &str, version: u64) -> Chain {
        Chain::new(vec![account(leaf, 1), account("org", version)]).unwrap()
    }

    fn org(chain: &Chain) -> &Arc<Account> {
        chain.iter().last().unwrap()
    }

    #[test]
    fn equal_ancestors_are_one_row_and_changed_ones_are_not() {
        let ancestors = Ancestors::default();
        let (one, other) = (ancestors.shared(chain("a", 1)), ancestors.shared(chain("b", 1)));
        assert!(Arc::ptr_eq(org(&one), org(&other)));
        assert!(!Arc::ptr_eq(one.leaf(), other.leaf()));
        let amended = ancestors.shared(chain("c", 2));
        assert_eq!((org(&one).version, org(&amended).version), (1, 2));
    }

    /// A row that was read for one key alone.
    #[test]
    fn a_leaf_shares_what_it_says_unless_somebody_else_keeps_its_row() {
        let ancestors = Ancestors::default();
        let hung = |name: &str| {
            let mut row = account(name, 1);
            let own = Arc::get_mut(&mut row).unwrap();
            own.parent = AccountId::new("org").ok();
            own.applied.parent = own.parent.clone();
            Chain::new(vec![row, account("org", 1)]).unwrap()
        };
        let (one, other) = (ancestors.shared(hung("a")), ancestors.shared(hung("b")));
        let (a, b) = (one.leaf(), other.leaf());
        assert!(Arc::ptr_eq(&a.terms, &b.terms));
        assert!(Arc::ptr_eq(&a.terms, &a.applied.terms));
        let root = org(&one).id.as_str().as_ptr();
        let names = [Some(&a.root), a.parent.as_ref(), a.applied.parent.as_ref()];
        assert!(names.iter().flatten().all(|name| name.as_str().as_ptr() == root));
        assert_eq!(names.iter().flatten().count(), 3);
        assert_eq!((&one, &other), (&hung("a"), &hung("b")), "it says the same");

        let kept = hung("c");
        let shared = ancestors.shared(kept.clone());
        assert!(Arc::ptr_eq(shared.leaf(), kept.leaf()), "no second row beside the ledger's");
    }

    #[test]
    fn rows_that_nobody_uses_are_let_go_of() {
        let ancestors = Ancestors::default();
        for number in 0..LEAST_SWEPT * 4 {
            let parent = account(&format!("org_{number}"), 1);
            ancestors.shared(Chain::new(vec![account("a", 1), parent]).unwrap());
            assert!(ancestors.0.lock().rows.len() <= LEAST_SWEPT);
        }
    }
}
