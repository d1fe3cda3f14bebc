//! The lock that makes this the one process that writes.
//!
//! The operating system drops it when the process ends, however it ends. So holding it proves that
//! nobody else is alive who wrote here; that the lock file exists proves nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::file::beside;
use super::ground::Identity;
use crate::OpenError;

/// How often to look whether the predecessor has ended.
const POLL: Duration = Duration::from_millis(20);

/// How much of a lock file is read: a process id and a line's end.
const MAX_HOLDER: u64 = 16;

/// The lock. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Whether there is a lock file, so that somebody may hold it.
    pub(super) fn may_be_held(database: &Path) -> bool {
        beside(database, ".lock").exists()
    }

    /// Takes the lock beside `database`, or says who has had it for all of `wait`.
    pub(super) fn take(database: &Path, wait: Duration) -> Result<Self, OpenError> {
        let path = beside(database, ".lock");
        let failed = |source| OpenError::File { path: path.clone(), source };
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = options.open(&path).map_err(failed)?;
        let tries = wait.as_millis().div_ceil(POLL.as_millis());
        for _ in 0..tries {
            if try_lock(&file).map_err(failed)? == Tried::Taken {
                return Self::sign(file, &path).map_err(failed);
            }
            thread::sleep(POLL);
        }
        match try_lock(&file).map_err(failed)? {
            Tried::Taken => Self::sign(file, &path).map_err(failed),
            Tried::Held => {
                Err(OpenError::InUse { path: database.to_owned(), holder: holder(&mut file) })
            }
        }
    }

    /// Says who has it now.
    fn sign(mut file: File, path: &Path) -> io::Result<Self> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Whether its file is still the one that the next process would try.
    pub(super) fn is_in_place(&self) -> bool {
        let there = self.path.metadata().map(|metadata| Identity::of(&metadata)).ok();
        there.is_some() && there == self.file.metadata().map(|own| Identity::of(&own)).ok()
    }
}

#[derive(PartialEq, Eq)]
enum Tried {
    Taken,
    Held,
}

fn try_lock(file: &File) -> io::Result<Tried> {
    match file.try_lock() {
        Ok(()) => Ok(Tried::Taken),
        Err(TryLockError::WouldBlock) => Ok(Tried::Held),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The process that the lock file names, if it names one.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_HOLDER).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
