//! A cost that met a full queue.

use std::pin::pin;
use std::time::Duration;

use crate::queue::Waiting;
use crate::tab::NeedsPlace;
use crate::{KeyState, Receipt, TrackError, Usage};

use super::Confirmation;

/// The pause between two looks whether a cost can stand in its request's own place by now.
const PLACE_STEP: Duration = Duration::from_millis(20);

/// A cost without a place. Its key keeps the hold open until it is queued.
pub(super) struct Homeless {
    pub(super) key: KeyState,
    pub(super) usage: Option<Box<Usage>>,
}

impl Homeless {
    /// Queues it as soon as it has a place, and waits until it is on record.
    pub(super) async fn recorded(self) -> Result<Receipt, TrackError> {
        let patience = self.key.core().confirm_timeout;
        let waiting = tokio::time::timeout(patience, self.queued()).await;
        Confirmation::within(patience, waiting.map_err(|_elapsed| TrackError::NoPlace)?).await
    }

    /// Queues it as soon as a place is free, or the request's own is because what stood there was
    /// sent.
    async fn queued(mut self) -> Waiting {
        let tab = self.key.tab().clone();
        let queue = &tab.core.queue;
        let mut place = pin!(queue.place());
        loop {
            let found = tokio::select! {
                found = &mut place => Some(found),
                () = queue.settled_within(PLACE_STEP) => None,
            };
            let Some(usage) = self.usage.take() else { return std::future::pending().await };
            match tab.track(*usage, found) {
                Ok(waiting) => return waiting,
                Err(NeedsPlace(usage)) => self.usage = Some(usage),
            }
        }
    }
}

impl Drop for Homeless {
    fn drop(&mut self) {
        if let Some(usage) = &self.usage {
            tracing::error!(
                account = %self.key.account(), cost = %usage.cost,
                "a cost found no place in the queue and is not recorded",
            );
        }
    }
}
