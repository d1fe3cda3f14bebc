//! A request, as the gate reads it.

use std::net::IpAddr;

use http::{HeaderValue, Request};
use keycap_gate::RequestView;
use smallvec::SmallVec;

use crate::PeerLookup;

/// A request's line, headers and connection; never its body.
pub(crate) struct View<'a, B> {
    pub(crate) request: &'a Request<B>,
    pub(crate) peer: PeerLookup,
}

impl<B> RequestView for View<'_, B> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.request.uri().path()
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        self.request.headers().get_all(name).into_iter().map(HeaderValue::as_bytes).collect()
    }

    fn peer(&self) -> Option<IpAddr> {
        (self.peer)(self.request.extensions())
    }
}
