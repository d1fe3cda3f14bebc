//! Keycap's layer.

use axum::Router;
use axum::routing::post;
use keycap::axum::{Key, KeycapLayer};
use keycap::{Cost, Guard};
use keycap_bench::{Contender, Node, price};
use keycap_peers::keycap;
use tower::Layer as _;

use crate::app::{request, router};

/// Through `Router::layer`.
pub(crate) fn inside(guard: Guard, cost: Cost, router: fn() -> Router) -> Contender {
    keycap(guard, cost, |node, guard| router().layer(layer(node, guard)), request)
}

/// Outside the router.
pub(crate) fn outside(guard: Guard, cost: Cost) -> Contender {
    keycap(guard, cost, |node, guard| layer(node, guard).layer(router()), request)
}

/// A handler that says what its work cost, and does not wait.
pub(crate) fn tracking() -> Router {
    let chat = async |key: Key| {
        drop(key.track(price()));
        "ok"
    };
    Router::new().route("/chat", post(chat))
}

fn layer(node: &Node, guard: Guard) -> KeycapLayer {
    KeycapLayer::new(&node.gate, guard).expect("a guard")
}
