//! The description as an axum router.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use keycap::axum::{Error, Key, KeycapLayer};
use keycap::{Gate, Guard, KeyState, Usage, Usd};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::App;
use crate::app::{Route, Takes};
use crate::reply::{Content, Reply};
use crate::work::{CREDENTIAL_HEADERS, Caller, Seen, Work, perform};

pub(super) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) async fn serve(gate: &Gate, app: &App) -> (SocketAddr, Running) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(gate, app).into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    (address, Running(serving))
}

fn router(gate: &Gate, app: &App) -> Router {
    let routes = app.routes.iter().fold(Router::new(), |router, route| {
        let guards = route.guards.iter().rev();
        let guarded =
            guards.fold(method_router(route), |inner, guard| inner.layer(layer(gate, guard)));
        router.route(route.path, guarded)
    });
    match &app.outer {
        Some(guard) => routes.layer(layer(gate, guard)),
        None => routes,
    }
}

fn layer(gate: &Gate, guard: &Guard) -> KeycapLayer {
    KeycapLayer::new(gate, guard.clone()).unwrap()
}

fn method_router(route: &Route) -> MethodRouter {
    let work = route.work.clone();
    match route.takes {
        Takes::Key => any(async move |key: Key, request: Request| handle(work, key, request).await),
        Takes::OptionalKey => any(async move |key: Option<Key>, request: Request| match key {
            Some(key) => handle(work, key, request).await,
            None => Ok(response(Reply::no_key())),
        }),
    }
}

async fn handle(work: Work, key: Key, request: Request) -> Result<Response, Error> {
    let headers = request.headers();
    let seen = CREDENTIAL_HEADERS.iter().flat_map(|name| {
        let shown = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        headers.get_all(*name).iter().map(move |value| ((*name).to_owned(), shown(value)))
    });
    let seen: Seen = seen.collect();
    perform(work, key, seen).await.map(response)
}

fn response(reply: Reply) -> Response {
    let (kind, body) = match reply.content {
        Content::Json(text) => ("application/json", Body::from(text)),
        Content::Stream(stream) => ("text/plain", Body::from_stream(stream)),
    };
    Response::builder().status(reply.status).header("content-type", kind).body(body).unwrap()
}

impl Caller for Key {
    type Error = Error;

    fn state(&self) -> &KeyState {
        self
    }

    async fn track(&self, usage: Usage) -> Result<(), Error> {
        Key::track(self, usage).await.map(|_receipt| ())
    }

    async fn reserve(&self, cost: Usd) -> Result<(), Error> {
        Key::reserve(self, cost).await
    }

    async fn extend(&self, cost: Usd) -> Result<(), Error> {
        Key::extend(self, cost).await
    }
}
