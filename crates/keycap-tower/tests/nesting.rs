//! Layers of one gate around each other: the inner one adds, nothing is done twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use keycap_budget::usd;
use keycap_gate::{Gate, Guard, KeyState};
use keycap_tower::KeycapLayer;
use support::World;
use tower::{Layer, ServiceExt, service_fn};

type Answer = Response<Full<Bytes>>;

/// Answers with what the account has spent and holds, then tracks if it is asked to.
async fn show(request: Request<Empty<Bytes>>) -> Result<Answer, Infallible> {
    let key = request.extensions().get::<KeyState>().expect("the key");
    let standings = key.standings().await.unwrap();
    let limit = keycap_gate::LimitReport::from(&standings[0]);
    if request.uri().path() == "/track" {
        key.track(usd!(0.01)).await.unwrap();
    }
    let would = key.would_refuse().map(|refusal| format!(" {}", refusal.code()));
    let shown = format!("{} {}{}", limit.spent, limit.held, would.unwrap_or_default());
    Ok(Response::new(Full::from(shown)))
}

fn layer(gate: &Gate, guard: Guard) -> KeycapLayer {
    KeycapLayer::new(gate, guard).unwrap()
}

/// Sends a request through an outer and an inner guard: status and body.
async fn send(world: &World, path: &str, outer: Guard, inner: Guard) -> (u16, String) {
    let inner = layer(&world.gate, inner).layer(service_fn(show));
    let service = layer(&world.gate, outer).layer(inner);
    let response = service.oneshot(world.request("GET", path)).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_inner_layer_tops_the_hold_up() {
    let world = World::with(&["$1 per day"]).await;
    let told = send(&world, "/", Guard::fixed(usd!(0.02)), Guard::fixed(usd!(0.05))).await;
    assert_eq!(told, (200, "$0.00 $0.05".into()));
    assert_eq!(world.at_rest().await, "$0.05");
    let told = send(&world, "/track", Guard::fixed(usd!(0.05)), Guard::fixed(usd!(0.02))).await;
    assert_eq!(told, (200, "$0.05 $0.05".into()), "what is held already is enough");
    assert_eq!(world.at_rest().await, "$0.06");
    let told = send(&world, "/", Guard::free(), Guard::fixed(usd!(0.02))).await;
    assert_eq!(told, (200, "$0.06 $0.02".into()), "an outer layer may hold nothing");
    assert_eq!(world.at_rest().await, "$0.08");
}

#[tokio::test]
async fn the_inner_layer_adds_its_requirements() {
    let world = World::with(&["$1 per day"]).await;
    let admin = || Guard::free().scope("admin");
    let (status, body) = send(&world, "/", Guard::fixed(usd!(0.02)), admin()).await;
    assert_eq!(status, 403);
    assert!(body.contains(r#""error":"insufficient_scope""#));
    assert_eq!(world.at_rest().await, "$0.00", "the outer hold is given back");
    let (status, body) = send(&world, "/", Guard::fixed(usd!(0.02)), Guard::fixed(usd!(2))).await;
    assert_eq!(status, 429);
    assert!(body.contains(r#""error":"hold_exceeds_cap""#));
    assert_eq!(world.at_rest().await, "$0.00");
}

#[tokio::test]
async fn a_request_counts_once_however_many_layers_it_meets() {
    let world = World::with(&["$1 per day", "2 requests per minute"]).await;
    for expected in [200, 200, 429] {
        let (status, _) = send(&world, "/", Guard::free(), Guard::fixed(usd!(0.02))).await;
        assert_eq!(status, expected);
    }
}

/// In observe mode, an outer layer held two cents and an inner one would have refused. The handler
/// got a key of its own, tracked on it, and the outer hold was captured on top: one request, billed
/// twice.
#[tokio::test]
async fn p3_an_observed_refusal_inside_an_admitted_request_bills_once() {
    let world = World::built(|builder| builder.limit("$1 per day".parse().unwrap()).observe_only());
    let world = world.await;
    let inner = Guard::free().scope("admin");
    let told = send(&world, "/track", Guard::fixed(usd!(0.02)), inner).await;
    assert_eq!(told, (200, "$0.00 $0.02 insufficient_scope".into()));
    assert_eq!(world.at_rest().await, "$0.01");
}

#[tokio::test]
async fn layers_of_two_gates_know_nothing_of_each_other() {
    let (here, there) = (World::with(&["$1 per day"]).await, World::with(&["$1 per day"]).await);
    let inner = layer(&there.gate, Guard::free()).layer(service_fn(show));
    let service = layer(&here.gate, Guard::fixed(usd!(0.02))).layer(inner);
    let response = service.oneshot(here.request("GET", "/")).await.unwrap();
    assert_eq!(response.status(), 401, "a key of the one is none of the other");
    drop(response);
    assert_eq!(here.at_rest().await, "$0.00");
}
