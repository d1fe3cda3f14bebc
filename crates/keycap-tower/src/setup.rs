//! What a layer knows, shared by all its services and requests.

use http::{HeaderMap, HeaderName, Request};
use keycap_gate::{Deciding, Gate, Guard, GuardError, Guarded, KeyState};

use crate::view::View;
use crate::{PeerLookup, peer_address};

/// A gate, a guard, and how to find out who is at the other end.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) guarded: Guarded,
    pub(crate) peer: PeerLookup,
    pub(crate) credential_headers: Vec<HeaderName>,
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
        let deciding = self.guarded.decide(&View { request, peer: self.peer }, inside);
        self.conceal(request.headers_mut());
        (deciding, depth)
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        if self.guarded.strips_credential() {
            for name in &self.credential_headers {
                headers.remove(name);
            }
            return;
        }
        for (name, value) in headers.iter_mut() {
            if self.credential_headers.contains(name) {
                value.set_sensitive(true);
            }
        }
    }
}
