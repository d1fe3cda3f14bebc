//! Who may call a provider now: its circuit, the rest it asked for, and how loudly it is complained of.
//!
//! The one place where calls of one provider share state. Nothing is awaited under its lock.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use keycap_base::Clock;

use super::breaker::{Breaker, End, Entry, Limits, Part, Ticket, Turn};
use super::rest::Rest;
use super::{About, CallError};

/// How often the log says that a provider does not accept our credentials.
pub(super) const LOUD_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Circuit {
    provider: Arc<str>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    /// Asked for by the provider (429, 503).
    throttle: Option<Rest>,
    /// Since we last complained of refused credentials.
    quiet: Option<Rest>,
}

impl Circuit {
    pub(super) fn new(provider: Arc<str>, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let state = State { breaker: Breaker::new(limits), throttle: None, quiet: None };
        Self { provider, clock, state: Mutex::new(state) }
    }

    /// Whether a call would pass now.
    pub(super) fn look(&self) -> Result<(), CallError> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if let Some(left) = state.throttle.as_mut().and_then(|throttle| throttle.left(now)) {
            return Err(CallError::Throttled(left));
        }
        state.breaker.refusal(now).map_or(Ok(()), |wait| Err(CallError::CircuitOpen(wait)))
    }

    /// Lets a call pass, or says why not.
    pub(super) fn enter(&self) -> Result<Passage<'_>, CallError> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if let Some(left) = state.throttle.as_mut().and_then(|throttle| throttle.left(now)) {
            return Err(CallError::Throttled(left));
        }
        match state.breaker.enter(now) {
            Entry::Pass(ticket) => Ok(Passage { circuit: self, ticket, end: End::Neither }),
            Entry::Refuse(wait) => Err(CallError::CircuitOpen(wait)),
        }
    }

    /// Nobody calls until `span` has passed, or later if that was settled already.
    fn throttle(&self, span: Duration) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let left = state.throttle.as_mut().and_then(|throttle| throttle.left(now));
        state.throttle = Some(Rest::begin(now, left.unwrap_or_default().max(span)));
    }

    /// Says in the log that our credentials are wrong, unless it was just said.
    fn complain(&self, status: u16) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.quiet.as_mut().and_then(|quiet| quiet.left(now)).is_some() {
            return;
        }
        state.quiet = Some(Rest::begin(now, LOUD_EVERY));
        drop(state);
        tracing::error!(
            provider = &*self.provider,
            status,
            "the provider does not accept our own credentials, so none of its keys can be verified; \
             check the secret that the provider was built with and what it may do"
        );
    }

    fn end(&self, ticket: Ticket, end: End) {
        let now = self.clock.now();
        let turn = self.state.lock().breaker.end(ticket, end, now);
        match turn {
            Turn::None => {}
            Turn::Opened(span) => {
                self.show(1);
                let open_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(provider = &*self.provider, open_ms, "circuit opened");
            }
            Turn::Closed => {
                self.show(0);
                tracing::info!(provider = &*self.provider, "circuit closed");
            }
        }
    }

    fn show(&self, open: u8) {
        metrics::gauge!(super::record::CIRCUIT_OPEN, "provider" => Arc::clone(&self.provider))
            .set(open);
    }
}

/// A call on its way. Dropped before it came to an end, it counts as neither good nor bad.
pub(super) struct Passage<'a> {
    circuit: &'a Circuit,
    ticket: Ticket,
    end: End,
}

impl Passage<'_> {
    pub(super) fn part(&self) -> Part {
        self.ticket.part
    }

    /// The call, about this, has come to this.
    pub(super) fn end<T>(mut self, about: About, outcome: &Result<T, CallError>) {
        match outcome {
            Err(CallError::Throttled(span)) => self.circuit.throttle(*span),
            Err(CallError::RefusesUs(status)) => self.circuit.complain(*status),
            _ => {}
        }
        self.end = outcome.as_ref().err().map_or(End::Succeeded, |error| error.end(about));
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.circuit.end(self.ticket, self.end);
    }
}
