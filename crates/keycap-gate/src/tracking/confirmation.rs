//! The wait until a queued cost is on record.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use keycap_budget::{Decided, Outcome};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::queue::{NeverTold, Waiting};
use crate::tab::unexpected;
use crate::{Receipt, TrackError};

pin_project! {
    /// Waits for the answer to a cost that is queued. Dropping this loses nothing.
    ///
    /// The time begins, and its timer is set up, when it is first polled and the answer is not there.
    #[must_use]
    pub(crate) struct Confirmation {
        waiting: Waiting,
        patience: Duration,
        #[pin]
        timeout: Option<Sleep>,
    }
}

impl Confirmation {
    /// Waits so long at most.
    pub(crate) fn within(patience: Duration, waiting: Waiting) -> Self {
        Self { waiting, patience, timeout: None }
    }
}

impl Future for Confirmation {
    type Output = Result<Receipt, TrackError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(told) = this.waiting.poll(context) {
            return Poll::Ready(told.map_or_else(|NeverTold| Err(TrackError::ShutDown), receipt));
        }
        if this.timeout.is_none() {
            this.timeout.set(Some(tokio::time::sleep(*this.patience)));
        }
        if let Some(timeout) = this.timeout.as_pin_mut() {
            ready!(timeout.poll(context));
        }
        Poll::Ready(Err(TrackError::Unconfirmed))
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

#[cfg(test)]
mod tests;
