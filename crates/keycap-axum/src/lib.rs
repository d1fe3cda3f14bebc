//! Keycap for axum: the layer and the [`Key`] extractor.
//!
//! A [`KeycapLayer`] goes around a router or its routes; handlers take a [`Key`], see who is calling,
//! and [`track`](Key::track) what the work cost. A handler that returns `Result<T, Error>` uses `?`
//! on all that a `Key` does: what goes wrong is answered as the layer answers.
//!
//! ```
//! use axum::{Router, body::Body, http::Request, routing::post};
//! use keycap_axum::{Error, Key, KeycapLayer};
//! use keycap_budget::{MemoryLedger, usd};
//! use keycap_gate::{Gate, Guard};
//! use keycap_verify::{StaticKey, StaticKeys};
//! use tower::ServiceExt;
//!
//! async fn chat(key: Key) -> Result<String, Error> {
//!     key.track(usd!(0.01)).await?;
//!     Ok(format!("Hello, {}.", key.subject()))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
//! let keys = StaticKeys::builder().key(StaticKey::new("ci", digest)).build()?;
//! let gate = Gate::builder()
//!     .ledger(MemoryLedger::new())
//!     .provider(keys)
//!     .limit("$5 per day".parse()?)
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/chat", post(chat))
//!     .route_layer(KeycapLayer::new(&gate, Guard::fixed(usd!(0.02)))?);
//!
//! let request = Request::post("/chat").header("authorization", "Bearer abc");
//! let response = app.oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(response.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # `layer` or `route_layer`
//!
//! `Router::route_layer` guards the routes that exist: a path without a route stays a 404.
//! `Router::layer` guards the fallback too: without a key, such a path is a 401.
//!
//! # The client's address
//!
//! Where an account has a list of networks, serve the router with
//! `into_make_service_with_connect_info::<SocketAddr>()`; without it, no address is known and such a
//! list refuses.

mod error;
mod key;
mod layer;
mod missing;
mod observation;
mod tracking;

pub use error::Error;
pub use key::Key;
pub use keycap_tower::{GuardedBody, KeycapService, PeerAddress, ResponseFuture};
pub use layer::KeycapLayer;
pub use observation::Observation;
pub use tracking::Tracking;
