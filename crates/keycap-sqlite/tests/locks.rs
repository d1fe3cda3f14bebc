//! Locks that the operating system keeps for the database, as Linux lists them.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use common::*;
use keycap_sqlite::{OpenError, SqliteStore};

/// How many POSIX locks this process has on the database's own file.
fn posix_locks(place: &Place) -> usize {
    let file = fs::metadata(place.database()).unwrap().ino();
    let (process, file) = (format!(" {} ", std::process::id()), format!(":{file} "));
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let ours =
        |line: &&str| line.contains("POSIX") && line.contains(&process) && line.contains(&file);
    locks.lines().filter(ours).count()
}

/// An application opens its store a second time by mistake and is refused. Then somebody looks at
/// the database with an SQLite shell and leaves. The refused attempt had opened and closed the file,
/// which gave up the lock of the connection that writes, so the shell took itself for the last one
/// and deleted the log: charges acknowledged from then on went into a file without a name.
#[tokio::test]
async fn p2_a_refused_second_store_gives_up_no_lock_of_the_first() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let before = posix_locks(&place);
    assert!(before > 0, "a database in use is locked");
    let again = SqliteStore::options().lock_wait(Duration::ZERO).open(place.database()).await;
    assert!(matches!(again, Err(OpenError::InUse { .. })), "{again:?}");
    assert_eq!(posix_locks(&place), before);
    drop(store);
}
