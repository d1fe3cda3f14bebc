//! The invariants, checked over every row of a ledger.
//!
//! Tests and operators take a [`Snapshot`] and [`audit`] it: what the counters show must be what the
//! rows add up to.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Account, Amount, Charge, Counter, CounterKey, Hold, HoldState, Horizon, Refund};

/// Every row of a ledger, sorted by key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Accounts, by id.
    pub accounts: Vec<Account>,
    /// Counters, by key.
    pub counters: Vec<(CounterKey, Counter)>,
    /// Holds, by root and id.
    pub holds: Vec<Hold>,
    /// Charges, by root and id.
    pub charges: Vec<Charge>,
    /// Refunds, by root and id.
    pub refunds: Vec<Refund>,
    /// How far forgetting has come.
    pub horizon: Horizon,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {what}")]
pub struct Violation {
    invariant: &'static str,
    what: String,
}

impl Violation {
    fn new(invariant: &'static str, what: String) -> Self {
        Self { invariant, what }
    }

    /// The invariant's name, such as `I2`.
    #[must_use]
    pub fn invariant(&self) -> &'static str {
        self.invariant
    }
}

/// Checks what must hold at every moment: I2 (spend and holds add up), I3 (a hold that ended holds
/// nothing), I4 (a parent has its children's charges) and I5 (ids are unique).
///
/// # Errors
/// The first violation found.
pub fn audit(snapshot: &Snapshot) -> Result<(), Violation> {
    check_sums(snapshot)?;
    check_holds(snapshot)?;
    check_parents(snapshot)?;
    check_ids(snapshot)
}

/// What rows say a counter should show.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Sums {
    spent: i128,
    held: i128,
}

fn check_sums(snapshot: &Snapshot) -> Result<(), Violation> {
    let mut sums: BTreeMap<CounterKey, Sums> = BTreeMap::new();
    for leg in snapshot.charges.iter().flat_map(|charge| &charge.legs) {
        let sum = sums.entry(leg.counter()).or_default();
        sum.spent += wide(leg.amount) - wide(leg.refunded);
    }
    for leg in snapshot.holds.iter().flat_map(|hold| &hold.legs) {
        let sum = sums.entry(leg.counter()).or_default();
        sum.spent += wide(leg.captured);
        sum.held += wide(leg.amount);
    }
    for (key, counter) in &snapshot.counters {
        let sum = sums.remove(key).unwrap_or_default();
        let rows = Sums { spent: sum.spent + wide(counter.carried), ..sum };
        let shown = Sums { spent: wide(counter.spent), held: wide(counter.held) };
        if rows != shown {
            return Err(Violation::new(
                "I2",
                format!("{key:?} shows {shown:?}, rows say {rows:?}"),
            ));
        }
    }
    match sums.iter().find(|(key, sum)| !may_lack_counter(key, sum, snapshot.horizon)) {
        Some((key, sum)) => {
            Err(Violation::new("I2", format!("{key:?} has no counter, but rows say {sum:?}")))
        }
        None => Ok(()),
    }
}

/// A counter that retention took away may leave rows behind, but nothing that is still held.
fn may_lack_counter(key: &CounterKey, sum: &Sums, horizon: Horizon) -> bool {
    let was_due = || key.retained_until().is_some_and(|until| until <= horizon.pruned_at);
    sum.held == 0 && (sum.spent == 0 || was_due())
}

fn check_holds(snapshot: &Snapshot) -> Result<(), Violation> {
    for hold in &snapshot.holds {
        let held = hold.legs.iter().any(|leg| !leg.amount.is_zero());
        let captured = hold.legs.iter().any(|leg| !leg.captured.is_zero());
        let sound = match hold.state {
            HoldState::Open => hold.ended_at.is_none() && !captured,
            HoldState::Captured => hold.ended_at.is_some() && !held,
            HoldState::Settled { .. } | HoldState::Released | HoldState::Replaced { .. } => {
                hold.ended_at.is_some() && !held && !captured
            }
        };
        if !sound {
            return Err(Violation::new("I3", format!("{hold:?} is not in one state")));
        }
    }
    Ok(())
}

fn check_parents(snapshot: &Snapshot) -> Result<(), Violation> {
    for charge in &snapshot.charges {
        for leg in &charge.legs {
            if !charge.chain.contains(&leg.account) {
                let what =
                    format!("charge {} counts on {}, not in its chain", charge.id, leg.account);
                return Err(Violation::new("I4", what));
            }
        }
        for account in snapshot.accounts.iter().filter(|account| charge.chain.contains(&account.id))
        {
            check_counted(charge, account)?;
        }
    }
    Ok(())
}

/// A charge counts with its whole amount on each limit it has a leg on.
fn check_counted(charge: &Charge, account: &Account) -> Result<(), Violation> {
    let mut totals: BTreeMap<_, Amount> = BTreeMap::new();
    for leg in charge.legs.iter().filter(|leg| leg.account == account.id) {
        let total = totals.entry(&leg.limit).or_insert(Amount::ZERO);
        *total = total.saturating_add(leg.amount);
    }
    match totals.iter().find(|(limit, total)| charge.cost.amount(&limit.meter) != **total) {
        Some((limit, total)) => {
            let what = format!("charge {} counts {total:?} on {limit:?}", charge.id);
            Err(Violation::new("I4", what))
        }
        None => Ok(()),
    }
}

fn check_ids(snapshot: &Snapshot) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    match snapshot.charges.iter().find(|charge| !seen.insert((&charge.root, charge.id))) {
        Some(charge) => Err(Violation::new("I5", format!("charge {} stands twice", charge.id))),
        None => Ok(()),
    }
}

fn wide(amount: Amount) -> i128 {
    i128::from(amount.units())
}
