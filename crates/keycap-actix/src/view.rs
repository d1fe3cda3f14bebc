//! A request of actix as the gate reads it, and what becomes of its credential.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use keycap_gate::{Guarded, RequestView};
use smallvec::SmallVec;

/// A request, as the gate reads it.
pub(crate) struct View<'a>(pub(crate) &'a ServiceRequest);

impl RequestView for View<'_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn path(&self) -> &str {
        self.0.path()
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        self.0.headers().get_all(name).map(|value| value.as_bytes()).collect()
    }

    fn peer(&self) -> Option<IpAddr> {
        self.0.peer_addr().map(|address| address.ip())
    }
}

/// The headers that carry credentials, and whether the handler sees them.
#[derive(Clone, Debug)]
pub(crate) struct CredentialHeaders {
    names: SmallVec<[HeaderName; 4]>,
    access: Access,
}

#[derive(Clone, Copy, Debug)]
enum Access {
    /// Shown, but to no log.
    Sensitive,
    None,
}

impl CredentialHeaders {
    pub(crate) fn of(guarded: &Guarded) -> Self {
        #[expect(clippy::expect_used, reason = "the gate checked these when it was built")]
        let name = |name: &str| {
            HeaderName::from_bytes(name.as_bytes()).expect("a place's name is a header's name")
        };
        Self {
            names: guarded.credential_headers().map(name).collect(),
            access: if guarded.strips_credential() { Access::None } else { Access::Sensitive },
        }
    }

    /// Keeps credentials out of logs, or from the handler altogether.
    pub(crate) fn shield(&self, request: &mut ServiceRequest) {
        if !self.names.iter().any(|name| request.headers().contains_key(name)) {
            return;
        }
        request.headers_mut().retain(|name, value| {
            if !self.names.contains(name) {
                return true;
            }
            value.set_sensitive(true);
            matches!(self.access, Access::Sensitive)
        });
    }
}
