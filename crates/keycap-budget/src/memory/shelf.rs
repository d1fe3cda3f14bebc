//! Rows in maps.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use keycap_base::Timestamp;

use crate::{
    Account, AccountId, Charge, ChargeId, Counter, CounterKey, Hold, HoldId, Horizon, Presence,
    Refund, Shelf, Snapshot, Sweep,
};

/// Rows in maps: what the [`MemoryLedger`](crate::MemoryLedger) keeps behind its lock.
///
/// [`Books`](crate::Books) over it are a value: whoever looks for every state that some operations can
/// lead to clones, compares and hashes them whole. Rows are shared by clones until they change.
///
/// ```
/// use keycap_base::Timestamp;
/// use keycap_budget::{
///     AccountId, AccountSpec, Books, ChainSpec, MemoryShelf, Operation, Reapply, Retention,
/// };
///
/// let before = Books::new(MemoryShelf::default(), Retention::default());
/// let mut after = before.clone();
/// let chain = ChainSpec::of(AccountSpec::new(AccountId::new("user:alice")?));
/// let asserted_at = Timestamp::EPOCH;
/// let open = Operation::Open { chain, asserted_at, reapply: Reapply::Never };
/// assert!(matches!(after.apply(&open, Timestamp::EPOCH), Ok(Ok(_))));
/// assert_ne!(after, before);
/// assert_eq!(after.shelf().snapshot().accounts.len(), 1);
/// # Ok::<(), keycap_budget::BadId>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryShelf {
    accounts: BTreeMap<AccountId, Arc<Account>>,
    counters: BTreeMap<CounterKey, Counter>,
    holds: BTreeMap<(AccountId, HoldId), Arc<Hold>>,
    open: BTreeMap<Due, Arc<Hold>>,
    ended: BTreeMap<Due, Arc<Hold>>,
    charges: BTreeMap<(AccountId, ChargeId), Arc<Charge>>,
    refunds: BTreeMap<(AccountId, ChargeId), Arc<Refund>>,
    horizon: Horizon,
}

/// When a hold is looked at next, and which one: ids are unique under one root only.
type Due = (Timestamp, AccountId, HoldId);

fn due(hold: &Hold) -> Due {
    let at = hold.kept_from().unwrap_or(hold.expires_at);
    (at, hold.root.clone(), hold.id)
}

impl MemoryShelf {
    pub(super) fn find_hold(&self, account: &AccountId, id: HoldId) -> Option<Hold> {
        let root = self.accounts.get(account)?.root.clone();
        self.holds.get(&(root, id)).map(|hold| Hold::clone(hold))
    }

    pub(super) fn find_charge(&self, account: &AccountId, id: ChargeId) -> Option<Charge> {
        let root = self.accounts.get(account)?.root.clone();
        self.charges.get(&(root, id)).map(|charge| Charge::clone(charge))
    }

    pub(super) fn charges_of(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Vec<Charge> {
        let own = |charge: &&Arc<Charge>| {
            charge.account == *account && before.is_none_or(|before| charge.id < before)
        };
        let charges = self.charges.values().rev().filter(own).take(most);
        charges.map(|charge| Charge::clone(charge)).collect()
    }

    /// Every row, for an [`audit`](crate::audit).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            accounts: self.accounts.values().map(|account| Account::clone(account)).collect(),
            counters: self.counters.iter().map(|(key, counter)| (key.clone(), *counter)).collect(),
            holds: self.holds.values().map(|hold| Hold::clone(hold)).collect(),
            charges: self.charges.values().map(|charge| Charge::clone(charge)).collect(),
            refunds: self.refunds.values().map(|refund| Refund::clone(refund)).collect(),
            horizon: self.horizon,
        }
    }
}

/// The two queues say again what the holds say.
impl Hash for MemoryShelf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { accounts, counters, holds, open: _, ended: _, charges, refunds, horizon } = self;
        (accounts, counters, holds, charges, refunds, horizon).hash(state);
    }
}

impl MemoryShelf {
    fn forget_due(&mut self, hold: &Hold) {
        let queue = if hold.is_open() { &mut self.open } else { &mut self.ended };
        queue.remove(&due(hold));
    }
}

impl Shelf for MemoryShelf {
    type Error = Infallible;

    fn account(&mut self, id: &AccountId) -> Result<Option<Arc<Account>>, Infallible> {
        Ok(self.accounts.get(id).cloned())
    }

    fn put_account(&mut self, account: Arc<Account>) -> Result<(), Infallible> {
        self.accounts.insert(account.id.clone(), account);
        Ok(())
    }

    fn counter(&mut self, key: &CounterKey) -> Result<Counter, Infallible> {
        Ok(self.counters.get(key).copied().unwrap_or_default())
    }

    fn put_counter(&mut self, key: &CounterKey, counter: Counter) -> Result<(), Infallible> {
        match self.counters.get_mut(key) {
            Some(known) => *known = counter,
            None => drop(self.counters.insert(key.clone(), counter)),
        }
        Ok(())
    }

    fn drop_counter(&mut self, key: &CounterKey) -> Result<(), Infallible> {
        self.counters.remove(key);
        Ok(())
    }

    fn stale_counters(
        &mut self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<CounterKey>, Infallible> {
        let stale = self.counters.iter().filter(|(key, counter)| {
            counter.held.is_zero() && key.retained_until().is_some_and(|until| until <= now)
        });
        Ok(stale.map(|(key, _)| key.clone()).take(most).collect())
    }

    fn has_counter(&mut self, key: &CounterKey) -> Result<Presence, Infallible> {
        let there = self.counters.contains_key(key);
        Ok(if there { Presence::There } else { Presence::Absent })
    }

    fn hold(&mut self, root: &AccountId, id: HoldId) -> Result<Option<Arc<Hold>>, Infallible> {
        Ok(self.holds.get(&(root.clone(), id)).cloned())
    }

    fn put_hold(&mut self, hold: Arc<Hold>) -> Result<(), Infallible> {
        let key = (hold.root.clone(), hold.id);
        if let Some(before) = self.holds.insert(key, Arc::clone(&hold)) {
            self.forget_due(&before);
        }
        let queue = if hold.is_open() { &mut self.open } else { &mut self.ended };
        queue.insert(due(&hold), hold);
        Ok(())
    }

    fn drop_hold(&mut self, root: &AccountId, id: HoldId) -> Result<(), Infallible> {
        if let Some(hold) = self.holds.remove(&(root.clone(), id)) {
            self.forget_due(&hold);
        }
        Ok(())
    }

    fn open_holds(
        &mut self,
        sweep: &Sweep,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Hold>>, Infallible> {
        let due = |hold: &&Arc<Hold>| match sweep {
            Sweep::Expired => hold.expires_at <= now,
            Sweep::OwnersExcept(living) => !living.contains(&hold.owner),
        };
        Ok(self.open.values().filter(due).take(most).cloned().collect())
    }

    fn ended_holds(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Hold>>, Infallible> {
        let ended = self.ended.iter().take_while(|((kept_from, ..), _)| *kept_from < instant);
        Ok(ended.map(|(_, hold)| Arc::clone(hold)).take(most).collect())
    }

    fn charge(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Arc<Charge>>, Infallible> {
        Ok(self.charges.get(&(root.clone(), id)).cloned())
    }

    fn put_charge(&mut self, charge: Arc<Charge>) -> Result<(), Infallible> {
        self.charges.insert((charge.root.clone(), charge.id), charge);
        Ok(())
    }

    fn drop_charge(&mut self, root: &AccountId, id: ChargeId) -> Result<(), Infallible> {
        self.charges.remove(&(root.clone(), id));
        self.refunds.retain(|(under, _), refund| under != root || refund.charge != id);
        Ok(())
    }

    fn old_charges(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Charge>>, Infallible> {
        let old = |charge: &&Arc<Charge>| charge.kept_from() < instant;
        Ok(self.charges.values().filter(old).take(most).cloned().collect())
    }

    fn refund(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Arc<Refund>>, Infallible> {
        Ok(self.refunds.get(&(root.clone(), id)).cloned())
    }

    fn put_refund(&mut self, root: &AccountId, refund: Arc<Refund>) -> Result<(), Infallible> {
        self.refunds.insert((root.clone(), refund.id), refund);
        Ok(())
    }

    fn horizon(&mut self) -> Result<Horizon, Infallible> {
        Ok(self.horizon)
    }

    fn put_horizon(&mut self, horizon: Horizon) -> Result<(), Infallible> {
        self.horizon = horizon;
        Ok(())
    }
}
