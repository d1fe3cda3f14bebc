//! Keycap as a tower layer: a spend cap before any HTTP service.
//!
//! A [`KeycapLayer`] asks the gate about each request before the inner service sees it. Admitted, the
//! request goes in with the key's [`KeyState`](keycap_gate::KeyState) in its extensions; refused, it
//! is answered at once. The request's hold lasts until the response body has ended and the last
//! clone of the `KeyState` is dropped.
//!
//! This crate translates between tower and the gate. It decides nothing.

mod awaited;
mod body;
mod future;
mod layer;
mod observed;
mod pass;
mod peer;
mod response;
mod service;
mod setup;
mod view;
mod watched;

pub use body::GuardedBody;
pub use future::ResponseFuture;
pub use layer::KeycapLayer;
pub use observed::Observed;
pub use peer::{PeerAddress, PeerLookup, peer_address};
pub use response::into_response;
pub use service::KeycapService;
