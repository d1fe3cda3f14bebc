//! When a provider that fails is left alone, and when it is tried again.
//!
//! Pure: what happened and the time in, a decision out. Closed, calls pass and failures in a row are
//! counted. Open, nothing passes for a span that doubles with every failed probe, up to
//! [`MAX_CIRCUIT_REST`]. After it one call passes, the probe: it closes the circuit or opens it again. One
//! that takes longer than a call may is given up, because nobody may ever come back to its future.
//!
//! What a call brings back counts only in the state it began in. Calls that were under way when the
//! circuit opened neither close it nor lengthen its rest.

use std::time::Duration;

use keycap_base::Timestamp;

use super::rest::Rest;

/// The longest that a circuit stays open before a probe, however often it failed.
pub(crate) const MAX_CIRCUIT_REST: Duration = Duration::from_secs(60);
/// What callers are told to wait while the probe is under way.
pub(super) const PROBE_WAIT: Duration = Duration::from_secs(1);

/// The circuit of one provider.
#[derive(Debug)]
pub(super) struct Breaker {
    limits: Limits,
    state: State,
    epoch: u64,
}

/// When it opens, for how long at first, and how long a probe may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) failures: u32,
    pub(super) open_for: Duration,
    pub(super) probe_for: Duration,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { rest: Rest, probes_failed: u32 },
    Probing { rest: Rest, probes_failed: u32 },
}

/// Whether a call may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Pass(Ticket),
    /// Not before this has passed.
    Refuse(Duration),
}

/// Given to a call that passes, given back when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    epoch: u64,
    pub(super) part: Part,
}

/// What a call is to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Ordinary,
    /// The only one that passes. It is sent once and never repeated.
    Probe,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeded,
    Failed,
    /// It says nothing about the provider's health: abandoned, or asked to come later.
    Neither,
}

/// What the end of a call did to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    Opened(Duration),
    Closed,
}

impl Breaker {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: State::Closed { failures: 0 }, epoch: 0 }
    }

    /// Why a call would be refused now, if it would.
    pub(super) fn refusal(&mut self, now: Timestamp) -> Option<Duration> {
        match &mut self.state {
            State::Closed { .. } => None,
            State::Open { rest, .. } => rest.left(now),
            State::Probing { rest, .. } => rest.left(now).map(|left| left.min(PROBE_WAIT)),
        }
    }

    /// Lets a call pass or refuses it. Whoever gets a ticket must give it back to [`end`](Self::end).
    pub(super) fn enter(&mut self, now: Timestamp) -> Entry {
        if let Some(wait) = self.refusal(now) {
            return Entry::Refuse(wait);
        }
        let part = match self.state {
            State::Open { probes_failed, .. } | State::Probing { probes_failed, .. } => {
                let rest = Rest::begin(now, self.limits.probe_for);
                self.turn(State::Probing { rest, probes_failed });
                Part::Probe
            }
            State::Closed { .. } => Part::Ordinary,
        };
        Entry::Pass(Ticket { epoch: self.epoch, part })
    }

    /// A call has ended.
    pub(super) fn end(&mut self, ticket: Ticket, end: End, now: Timestamp) -> Turn {
        if ticket.epoch != self.epoch {
            return Turn::None;
        }
        match (&mut self.state, end) {
            (State::Closed { failures }, End::Failed) => {
                *failures = failures.saturating_add(1);
                if *failures >= self.limits.failures { self.open(0, now) } else { Turn::None }
            }
            (State::Closed { failures }, End::Succeeded) => {
                *failures = 0;
                Turn::None
            }
            (State::Probing { .. }, End::Succeeded) => {
                self.turn(State::Closed { failures: 0 });
                Turn::Closed
            }
            (State::Probing { probes_failed, .. }, End::Failed) => {
                let probes_failed = probes_failed.saturating_add(1);
                self.open(probes_failed, now)
            }
            (State::Probing { probes_failed, .. }, End::Neither) => {
                let (rest, probes_failed) = (Rest::begin(now, Duration::ZERO), *probes_failed);
                self.turn(State::Open { rest, probes_failed });
                Turn::None
            }
            (State::Closed { .. }, End::Neither) | (State::Open { .. }, _) => Turn::None,
        }
    }

    fn open(&mut self, probes_failed: u32, now: Timestamp) -> Turn {
        let span = self.limits.rest(probes_failed);
        self.turn(State::Open { rest: Rest::begin(now, span), probes_failed });
        Turn::Opened(span)
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

impl Limits {
    /// How long the circuit stays open after so many failed probes in a row.
    pub(super) fn rest(self, probes_failed: u32) -> Duration {
        let factor = 2_u32.saturating_pow(probes_failed);
        self.open_for.saturating_mul(factor).min(MAX_CIRCUIT_REST)
    }
}
