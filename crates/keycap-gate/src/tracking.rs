//! A cost on its way to the ledger, as the handler that reported it sees it.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use keycap_budget::{Decided, Outcome};
use tokio::sync::oneshot;

use crate::tab::{NeedsPlace, unexpected};
use crate::{KeyState, Receipt, TrackError, Usage};

/// The pause between two looks whether a cost can stand in its request's own place by now.
const PLACE_STEP: Duration = Duration::from_millis(20);

/// Waits for a cost to be durable. The cost is queued already: dropping this loses nothing, unless
/// the queue was full and the cost still needed a place of its own.
#[must_use = "the cost is queued, but only the awaited answer says that it is durable"]
pub struct Tracking(Pin<Box<dyn Future<Output = Result<Receipt, TrackError>> + Send>>);

impl Tracking {
    /// Queues a cost of the request that `key` belongs to.
    pub(crate) fn begin(key: &KeyState, usage: Usage) -> Self {
        let patience = key.core().confirm_timeout;
        match queue_now(key, usage) {
            // The wait must not keep the hold open.
            Ok(told) => Self(Box::pin(confirmed(told, patience))),
            Err(NeedsPlace(usage)) => {
                let homeless = Homeless { key: key.clone(), usage: Some(usage) };
                Self(Box::pin(async move {
                    let told = tokio::time::timeout(patience, homeless.queued()).await;
                    confirmed(told.map_err(|_elapsed| TrackError::NoPlace)?, patience).await
                }))
            }
        }
    }
}

impl Future for Tracking {
    type Output = Result<Receipt, TrackError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracking").finish_non_exhaustive()
    }
}

/// Queues a cost in the request's own place, or in another that is free.
fn queue_now(key: &KeyState, usage: Usage) -> Result<oneshot::Receiver<Decided>, NeedsPlace> {
    key.tab().track(usage, None).or_else(|NeedsPlace(usage)| {
        let place = key.core().queue.try_place();
        key.tab().track(*usage, place)
    })
}

/// A cost that met a full queue. Its key keeps the hold open until it is queued.
struct Homeless {
    key: KeyState,
    usage: Option<Box<Usage>>,
}

impl Homeless {
    /// Queues it as soon as a place is free, or the request's own is because what stood there was
    /// sent.
    async fn queued(mut self) -> oneshot::Receiver<Decided> {
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
                Ok(told) => return told,
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

/// Waits until a queued cost is on record.
pub(crate) async fn confirmed(
    told: oneshot::Receiver<Decided>,
    patience: Duration,
) -> Result<Receipt, TrackError> {
    match tokio::time::timeout(patience, told).await {
        Err(_elapsed) => Err(TrackError::Unconfirmed),
        Ok(Err(_closed)) => Err(TrackError::ShutDown),
        Ok(Ok(answer)) => receipt(answer),
    }
}

fn receipt(answer: Decided) -> Result<Receipt, TrackError> {
    match answer {
        Ok(Outcome::Recorded(receipt)) => Ok(receipt),
        Ok(Outcome::Conflict(_)) => Err(TrackError::Conflict),
        Ok(Outcome::TooOld { .. }) => Err(TrackError::TooOld),
        Ok(other) => Err(TrackError::Misanswered(unexpected(&other).to_string())),
        Err(fault) => Err(TrackError::Fault(fault)),
    }
}
