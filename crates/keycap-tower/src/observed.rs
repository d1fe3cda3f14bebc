//! What observe mode let through.

use std::fmt;

use keycap_gate::{Gate, Observation, Refusal, Told};

/// A refusal that observe mode did not carry out, with the gate that would have told it. A request
/// extension, beside the plain [`Observation`], for adapters that render refusals.
#[derive(Clone)]
pub struct Observed {
    gate: Gate,
    observation: Observation,
}

impl Observed {
    pub(crate) fn new(gate: Gate, observation: Observation) -> Self {
        Self { gate, observation }
    }

    /// The refusal that the request would have had.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.observation.0
    }

    /// The refusal, with the answer that it would have had.
    #[must_use]
    pub fn told(&self) -> Told {
        Told::by(&self.gate, self.refusal().clone())
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observed").field(&self.observation).finish()
    }
}
