//! A door that handlers stop at until the test lets them pass.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// A door that handlers stop at. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Latch(Arc<Door>);

#[derive(Debug)]
struct Door {
    reached: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Default for Latch {
    fn default() -> Self {
        let (reached, open) = (watch::Sender::new(0), watch::Sender::new(false));
        Self(Arc::new(Door { reached, open }))
    }
}

impl Latch {
    /// Stops until the door is open.
    pub async fn pass(&self) {
        self.0.reached.send_modify(|count| *count += 1);
        let mut open = self.0.open.subscribe();
        let _ = open.wait_for(|open| *open).await;
    }

    /// Waits until so many have reached the door, ever.
    ///
    /// # Panics
    /// When they do not in time.
    pub async fn reached(&self, count: usize) {
        let mut reached = self.0.reached.subscribe();
        let waited = timeout(PATIENCE, reached.wait_for(|have| *have >= count)).await;
        assert!(waited.is_ok(), "{count} should have come, but {}", *self.0.reached.borrow());
    }

    /// Opens the door for good.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }
}
