//! How long a request waits for others to give back what they hold.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Sleep;

use crate::Guard;
use crate::queue::Queue;

/// The pause between two tries. Most are cut short, when a batch was settled.
const WAIT_STEP: Duration = Duration::from_millis(20);

/// What is left of the time that a guard lets a request wait. Counted by the runtime, not by the
/// clock: one that is set back must not make the wait longer.
pub(crate) struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// As much as the guard says, from now.
    pub(crate) fn of(guard: &Guard) -> Self {
        Self(guard.wait.map(|span| Box::pin(tokio::time::sleep(span))))
    }

    /// Waits until amounts may have been given back; breaks when the time is over.
    pub(crate) async fn wait(&mut self, queue: &Queue) -> ControlFlow<()> {
        let Some(over) = &mut self.0 else { return ControlFlow::Break(()) };
        tokio::select! {
            biased;
            () = over => ControlFlow::Break(()),
            () = queue.settled_within(WAIT_STEP) => ControlFlow::Continue(()),
        }
    }
}
