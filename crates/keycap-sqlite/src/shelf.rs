//! The shelf that the books work on: rows of the database, and what the transaction changed.
//!
//! Accounts and counters are read once and kept, because the one writer is here. Counters and holds
//! that changed are written when the transaction ends, each once, however often they changed. Charges
//! and refunds are written as they come: each is written once anyway.

use std::collections::HashMap;
use std::sync::Arc;

use keycap_base::Timestamp;
use keycap_budget::{
    Account, AccountId, Charge, ChargeId, Counter, CounterKey, Hold, HoldId, Horizon, Presence,
    Refund, Shelf, Snapshot, Sweep,
};

use crate::StoreError;
use crate::rows::Rows;

/// The most accounts, and the most counters, that are kept from one transaction to the next.
const MAX_KEPT: usize = 16_384;

/// Rows of the database, and those that changed.
#[derive(Debug)]
pub(crate) struct SqlShelf {
    rows: Rows,
    accounts: HashMap<AccountId, Arc<Account>>,
    counters: HashMap<CounterKey, Kept>,
    /// Counters that were put and not yet written.
    changed: Vec<CounterKey>,
    horizon: Option<Horizon>,
    /// Holds that were put and not yet written.
    holds: HashMap<(AccountId, HoldId), Arc<Hold>>,
}

/// A counter that was read or put.
#[derive(Clone, Copy, Debug)]
struct Kept {
    counter: Counter,
    presence: Presence,
    state: State,
}

/// Whether the database has it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Written,
    Changed,
}

impl SqlShelf {
    pub(crate) fn new(rows: Rows) -> Self {
        Self {
            rows,
            accounts: HashMap::new(),
            counters: HashMap::new(),
            changed: Vec::new(),
            horizon: None,
            holds: HashMap::new(),
        }
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }

    /// Writes what changed; every query sees it from then on.
    pub(crate) fn write_out(&mut self) -> Result<(), StoreError> {
        for key in self.changed.drain(..) {
            if let Some(kept) = self.counters.get_mut(&key) {
                self.rows.put_counter(&key, &kept.counter)?;
                kept.state = State::Written;
            }
        }
        for (_, hold) in self.holds.drain() {
            self.rows.put_hold(&hold)?;
        }
        Ok(())
    }

    /// Keeps memory within bounds, once everything is written.
    pub(crate) fn trim(&mut self) {
        if self.accounts.len() > MAX_KEPT {
            self.accounts.clear();
        }
        if self.counters.len() > MAX_KEPT {
            self.counters.clear();
        }
    }

    /// Forgets all that was read or changed: the database is to be asked again.
    pub(crate) fn forget(&mut self) {
        self.forget_rows();
        self.rows.names_mut().clear();
    }

    /// Forgets all that can change.
    pub(crate) fn forget_rows(&mut self) {
        self.accounts.clear();
        self.counters.clear();
        self.changed.clear();
        self.horizon = None;
        self.holds.clear();
    }

    /// Every row. What changed must have been written.
    pub(crate) fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            accounts: self.rows.accounts()?,
            counters: self.rows.counters()?,
            holds: self.rows.holds()?,
            charges: self.rows.charges()?,
            refunds: self.rows.refunds()?,
            horizon: self.rows.horizon()?,
        })
    }

    fn kept(&mut self, key: &CounterKey) -> Result<Kept, StoreError> {
        if let Some(kept) = self.counters.get(key) {
            return Ok(*kept);
        }
        let found = self.rows.counter(key)?;
        let presence = if found.is_some() { Presence::There } else { Presence::Absent };
        let kept = Kept { counter: found.unwrap_or_default(), presence, state: State::Written };
        self.counters.insert(key.clone(), kept);
        Ok(kept)
    }
}

impl Shelf for SqlShelf {
    type Error = StoreError;

    fn account(&mut self, id: &AccountId) -> Result<Option<Arc<Account>>, StoreError> {
        if let Some(account) = self.accounts.get(id) {
            return Ok(Some(Arc::clone(account)));
        }
        let found = self.rows.account(id)?.map(Arc::new);
        if let Some(account) = &found {
            self.accounts.insert(id.clone(), Arc::clone(account));
        }
        Ok(found)
    }

    fn put_account(&mut self, account: Arc<Account>) -> Result<(), StoreError> {
        self.rows.put_account(&account)?;
        self.accounts.insert(account.id.clone(), account);
        Ok(())
    }

    fn counter(&mut self, key: &CounterKey) -> Result<Counter, StoreError> {
        Ok(self.kept(key)?.counter)
    }

    fn put_counter(&mut self, key: CounterKey, counter: Counter) -> Result<(), StoreError> {
        let changed = Kept { counter, presence: Presence::There, state: State::Changed };
        let before = self.counters.insert(key.clone(), changed);
        if before.is_none_or(|before| before.state == State::Written) {
            self.changed.push(key);
        }
        Ok(())
    }

    fn drop_counter(&mut self, key: &CounterKey) -> Result<(), StoreError> {
        self.counters.remove(key);
        self.rows.drop_counter(key)
    }

    fn stale_counters(
        &mut self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<CounterKey>, StoreError> {
        self.write_out()?;
        self.rows.stale_counters(now, most)
    }

    fn has_counter(&mut self, key: &CounterKey) -> Result<Presence, StoreError> {
        Ok(self.kept(key)?.presence)
    }

    fn hold(&mut self, root: &AccountId, id: HoldId) -> Result<Option<Arc<Hold>>, StoreError> {
        if let Some(hold) = self.holds.get(&(root.clone(), id)) {
            return Ok(Some(Arc::clone(hold)));
        }
        Ok(self.rows.hold(root, id)?.map(Arc::new))
    }

    fn put_hold(&mut self, hold: Arc<Hold>) -> Result<(), StoreError> {
        self.holds.insert((hold.root.clone(), hold.id), hold);
        Ok(())
    }

    fn drop_hold(&mut self, root: &AccountId, id: HoldId) -> Result<(), StoreError> {
        self.holds.remove(&(root.clone(), id));
        self.rows.drop_hold(root, id)
    }

    fn open_holds(
        &mut self,
        sweep: &Sweep,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Hold>>, StoreError> {
        self.write_out()?;
        Ok(self.rows.open_holds(sweep, now, most)?.into_iter().map(Arc::new).collect())
    }

    fn ended_holds(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Hold>>, StoreError> {
        self.write_out()?;
        Ok(self.rows.ended_holds(instant, most)?.into_iter().map(Arc::new).collect())
    }

    fn charge(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Arc<Charge>>, StoreError> {
        Ok(self.rows.charge(root, id)?.map(Arc::new))
    }

    fn put_charge(&mut self, charge: Arc<Charge>) -> Result<(), StoreError> {
        self.rows.put_charge(&charge)
    }

    fn drop_charge(&mut self, root: &AccountId, id: ChargeId) -> Result<(), StoreError> {
        self.rows.drop_charge(root, id)
    }

    fn old_charges(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Charge>>, StoreError> {
        Ok(self.rows.old_charges(instant, most)?.into_iter().map(Arc::new).collect())
    }

    fn refund(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Arc<Refund>>, StoreError> {
        Ok(self.rows.refund(root, id)?.map(Arc::new))
    }

    fn put_refund(&mut self, root: &AccountId, refund: Arc<Refund>) -> Result<(), StoreError> {
        self.rows.put_refund(root, &refund)
    }

    fn horizon(&mut self) -> Result<Horizon, StoreError> {
        if let Some(horizon) = self.horizon {
            return Ok(horizon);
        }
        let horizon = self.rows.horizon()?;
        self.horizon = Some(horizon);
        Ok(horizon)
    }

    fn put_horizon(&mut self, horizon: Horizon) -> Result<(), StoreError> {
        self.horizon = Some(horizon);
        self.rows.put_horizon(horizon)
    }
}

#[cfg(test)]
mod tests {
    use keycap_budget::{LimitKey, Meter, Period};
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut shelf = SqlShelf::new(Rows::new(Connection::open_in_memory().unwrap()));
        let limit = LimitKey { meter: Meter::USD, period: Period::minute() };
        let mut keep = |account: usize| {
            let account = AccountId::new(account.to_string()).unwrap();
            let key = CounterKey { account, limit: limit.clone(), start: Timestamp::EPOCH };
            let (counter, presence) = (Counter::default(), Presence::There);
            shelf.counters.insert(key, Kept { counter, presence, state: State::Written });
            shelf.trim();
            shelf.counters.len()
        };
        assert_eq!((0..MAX_KEPT).map(&mut keep).last(), Some(MAX_KEPT));
        assert_eq!(keep(MAX_KEPT), 0);
    }
}
