//! The shelf that the books work on: rows of the database, and what the transaction changed.
//!
//! Accounts, counters and open leases are read once and kept, because the one writer is here. Counters
//! and holds that changed are written when the transaction ends, each once, however often they
//! changed. So are new charges, all together. Refunds, which are few, are written as they come.

use std::sync::Arc;

use hashbrown::HashMap;
use keycap_base::Timestamp;
use keycap_budget::{
    Account, AccountId, Charge, ChargeId, Claim, Counter, CounterKey, Hold, HoldId, Horizon,
    Presence, Refund, Shelf, Snapshot, Sweep,
};

use crate::StoreError;
use crate::newest::Newest;
use crate::rows::Rows;

/// The most accounts, counters and open leases, of each kind, that are kept from one transaction to the next.
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
    /// Holds that were put and not yet written, and open leases.
    holds: HashMap<(AccountId, HoldId), KeptHold>,
    /// The former.
    changed_holds: Vec<(AccountId, HoldId)>,
    newest_hold: Newest<HoldId>,
    /// New charges that were put and not yet written.
    charges: HashMap<ChargeId, Arc<Charge>>,
    newest_charge: Newest<ChargeId>,
    /// The charge that was looked for last and is not there.
    absent: Option<(AccountId, ChargeId)>,
}

/// A counter that was read or put.
#[derive(Clone, Copy, Debug)]
struct Kept {
    counter: Counter,
    presence: Presence,
    state: State,
}

/// A hold that was put, or an open lease that was read.
#[derive(Debug)]
struct KeptHold {
    hold: Arc<Hold>,
    /// What the database has, where that is known.
    written: Option<Arc<Hold>>,
}

impl KeptHold {
    fn is_changed(&self) -> bool {
        self.written.as_ref().is_none_or(|written| !Arc::ptr_eq(written, &self.hold))
    }
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
            changed_holds: Vec::new(),
            newest_hold: Newest::default(),
            charges: HashMap::new(),
            newest_charge: Newest::default(),
            absent: None,
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
        for key in self.changed_holds.drain(..) {
            let Some(mut kept) = self.holds.remove(&key) else { continue };
            self.rows.put_hold(&kept.hold, kept.written.as_deref())?;
            self.newest_hold.note(&kept.hold.root, kept.hold.id);
            if is_worth_keeping(&kept.hold) {
                kept.written = Some(Arc::clone(&kept.hold));
                self.holds.insert(key, kept);
            }
        }
        self.write_out_charges()
    }

    /// Writes new charges in the order of their ids, as the database has them.
    fn write_out_charges(&mut self) -> Result<(), StoreError> {
        let mut charges: Vec<_> = self.charges.drain().map(|(_, charge)| charge).collect();
        charges.sort_unstable_by(|one, other| (&one.root, one.id).cmp(&(&other.root, other.id)));
        self.rows.add_charges(&charges)?;
        for charge in &charges {
            self.newest_charge.note(&charge.root, charge.id);
        }
        self.absent = None;
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
        if self.holds.len() > MAX_KEPT {
            self.holds.clear();
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
        self.changed_holds.clear();
        self.newest_hold.clear();
        self.charges.clear();
        self.newest_charge.clear();
        self.absent = None;
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

    fn put_counter(&mut self, key: &CounterKey, counter: Counter) -> Result<(), StoreError> {
        let put = Kept { counter, presence: Presence::There, state: State::Changed };
        let before = match self.counters.get_mut(key) {
            Some(kept) => Some(std::mem::replace(kept, put)),
            None => self.counters.insert(key.clone(), put),
        };
        if before.is_none_or(|before| before.state == State::Written) {
            self.changed.push(key.clone());
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
        let key = (root.clone(), id);
        if let Some(kept) = self.holds.get(&key) {
            return Ok(Some(Arc::clone(&kept.hold)));
        }
        let Self { rows, newest_hold, .. } = self;
        if newest_hold.is_before(root, id, || rows.newest_hold(root))? {
            return Ok(None);
        }
        let found = rows.hold(root, id)?.map(Arc::new);
        if let Some(hold) = found.as_ref().filter(|hold| is_worth_keeping(hold)) {
            let (hold, written) = (Arc::clone(hold), Some(Arc::clone(hold)));
            self.holds.insert(key, KeptHold { hold, written });
        }
        Ok(found)
    }

    fn put_hold(&mut self, hold: Arc<Hold>) -> Result<(), StoreError> {
        let key = (hold.root.clone(), hold.id);
        match self.holds.get_mut(&key) {
            Some(kept) if kept.is_changed() => kept.hold = hold,
            Some(kept) => {
                kept.hold = hold;
                self.changed_holds.push(key);
            }
            None => {
                self.holds.insert(key.clone(), KeptHold { hold, written: None });
                self.changed_holds.push(key);
            }
        }
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
        if let Some(charge) = self.charges.get(&id).filter(|charge| charge.root == *root) {
            return Ok(Some(Arc::clone(charge)));
        }
        let Self { rows, newest_charge, .. } = self;
        let found = match newest_charge.is_before(root, id, || rows.newest_charge(root))? {
            true => None,
            false => rows.charge(root, id)?.map(Arc::new),
        };
        if found.is_none() {
            self.absent = Some((root.clone(), id));
        }
        Ok(found)
    }

    fn put_charge(&mut self, charge: Arc<Charge>) -> Result<(), StoreError> {
        let is_new = self.absent.as_ref() == Some(&(charge.root.clone(), charge.id));
        let waiting = self.charges.get(&charge.id).map(|other| other.root == charge.root);
        match (waiting, is_new) {
            (Some(true), _) | (None, true) => {}
            // An id is unique under one root only, and stands once among those that wait.
            (Some(false), true) => self.write_out_charges()?,
            (_, false) => return self.rows.put_charge(&charge),
        }
        self.charges.insert(charge.id, charge);
        Ok(())
    }

    fn drop_charge(&mut self, root: &AccountId, id: ChargeId) -> Result<(), StoreError> {
        self.write_out_charges()?;
        self.rows.drop_charge(root, id)
    }

    fn old_charges(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Charge>>, StoreError> {
        self.write_out()?;
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

/// Whether a hold will be asked for again and again: an open lease.
fn is_worth_keeping(hold: &Hold) -> bool {
    hold.is_open() && matches!(hold.claim, Claim::Limit(..))
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
