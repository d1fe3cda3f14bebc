//! How a store is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Clock, SystemClock};
use keycap_budget::{MAX_BATCH, Retention};

use crate::{OpenError, SqliteStore};

/// How long a store waits by default for a predecessor to end: a rolling restart.
pub const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(5);
/// How many operations may wait to be written, by default.
pub const DEFAULT_QUEUE: usize = 16 * MAX_BATCH;
/// The most operations that can be let wait.
pub const MAX_QUEUE: usize = 1_024 * MAX_BATCH;
/// How long a write waits by default for a place in the queue.
pub const DEFAULT_QUEUE_WAIT: Duration = Duration::from_secs(1);
/// How many reads run at the same time, by default.
pub const DEFAULT_READERS: usize = 4;
/// The most reads that can run at the same time.
pub const MAX_READERS: usize = 64;
/// How long the database is waited for, by default, while somebody else has locked it.
pub const DEFAULT_BUSY_WAIT: Duration = Duration::from_secs(5);

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When it is on the disk: it survives a crash of the process, of the system, and a power cut.
    #[default]
    OnDisk,
    /// When the system has it: it survives a crash of the process. A crash of the system or a power
    /// cut may lose the latest writes, acknowledged ones too: this gives up P2 and P3 there.
    PowerCutLosesLatest,
}

/// How a store is opened: [`SqliteStore::options`].
#[derive(Clone)]
#[must_use = "options open nothing until `open` is called"]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) retention: Retention,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lock_wait: Duration,
    pub(crate) queue: usize,
    pub(crate) queue_wait: Duration,
    pub(crate) readers: usize,
    pub(crate) busy_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            retention: Retention::default(),
            clock: Arc::new(SystemClock),
            lock_wait: DEFAULT_LOCK_WAIT,
            queue: DEFAULT_QUEUE,
            queue_wait: DEFAULT_QUEUE_WAIT,
            readers: DEFAULT_READERS,
            busy_wait: DEFAULT_BUSY_WAIT,
        }
    }
}

impl Options {
    /// When a write counts as done.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long rows are kept.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Where the ledger's time comes from.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long to wait for a predecessor to end: [`DEFAULT_LOCK_WAIT`] unless said.
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// How many operations may wait to be written: [`DEFAULT_QUEUE`] unless said, at least
    /// [`MAX_BATCH`] so that the largest batch fits, at most [`MAX_QUEUE`].
    pub fn queue(mut self, operations: usize) -> Self {
        self.queue = operations;
        self
    }

    /// How long a write waits for a place in a full queue before it is an error:
    /// [`DEFAULT_QUEUE_WAIT`] unless said.
    pub fn queue_wait(mut self, wait: Duration) -> Self {
        self.queue_wait = wait;
        self
    }

    /// How many reads run at the same time: [`DEFAULT_READERS`] unless said, 1 to [`MAX_READERS`].
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers;
        self
    }

    /// How long to wait while somebody else has locked the database, such as a backup tool, and how
    /// long a read waits for its turn: [`DEFAULT_BUSY_WAIT`] unless said.
    pub fn busy_wait(mut self, wait: Duration) -> Self {
        self.busy_wait = wait;
        self
    }

    /// Opens the database at `path`, and creates it if there is none. Its directory must exist.
    ///
    /// When this returns, the process is the one that writes there, and the holds of its predecessor
    /// have ended by their policies. Needs a Tokio runtime with its timer.
    ///
    /// Dropping the future leaves nothing open.
    ///
    /// # Errors
    /// As [`OpenError`] says. A file that is not ours is not touched.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        within("the bound of the queue", self.queue, MAX_BATCH, MAX_QUEUE)?;
        within("the number of readers", self.readers, 1, MAX_READERS)?;
        crate::open::open(path.as_ref(), self).await
    }
}

fn within(option: &'static str, given: usize, least: usize, most: usize) -> Result<(), OpenError> {
    if (least..=most).contains(&given) {
        Ok(())
    } else {
        Err(OpenError::Option { option, given, least, most })
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("durability", &self.durability)
            .field("retention", &self.retention)
            .field("lock_wait", &self.lock_wait)
            .field("queue", &self.queue)
            .field("queue_wait", &self.queue_wait)
            .field("readers", &self.readers)
            .field("busy_wait", &self.busy_wait)
            .finish_non_exhaustive()
    }
}
