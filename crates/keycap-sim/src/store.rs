//! The ledger under the world: what a batch does, and every row.

use keycap_base::Timestamp;
use keycap_budget::{Books, Decided, MemoryShelf, Operation, Snapshot};

/// A ledger as the world needs it: it answers at once, and at the world's time. Put another in the
/// place of [`Books`] to have it go through the same.
pub trait Store {
    /// Does these operations together, in this order.
    fn apply(&mut self, batch: &[Operation], now: Timestamp) -> Vec<Decided>;

    /// Every row.
    fn snapshot(&self) -> Snapshot;
}

impl Store for Books<MemoryShelf> {
    fn apply(&mut self, batch: &[Operation], now: Timestamp) -> Vec<Decided> {
        let decide = |operation| match Self::apply(self, operation, now) {
            Ok(decided) => decided,
            Err(never) => match never {},
        };
        batch.iter().map(decide).collect()
    }

    fn snapshot(&self) -> Snapshot {
        self.shelf().snapshot()
    }
}
