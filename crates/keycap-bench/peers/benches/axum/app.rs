//! The router, and one request to it.

use std::fmt::Debug;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{Request, Response};
use axum::routing::post;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use keycap_bench::{Contender, Sent};
use keycap_peers::{KEY, other};
use tower::{Layer, Service, ServiceExt as _};

pub(crate) fn router() -> Router {
    Router::new().route("/chat", post(async || "ok"))
}

/// The value of `Authorization` that all use but those who need one of their own form.
pub(crate) fn bearer() -> String {
    Sent::by(KEY).0
}

/// Requests to an app that is not Keycap's.
pub(crate) fn contender<S, B>(app: S, authorization: String) -> Contender
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + 'static,
    S::Error: Debug,
    B: HttpBody,
    B::Error: Debug,
{
    other(app, authorization, request)
}

/// One request, which needs no waiting, and its whole answer.
pub(crate) fn request<S, B>(app: &S, authorization: &str)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: Debug,
    B: HttpBody,
    B::Error: Debug,
{
    let request = Request::post("/chat").header("authorization", authorization);
    let request = request.body(Body::empty()).expect("a request");
    let answered = app.clone().oneshot(request).now_or_never().expect("ready at once");
    let response = answered.expect("an answer");
    assert_eq!(response.status(), 200, "served");
    let body = response.into_body().collect().now_or_never().expect("ready at once");
    assert_eq!(&body.expect("a body").to_bytes()[..], b"ok", "whole");
}

/// A layer that does nothing: what any layer costs.
#[derive(Clone)]
pub(crate) struct Idle;

#[derive(Clone)]
pub(crate) struct IdleService<S>(S);

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
