//! Durable charges a second, each on three accounts with one limit each: one by one, and in batches.
//!
//! `cargo bench -p keycap-sqlite --bench charges`. The database lies in the directory for temporary
//! files, or in the one that `KEYCAP_BENCH_DIR` names: a disk, not a file system in memory.

#![allow(missing_docs, clippy::expect_used, clippy::disallowed_methods, reason = "a program")]

use std::env;
use std::time::{Duration, Instant};

use keycap_base::{Clock as _, Labels, SystemClock, Timestamp};
use keycap_budget::{
    AccountId, AccountSpec, Amount, Batch, ChainSpec, ChargeId, Cost, Ledger as _, Limit, Meter,
    NewCharge, Operation, Period, Reapply, apply_one, audit,
};
use keycap_sqlite::SqliteStore;
use tempfile::TempDir;

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(3);

/// Who asks, and how much at once.
struct Load {
    callers: usize,
    batch: usize,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    println!("{:>8} {:>6} {:>12}", "callers", "batch", "charges/s");
    for (callers, batch) in
        [(1, 1), (64, 1), (1_024, 1), (1, 256), (4, 256), (1, 1_024), (4, 1_024)]
    {
        let rate = runtime.block_on(measure(Load { callers, batch }));
        println!("{callers:>8} {batch:>6} {rate:>12}");
    }
}

/// Charges a second.
async fn measure(load: Load) -> u128 {
    let directory = directory();
    let store = SqliteStore::open(directory.path().join("bench.db")).await.expect("opens");
    let opening =
        Operation::Open { chain: chain(), asserted_at: Timestamp::EPOCH, reapply: Reapply::Never };
    apply_one(&store, opening).await.expect("answers").expect("opens");
    let began = Instant::now();
    let callers = (0..load.callers).map(|_| tokio::spawn(call(store.clone(), load.batch, began)));
    let mut charges = 0;
    for caller in callers.collect::<Vec<_>>() {
        charges += caller.await.expect("finishes");
    }
    let took = began.elapsed();
    let standing = store.standings(&leaf()).await.expect("reads");
    let spent: i64 = standing.iter().map(|standing| standing.spent.units()).sum();
    assert_eq!(spent, i64::try_from(charges).expect("fits") * 3, "every charge counts");
    if load.callers == 1 && load.batch == 1 {
        audit(&store.snapshot().await.expect("reads")).expect("adds up");
    }
    store.close().await;
    u128::from(charges) * 1_000 / took.as_millis()
}

async fn call(store: SqliteStore, batch: usize, began: Instant) -> u64 {
    let mut charges = 0;
    while began.elapsed() < SPAN {
        let operations = (0..batch).map(|_| Operation::Charge(charge())).collect();
        let batch = Batch::new(operations).expect("within bounds");
        charges += store.apply(batch).await.expect("applies").len() as u64;
    }
    charges
}

fn charge() -> NewCharge {
    let cost = Cost::of(Meter::USD, Amount::from_units(1)).expect("within bounds");
    let id = ChargeId::generate(SystemClock.now());
    NewCharge { id, account: leaf(), cost, tags: Labels::new() }
}

fn leaf() -> AccountId {
    AccountId::new("user:alice").expect("a name")
}

fn chain() -> ChainSpec {
    let spec = |name| {
        let limit = Limit::new(Meter::USD, Amount::MAX_CAP, Period::month()).expect("a limit");
        AccountSpec::new(AccountId::new(name).expect("a name")).limit(limit).expect("one limit")
    };
    let chain = ChainSpec::of(spec("user:alice")).under(spec("team:search")).expect("a chain");
    chain.under(spec("org:acme")).expect("a chain")
}

fn directory() -> TempDir {
    match env::var_os("KEYCAP_BENCH_DIR") {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .expect("a directory")
}
