//! A cost on its way to the ledger, as the handler that reported it sees it.
//!
//! A cost that is queued has one allocation, which it shares with the settler. Only one that met a
//! full queue takes more.

mod confirmation;
mod homeless;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pub(crate) use self::confirmation::Confirmation;
use self::homeless::Homeless;
use crate::queue::Waiting;
use crate::tab::NeedsPlace;
use crate::{KeyState, Receipt, TrackError, Usage};

pin_project! {
    /// Waits for a cost to be durable. The cost is queued already: dropping this loses nothing, unless
    /// the queue was full and the cost still needed a place of its own.
    #[must_use = "the cost is queued, but only the awaited answer says that it is durable"]
    pub struct Tracking {
        #[pin]
        way: Way,
    }
}

pin_project! {
    #[project = WayPinned]
    enum Way {
        Queued {
            #[pin]
            confirmation: Confirmation,
        },
        Homeless {
            recorded: Pin<Box<dyn Future<Output = Result<Receipt, TrackError>> + Send>>,
        },
    }
}

impl Tracking {
    /// Queues a cost of the request that `key` belongs to.
    pub(crate) fn begin(key: &KeyState, usage: Usage) -> Self {
        let patience = key.core().confirm_timeout;
        let way = match queue_now(key, usage) {
            // The wait must not keep the hold open.
            Ok(told) => Way::Queued { confirmation: Confirmation::within(patience, told) },
            Err(NeedsPlace(usage)) => {
                let homeless = Homeless { key: key.clone(), usage: Some(usage) };
                Way::Homeless { recorded: Box::pin(homeless.recorded()) }
            }
        };
        Self { way }
    }
}

impl Future for Tracking {
    type Output = Result<Receipt, TrackError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayPinned::Queued { confirmation } => confirmation.poll(context),
            WayPinned::Homeless { recorded } => recorded.as_mut().poll(context),
        }
    }
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracking").finish_non_exhaustive()
    }
}

/// Queues a cost in the request's own place, or in another that is free.
fn queue_now(key: &KeyState, usage: Usage) -> Result<Waiting, NeedsPlace> {
    key.tab().track(usage, None).or_else(|NeedsPlace(usage)| {
        let place = key.core().queue.try_place();
        key.tab().track(*usage, place)
    })
}
