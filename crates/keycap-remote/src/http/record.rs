//! What a call leaves in metrics and spans. `docs/providers.md` lists both for users.
//!
//! Labels are the provider's name, our word for the operation and a closed set of outcomes. Nothing
//! that a caller or a provider sent becomes a label or a field, but for the status.

use std::sync::Arc;

use metrics::Unit;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use super::CallError;

const CALLS: &str = "keycap_provider_calls_total";
const CALL_SECONDS: &str = "keycap_provider_call_seconds";
const RETRIES: &str = "keycap_provider_retries_total";
const IN_FLIGHT: &str = "keycap_provider_in_flight";
pub(super) const CIRCUIT_OPEN: &str = "keycap_provider_circuit_open";

/// Says what the metrics mean, and that the circuit of a new provider is closed.
pub(super) fn describe(provider: &Arc<str>) {
    metrics::describe_counter!(CALLS, "Calls to a provider, by how they ended.");
    metrics::describe_histogram!(
        CALL_SECONDS,
        Unit::Seconds,
        "How long a call took: waiting for a place, all attempts and the pauses between them."
    );
    metrics::describe_counter!(RETRIES, "Attempts of calls after their first.");
    metrics::describe_gauge!(IN_FLIGHT, "Calls that hold a place now.");
    metrics::describe_gauge!(CIRCUIT_OPEN, "1 while the provider is left alone after failures.");
    metrics::gauge!(CIRCUIT_OPEN, "provider" => Arc::clone(provider)).set(0);
}

/// One call, from the question to its end.
pub(super) struct Record {
    provider: Arc<str>,
    operation: &'static str,
    begun: Instant,
    span: Span,
    attempts: u32,
    outcome: &'static str,
}

impl Record {
    pub(super) fn begin(provider: &Arc<str>, operation: &'static str) -> Self {
        let span = tracing::debug_span!(
            "provider_call",
            provider = &**provider,
            operation,
            outcome = Empty,
            status = Empty,
            attempts = Empty
        );
        let (provider, begun) = (Arc::clone(provider), Instant::now());
        Self { provider, operation, begun, span, attempts: 0, outcome: "cancelled" }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// One more request is about to be sent.
    pub(super) fn attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts > 1 {
            metrics::counter!(
                RETRIES, "provider" => Arc::clone(&self.provider), "operation" => self.operation
            )
            .increment(1);
        }
    }

    /// The provider answered with this status.
    pub(super) fn status(&self, status: u16) {
        self.span.record("status", status);
    }

    pub(super) fn end<T>(mut self, outcome: &Result<T, CallError>) {
        self.outcome = outcome.as_ref().err().map_or("answered", CallError::word);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        self.span.record("attempts", self.attempts);
        metrics::histogram!(
            CALL_SECONDS, "provider" => Arc::clone(&self.provider), "operation" => self.operation
        )
        .record(self.begun.elapsed());
        metrics::counter!(
            CALLS,
            "provider" => Arc::clone(&self.provider),
            "operation" => self.operation,
            "outcome" => self.outcome
        )
        .increment(1);
    }
}

/// Counts a call for as long as it holds a place.
pub(super) struct InFlight(metrics::Gauge);

impl InFlight {
    pub(super) fn count(provider: &Arc<str>) -> Self {
        let gauge = metrics::gauge!(IN_FLIGHT, "provider" => Arc::clone(provider));
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
