//! A process that is killed in the middle of its work: what it acknowledged is there, its holds end.
//!
//! The test runs its own binary once more, as the process to kill. Unix only: there a kill is one
//! that cannot be caught.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use keycap_base::{Clock as _, SystemClock};
use keycap_budget::{
    Amount, HoldState, Ledger as _, NewHold, Operation, OwnerId, Rest, Snapshot, apply_one, audit,
};
use keycap_sqlite::{OpenError, SqliteStore};

/// Names the database to the process that will be killed.
const DATABASE: &str = "KEYCAP_TEST_CRASH_DATABASE";
/// How many charges are acknowledged before the kill.
const ACKNOWLEDGED: usize = 200;
/// How many callers charge at the same time.
const CALLERS: usize = 8;
/// What each hold sets aside, in nanodollars.
const HELD: u32 = 1_000;

#[tokio::test]
async fn p2_a_killed_process_loses_nothing_it_acknowledged() {
    let place = Place::new();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(DATABASE, place.database())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let mut note =
        |line: String| acknowledged.extend(line.strip_prefix("charged ").map(str::to_owned));
    lines
        .by_ref()
        .filter(|line| line.starts_with("charged "))
        .take(ACKNOWLEDGED)
        .for_each(&mut note);

    let refused = SqliteStore::options().lock_wait(Duration::ZERO).open(place.database()).await;
    let Err(OpenError::InUse { holder, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(holder, Some(child.id()), "a second living process is told who writes");

    child.kill().unwrap();
    lines.for_each(&mut note);
    child.wait().unwrap();
    assert!(acknowledged.len() >= ACKNOWLEDGED);

    let store = place.open().await;
    let snapshot = store.snapshot().await.unwrap();
    audit(&snapshot).unwrap();
    let found: BTreeSet<String> =
        snapshot.charges.iter().map(|charge| charge.id.to_string()).collect();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert_eq!(expected_spend(&snapshot), store.standings(&leaf()).await.unwrap().remove(0).spent);
    check_holds(&snapshot);
}

/// What the charges and the captures come to.
fn expected_spend(snapshot: &Snapshot) -> Amount {
    let captured = snapshot.holds.iter().filter(|hold| hold.state == HoldState::Captured).count();
    let units = snapshot.charges.len() + captured * usize::try_from(HELD).unwrap();
    Amount::new(i64::try_from(units).unwrap()).unwrap()
}

/// No hold is open, and those that the process left open were captured.
fn check_holds(snapshot: &Snapshot) {
    assert!(snapshot.holds.iter().all(|hold| !hold.is_open()));
    let captured = snapshot.holds.iter().filter(|hold| hold.state == HoldState::Captured);
    assert!(captured.count() >= 1, "one is never settled");
}

/// Charges until it is killed. Without the variable it is not that process, and does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(path) = env::var_os(DATABASE).map(PathBuf::from) else { return };
    let store = SqliteStore::open(path).await.unwrap();
    open_chain(&store).await;
    let owner = OwnerId::generate(SystemClock.now());
    hold(&store, owner).await;
    let callers = (0..CALLERS).map(|_| tokio::spawn(charge_on(store.clone(), owner)));
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// Holds and settles, again and again, and says which charges were acknowledged.
async fn charge_on(store: SqliteStore, owner: OwnerId) {
    loop {
        let held = hold(&store, owner).await;
        let charge = new_charge(1);
        let id = charge.id;
        let settle = Operation::Settle { charge, holds: vec![held.id], rest: Rest::Release };
        apply_one(&store, settle).await.unwrap().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "charged {id}").unwrap();
        out.flush().unwrap();
    }
}

async fn hold(store: &SqliteStore, owner: OwnerId) -> NewHold {
    let hold = new_hold_at(SystemClock.now(), owner, i64::from(HELD));
    apply_one(store, Operation::Hold(hold.clone())).await.unwrap().unwrap();
    hold
}
