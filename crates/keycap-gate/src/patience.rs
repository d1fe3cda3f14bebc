//! How long a request waits for others to give back what they hold.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Sleep;

use crate::queue::{Queue, Ticket};
use crate::{Code, Guard, Refusal};

/// The pause between two tries. Most are cut short, when a batch was settled.
const WAIT_STEP: Duration = Duration::from_millis(20);

/// The longest a request waits for the settles of requests that have ended already.
const CATCH_UP: Duration = Duration::from_millis(50);

/// What a request waits for before it is refused because others hold the rest. Begun before the hold
/// is asked for.
///
/// First, if requests that had ended by then were not settled yet, for those: what they did not spend
/// is nobody's any more (P4), and a client that sends one request after the other would meet its own
/// last hold. Then for as long as the guard says, counted by the runtime, not by the clock: one that
/// is set back must not make the wait longer.
pub(crate) struct Patience {
    behind: Option<Ticket>,
    over: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// As much as the guard says, from now.
    pub(crate) fn of(guard: &Guard, queue: &Queue) -> Self {
        let over = guard.wait.map(|span| Box::pin(tokio::time::sleep(span)));
        Self { behind: queue.behind(), over }
    }

    /// Only for what is owed already.
    pub(crate) fn least(queue: &Queue) -> Self {
        Self { behind: queue.behind(), over: None }
    }

    /// Whether there is anything to wait for.
    pub(crate) fn is_left(&self) -> bool {
        self.behind.is_some() || self.over.is_some()
    }

    /// Waits until amounts may have been given back; breaks when the time is over.
    pub(crate) async fn wait(&mut self, queue: &Queue) -> ControlFlow<()> {
        if let Some(ticket) = self.behind.take() {
            queue.caught_up_within(ticket, CATCH_UP).await;
            return ControlFlow::Continue(());
        }
        let Some(over) = &mut self.over else { return ControlFlow::Break(()) };
        tokio::select! {
            biased;
            () = over => ControlFlow::Break(()),
            () = queue.settled_within(WAIT_STEP) => ControlFlow::Continue(()),
        }
    }
}

/// Whether a refused hold may fit in a moment.
pub(crate) fn may_wait(refusal: &Refusal) -> bool {
    refusal.code() == Code::BudgetReserved
}

#[cfg(test)]
mod tests;
