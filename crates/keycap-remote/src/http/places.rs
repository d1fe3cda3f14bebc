//! How many calls are under way at the same time.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::CallError;

/// The places of one provider. Who finds none waits, first come first served.
pub(super) struct Places(Semaphore);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Semaphore::new(most))
    }

    /// A place, kept until it is dropped. `total` is what the caller waits altogether, for the error.
    pub(super) async fn take(
        &self,
        deadline: Instant,
        total: Duration,
    ) -> Result<SemaphorePermit<'_>, CallError> {
        match timeout_at(deadline, self.0.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(CallError::Busy(total)),
        }
    }
}
