//! The memory ledger passes the suite that every ledger must pass.

use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::ManualClock;
use keycap_budget::conformance::{Failure, Store};
use keycap_budget::{Ledger, MemoryLedger, Retention};

struct Memory;

#[async_trait]
impl Store for Memory {
    async fn fresh(
        &self,
        clock: ManualClock,
        retention: Retention,
    ) -> Result<Arc<dyn Ledger>, Failure> {
        Ok(Arc::new(MemoryLedger::with_clock(clock, retention)))
    }
}

keycap_budget::conformance_tests!(Memory);
