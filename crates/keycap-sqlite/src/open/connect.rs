//! Connections and their settings: <https://www.sqlite.org/pragma.html>.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{Durability, Options, StoreError};

/// Statements kept prepared on each connection: more than there are.
const STATEMENTS: usize = 64;

/// Pages of the log after which it is copied into the database: 32 MiB. Large enough that it happens
/// seldom under load, small enough to be quick.
const CHECKPOINT_PAGES: i64 = 8_192;

/// How much of the log is kept as a file after a checkpoint, in bytes.
const MAX_LOG_FILE: i64 = 64 * 1024 * 1024;

/// The page cache of the writer, in KiB (negative, as SQLite wants it).
const WRITER_CACHE: i64 = -64 * 1024;

/// The page cache of each reader, in KiB.
const READER_CACHE: i64 = -4 * 1024;

/// The connection that writes; creates the file if there is none.
pub(super) fn writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = connect(path, create, options.busy_wait)?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    // A new file is made durable as a whole, header first to last, before a log stands beside it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Switches the writer to a write-ahead log, so that readers never wait for it.
pub(super) fn write_ahead(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::damaged(format!("journal mode {mode} instead of WAL")));
    }
    let synchronous = match options.durability {
        Durability::OnDisk => "FULL",
        Durability::PowerCutLosesLatest => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // On macOS only this makes the disk write its own cache; elsewhere it changes nothing.
    connection.pragma_update(None, "fullfsync", options.durability == Durability::OnDisk)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", MAX_LOG_FILE)?;
    Ok(())
}

/// A connection that reads what is committed and cannot write.
pub(crate) fn reader(path: &Path, busy_wait: Duration) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_wait)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", READER_CACHE)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags, busy_wait: Duration) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(busy_wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
