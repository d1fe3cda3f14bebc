//! Rows that wait for the end of their transaction, and rows that are kept over it: whatever is asked
//! in between sees them as they are.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

mod common;

use std::time::Duration;

use common::*;
use keycap_base::{Clock as _, Labels, SystemClock, Timestamp};
use keycap_budget::{
    AccountSpec, Amount, Batch, ChainSpec, ChargeId, Claim, Fit, HoldId, Ledger as _, LimitKey,
    MemoryLedger, Meter, NewCharge, NewHold, OnExpiry, Operation, Outcome, OwnerId, Period,
    Reapply, Rest, Retention, Snapshot, Sweep, audit,
};
use keycap_sqlite::SqliteStore;

/// One statement adds 32 rows, where there are as many.
#[tokio::test]
async fn i2_a_batch_of_any_size_is_on_record_whole() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let mut total = 0;
    for count in [1, 31, 32, 33, 64, 65, 1_024] {
        store.apply(batch_of(count)).await.unwrap();
        total += count;
        let snapshot = store.snapshot().await.unwrap();
        audit(&snapshot).unwrap();
        assert_eq!(snapshot.charges.len(), total, "after a batch of {count}");
    }
}

/// An id that is older than one on record may be on record or not; one that is newer is not.
#[tokio::test]
async fn p3_ids_count_once_in_whatever_order_they_come() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let now = SystemClock.now();
    let made = |ago: u64| new_charge_at(now.minus(Duration::from_secs(ago)), 1);
    let charges = [made(50), made(10), made(30), made(20), made(40)];
    let charge = |place: usize| Operation::Charge(charges.get(place).unwrap().clone());
    for batch in [vec![0], vec![1], vec![2, 3, 2], vec![1, 3, 0], vec![4, 4], vec![4]] {
        let batch = Batch::new(batch.into_iter().map(charge).collect()).unwrap();
        for answer in store.apply(batch).await.unwrap() {
            assert!(matches!(answer.unwrap(), Outcome::Recorded(_)));
        }
    }
    let snapshot = store.snapshot().await.unwrap();
    audit(&snapshot).unwrap();
    assert_eq!(snapshot.charges.len(), charges.len());
    // Another process knows nothing of what this one has seen.
    store.close().await;
    let store = place.open().await;
    store.apply(Batch::new((0..5).map(charge).collect()).unwrap()).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().charges, snapshot.charges);
}

/// An id is unique under one root only, so two charges of one id may wait at the same time.
#[tokio::test]
async fn i5_one_id_under_two_roots_is_two_charges() {
    let (place, now) = (Place::new(), SystemClock.now());
    let store = place.open().await;
    let id = ChargeId::generate(now);
    let open = |name: &str| {
        let chain = ChainSpec::of(AccountSpec::new(account(name)));
        Operation::Open { chain, asserted_at: Timestamp::EPOCH, reapply: Reapply::Never }
    };
    let charge = |name: &str| {
        let (account, cost, tags) = (account(name), usd(5), Labels::new());
        Operation::Charge(NewCharge { id, account, cost, tags })
    };
    let refund = |name: &str| {
        let (account, cost) = (account(name), usd(2));
        Operation::Refund { id: ChargeId::generate(now), account, charge: id, cost }
    };
    let (one, two) = ("one", "two");
    let batch = vec![open(one), open(two), charge(one), charge(two), charge(one), refund(two)];
    store.apply(Batch::new(batch).unwrap()).await.unwrap();
    store.apply(Batch::new(vec![refund(one), charge(two), refund(one)]).unwrap()).await.unwrap();
    for (name, refunded) in [(one, 4), (two, 2)] {
        let charge = store.charge(&account(name), id).await.unwrap().unwrap();
        assert_eq!(
            (charge.cost, charge.refunded, charge.fit),
            (usd(5), usd(refunded), Fit::Within)
        );
    }
}

/// Leases are kept in memory while they are open. What a batch does with them is the same in one
/// transaction and in several, and what the file says in the end.
#[tokio::test]
async fn i6_a_lease_is_on_file_as_its_settles_left_it() {
    let (place, clock) = (Place::new(), noon());
    let store = place.open_with(SqliteStore::options().clock(clock.clone())).await;
    let memory = MemoryLedger::with_clock(clock.clone(), Retention::default());
    let now = clock.now();
    let lease = |life: u64| NewHold {
        id: HoldId::generate(now),
        account: leaf(),
        claim: Claim::Limit(
            LimitKey { meter: Meter::USD, period: Period::day() },
            Amount::from_units(1_000),
        ),
        owner: OwnerId::generate(now),
        life: Duration::from_secs(life),
        on_expiry: OnExpiry::Capture,
        exposure: None,
    };
    let (short, long) = (lease(60), lease(900));
    let settle = || Operation::Settle {
        charge: new_charge_at(now, 30),
        holds: vec![short.id, long.id],
        rest: Rest::Keep,
    };
    let shrink =
        |hold, keep| Operation::Shrink { account: leaf(), hold, keep: Amount::from_units(keep) };
    let steps = [
        vec![opening(), Operation::Hold(short.clone()), settle(), settle()],
        vec![Operation::Hold(long.clone()), settle(), shrink(short.id, 40), settle(), settle()],
        vec![settle(), shrink(long.id, 500)],
        vec![Operation::Sweep(Sweep::Expired), settle()],
        vec![Operation::Release { account: leaf(), hold: long.id }, settle()],
    ];
    for (step, batch) in steps.into_iter().enumerate() {
        if step == 3 {
            clock.advance(Duration::from_secs(60));
        }
        let batch = Batch::new(batch).unwrap();
        let answers = store.apply(batch.clone()).await.unwrap();
        assert_eq!(answers, memory.apply(batch).await.unwrap(), "step {step}");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let on_file: Snapshot = store.snapshot().await.unwrap();
        assert_eq!(on_file, memory.snapshot().await.unwrap(), "step {step}");
    }
}
