//! What really happened, kept beside the ledger to hold it against.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use keycap_base::Timestamp;
use keycap_budget::{
    AccountId, Amount, ChargeId, Cost, CounterKey, HoldId, OwnerId, Snapshot, Violation,
};

use crate::node::Fact;

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The promise or invariant: `P1` to `P9`, `I1` to `I7`.
    pub what: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.found)
    }
}

impl std::error::Error for Broken {}

impl From<Violation> for Broken {
    fn from(violation: Violation) -> Self {
        Self { what: violation.invariant(), found: violation.to_string() }
    }
}

/// Says that something does not hold.
pub(crate) fn broken(what: &'static str, found: String) -> Result<(), Broken> {
    Err(Broken { what, found })
}

/// What a crashed node had drawn and not made durable, on one counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lost {
    pub(crate) drawn: i64,
    /// Charges on their way when it crashed, which may yet arrive.
    pub(crate) under_way: Vec<(ChargeId, i64)>,
}

/// What really happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Truth {
    /// The highest cap that was ever in force in a window.
    pub(crate) caps: BTreeMap<CounterKey, Amount>,
    /// Work that was done within what was set aside for it.
    pub(crate) work: BTreeMap<CounterKey, i64>,
    /// Work that was done above that.
    pub(crate) overrun: BTreeMap<CounterKey, i64>,
    /// Charges that nodes have sent or will send.
    pub(crate) queued: BTreeMap<ChargeId, (AccountId, Cost)>,
    /// Charges that nodes were told are on record.
    pub(crate) acknowledged: BTreeSet<ChargeId>,
    pub(crate) lost: BTreeMap<OwnerId, BTreeMap<CounterKey, Lost>>,
    /// How many requests were refused for want of money.
    pub(crate) refusals: u32,
    /// Charges that a crashed node had not sent, or that may have been lost on the way.
    pub(crate) may_be_lost: BTreeSet<ChargeId>,
    /// Whether limits came or went, or accounts moved: then a charge may count where nothing was set
    /// aside for it.
    pub(crate) was_amended: bool,
    /// Holds that may have been taken when nobody waited for them any more.
    pub(crate) late: BTreeSet<HoldId>,
    pub(crate) stray: Option<String>,
}

impl Truth {
    pub(crate) fn note(&mut self, fact: Fact) {
        match fact {
            Fact::Worked(counter, amount) => {
                *self.work.entry(counter).or_default() += amount.units();
            }
            Fact::Overran(counter, amount) => {
                *self.overrun.entry(counter).or_default() += amount.units();
            }
            Fact::Queued(id, account, cost) => {
                self.queued.insert(id, (account, cost));
            }
            Fact::Folded(id) => {
                self.queued.remove(&id);
            }
            Fact::Acknowledged(id) => {
                self.acknowledged.insert(id);
            }
            Fact::Stray(purse) => self.stray = Some(format!("{purse:?} is not open")),
            Fact::Decided(_, Some(_)) => self.refusals += 1,
            Fact::WorkedOn(..) | Fact::Decided(_, None) | Fact::WantsHold(_) | Fact::Short(..) => {}
        }
    }

    pub(crate) fn note_caps(&mut self, snapshot: &Snapshot, now: Timestamp) {
        for account in &snapshot.accounts {
            for limit in account.terms.limits.iter() {
                let start = limit.key().period.window(now).start;
                let key =
                    CounterKey { account: account.id.clone(), limit: limit.key().clone(), start };
                let highest = self.caps.entry(key).or_default();
                *highest = (*highest).max(limit.cap());
            }
        }
    }
}
