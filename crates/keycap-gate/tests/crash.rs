//! A process that is killed with leases out: the next finds the budget usable at its first request.
//!
//! The test runs its own binary once more, as the process to kill. Unix only: there a kill is one that
//! cannot be caught.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod sent;

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use keycap_budget::{AccountId, Amount, Cost, Hold, HoldState, Ledger as _, Snapshot, audit};
use keycap_gate::{Course, Decision, Gate, Guard};
use keycap_sqlite::SqliteStore;
use keycap_verify::{StaticKey, StaticKeys};
use sent::Sent;

/// Names the database to the process that will be killed.
const DATABASE: &str = "KEYCAP_TEST_CRASH_DATABASE";
const CAP: u32 = 1_000_000;
/// How many costs are acknowledged before the kill.
const ACKNOWLEDGED: usize = 300;
/// `printf %s abc | sha256sum`
const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn request() -> Sent {
    Sent::with(&[("authorization", "Bearer abc")])
}

fn gate_on(store: SqliteStore) -> Gate {
    let keys = StaticKeys::builder().key(StaticKey::new("ci", DIGEST)).build().unwrap();
    let limit = format!("{CAP} tokens per lifetime").parse().unwrap();
    Gate::builder().ledger(store).provider(keys).limit(limit).build().unwrap()
}

async fn serve(gate: &Gate, size: u32, cost: u32) {
    let guarded = gate.guarded(Guard::fixed(Cost::tokens(size))).unwrap();
    let key = match guarded.decide(&request(), None).await {
        Decision::Admitted(key) => key,
        other => panic!("not admitted: {other:?}"),
    };
    let mut course = Course::begin(key.clone());
    key.track(Cost::tokens(cost)).await.unwrap();
    course.answered(200);
    course.completed();
}

#[tokio::test]
async fn p1_after_a_kill_with_leases_out_the_budget_is_there_at_the_first_request() {
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("keycap.db");
    let acknowledged = run_and_kill(&database);

    let store = SqliteStore::open(&database).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    audit(&snapshot).unwrap();
    let account = snapshot.accounts[0].id.clone();
    let (left, captured) = after_the_kill(&store, &snapshot, &account, acknowledged).await;
    println!("{acknowledged} acknowledged, {captured} captured, {left} left");

    let gate = gate_on(store.clone());
    serve(&gate, u32::try_from(left).unwrap(), 1).await;
    gate.shutdown(Duration::from_secs(20)).await.unwrap();
    let standing = store.standings(&account).await.unwrap().remove(0);
    assert_eq!(standing.held, Amount::ZERO);
    assert_eq!(standing.remaining().units(), left - 1);
    audit(&store.snapshot().await.unwrap()).unwrap();
}

/// What is left after the kill, and what was captured out of caution.
async fn after_the_kill(
    store: &SqliteStore,
    snapshot: &Snapshot,
    account: &AccountId,
    acknowledged: usize,
) -> (i64, i64) {
    assert!(snapshot.holds.iter().all(|hold| !hold.is_open()), "nobody waits for an expiry");
    let leases = snapshot.holds.iter().filter(|hold| hold.exposure.is_some());
    let captured_leases: Vec<_> = leases.filter(|hold| hold.state == HoldState::Captured).collect();
    assert!(!captured_leases.is_empty(), "leases were out");
    for lease in captured_leases {
        let captured = captured_of(lease);
        assert!(captured <= lease.exposure.unwrap().units(), "{lease:?}");
    }
    let captured: i64 = snapshot.holds.iter().map(captured_of).sum();
    let charged: i64 =
        snapshot.charges.iter().flat_map(|charge| &charge.legs).map(|leg| leg.amount.units()).sum();
    assert!(charged >= i64::try_from(acknowledged).unwrap(), "what was acknowledged is there");
    let standing = store.standings(account).await.unwrap().remove(0);
    assert_eq!(standing.held, Amount::ZERO);
    assert_eq!(standing.spent.units(), charged + captured, "all of it is on record");
    (standing.remaining().units(), captured)
}

fn captured_of(hold: &Hold) -> i64 {
    hold.legs.iter().map(|leg| leg.captured.units()).sum()
}

/// Runs the process until it was acknowledged enough, and kills it. Says how much was acknowledged.
fn run_and_kill(database: &Path) -> usize {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(DATABASE, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let is_charge = |line: &String| line == "charged";
    let before = lines.by_ref().filter(is_charge).take(ACKNOWLEDGED).count();
    child.kill().unwrap();
    let after = lines.filter(is_charge).count();
    child.wait().unwrap();
    before + after
}

#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(database) = env::var_os(DATABASE) else { return };
    let gate = gate_on(SqliteStore::open(database).await.unwrap());
    loop {
        serve(&gate, 10, 1).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "charged").unwrap();
        out.flush().unwrap();
    }
}
