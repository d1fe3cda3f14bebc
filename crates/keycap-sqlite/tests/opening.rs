//! Which files a store opens, which it refuses, and who may write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use std::fs;
use std::time::Duration;

use common::*;
use keycap_budget::{Ledger as _, MAX_BATCH};
use keycap_sqlite::{MAX_QUEUE, MAX_READERS, OpenError, SqliteStore};
use rusqlite::Connection;

/// Opens without waiting for a predecessor.
async fn open_at_once(place: &Place) -> Result<SqliteStore, OpenError> {
    SqliteStore::options().lock_wait(Duration::ZERO).open(place.database()).await
}

#[tokio::test]
async fn a_second_writer_is_refused_with_the_holders_process() {
    let place = Place::new();
    let store = place.open().await;
    let refused = open_at_once(&place).await.unwrap_err();
    let OpenError::InUse { holder, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(*holder, Some(std::process::id()));
    let text = refused.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    store.close().await;
    open_at_once(&place).await.unwrap();
}

#[tokio::test]
async fn a_lock_file_that_nobody_holds_is_not_in_the_way() {
    let place = Place::new();
    fs::write(place.file(".lock"), "999999999 and a long line that names no process at all\n")
        .unwrap();
    let store = place.open().await;
    let lock = fs::read_to_string(place.file(".lock")).unwrap();
    assert_eq!(lock, format!("{}\n", std::process::id()));
    drop(store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_waits_for_its_predecessor_to_end() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let path = place.database();
    let successor = tokio::spawn(async move { SqliteStore::open(path).await });
    record(&store, new_charge(1)).await;
    store.close().await;
    let successor = successor.await.unwrap().unwrap();
    assert_eq!(successor.snapshot().await.unwrap().charges.len(), 1);
}

#[tokio::test]
async fn another_name_of_the_file_is_the_same_database() {
    let place = Place::new();
    let store = place.open().await;
    let detour = place.file("").parent().unwrap().join("other");
    fs::create_dir(&detour).unwrap();
    let refused = SqliteStore::options()
        .lock_wait(Duration::ZERO)
        .open(detour.join("../keycap.db"))
        .await
        .unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    drop(store);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_untouched() {
    let place = Place::new();
    for content in ["x".to_owned(), "SQLite format 3".to_owned(), "a".repeat(8_192)] {
        fs::write(place.database(), &content).unwrap();
        let refused = open_at_once(&place).await.unwrap_err();
        assert!(matches!(refused, OpenError::NotADatabase { .. }), "{refused:?}");
        assert_eq!(fs::read_to_string(place.database()).unwrap(), content);
        assert_eq!(only_the_database(&place), 1);
    }
}

#[tokio::test]
async fn another_applications_database_is_refused_and_untouched() {
    for application_id in [0_u32, 1_234] {
        let place = Place::new();
        let theirs = Connection::open(place.database()).unwrap();
        theirs.pragma_update(None, "application_id", application_id).unwrap();
        theirs
            .execute_batch("CREATE TABLE charges (theirs); INSERT INTO charges VALUES (1)")
            .unwrap();
        theirs.close().unwrap();
        let before = fs::read(place.database()).unwrap();
        let refused = open_at_once(&place).await.unwrap_err();
        let OpenError::Foreign { application_id: found, .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(found, application_id);
        assert_eq!(fs::read(place.database()).unwrap(), before);
        assert_eq!(only_the_database(&place), 1);
    }
}

/// How many files stand there.
fn only_the_database(place: &Place) -> usize {
    fs::read_dir(place.database().parent().unwrap()).unwrap().count()
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_named() {
    let place = Place::new();
    place.open().await.close().await;
    let direct = Connection::open(place.database()).unwrap();
    let known: u32 = direct.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    direct.pragma_update(None, "user_version", known + 1).unwrap();
    direct.close().unwrap();
    let refused = open_at_once(&place).await.unwrap_err();
    let OpenError::NewerSchema { found, known: knows, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((found, knows), (known + 1, known));
    let direct = Connection::open(place.database()).unwrap();
    direct.pragma_update(None, "user_version", known).unwrap();
    direct.close().unwrap();
    open_at_once(&place).await.unwrap();
}

#[tokio::test]
async fn an_empty_file_becomes_a_database_with_its_version_on_record() {
    let place = Place::new();
    fs::write(place.database(), "").unwrap();
    let clock = noon();
    place.open_with(SqliteStore::options().clock(clock.clone())).await.close().await;
    clock.advance(Duration::from_secs(60));
    place.open_with(SqliteStore::options().clock(clock)).await.close().await;
    let direct = Connection::open(place.database()).unwrap();
    let count = |sql: &str| direct.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("PRAGMA user_version"), count("SELECT max(version) FROM migrations"));
    assert_eq!(count("SELECT at FROM migrations"), 1_700_000_000_000, "taken once");
}

#[tokio::test]
async fn a_database_that_is_damaged_is_an_error_at_open() {
    let place = Place::new();
    place.open().await.close().await;
    let mut bytes = fs::read(place.database()).unwrap();
    bytes.iter_mut().skip(100).for_each(|byte| *byte = 0x5a);
    fs::write(place.database(), bytes).unwrap();
    let refused = open_at_once(&place).await.unwrap_err();
    assert!(matches!(refused, OpenError::Database { .. }), "{refused:?}");
    assert!(std::error::Error::source(&refused).is_some());
}

#[tokio::test]
async fn others_may_read_while_it_is_written() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    record(&store, new_charge(1)).await;
    let direct = Connection::open(place.database()).unwrap();
    direct.execute_batch("BEGIN").unwrap();
    let count = || direct.query_row("SELECT count(*) FROM charges", [], |row| row.get::<_, i64>(0));
    assert_eq!(count().unwrap(), 1);
    record(&store, new_charge(1)).await;
    assert_eq!(count().unwrap(), 1, "their view stands still");
    direct.execute_batch("COMMIT").unwrap();
    assert_eq!(count().unwrap(), 2);
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let place = Place::new();
    let options = SqliteStore::options;
    for (fits, wrong) in [
        (options().queue(MAX_BATCH), options().queue(MAX_BATCH - 1)),
        (options().queue(MAX_QUEUE), options().queue(MAX_QUEUE + 1)),
        (options().readers(1), options().readers(0)),
        (options().readers(MAX_READERS), options().readers(MAX_READERS + 1)),
    ] {
        let refused = wrong.open(place.database()).await.unwrap_err();
        assert!(matches!(refused, OpenError::Option { .. }), "{refused:?}");
        fits.open(place.database()).await.unwrap().close().await;
    }
}

/// SQLite opens a file that it may not write for reading, so a store opened fine and failed only when
/// the first key was minted.
#[cfg(unix)]
#[tokio::test]
async fn a_database_that_cannot_be_written_is_refused_and_named() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        eprintln!("skipped: this user may write what is read-only");
        return;
    }
    let refused = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(&refused, OpenError::File { path: named, .. } if named.ends_with("k.db")));
}
