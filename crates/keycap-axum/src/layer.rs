//! The layer, with axum's way to know the peer.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use http::Extensions;
use keycap_gate::{Gate, Guard, GuardError};
use keycap_tower::{KeycapService, peer_address};
use tower_layer::Layer;

/// Puts a [`Guard`] before a router or its routes.
///
/// The layer of [`keycap_tower`], with the peer's address from axum's [`ConnectInfo`]. Layers of one
/// gate nest, router then route: the inner one adds its requirements and tops the hold up.
#[derive(Clone, Debug)]
#[must_use]
pub struct KeycapLayer(keycap_tower::KeycapLayer);

impl KeycapLayer {
    /// Puts `guard` before whatever this wraps.
    ///
    /// # Errors
    /// When something that was said of the guard makes no sense.
    pub fn new(gate: &Gate, guard: Guard) -> Result<Self, GuardError> {
        Ok(Self(keycap_tower::KeycapLayer::new(gate, guard)?.peer(peer)))
    }
}

impl<S> Layer<S> for KeycapLayer {
    type Service = KeycapService<S>;

    fn layer(&self, inner: S) -> KeycapService<S> {
        self.0.layer(inner)
    }
}

/// What axum knows of the connection, or else what a server said in plain tower's way.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let connected = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let mocked = || extensions.get::<MockConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    connected.or_else(mocked).or_else(|| peer_address(extensions))
}
