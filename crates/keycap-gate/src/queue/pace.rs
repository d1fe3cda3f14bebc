//! When a batch waits for company.
//!
//! The settler counts what arrives. A lone request is sent at once; while more than
//! [`BUSY_ABOVE`] a second arrive, a batch may wait up to [`LONGEST_WAIT`] until [`ENOUGH`] have come,
//! so that a busy gate sends few large batches. It looks every [`LOOK_STEP`] and goes when a whole step
//! brought nobody: those who wait for their answers before they send more are all there by then. Where
//! a wait brought nobody at all, the next ones are spared until company is seen again: a client that
//! sends one request after the other has none, however fast it is.

use std::time::Duration;

use tokio::time::Instant;

/// A batch waits for company only while more than so many arrive in a second.
pub(crate) const BUSY_ABOVE: u32 = 1_000;

/// The longest a batch waits for company.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// A batch of so many goes at once: its cost is one hundredth for each, or less.
pub(crate) const ENOUGH: usize = 128;

/// How often a waiting batch looks whether company still comes. Two ticks of the runtime's timer:
/// company that comes with every tick is not overlooked.
pub(crate) const LOOK_STEP: Duration = Duration::from_millis(2);

/// Arrivals are counted over spans of this length; a tenth of a second.
const RATE_SPAN: Duration = Duration::from_millis(100);

/// How many of those are a second.
const SPANS_A_SECOND: u32 = 10;

/// The rate of arrivals, and whether waiting has been of use. Handed the time; moved by the settler
/// alone.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the span that is being counted began.
    began: Instant,
    /// Arrivals in it, and in the one before.
    arrived: usize,
    before: usize,
    /// Until when nobody is waited for, because a wait brought nobody.
    alone_until: Option<Instant>,
}

impl Pace {
    pub(super) fn at(now: Instant) -> Self {
        Self { began: now, arrived: 0, before: 0, alone_until: None }
    }

    /// Notes that so many were taken, together.
    pub(super) fn took(&mut self, together: usize, now: Instant) {
        self.turn(now);
        self.arrived = self.arrived.saturating_add(together);
        if together > 1 {
            self.alone_until = None;
        }
    }

    /// Notes that a wait brought nobody.
    pub(super) fn waited_in_vain(&mut self, now: Instant) {
        self.alone_until = Some(now + RATE_SPAN);
    }

    /// Whether company is worth waiting for.
    pub(super) fn expects_company(&mut self, now: Instant) -> bool {
        self.turn(now);
        let bound = usize::try_from(BUSY_ABOVE / SPANS_A_SECOND).unwrap_or(usize::MAX);
        let busy = self.before > bound || self.arrived > bound;
        busy && self.alone_until.is_none_or(|until| now >= until)
    }

    /// Begins a new span if the present one is over.
    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.began);
        if passed < RATE_SPAN {
            return;
        }
        let next = passed < 2 * RATE_SPAN;
        self.before = if next { self.arrived } else { 0 };
        self.arrived = 0;
        self.began = if next { self.began + RATE_SPAN } else { now };
    }
}

#[cfg(test)]
mod tests;
