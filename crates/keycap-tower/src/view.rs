//! A request, as the gate reads it.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Request};
use keycap_gate::RequestView;
use smallvec::SmallVec;

use crate::setup::Setup;

/// A request's line, headers and connection; never its body.
pub(crate) struct View<'a, B> {
    pub(crate) request: &'a Request<B>,
    pub(crate) setup: &'a Setup,
}

impl<B> View<'_, B> {
    /// The name of a header that carries a credential, read when the layer was made.
    fn known(&self, name: &str) -> Option<&HeaderName> {
        self.setup.credential_headers.iter().find(|known| known.as_str() == name)
    }
}

impl<B> RequestView for View<'_, B> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.request.uri().path()
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        let headers = self.request.headers();
        let values = match self.known(name) {
            Some(known) => headers.get_all(known),
            None => headers.get_all(name),
        };
        values.into_iter().map(HeaderValue::as_bytes).collect()
    }

    fn peer(&self) -> Option<IpAddr> {
        (self.setup.peer)(self.request.extensions())
    }
}
