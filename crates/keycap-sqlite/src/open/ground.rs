//! The files that the writer stands on, and whether they are still where they were.
//!
//! A file that is deleted or replaced stays with whoever has it open: writes to it succeed and are
//! gone with the process. So the names are looked at again in every transaction. It costs a few
//! microseconds, next to the disk's hundreds.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Lock;
use super::file::beside;
use crate::StoreError;
use crate::error::Reason;

/// The lock and the files of a database in use.
#[derive(Debug)]
pub(crate) struct Ground {
    database: PathBuf,
    lock: Lock,
    /// The database, its log and its index, each once it was seen.
    files: [Seen; 3],
}

#[derive(Debug)]
struct Seen {
    path: PathBuf,
    identity: Option<Identity>,
}

/// What tells a file from another of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Ground {
    pub(super) fn new(database: &Path, lock: Lock) -> Self {
        let seen = |suffix| Seen { path: beside(database, suffix), identity: None };
        let files = [seen(""), seen("-wal"), seen("-shm")];
        Self { database: database.to_owned(), lock, files }
    }

    /// Makes sure that nobody else can take the lock. One whose file was deleted is taken anew.
    pub(crate) fn keep_lock(&mut self) -> Result<(), StoreError> {
        if self.lock.is_in_place() {
            return Ok(());
        }
        let taken = Lock::take(&self.database, Duration::ZERO);
        self.lock = taken.map_err(|error| Reason::LockLost(error.to_string()))?;
        tracing::warn!("the lock file was deleted or replaced while in use; it was taken anew");
        Ok(())
    }

    /// Makes sure that what was written is where the next process will look for it.
    pub(crate) fn keep_files(&mut self) -> Result<(), StoreError> {
        for seen in &mut self.files {
            let found = Identity::at(&seen.path).ok_or_else(|| seen.lost())?;
            if *seen.identity.get_or_insert(found) != found {
                return Err(seen.lost());
            }
        }
        Ok(())
    }

    /// Whether the database at least is where it was, and nobody else's.
    pub(crate) fn has_database(&self) -> bool {
        let [database, ..] = &self.files;
        self.lock.is_in_place() && Identity::at(&database.path) == database.identity
    }
}

impl Seen {
    fn lost(&self) -> StoreError {
        Reason::FileLost(self.path.clone()).into()
    }
}

impl Identity {
    fn at(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Self::of(&metadata))
    }

    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(metadata.dev(), metadata.ino())
    }

    /// Elsewhere a file in use can be neither deleted nor replaced.
    #[cfg(not(unix))]
    pub(super) fn of(_metadata: &Metadata) -> Self {
        Self(0, 0)
    }
}
