//! What can go wrong with the store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The store could not do its work. Not a refusal: nobody knows what the answer would have been.
///
/// It is the source of the errors that the ledger and the key store give.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Arc<Reason>);

/// Why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("SQLite failed")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the database is damaged: {0}")]
    Damaged(String),
    #[error("the queue of writes had no room for {operations} more operations within {wait:?}")]
    QueueFull { operations: usize, wait: Duration },
    #[error("no reader was free within {0:?}")]
    ReadersBusy(Duration),
    #[error("the store is closed")]
    Closed,
    #[error("the writer stopped before it answered; open the store again")]
    WriterGone,
    #[error(
        "{} was deleted, moved or replaced while it was in use; the writer stopped", .0.display()
    )]
    FileLost(PathBuf),
    #[error("the lock file was deleted or replaced while in use; the writer stopped: {0}")]
    LockLost(String),
    #[error("the store panicked while it did this; nothing of it was kept")]
    Panicked,
    #[error("it is done, but a listener panicked, and others may not have heard of it")]
    ListenerPanicked,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Of this one piece of work: another may well succeed.
    Work,
    /// Of the database: the next piece of work will hardly fare better now.
    Database,
}

impl StoreError {
    /// A row that this store did not write.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Reason::Damaged(what.into()).into()
    }

    /// Whose fault it is.
    pub(crate) fn blame(&self) -> Blame {
        match &*self.0 {
            Reason::Sqlite(rusqlite::Error::SqliteFailure(error, _))
                if error.code != rusqlite::ErrorCode::ConstraintViolation =>
            {
                Blame::Database
            }
            Reason::Sqlite(_) | Reason::Damaged(_) | Reason::Panicked => Blame::Work,
            Reason::QueueFull { .. }
            | Reason::ReadersBusy(_)
            | Reason::Closed
            | Reason::WriterGone
            | Reason::FileLost(_)
            | Reason::LockLost(_)
            | Reason::ListenerPanicked => Blame::Database,
        }
    }

    /// Whether the writer must not write again.
    pub(crate) fn ends_writer(&self) -> bool {
        matches!(&*self.0, Reason::FileLost(_) | Reason::LockLost(_))
    }
}

impl From<Reason> for StoreError {
    fn from(reason: Reason) -> Self {
        Self(Arc::new(reason))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Reason::Sqlite(error).into()
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody alive writes to it already.
    #[error("{} is being written by {}; one process writes to a database", .path.display(), named(*.holder))]
    InUse {
        /// The database.
        path: PathBuf,
        /// The process that writes; `None` where the lock file does not say.
        holder: Option<u32>,
    },
    /// The file holds something else. It was not touched.
    #[error("{} is not an SQLite database; name a new file or one that Keycap wrote", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Another application's database. It was not touched.
    #[error(
        "{} is the database of another application (id {application_id:#010x}); name a new file or one that Keycap wrote",
        .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The id in its header; zero when it has none.
        application_id: u32,
    },
    /// The file has more than one name (hard link). Each name would have a lock and a log of its own,
    /// and two writers would ruin the database.
    #[error(
        "{} has {names} names (hard links); delete the others, or copy the database instead of linking it",
        .path.display()
    )]
    Linked {
        /// The database.
        path: PathBuf,
        /// How many names it has.
        names: u64,
    },
    /// A newer version of Keycap wrote it.
    #[error(
        "{} has schema {found}, but this version knows schemas up to {known}; run the newer version",
        .path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// An option that cannot work.
    #[error("{option} is {given}; it should be {least} to {most}")]
    Option {
        /// Which one.
        option: &'static str,
        /// What was given.
        given: usize,
        /// The least it can be.
        least: usize,
        /// The most it can be.
        most: usize,
    },
    /// A file or directory could not be used.
    #[error("cannot use {}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database did not do as it was told.
    #[error("cannot open {}", .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
}

fn named(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}
