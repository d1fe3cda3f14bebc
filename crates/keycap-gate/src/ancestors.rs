//! The rows of accounts that many keys hang under, kept once for all of them.
//!
//! A ledger may hand out a row of its own for each reading. What must not change: what is shared is
//! equal in every field, so whose row it was makes no difference. The account a key spends from is not
//! looked for: mostly it is the key's alone.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use keycap_budget::{Account, AccountId, Chain};
use parking_lot::Mutex;

/// Rows nobody uses any more are let go of when there are twice as many as at the last time, and so many
/// at least.
const LEAST_SWEPT: usize = 1_024;

/// Ancestors' rows, as long as somebody uses them.
#[derive(Default)]
pub(crate) struct Ancestors(Mutex<Rows>);

#[derive(Default)]
struct Rows {
    rows: HashMap<AccountId, Weak<Account>>,
    sweep_at: usize,
}

impl Ancestors {
    /// The same chain, with rows that others use already where they are equal.
    pub(crate) fn shared(&self, chain: Chain) -> Chain {
        let mut rows = self.0.lock();
        let ancestors = chain.iter().skip(1).map(|account| rows.shared(account));
        let accounts = std::iter::once(Arc::clone(chain.leaf())).chain(ancestors).collect();
        Chain::new(accounts).unwrap_or(chain)
    }
}

impl Rows {
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
