//! A request of actix as the gate reads it, and what becomes of its credential.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use keycap_gate::{Guarded, RequestView};
use smallvec::SmallVec;

/// A request, as the gate reads it.
pub(crate) struct View<'a> {
    pub(crate) request: &'a ServiceRequest,
    pub(crate) credentials: &'a CredentialHeaders,
}

impl RequestView for View<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.request.path()
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        let headers = self.request.headers();
        let values = match self.credentials.named(name) {
            Some(known) => headers.get_all(known),
            None => headers.get_all(name),
        };
        values.map(HeaderValue::as_bytes).collect()
    }

    fn peer(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|address| address.ip())
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

    /// A header of these, by its name in lower case.
    fn named(&self, name: &str) -> Option<&HeaderName> {
        self.names.iter().find(|known| known.as_str() == name)
    }

    /// Keeps credentials out of logs, or from the handler altogether. What is so already stays
    /// untouched: actix lends a request's headers for that only while nobody else keeps the request.
    pub(crate) fn shield(&self, request: &mut ServiceRequest) {
        for name in &self.names {
            let mut values = request.headers().get_all(name);
            match self.access {
                Access::None if values.len() > 0 => drop(request.headers_mut().remove(name)),
                Access::Sensitive if values.any(|value| !value.is_sensitive()) => {
                    mark_sensitive(request.headers_mut(), name);
                }
                Access::None | Access::Sensitive => {}
            }
        }
    }
}

/// Marks every value of a header. The map shows the first alone; where there are more, all headers
/// are walked.
fn mark_sensitive(headers: &mut HeaderMap, name: &HeaderName) {
    let Some(first) = headers.get_mut(name) else { return };
    first.set_sensitive(true);
    if headers.get_all(name).len() > 1 {
        headers.retain(|other, value| {
            if other == name {
                value.set_sensitive(true);
            }
            true
        });
    }
}
