//! What observe mode let through.

use std::future::{Ready, ready};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use keycap_gate::{Gate, Refusal};

use crate::Error;
use crate::error::misconfigured;

/// The refusal that observe mode did not carry out. Take it as `Option<Observation>`: most requests
/// have none.
#[derive(Clone, Debug)]
pub struct Observation(keycap_gate::Observation);

impl Observation {
    /// The refusal that the request would have had.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.0
    }
}

/// What is kept with a request that observe mode let through.
#[derive(Clone)]
pub(crate) struct Observed {
    pub(crate) gate: Gate,
    pub(crate) observation: keycap_gate::Observation,
}

/// Keeps the observation with the request, for handlers.
pub(crate) fn note(request: &ServiceRequest, gate: Gate, observation: keycap_gate::Observation) {
    let mut extensions = request.extensions_mut();
    extensions.insert(observation.clone());
    extensions.insert(Observed { gate, observation });
}

impl FromRequest for Observation {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let observation = request.extensions().get::<keycap_gate::Observation>().cloned();
        ready(observation.map(Self).ok_or_else(|| {
            misconfigured("a handler takes `Observation` of a request that was not only observed; take `Option<Observation>`")
        }))
    }
}
