//! What the tests share: a place for a database, and a chain of three accounts with a limit each.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::PathBuf;
use std::time::Duration;

use keycap_base::{Clock, Labels, ManualClock, SystemClock, Timestamp};
use keycap_budget::{
    AccountId, AccountSpec, Amount, Batch, ChainSpec, ChargeId, Claim, Cost, HoldId, Ledger, Limit,
    Meter, NewCharge, NewHold, OnExpiry, Operation, Outcome, OwnerId, Period, Reapply, apply_one,
};
use keycap_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

/// A directory that goes when the test ends.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.path().join("keycap.db")
    }

    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("keycap.db{suffix}"))
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.database()).await.unwrap()
    }

    pub(crate) async fn open_with(&self, options: Options) -> SqliteStore {
        options.open(self.database()).await.unwrap()
    }
}

/// Some moment long after 1970.
pub(crate) fn noon() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(1_700_000_000_000))
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

pub(crate) fn leaf() -> AccountId {
    account("user:alice")
}

/// A leaf, a team and an organisation, each with one limit of a million dollars a day.
pub(crate) fn chain() -> ChainSpec {
    let cap = Amount::new(1_000_000_000_000_000).unwrap();
    let spec = |name| {
        let limit = Limit::new(Meter::USD, cap, Period::day()).unwrap();
        AccountSpec::new(account(name)).limit(limit).unwrap()
    };
    ChainSpec::of(spec("user:alice"))
        .under(spec("team:search"))
        .unwrap()
        .under(spec("org:acme"))
        .unwrap()
}

pub(crate) fn opening() -> Operation {
    Operation::Open { chain: chain(), asserted_at: Timestamp::EPOCH, reapply: Reapply::Never }
}

pub(crate) async fn open_chain(ledger: &dyn Ledger) {
    apply_one(ledger, opening()).await.unwrap().unwrap();
}

pub(crate) fn usd(nanos: i64) -> Cost {
    Cost::of(Meter::USD, Amount::new(nanos).unwrap()).unwrap()
}

pub(crate) fn new_charge(nanos: i64) -> NewCharge {
    new_charge_at(SystemClock.now(), nanos)
}

pub(crate) fn new_charge_at(now: Timestamp, nanos: i64) -> NewCharge {
    let id = ChargeId::generate(now);
    NewCharge { id, account: leaf(), cost: usd(nanos), tags: Labels::new() }
}

pub(crate) fn new_hold_at(now: Timestamp, owner: OwnerId, nanos: i64) -> NewHold {
    NewHold {
        id: HoldId::generate(now),
        account: leaf(),
        claim: Claim::Chain(usd(nanos)),
        owner,
        life: Duration::from_secs(900),
        on_expiry: OnExpiry::Capture,
        exposure: None,
    }
}

pub(crate) async fn record(ledger: &dyn Ledger, charge: NewCharge) -> Outcome {
    apply_one(ledger, Operation::Charge(charge)).await.unwrap().unwrap()
}

/// A batch of so many charges.
pub(crate) fn batch_of(count: usize) -> Batch {
    Batch::new((0..count).map(|_| Operation::Charge(new_charge(1_000))).collect()).unwrap()
}
