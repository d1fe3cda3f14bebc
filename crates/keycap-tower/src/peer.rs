//! The address at the other end of the connection.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

/// The address at the other end of the connection, as a request extension: for servers that know it
/// without its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// Finds the address at the other end of the connection among a request's extensions.
///
/// Not for forwarding headers: those are read by the gate, behind proxies that it trusts.
pub type PeerLookup = fn(&Extensions) -> Option<IpAddr>;

/// The default [`PeerLookup`]: a [`PeerAddress`], or else a [`SocketAddr`].
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use keycap_tower::{PeerAddress, peer_address};
///
/// let mut extensions = http::Extensions::new();
/// assert_eq!(peer_address(&extensions), None);
/// extensions.insert(PeerAddress(Ipv4Addr::LOCALHOST.into()));
/// assert_eq!(peer_address(&extensions), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
/// ```
#[must_use]
pub fn peer_address(extensions: &Extensions) -> Option<IpAddr> {
    let named = extensions.get::<PeerAddress>().map(|peer| peer.0);
    named.or_else(|| extensions.get::<SocketAddr>().map(SocketAddr::ip))
}
