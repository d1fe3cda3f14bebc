//! A request that was sent, as tests write it.

use std::net::IpAddr;

use keycap_gate::RequestView;
use smallvec::SmallVec;

/// Headers in the order they were sent, and the address they came from.
#[derive(Default)]
pub(crate) struct Sent {
    headers: Vec<(String, Vec<u8>)>,
    peer: Option<IpAddr>,
}

impl Sent {
    pub(crate) fn with(headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(Self::default(), |sent, (name, value)| sent.and(name, value))
    }

    pub(crate) fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    #[allow(dead_code, reason = "credentials do not depend on it")]
    pub(crate) fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().ok();
        self
    }
}

impl RequestView for Sent {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        "/chat"
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &value[..]).collect()
    }

    fn peer(&self) -> Option<IpAddr> {
        self.peer
    }
}
