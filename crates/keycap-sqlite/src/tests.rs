//! What can only be shown from the inside: a writer that is kept busy, fails or panics.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::Poll;
use std::time::Duration;

use keycap_base::Clock as _;
use keycap_base::{Labels, SystemClock, Timestamp};
use keycap_budget::{
    AccountId, AccountSpec, Amount, Batch, ChainSpec, ChargeId, Cost, Ledger, Limit, MAX_BATCH,
    Meter, NewCharge, Operation, Period, Reapply, audit,
};
use tempfile::TempDir;

use crate::{Durability, Options, SqliteStore, StoreError};

/// A store with one account, in a directory that goes with it.
struct Place {
    store: SqliteStore,
    directory: TempDir,
}

impl Place {
    async fn with(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = options.open(directory.path().join("keycap.db")).await.unwrap();
        let limit = Limit::new(Meter::USD, Amount::MAX_CAP, Period::day()).unwrap();
        let chain = ChainSpec::of(AccountSpec::new(leaf()).limit(limit).unwrap());
        let (asserted_at, reapply) = (Timestamp::EPOCH, Reapply::Never);
        let open = Operation::Open { chain, asserted_at, reapply };
        store.apply(Batch::of(open)).await.unwrap();
        Self { store, directory }
    }

    async fn new() -> Self {
        Self::with(SqliteStore::options()).await
    }

    /// How many charges are on record; what the counters show must be what they add up to.
    async fn charges(&self) -> usize {
        let snapshot = self.store.snapshot().await.unwrap();
        audit(&snapshot).unwrap();
        snapshot.charges.len()
    }
}

fn leaf() -> AccountId {
    AccountId::new("user:alice").unwrap()
}

fn charges(count: usize) -> Batch {
    let charge = || {
        let cost = Cost::of(Meter::USD, Amount::from_units(1)).unwrap();
        let id = ChargeId::generate(SystemClock.now());
        Operation::Charge(NewCharge { id, account: leaf(), cost, tags: Labels::new() })
    };
    Batch::new((0..count).map(|_| charge()).collect()).unwrap()
}

/// What is wrong, from the outside in.
fn told(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", told(source)));
    format!("{error}{}", source.unwrap_or_default())
}

/// Keeps the writer busy until the answer is dropped.
async fn occupy(store: &SqliteStore) -> SyncSender<()> {
    let (busy, until) = sync_channel::<()>(1);
    let (started, begun) = tokio::sync::oneshot::channel();
    let (mut started, store) = (Some(started), store.clone());
    tokio::spawn(async move {
        let occupied = store.change(move |_| {
            if let Some(started) = started.take() {
                started.send(()).unwrap();
            }
            let _ = until.recv();
            Ok(())
        });
        occupied.await.unwrap();
    });
    begun.await.unwrap();
    busy
}

/// Lets a future run until it waits for the first time.
async fn queued<F: Future>(future: F) -> Result<F::Output, std::pin::Pin<Box<F>>> {
    let mut future = Box::pin(future);
    let first = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    match first {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(future),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_a_full_queue_is_an_error_after_a_bounded_wait() {
    let wait = Duration::from_millis(20);
    let place = Place::with(SqliteStore::options().queue(MAX_BATCH).queue_wait(wait)).await;
    let busy = occupy(&place.store).await;
    let fits = queued(place.store.apply(charges(MAX_BATCH))).await.err().unwrap();
    let error = place.store.apply(charges(1)).await.unwrap_err();
    assert!(told(&error).contains("no room for 1 more operations within 20ms"), "{}", told(&error));
    drop(busy);
    assert_eq!(fits.await.unwrap().len(), MAX_BATCH);
    place.store.apply(charges(1)).await.unwrap();
    assert_eq!(place.charges().await, MAX_BATCH + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_a_full_queue_delays_and_loses_nothing() {
    let wait = Duration::from_secs(60);
    let place = Place::with(SqliteStore::options().queue(MAX_BATCH).queue_wait(wait)).await;
    let busy = occupy(&place.store).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(queued(place.store.apply(charges(MAX_BATCH))).await.err().unwrap());
    }
    drop(busy);
    for batch in waiting {
        batch.await.unwrap();
    }
    assert_eq!(place.charges().await, 4 * MAX_BATCH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_a_batch_whose_caller_left_is_applied() {
    let place = Place::new().await;
    let busy = occupy(&place.store).await;
    drop(queued(place.store.apply(charges(3))).await.err().unwrap());
    drop(busy);
    place.store.apply(charges(1)).await.unwrap();
    assert_eq!(place.charges().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_what_is_queued_is_done_before_the_store_is_closed() {
    let place = Place::new().await;
    let busy = occupy(&place.store).await;
    let waiting = queued(place.store.apply(charges(3))).await.err().unwrap();
    let closing = queued(place.store.close()).await.err().unwrap();
    assert!(place.store.apply(charges(1)).await.is_err(), "no more work is taken");
    drop(busy);
    closing.await;
    assert_eq!(waiting.await.unwrap().len(), 3);
    let again = SqliteStore::open(place.directory.path().join("keycap.db")).await.unwrap();
    assert_eq!(again.snapshot().await.unwrap().charges.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_a_panic_fails_its_own_caller_only() {
    let place = Place::new().await;
    let busy = occupy(&place.store).await;
    let before = queued(place.store.apply(charges(2))).await.err().unwrap();
    let panics = pin!(place.store.change(|_| -> Result<(), StoreError> { panic!("on purpose") }));
    let panics = queued(panics).await.err().unwrap();
    let after = queued(place.store.apply(charges(3))).await.err().unwrap();
    drop(busy);
    assert!(told(&panics.await.unwrap_err()).contains("panicked"));
    assert_eq!(before.await.unwrap().len() + after.await.unwrap().len(), 5);
    assert_eq!(place.charges().await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_a_damaged_row_fails_who_asked_for_it_only() {
    let place = Place::new().await;
    let mut first = charges(1);
    place.store.apply(first.clone()).await.unwrap();
    let spoil = "UPDATE charges SET body = x'7f'";
    place.store.change(|connection| Ok(connection.execute(spoil, [])?)).await.unwrap();
    let busy = occupy(&place.store).await;
    let sound = queued(place.store.apply(charges(2))).await.err().unwrap();
    // The same id again: the row is looked at.
    first = Batch::new(first.into_iter().chain(charges(1)).collect()).unwrap();
    let damaged = queued(place.store.apply(first)).await.err().unwrap();
    drop(busy);
    let error = damaged.await.unwrap_err();
    assert!(told(&error).contains("damaged: a row of layout 127"), "{}", told(&error));
    sound.await.unwrap();
    let counted = place.store.change(|connection| {
        Ok(connection.query_row("SELECT count(*) FROM charges", [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(counted.await.unwrap(), 3, "nothing of the damaged batch was kept");
}

#[tokio::test]
async fn p6_a_full_disk_is_an_error_and_then_over() {
    let place = Place::new().await;
    // SQLite answers as if the disk were full once the file may not grow.
    let limit = |pages: i64| {
        place.store.change(move |connection| {
            let set = format!("PRAGMA max_page_count = {pages}");
            Ok(connection.query_row(&set, [], |row| row.get::<_, i64>(0))?)
        })
    };
    limit(1).await.unwrap();
    let mut done = 0;
    let error = loop {
        match place.store.apply(charges(64)).await {
            Ok(decided) => done += decided.len(),
            Err(error) => break error,
        }
        assert!(done < 10_000, "the limit has no effect");
    };
    assert!(told(&error).contains("full"), "{}", told(&error));
    assert_eq!(place.charges().await, done, "nothing half-applied");
    limit(1_000_000).await.unwrap();
    place.store.apply(charges(64)).await.unwrap();
    assert_eq!(place.charges().await, done + 64);
}

#[tokio::test]
async fn p6_a_database_that_somebody_locks_is_an_error_and_then_over() {
    let wait = Duration::from_millis(10);
    let place = Place::with(SqliteStore::options().busy_wait(wait)).await;
    let other = rusqlite::Connection::open(place.directory.path().join("keycap.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = place.store.apply(charges(1)).await.unwrap_err();
    assert!(told(&error).contains("locked"), "{}", told(&error));
    assert!(place.store.standings(&leaf()).await.is_ok(), "readers do not care");
    other.execute_batch("ROLLBACK").unwrap();
    place.store.apply(charges(1)).await.unwrap();
    assert_eq!(place.charges().await, 1);
}

#[tokio::test]
async fn what_was_repaired_by_hand_is_believed() {
    let place = Place::new().await;
    place.store.apply(charges(1)).await.unwrap();
    let other = rusqlite::Connection::open(place.directory.path().join("keycap.db")).unwrap();
    other.execute_batch("UPDATE counters SET spent = 41, carried = 40").unwrap();
    place.store.apply(charges(1)).await.unwrap();
    let standing = place.store.standings(&leaf()).await.unwrap().remove(0);
    assert_eq!(standing.spent, Amount::from_units(42));
}

#[tokio::test]
async fn each_durability_is_what_sqlite_is_told() {
    for (durability, told) in [(Durability::OnDisk, 2), (Durability::PowerCutLosesLatest, 1)] {
        let place = Place::with(SqliteStore::options().durability(durability)).await;
        let pragma = |name: &'static str| {
            place.store.change(move |connection| {
                Ok(connection.pragma_query_value(None, name, |row| {
                    row.get::<_, rusqlite::types::Value>(0)
                })?)
            })
        };
        assert_eq!(pragma("synchronous").await.unwrap(), i64::from(told).into());
        assert_eq!(pragma("journal_mode").await.unwrap(), "wal".to_owned().into());
    }
}

/// Kills whatever drops it.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_a_dead_writer_is_an_error_for_everyone_and_hangs_nobody() {
    let place = Place::new().await;
    let busy = occupy(&place.store).await;
    drop(queued(pin!(place.store.change(|_| Ok(Bomb)))).await.err().unwrap());
    drop(busy);
    let error = loop {
        match place.store.apply(charges(1)).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(told(&error).contains("open the store again"), "{}", told(&error));
    assert!(place.store.apply(charges(1)).await.is_err());
    place.store.close().await;
    let again = SqliteStore::open(place.directory.path().join("keycap.db")).await.unwrap();
    again.apply(charges(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_more_reads_than_readers_wait_for_a_bounded_time() {
    let wait = Duration::from_millis(20);
    let place = Place::with(SqliteStore::options().readers(1).busy_wait(wait)).await;
    let (busy, until) = sync_channel::<()>(1);
    let reading = queued(place.store.read_rows(move |_| Ok(until.recv().is_err()))).await;
    let error = place.store.standings(&leaf()).await.unwrap_err();
    assert!(told(&error).contains("no reader was free within 20ms"), "{}", told(&error));
    drop(busy);
    assert!(reading.err().unwrap().await.unwrap());
    place.store.standings(&leaf()).await.unwrap();
}

#[tokio::test]
async fn p6_a_read_that_panics_harms_no_other() {
    let place = Place::with(SqliteStore::options().readers(1)).await;
    let error = place.store.read_rows(|_| -> Result<(), StoreError> { panic!("on purpose") });
    assert!(told(&error.await.unwrap_err()).contains("panicked"));
    place.store.standings(&leaf()).await.unwrap();
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let place = Place::new().await;
    let write = place.store.read_rows(|connection| Ok(connection.execute("DELETE FROM keys", [])?));
    assert!(told(&write.await.unwrap_err()).contains("readonly"));
}
