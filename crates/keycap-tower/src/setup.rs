//! What a layer knows, shared by all its services and requests.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Request};
use keycap_gate::{
    Answer, Course, Deciding, Decision, Gate, Guard, GuardError, Guarded, KeyState, Observation,
};

use crate::awaited::Asked;
use crate::pass::Pass;
use crate::view::View;
use crate::{Observed, PeerLookup, peer_address};

/// A gate, a guard, and how to find out who is at the other end.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) guarded: Guarded,
    pub(crate) peer: PeerLookup,
    pub(crate) credential_headers: Box<[HeaderName]>,
}

/// Whether this layer is the first of its gate that a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Outermost,
    Nested,
}

impl Setup {
    pub(crate) fn new(gate: &Gate, guard: Guard) -> Result<Self, GuardError> {
        let guarded = gate.guarded(guard)?;
        // Places of credentials are tokens, so each is a header's name.
        let names = guarded.credential_headers().flat_map(HeaderName::try_from);
        let credential_headers = names.collect();
        Ok(Self { guarded, peer: peer_address, credential_headers })
    }

    /// Asks the gate about a request, and conceals its credential from everything inside.
    pub(crate) fn decide<B>(&self, request: &mut Request<B>) -> (Deciding, Depth) {
        let key = request.extensions().get::<KeyState>();
        let inside = key.filter(|key| self.guarded.has_admitted(key)).cloned();
        let depth = if inside.is_some() { Depth::Nested } else { Depth::Outermost };
        let deciding = self.guarded.decide(&View { request, setup: self }, inside);
        self.conceal(request.headers_mut());
        (deciding, depth)
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        for name in &self.credential_headers {
            if self.guarded.strips_credential() {
                headers.remove(name);
            } else {
                mark_sensitive(headers, name);
            }
        }
    }

    /// Puts the key where the inner service finds it, or says what is answered instead.
    pub(crate) fn act<B>(
        self: &Arc<Self>,
        decision: Decision,
        depth: Depth,
        request: &mut Request<B>,
    ) -> Result<Pass, Answer> {
        let key = match decision {
            Decision::Admitted(key) => Some(key),
            Decision::Observed(key, observation) => {
                self.note(request, observation);
                key
            }
            Decision::Refused(refusal) => return Err(self.guarded.answer(&refusal)),
        };
        let sends = depth == Depth::Outermost && self.guarded.sends_headers();
        let (asked, headers) = (Asked::of(request.method()), sends.then(|| Arc::clone(self)));
        let course = key.map(|key| {
            request.extensions_mut().insert(key.clone());
            Course::calling(key)
        });
        Ok(Pass { course, asked, headers })
    }

    /// Tells the handler what observe mode did not carry out.
    fn note<B>(&self, request: &mut Request<B>, observation: Observation) {
        let observed = Observed::new(self.guarded.gate(), observation.clone());
        let extensions = request.extensions_mut();
        extensions.insert(observation);
        extensions.insert(observed);
    }
}

/// Marks every value of a header. The map shows the first alone; where no name stands twice, there
/// is no other.
fn mark_sensitive(headers: &mut HeaderMap, name: &HeaderName) {
    if headers.len() == headers.keys_len() {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
        return;
    }
    for (_, value) in headers.iter_mut().filter(|(other, _)| *other == name) {
        value.set_sensitive(true);
    }
}
