//! Readers: a few connections that see what is committed and never wait for the writer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{Books, Retention};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Reason;
use crate::rows::Rows;
use crate::shelf::SqlShelf;
use crate::{Options, StoreError, open};

/// A fixed number of readers, opened when first needed.
pub(crate) struct Readers {
    path: PathBuf,
    wait: Duration,
    retention: Retention,
    places: Arc<Semaphore>,
    free: Mutex<Vec<Books<SqlShelf>>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, options: &Options) -> Self {
        Self {
            path,
            wait: options.busy_wait,
            retention: options.retention,
            places: Arc::new(Semaphore::new(options.readers)),
            free: Mutex::new(Vec::with_capacity(options.readers)),
        }
    }

    /// Reads from one state of the database, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut Books<SqlShelf>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(self.wait, place).await;
        let place = place.map_err(|_| Reason::ReadersBusy(self.wait))?;
        let place = place.map_err(|_| Reason::Closed)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || readers.read_now(&place, read));
        reading.await.unwrap_or_else(|error| match error.is_panic() {
            true => Err(Reason::Panicked.into()),
            // The runtime ends.
            false => Err(Reason::Closed.into()),
        })
    }

    /// Reads with a free reader. One that fails or panics is not used again.
    fn read_now<T>(
        &self,
        _place: &OwnedSemaphorePermit,
        read: impl FnOnce(&mut Books<SqlShelf>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let free = self.free.lock().pop();
        let mut books = free.map_or_else(|| self.open(), Ok)?;
        execute(&books, "BEGIN")?;
        let found = read(&mut books)?;
        execute(&books, "COMMIT")?;
        books.shelf_mut().forget_rows();
        let mut free = self.free.lock();
        if !self.places.is_closed() {
            free.push(books);
        }
        Ok(found)
    }

    fn open(&self) -> Result<Books<SqlShelf>, StoreError> {
        let connection = open::reader(&self.path, self.wait)?;
        Ok(Books::new(SqlShelf::new(Rows::new(connection)), self.retention))
    }

    /// Reads no more. Those who read now may finish.
    pub(crate) fn stop(&self) {
        self.places.close();
        self.free.lock().clear();
    }
}

fn execute(books: &Books<SqlShelf>, sql: &str) -> Result<(), StoreError> {
    books.shelf().rows().connection().prepare_cached(sql)?.execute([])?;
    Ok(())
}
