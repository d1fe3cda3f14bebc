//! axum: a router with one route.

use std::rc::Rc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::post;
use http_body_util::BodyExt as _;
use keycap::axum::{Key, KeycapLayer};
use keycap::{Cost, Guard};
use keycap_bench::{BURST, Case, Load, World, drive, price, tokio_runtime};
use tower::{Layer, Service, ServiceExt as _};

pub(crate) const CASES: [Case; 7] = [
    Case { name: "axum, bare", prepare: || load(|_| router()) },
    Case { name: "axum, a layer that does nothing", prepare: || load(|_| router().layer(Idle)) },
    Case {
        name: "axum, Keycap, free",
        prepare: || load(|world| router().layer(layer(world, Guard::free()))),
    },
    Case {
        name: "axum, Keycap, priced",
        prepare: || spending(|world| router().layer(layer(world, Guard::priced(price())))),
    },
    Case {
        name: "axum, Keycap, fixed, tracked in the handler",
        prepare: || spending(|world| tracking().layer(layer(world, Guard::fixed(price())))),
    },
    Case {
        name: "axum, Keycap outside the router, free",
        prepare: || load(|world| layer(world, Guard::free()).layer(router())),
    },
    Case {
        name: "axum, Keycap outside the router, priced",
        prepare: || spending(|world| layer(world, Guard::priced(price())).layer(router())),
    },
];

fn router() -> Router {
    Router::new().route("/chat", post(async || "ok"))
}

/// The same with a handler that says what its work cost, and does not wait.
fn tracking() -> Router {
    let chat = async |key: Key| {
        drop(key.track(price()));
        "ok"
    };
    Router::new().route("/chat", post(chat))
}

fn layer(world: &World, guard: Guard) -> KeycapLayer {
    KeycapLayer::new(&world.gate, guard).expect("a guard")
}

/// Requests to what `app` makes.
fn load<S, B>(app: fn(&World) -> S) -> Load
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + 'static,
    S::Error: std::fmt::Debug,
    B: axum::body::HttpBody,
    B::Error: std::fmt::Debug,
{
    requests(app, Cost::none())
}

/// The same, of which each counts its price.
fn spending<S, B>(app: fn(&World) -> S) -> Load
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + 'static,
    S::Error: std::fmt::Debug,
    B: axum::body::HttpBody,
    B::Error: std::fmt::Debug,
{
    requests(app, price())
}

fn requests<S, B>(app: fn(&World) -> S, cost: Cost) -> Load
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + 'static,
    S::Error: std::fmt::Debug,
    B: axum::body::HttpBody,
    B::Error: std::fmt::Debug,
{
    let runtime = tokio_runtime();
    let world = Rc::new(runtime.block_on(World::roomy()));
    let app = app(&world);
    let mut served = 0;
    Box::new(move |bursts| {
        runtime.block_on(async {
            drive(bursts, || async {
                for _ in 0..BURST {
                    request(app.clone(), &world.sent.0).await;
                }
            })
            .await;
            served += bursts * BURST;
            world.check(served, &cost).await;
        });
    })
}

async fn request<S, B>(app: S, credential: &str)
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: axum::body::HttpBody,
    B::Error: std::fmt::Debug,
{
    let request = Request::post("/chat").header("authorization", credential);
    let response = app.oneshot(request.body(Body::empty()).expect("a request")).await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 200, "served");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&body[..], b"ok", "whole");
}

/// A layer that does nothing: what any layer costs.
#[derive(Clone)]
struct Idle;

#[derive(Clone)]
struct IdleService<S>(S);

impl<S> Layer<S> for Idle {
    type Service = IdleService<S>;

    fn layer(&self, inner: S) -> IdleService<S> {
        IdleService(inner)
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for IdleService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.0.call(request)
    }
}
