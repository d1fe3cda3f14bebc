//! Files that are deleted, moved or linked while they are in use. Unix only: elsewhere a file in use
//! cannot be.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use std::fs;
use std::time::Duration;

use common::*;
use keycap_budget::{Ledger as _, Operation, apply_one, audit};
use keycap_sqlite::{OpenError, SqliteStore};

async fn open_at_once(place: &Place) -> Result<SqliteStore, OpenError> {
    SqliteStore::options().lock_wait(Duration::ZERO).open(place.database()).await
}

/// What is said of a charge, from the outside in; nothing when it is acknowledged.
async fn refused(store: &SqliteStore) -> Option<String> {
    let error = apply_one(store, Operation::Charge(new_charge(1))).await.err()?;
    let mut texts = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    Some(texts.join(": "))
}

/// Somebody tidies up and deletes the log of a running application, whose size puzzled them. It went
/// on acknowledging charges into the deleted file, and all of them were gone at its next start.
#[tokio::test]
async fn p2_no_charge_is_acknowledged_into_a_deleted_log() {
    for file in ["-wal", "-shm"] {
        let place = Place::new();
        let store = place.open().await;
        open_chain(&store).await;
        record(&store, new_charge(1)).await;
        fs::remove_file(place.file(file)).unwrap();
        let said = refused(&store).await.unwrap();
        assert!(said.contains(&format!("keycap.db{file} was deleted")), "{said}");
        assert!(refused(&store).await.is_some(), "and never again");
        store.close().await;
        let next = open_at_once(&place).await.unwrap();
        let snapshot = next.snapshot().await.unwrap();
        audit(&snapshot).unwrap();
        assert!(!snapshot.charges.is_empty(), "what was acknowledged before is there");
    }
}

/// A backup is moved over the database of a running application, which went on acknowledging into
/// the file that had stood there, and deleted the newcomer's log when it ended.
#[tokio::test]
async fn p2_no_charge_is_acknowledged_into_a_replaced_database() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    record(&store, new_charge(1)).await;
    fs::write(place.file(".backup"), "").unwrap();
    fs::rename(place.file(".backup"), place.database()).unwrap();
    let said = refused(&store).await.unwrap();
    assert!(said.contains("keycap.db was deleted, moved or replaced"), "{said}");
    store.close().await;
    assert!(place.file("-wal").exists(), "the log of whoever stands there now is not ours");
}

/// Somebody takes the lock file of a running application for a stale one and deletes it. A second
/// process got in and ended the holds of requests under way as those of a dead process.
#[tokio::test]
async fn p1_a_deleted_lock_file_is_taken_anew() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    fs::remove_file(place.file(".lock")).unwrap();
    record(&store, new_charge(1)).await;
    let second = open_at_once(&place).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    record(&store, new_charge(1)).await;
    store.close().await;
}

/// The same, but the second process was quicker: two wrote to one database, each sure to be alone.
#[tokio::test]
async fn p1_whoever_lost_the_lock_to_another_writes_no_more() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    fs::remove_file(place.file(".lock")).unwrap();
    let second = open_at_once(&place).await.unwrap();
    let said = refused(&store).await.unwrap();
    assert!(said.contains("the lock file was deleted"), "{said}");
    store.close().await;
    record(&second, new_charge(1)).await;
    audit(&second.snapshot().await.unwrap()).unwrap();
    second.close().await;
}

/// A backup by hard links gave the database a second name. Opened by that name it had another lock
/// and another log, and the two writers got disk errors and each other's pages.
#[tokio::test]
async fn a_database_with_two_names_is_refused() {
    let place = Place::new();
    let store = place.open().await;
    fs::hard_link(place.database(), place.file(".link")).unwrap();
    let linked = SqliteStore::open(place.file(".link")).await;
    assert!(matches!(linked, Err(OpenError::Linked { names: 2, .. })), "{linked:?}");
    open_chain(&store).await;
    store.close().await;
    assert!(matches!(open_at_once(&place).await, Err(OpenError::Linked { .. })));
    fs::remove_file(place.file(".link")).unwrap();
    open_at_once(&place).await.unwrap().close().await;
}
