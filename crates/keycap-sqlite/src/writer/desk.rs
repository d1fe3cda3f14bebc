//! Where the writer works: the books over the one connection that writes, and their transaction.

use std::sync::Arc;

use keycap_base::Clock;
use keycap_budget::{Books, Decided, Operation};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::StoreError;
use crate::open::Ground;
use crate::shelf::SqlShelf;

/// The books, their connection and the clock they go by.
pub(crate) struct Desk {
    books: Books<SqlShelf>,
    clock: Arc<dyn Clock>,
    /// The database's count of changes by others, when rows were last known to be as they are kept.
    seen: Option<i64>,
    /// The last to go, so that nobody else writes before the connection is closed.
    ground: Ground,
}

impl Desk {
    pub(crate) fn new(books: Books<SqlShelf>, clock: Arc<dyn Clock>, ground: Ground) -> Self {
        Self { books, clock, seen: None, ground }
    }

    /// Begins a transaction, which locks others out of writing.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        self.ground.keep_lock()?;
        self.execute("BEGIN IMMEDIATE")?;
        let mut version = self.connection().prepare_cached("PRAGMA data_version")?;
        let seen = Some(version.query_row([], |row| row.get(0))?);
        drop(version);
        if self.seen != seen {
            // Somebody repaired the database by hand: what is kept in memory may be old.
            self.books.shelf_mut().forget();
            self.seen = seen;
        }
        Ok(())
    }

    /// Does operations, all at one instant.
    pub(crate) fn apply(&mut self, operations: &[Operation]) -> Result<Vec<Decided>, StoreError> {
        let now = self.clock.now();
        operations.iter().map(|operation| self.books.apply(operation, now)).collect()
    }

    /// Makes the transaction durable.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        self.books.shelf_mut().write_out()?;
        self.execute("COMMIT")?;
        self.ground.keep_files()?;
        self.books.shelf_mut().trim();
        Ok(())
    }

    /// Undoes the transaction, if one is open.
    pub(crate) fn roll_back(&mut self) -> Result<(), StoreError> {
        self.books.shelf_mut().forget();
        if self.connection().is_autocommit() { Ok(()) } else { self.execute("ROLLBACK") }
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.books.shelf().rows().connection()
    }

    /// Copies the log into the database and empties it.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        Ok(self.connection().query_row(checkpoint, [], |_| Ok(()))?)
    }

    /// Leaves files that were taken away. If only the log was, what was acknowledged is copied into
    /// the database while it still can be; a database that is somebody else's now is left alone.
    pub(crate) fn leave(&self) {
        let alone = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        let left = match self.ground.has_database() {
            true => self.checkpoint(),
            false => self.connection().set_db_config(alone, true).map(|_| ()).map_err(Into::into),
        };
        if let Err(error) = left {
            tracing::error!(error = &error as &dyn std::error::Error, "the log was not copied");
        }
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection().prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
