//! Waiting for a tracked cost.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use keycap_gate::{Gate, Receipt, Told};
use pin_project_lite::pin_project;

use crate::Error;

pin_project! {
    /// Waits for a cost to be durable. The cost is queued already: dropping this loses nothing, unless
    /// it still needed a place of its own.
    #[derive(Debug)]
    #[must_use = "the cost is queued, but only the awaited answer says that it is durable"]
    pub struct Tracking {
        #[pin]
        tracking: keycap_gate::Tracking,
        gate: Gate,
    }
}

impl Tracking {
    pub(crate) fn new(tracking: keycap_gate::Tracking, gate: Gate) -> Self {
        Self { tracking, gate }
    }
}

impl Future for Tracking {
    type Output = Result<Receipt, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let tracked = this.tracking.poll(context);
        tracked.map_err(|error| Error(Told::by(this.gate, error)))
    }
}
