//! The layer around routers and routes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

#[path = "../../keycap-tower/tests/support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use futures_util::stream;
use http_body_util::BodyExt;
use keycap_axum::{Error, Key, KeycapLayer};
use keycap_base::Networks;
use keycap_budget::{AccountSpec, ChainSpec, usd};
use keycap_gate::{Gate, Guard, LimitReport, TemplateError, default_account};
use support::World;
use tower::ServiceExt;

fn layer(gate: &Gate, guard: Guard) -> KeycapLayer {
    KeycapLayer::new(gate, guard).unwrap()
}

/// What the key's first limit holds, and how its work ends: a cent.
async fn work(key: Key) -> Result<String, Error> {
    let held = LimitReport::from(&key.standings().await?[0]).held;
    key.track(usd!(0.01)).await?;
    Ok(held)
}

async fn ask(app: &Router, request: Request<Body>) -> (u16, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn get_anonymously(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn route_layer_keeps_404s_and_layer_guards_them() {
    let world = World::with(&["$1 per day"]).await;
    let guard = || layer(&world.gate, Guard::fixed(usd!(0.02)));
    let routes = || Router::new().route("/chat", get(work));

    let app: Router = routes().route_layer(guard());
    assert_eq!(ask(&app, get_anonymously("/nowhere")).await, (404, String::new()));
    assert_eq!(ask(&app, get_anonymously("/chat")).await.0, 401);
    assert_eq!(ask(&app, world.request_with("GET", "/chat", Body::empty())).await.0, 200);
    let wrong_method = world.request_with("POST", "/chat", Body::empty());
    assert_eq!(ask(&app, wrong_method).await.0, 405);

    let app: Router = routes().layer(guard());
    assert_eq!(ask(&app, get_anonymously("/nowhere")).await.0, 401);
    assert_eq!(ask(&app, world.request_with("GET", "/nowhere", Body::empty())).await.0, 404);
    assert_eq!(world.at_rest().await, "$0.01", "only the work costs");
}

#[tokio::test]
async fn a_router_and_a_route_nest() {
    let world = World::with(&["$1 per day"]).await;
    let inner = layer(&world.gate, Guard::fixed(usd!(0.05)).scope("chat"));
    let locked = layer(&world.gate, Guard::free().scope("admin"));
    let app: Router = Router::new()
        .route("/cheap", get(work))
        .nest("/deep", Router::new().route("/dear", get(work).layer(inner)))
        .route("/locked", get(work).layer(locked))
        .layer(layer(&world.gate, Guard::fixed(usd!(0.02))));
    let send = async |path| ask(&app, world.request_with("GET", path, Body::empty())).await;
    assert_eq!(send("/cheap").await, (200, "$0.02".into()));
    assert_eq!(world.at_rest().await, "$0.01");
    assert_eq!(send("/deep/dear").await, (200, "$0.05".into()));
    assert_eq!(world.at_rest().await, "$0.02");
    assert_eq!(send("/locked").await.0, 403);
    assert_eq!(world.at_rest().await, "$0.02");
}

#[tokio::test]
async fn head_is_served_by_get_and_settles_as_a_success() {
    let world = World::with(&["$1 per day"]).await;
    let endless = async |_: Key| Body::from_stream(stream::pending::<Result<String, Infallible>>());
    let app: Router = Router::new()
        .route("/endless", get(endless))
        .route("/text", get(async |_: Key| "some text"))
        .route_layer(layer(&world.gate, Guard::fixed(usd!(0.02))));
    for path in ["/endless", "/text"] {
        let request = world.request_with("HEAD", path, Body::empty());
        assert_eq!(ask(&app, request).await, (200, String::new()));
    }
    assert_eq!(world.endings().await, ["success", "success"]);
}

#[tokio::test]
async fn the_peer_is_the_one_that_axum_knows() {
    let world = World::built(|builder| {
        builder.template_fn(async |identity| {
            let account = default_account(&identity)?;
            let networks = Networks::of(["192.0.2.0/24"]).map_err(TemplateError::new)?;
            Ok(ChainSpec::of(AccountSpec::new(account).networks(networks)))
        })
    })
    .await;
    let near = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 80));
    let far = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 1), 80));
    let app: Router = Router::new()
        .route("/", get(async |_: Key| "in"))
        .route_layer(layer(&world.gate, Guard::free()));
    let from = |peer: Option<SocketAddr>| {
        let mut request = world.request_with("GET", "/", Body::empty());
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        request
    };
    assert_eq!(ask(&app, from(Some(near))).await.0, 200);
    assert_eq!(ask(&app, from(Some(far))).await.0, 403);
    assert_eq!(ask(&app, from(None)).await.0, 403);
    let mocked = app.layer(MockConnectInfo(near));
    assert_eq!(ask(&mocked, from(None)).await.0, 200);
    assert_eq!(ask(&mocked, from(Some(far))).await.0, 403);
}

#[tokio::test]
async fn p1_a_thousand_at_once_never_pass_the_cap() {
    let world = World::with(&["$1 per day"]).await;
    let app: Router = Router::new()
        .route("/", post(work))
        .route_layer(layer(&world.gate, Guard::fixed(usd!(0.01))));
    let calls = (0..1_000).map(|_| {
        let (app, request) = (app.clone(), world.request_with("POST", "/", Body::empty()));
        tokio::spawn(async move { app.oneshot(request).await.unwrap().status() })
    });
    let mut served = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            StatusCode::OK => served += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(served, 100);
    assert_eq!(world.at_rest().await, "$1.00");
}
