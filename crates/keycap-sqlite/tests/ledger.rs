//! What the store promises as a ledger, beyond what the conformance suite asks of every ledger.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails says so by a panic"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use keycap_base::Clock as _;
use keycap_budget::{
    AccountId, AccountListener, Amendment, Amount, HoldId, HoldState, Ledger, MAX_SWEEP, NewHold,
    OnExpiry, Operation, Outcome, OwnerId, Rest, apply_one, audit,
};
use keycap_sqlite::SqliteStore;
use tokio::task::JoinSet;

#[tokio::test]
async fn p2_what_was_acknowledged_is_there_after_a_clean_close() {
    let place = Place::new();
    let store = place.open().await;
    let charge = some_of_everything(&store).await;
    let before = store.snapshot().await.unwrap();
    store.close().await;
    assert!(!place.file("-wal").exists(), "the log was copied into the database");
    let store = place.open().await;
    let after = store.snapshot().await.unwrap();
    assert_eq!((&after.accounts, &after.charges), (&before.accounts, &before.charges));
    assert_eq!(after, before, "all of it");
    assert!(store.charge(&leaf(), charge).await.unwrap().is_some());
}

#[tokio::test]
async fn p2_what_was_acknowledged_is_there_after_the_last_clone_was_dropped() {
    let place = Place::new();
    let store = place.open().await;
    some_of_everything(&store).await;
    let before = store.snapshot().await.unwrap();
    let clone = store.clone();
    drop(store);
    record(&clone, new_charge(7)).await;
    drop(clone);
    let after = place.open().await.snapshot().await.unwrap();
    assert_eq!(after.charges.len(), before.charges.len() + 1);
    audit(&after).unwrap();
}

/// A gate keeps the rows it has read, one for each key.
#[tokio::test]
async fn terms_that_are_what_the_template_said_are_read_as_one() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let read = async || Arc::clone(store.chain(&leaf()).await.unwrap().unwrap().leaf());
    let account = read().await;
    assert!(Arc::ptr_eq(&account.terms, &account.applied.terms));
    let amendment = Amendment::new().status(keycap_budget::Status::Suspended);
    let amended = Operation::Amend { account: leaf(), version: account.version, amendment };
    apply_one(&store, amended).await.unwrap().unwrap();
    let account = read().await;
    assert_ne!(account.terms, account.applied.terms);
}

/// Accounts, amended; a charge with a refund; holds that ended in every way. Nothing stays open.
async fn some_of_everything(store: &SqliteStore) -> keycap_budget::ChargeId {
    open_chain(store).await;
    let now = keycap_base::SystemClock.now();
    let owner = OwnerId::generate(now);
    let holds: Vec<NewHold> = (1..5).map(|cents| new_hold_at(now, owner, cents)).collect();
    let released = Operation::Release { account: leaf(), hold: holds[0].id };
    let settled =
        Operation::Settle { charge: new_charge(1), holds: vec![holds[1].id], rest: Rest::Release };
    let charge = new_charge(1_000_000);
    let id = charge.id;
    let refund = Operation::Refund {
        id: keycap_budget::ChargeId::generate(now),
        account: leaf(),
        charge: id,
        cost: usd(400_000),
    };
    let amendment = Operation::Amend {
        account: leaf(),
        version: 1,
        amendment: Amendment::new().expires_at(Some(now)),
    };
    let operations = holds.into_iter().map(Operation::Hold).chain([
        released,
        settled,
        Operation::Charge(charge),
        refund,
        amendment,
        Operation::Sweep(keycap_budget::Sweep::OwnersExcept(Vec::new())),
    ]);
    let batch = keycap_budget::Batch::new(operations.collect()).unwrap();
    for answer in store.apply(batch).await.unwrap() {
        let outcome = answer.unwrap();
        assert!(!matches!(outcome, Outcome::Refused(_) | Outcome::Conflict(_)), "{outcome:?}");
    }
    audit(&store.snapshot().await.unwrap()).unwrap();
    id
}

#[tokio::test]
async fn p1_a_dead_predecessors_holds_end_by_their_policy_before_the_first_request() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let now = keycap_base::SystemClock.now();
    let owner = OwnerId::generate(now);
    let captured = new_hold_at(now, owner, 3);
    let released = NewHold { on_expiry: OnExpiry::Release, ..new_hold_at(now, owner, 5) };
    for hold in [&captured, &released] {
        let outcome = apply_one(&store, Operation::Hold(hold.clone())).await.unwrap().unwrap();
        assert!(matches!(outcome, Outcome::Held(_)), "{outcome:?}");
    }
    drop(store);
    let store = place.open().await;
    assert_eq!(state(&store, captured.id).await, HoldState::Captured);
    assert_eq!(state(&store, released.id).await, HoldState::Released);
    for standing in store.standings(&leaf()).await.unwrap() {
        assert_eq!((standing.spent, standing.held), (Amount::from_units(3), Amount::ZERO));
    }
    let late =
        Operation::Settle { charge: new_charge(2), holds: vec![captured.id], rest: Rest::Release };
    apply_one(&store, late).await.unwrap().unwrap();
    assert!(matches!(state(&store, captured.id).await, HoldState::Replaced { .. }));
    assert_eq!(spent(&store).await, 2, "the settle replaced the capture");
    audit(&store.snapshot().await.unwrap()).unwrap();
}

#[tokio::test]
async fn p1_more_holds_than_one_sweep_ends_all_end_at_open() {
    for count in [MAX_SWEEP, MAX_SWEEP + 1] {
        let place = Place::new();
        let store = place.open().await;
        open_chain(&store).await;
        let now = keycap_base::SystemClock.now();
        let owner = OwnerId::generate(now);
        let holds: Vec<_> =
            (0..count).map(|_| Operation::Hold(new_hold_at(now, owner, 1))).collect();
        for part in holds.chunks(keycap_budget::MAX_BATCH) {
            store.apply(keycap_budget::Batch::new(part.to_vec()).unwrap()).await.unwrap();
        }
        drop(store);
        let store = place.open().await;
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.holds.len(), count);
        assert!(snapshot.holds.iter().all(|hold| hold.state == HoldState::Captured));
        assert_eq!(spent(&store).await, i64::try_from(count).unwrap());
        audit(&snapshot).unwrap();
    }
}

async fn state(store: &SqliteStore, id: HoldId) -> HoldState {
    store.hold(&leaf(), id).await.unwrap().unwrap().state
}

/// What was spent on the root.
async fn spent(store: &SqliteStore) -> i64 {
    store.standings(&leaf()).await.unwrap().last().unwrap().spent.units()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_many_callers_at_once_all_count_once() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        callers.spawn(async move {
            let charge = new_charge(1);
            for _ in 0..3 {
                record(&store, charge.clone()).await;
            }
        });
    }
    callers.join_all().await;
    assert_eq!(spent(&store).await, 200);
    audit(&store.snapshot().await.unwrap()).unwrap();
}

#[tokio::test]
async fn charges_are_listed_newest_first_in_pages() {
    let place = Place::new();
    let clock = noon();
    let store = place.open_with(SqliteStore::options().clock(clock.clone())).await;
    open_chain(&store).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        clock.advance(std::time::Duration::from_millis(1));
        let charge = new_charge_at(clock.now(), 1);
        ids.insert(0, charge.id);
        record(&store, charge).await;
    }
    let page = async |before, most| {
        let charges = store.charges(&leaf(), before, most).await.unwrap();
        charges.into_iter().map(|charge| charge.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    assert_eq!(page(Some(ids[3]), 2).await, ids[4..]);
    assert_eq!(page(Some(ids[4]), 2).await, []);
    assert_eq!(page(None, 0).await, []);
    assert!(store.charges(&account("org:acme"), None, 9).await.unwrap().is_empty(), "own ones");
    assert!(store.charges(&account("nobody"), None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_page_of_charges_is_bounded() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    for count in [keycap_budget::MAX_PAGE, 1] {
        store.apply(batch_of(count)).await.unwrap();
    }
    let page = store.charges(&leaf(), None, keycap_budget::MAX_PAGE + 1).await.unwrap();
    assert_eq!(page.len(), keycap_budget::MAX_PAGE);
}

#[tokio::test]
async fn what_is_unknown_reads_as_nothing() {
    let place = Place::new();
    let store = place.open().await;
    let charge = new_charge(1).id;
    let hold = HoldId::generate(keycap_base::SystemClock.now());
    assert!(store.chain(&leaf()).await.unwrap().is_none());
    assert!(store.standings(&leaf()).await.unwrap().is_empty());
    assert!(store.charge(&leaf(), charge).await.unwrap().is_none());
    assert!(store.hold(&leaf(), hold).await.unwrap().is_none());
    open_chain(&store).await;
    assert_eq!(store.chain(&leaf()).await.unwrap().unwrap().len(), 3);
    assert_eq!(store.standings(&leaf()).await.unwrap().len(), 3);
    assert!(store.charge(&leaf(), charge).await.unwrap().is_none());
    assert!(store.hold(&leaf(), hold).await.unwrap().is_none());
}

#[tokio::test]
async fn p6_a_closed_store_answers_with_an_error() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let clone = store.clone();
    store.close().await;
    store.close().await;
    assert!(clone.apply(batch_of(1)).await.is_err());
    let error = clone.standings(&leaf()).await.unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the store is closed");
    let again = place.open().await;
    record(&again, new_charge(1)).await;
}

/// Counts what it hears; panics if told to.
struct Ear {
    heard: AtomicUsize,
    panics: bool,
}

impl AccountListener for Ear {
    fn account_changed(&self, account: &AccountId) {
        assert_eq!(*account, leaf());
        self.heard.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a listener that panics");
    }
}

#[tokio::test]
async fn p7_an_amendment_is_heard_before_it_is_answered() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let ear = Arc::new(Ear { heard: AtomicUsize::new(0), panics: false });
    let listener: Arc<dyn AccountListener> = ear.clone();
    store.watch(Arc::downgrade(&listener));
    amend(&store, 1).await.unwrap();
    assert_eq!(ear.heard.load(Ordering::SeqCst), 1);
    record(&store, new_charge(1)).await;
    assert_eq!(ear.heard.load(Ordering::SeqCst), 1, "a charge changes no account");
}

#[tokio::test]
async fn p6_a_listener_that_panics_stops_nobody() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let ear: Arc<dyn AccountListener> = Arc::new(Ear { heard: AtomicUsize::new(0), panics: true });
    store.watch(Arc::downgrade(&ear));
    let error = amend(&store, 1).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("it is done, but a listener panicked"), "{source}");
    assert_eq!(store.chain(&leaf()).await.unwrap().unwrap().leaf().version, 2);
    record(&store, new_charge(1)).await;
}

async fn amend(store: &SqliteStore, version: u64) -> Result<(), keycap_budget::LedgerError> {
    let amendment = Amendment::new().expires_at(None);
    let amend = Operation::Amend { account: leaf(), version, amendment };
    apply_one(store, amend).await.map(|answer| {
        assert!(matches!(answer.unwrap(), Outcome::Amended(_)));
    })
}
