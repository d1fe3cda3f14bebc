//! The address a client calls from.

mod hop;

use std::net::IpAddr;

use keycap_base::{Network, NetworkError, Networks};

use crate::RequestView;

/// The most hops that are walked through before the address counts as unknown.
pub const MAX_HOPS: usize = 32;

/// The header in which proxies say whom they forward for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`: addresses separated by commas, each proxy adding its peer at the end.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same as `for=` parameters.
    Forwarded,
}

/// The application's own proxies, whose word on where a request comes from is taken.
///
/// Name every proxy between the clients and the application, and the one header they write. A
/// header that they pass on as it came is the caller's to forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    header: ForwardingHeader,
    networks: Networks,
}

/// Proxies that cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedProxiesError {
    /// Not a set of networks.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No network at all.
    #[error("no trusted proxy; name their networks, or use the connection's address")]
    None,
    /// Everybody.
    #[error(
        "`{0}` trusts everybody, so callers could choose their address; name the proxies' networks"
    )]
    Everybody(Network),
}

/// Where a client's address is taken from: the connection (the default), or a forwarding header.
///
/// ```
/// use keycap_gate::{ClientAddress, ForwardingHeader, TrustedProxies};
///
/// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"])?;
/// let address = ClientAddress::behind(proxies);
/// # Ok::<(), keycap_gate::TrustedProxiesError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAddress(Option<TrustedProxies>);

impl TrustedProxies {
    /// Proxies in `networks`, which write `header`.
    ///
    /// # Errors
    /// [`TrustedProxiesError`] for a text that is no network, too many of them, none, or a block
    /// that holds every address.
    pub fn new<N: AsRef<str>>(
        header: ForwardingHeader,
        networks: impl IntoIterator<Item = N>,
    ) -> Result<Self, TrustedProxiesError> {
        let networks = Networks::of(networks)?;
        let blocks = networks.blocks().unwrap_or_default();
        if blocks.is_empty() {
            return Err(TrustedProxiesError::None);
        }
        if let Some(all) = blocks.iter().find(|block| holds_everything(block)) {
            return Err(TrustedProxiesError::Everybody(*all));
        }
        Ok(Self { header, networks })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.allows(Some(address))
    }
}

fn holds_everything(block: &Network) -> bool {
    block.to_string().ends_with("/0")
}

impl ClientAddress {
    /// The address at the other end of the connection.
    #[must_use]
    pub fn of_connection() -> Self {
        Self(None)
    }

    /// The rightmost hop that is not one of `proxies`.
    #[must_use]
    pub fn behind(proxies: TrustedProxies) -> Self {
        Self(Some(proxies))
    }

    /// The address that `request` comes from; IPv4-mapped IPv6 is given as IPv4.
    ///
    /// A forwarding header is read only if the connection comes from a trusted proxy, from the right:
    /// each proxy adds the address it was called from at the end, so what stands left of the first
    /// untrusted one is that caller's own claim. If all hops are trusted, the leftmost is the client.
    /// None where a hop cannot be read (`unknown`, a name, garbage), or after [`MAX_HOPS`].
    #[must_use]
    pub fn read(&self, request: &dyn RequestView) -> Option<IpAddr> {
        let peer = request.peer()?.to_canonical();
        match &self.0 {
            Some(proxies) if proxies.trusts(peer) => walk(proxies, peer, request),
            _ => Some(peer),
        }
    }
}

/// Walks the hops from the right to the first untrusted one.
fn walk(proxies: &TrustedProxies, peer: IpAddr, request: &dyn RequestView) -> Option<IpAddr> {
    let mut client = peer;
    let mut left = MAX_HOPS;
    for line in request.header_values(proxies.header.name()).into_iter().rev() {
        for hop in proxies.header.hops(line)?.into_iter().rev() {
            left = left.checked_sub(1)?;
            client = hop?;
            if !proxies.trusts(client) {
                return Some(client);
            }
        }
    }
    Some(client)
}
