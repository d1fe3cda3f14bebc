//! SQLite passes the suite that every ledger must pass.

use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::ManualClock;
use keycap_budget::conformance::{Failure, Store};
use keycap_budget::{Ledger, Retention};
use keycap_sqlite::SqliteStore;
use parking_lot::Mutex;
use tempfile::TempDir;

/// Databases in directories that go with this.
#[derive(Default)]
struct Sqlite(Mutex<Vec<TempDir>>);

#[async_trait]
impl Store for Sqlite {
    async fn fresh(
        &self,
        clock: ManualClock,
        retention: Retention,
    ) -> Result<Arc<dyn Ledger>, Failure> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("keycap.db");
        self.0.lock().push(directory);
        let options = SqliteStore::options().clock(clock).retention(retention);
        Ok(Arc::new(options.open(path).await?))
    }
}

keycap_budget::conformance_tests!(Sqlite::default());
