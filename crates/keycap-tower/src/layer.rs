//! The layer.

use std::fmt;
use std::sync::Arc;

use keycap_gate::{Gate, Guard, GuardError};
use tower_layer::Layer;

use crate::setup::Setup;
use crate::{KeycapService, PeerLookup};

/// Puts a [`Guard`] before a service.
///
/// Layers of one gate nest: the inner one adds its requirements and tops the hold up; nothing is
/// verified or held twice.
///
/// Within the layer, the headers that carry credentials are marked
/// [sensitive](http::HeaderValue::set_sensitive), or removed if the gate was built so. For what is
/// outside of it, use tower-http's `SetSensitiveRequestHeadersLayer`.
///
/// ```
/// # use std::convert::Infallible;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{Empty, Full};
/// use keycap_budget::{MemoryLedger, usd};
/// use keycap_gate::{Gate, Guard};
/// use keycap_tower::KeycapLayer;
/// use keycap_verify::{StaticKey, StaticKeys};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// let keys = StaticKeys::builder().key(StaticKey::new("ci", digest)).build()?;
/// let gate = Gate::builder().ledger(MemoryLedger::new()).provider(keys).build()?;
///
/// let service = ServiceBuilder::new()
///     .layer(KeycapLayer::new(&gate, Guard::fixed(usd!(0.02)))?)
///     .service_fn(async |_: Request<Empty<Bytes>>| {
///         Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("Hello.")))
///     });
///
/// let request = Request::get("/").body(Empty::new())?;
/// assert_eq!(service.clone().oneshot(request).await?.status(), 401);
/// let request = Request::get("/").header("authorization", "Bearer abc").body(Empty::new())?;
/// assert_eq!(service.oneshot(request).await?.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct KeycapLayer(Arc<Setup>);

impl KeycapLayer {
    /// Puts `guard` before whatever this wraps.
    ///
    /// # Errors
    /// When something that was said of the guard makes no sense.
    pub fn new(gate: &Gate, guard: Guard) -> Result<Self, GuardError> {
        Ok(Self(Arc::new(Setup::new(gate, guard)?)))
    }

    /// Finds the address at the other end of the connection in another way than
    /// [`peer_address`](crate::peer_address).
    pub fn peer(self, lookup: PeerLookup) -> Self {
        Self(Arc::new(Setup { peer: lookup, ..(*self.0).clone() }))
    }
}

impl<S> Layer<S> for KeycapLayer {
    type Service = KeycapService<S>;

    fn layer(&self, inner: S) -> KeycapService<S> {
        KeycapService::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for KeycapLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeycapLayer").field(&self.0.guarded).finish()
    }
}
