//! A quickstart that cannot start names, in words, the variable or file that is in its way.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use keycap::sqlite::SqliteStore;
use keycap_tests::Framework;
use keycap_tests::process::Start;
use rusqlite::Connection;

use crate::talk::{directory, start};

/// Starts in vain and returns what was said of it. The environment of the tests may ask for
/// backtraces, which are no words for an operator.
async fn refused(start: Start) -> String {
    let start = start.set("RUST_BACKTRACE", "0").set("RUST_LIB_BACKTRACE", "0");
    let mut process = start.spawn();
    let status = process.ended().await;
    let said = process.stderr.to_its_end().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains(" { ") && !said.contains("panicked"), "not in words: {said}");
    assert_eq!(process.stdout.to_its_end().await, "", "no key that nobody could use");
    said
}

fn assert_names(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_named() {
    for framework in Framework::ALL {
        for (name, value, words) in [
            ("QUICKSTART_CAP", "banana", ["QUICKSTART_CAP", "`banana`", "amount of usd"]),
            ("QUICKSTART_CAP", "5 tokens", ["QUICKSTART_CAP", "`5 tokens`", "amount of usd"]),
            ("QUICKSTART_CAP", "", ["QUICKSTART_CAP", "``", "amount of usd"]),
            ("PORT", "banana", ["PORT", "\"banana\"", "0 to 65535"]),
            ("PORT", "65536", ["PORT", "\"65536\"", "0 to 65535"]),
        ] {
            let directory = directory();
            let said = refused(start(framework, &directory).set(name, value)).await;
            assert_names(&said, &words);
        }
    }
}

#[tokio::test]
async fn a_port_that_somebody_has_is_named() {
    let somebody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = somebody.local_addr().unwrap().port().to_string();
    for framework in Framework::ALL {
        let directory = directory();
        let said = refused(start(framework, &directory).set("PORT", port.as_str())).await;
        assert_names(&said, &["PORT", "in use"]);
    }
}

#[tokio::test]
async fn a_place_where_no_database_can_be_is_named() {
    for framework in Framework::ALL {
        let directory = directory();
        for (place, why) in [("nowhere/keycap.db", "No such file"), ("", "Is a directory")] {
            let path = directory.path().join(place).display().to_string();
            let said = refused(start(framework, &directory).set("KEYCAP_DB", path.as_str())).await;
            assert_names(&said, &[path.trim_end_matches('/'), why]);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_named_and_not_touched() {
    for framework in Framework::ALL {
        let directory = directory();
        let path = directory.path().join("keycap.db");
        fs::write(&path, "the only copy of a novel").unwrap();
        let said = refused(start(framework, &directory)).await;
        assert_names(&said, &["keycap.db is not an SQLite database", "name a new file"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "the only copy of a novel");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_named_and_not_touched() {
    for framework in Framework::ALL {
        let directory = directory();
        let path = directory.path().join("keycap.db");
        write_newer(&path).await;
        let before = fs::read(&path).unwrap();
        let said = refused(start(framework, &directory)).await;
        assert_names(&said, &["keycap.db has schema 1000", "run the newer version"]);
        assert!(fs::read(&path).unwrap() == before, "the database was changed");
    }
}

/// A database as a version of the far future may leave it.
async fn write_newer(path: &Path) {
    SqliteStore::open(path).await.unwrap().close().await;
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    connection.close().unwrap();
}
