//! The store: one database, its writer and its readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keycap_base::Clock;
use keycap_budget::{Books, Listeners};
use keycap_verify::KeyAudience;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Reason;
use crate::readers::Readers;
use crate::shelf::SqlShelf;
use crate::writer::{Apply, Change, Desk, Writer};
use crate::{OpenError, Options, StoreError};

/// Keycap's ledger and key store in one SQLite file. Clones are the same store.
///
/// One process writes to a database; others may read it. Everything that arrives while a transaction
/// becomes durable is done in the next one, so the store gets faster per operation as it gets busier.
///
/// Call [`close`](Self::close) to end. If the last clone is dropped instead, everything that was
/// acknowledged is kept, and the lock is given back shortly after.
///
/// ```
/// use keycap_budget::{AccountId, Ledger as _};
/// use keycap_sqlite::SqliteStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("keycap.db");
/// let store = SqliteStore::open(&path).await?;
/// assert!(store.chain(&AccountId::new("user:alice")?).await?.is_none());
/// store.close().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    listeners: Arc<Listeners>,
    key_audience: KeyAudience,
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database at `path` with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(path).await
    }

    /// How to open a store.
    pub fn options() -> Options {
        Options::default()
    }

    /// Starts to write and read.
    pub(crate) fn start(path: PathBuf, desk: Desk, options: &Options) -> Result<Self, OpenError> {
        let writer = Writer::start(desk, options.queue, options.queue_wait)
            .map_err(|source| OpenError::File { path: path.clone(), source })?;
        let inner = Inner {
            clock: Arc::clone(&options.clock),
            listeners: Arc::new(Listeners::default()),
            key_audience: KeyAudience::default(),
            readers: Arc::new(Readers::new(path.clone(), options)),
            writer,
            path,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Finishes what was queued, copies the log into the database and gives the lock back. Whatever
    /// is asked afterwards, of any clone, is an error. Dropping the future closes all the same, only
    /// unwatched. May be called more than once.
    pub async fn close(&self) {
        self.inner.readers.stop();
        self.inner.writer.stop();
        self.inner.writer.ended().await;
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    pub(crate) fn key_audience(&self) -> &KeyAudience {
        &self.inner.key_audience
    }

    pub(crate) fn listeners(&self) -> &Arc<Listeners> {
        &self.inner.listeners
    }

    /// Applies a batch in the next transaction.
    pub(crate) async fn apply_batch(
        &self,
        batch: keycap_budget::Batch,
    ) -> Result<Vec<keycap_budget::Decided>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let work = Apply::new(batch, Arc::clone(&self.inner.listeners), answer);
        self.inner.writer.send(work).await?;
        answered.await.unwrap_or_else(|_| Err(Reason::WriterGone.into()))
    }

    /// Changes rows in the next transaction. `change` may run again after it was undone.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.inner.writer.send(Change::new(change, answer)).await?;
        answered.await.unwrap_or_else(|_| Err(Reason::WriterGone.into()))
    }

    /// Reads from one state of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Books<SqlShelf>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.readers.read(read).await
    }

    /// Reads rows that are not the ledger's.
    pub(crate) async fn read_rows<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(move |books| read(books.shelf().rows().connection())).await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
