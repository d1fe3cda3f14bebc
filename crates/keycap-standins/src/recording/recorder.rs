//! Noting the traffic of a stand-in as it passes.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use parking_lot::Mutex;

use super::{Exchange, Recording, kept, value};

/// The most exchanges that a recorder keeps; later ones pass unnoted.
pub const MAX_EXCHANGES: usize = 10_000;
/// The longest body that passes a recorder, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Notes traffic. Clones share what they noted.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Exchange>>>);

impl Recorder {
    /// `router`, whose traffic is noted, unknown paths too.
    pub fn listen(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), note))
    }

    /// What passed since the last time.
    #[must_use]
    pub fn take(&self, client: &str) -> Recording {
        Recording { client: client.to_owned(), exchanges: std::mem::take(&mut self.0.lock()) }
    }

    fn keep(&self, exchange: Exchange) {
        let mut exchanges = self.0.lock();
        if exchanges.len() < MAX_EXCHANGES {
            exchanges.push(exchange);
        }
    }
}

async fn note(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.expect("a whole request within the bound");
    let asked = super::Request {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: kept(&head.headers),
        body: value(&body),
    };
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.expect("a whole response within the bound");
    let told = super::Response {
        status: head.status.as_u16(),
        headers: kept(&head.headers),
        body: value(&body),
    };
    recorder.keep(Exchange { request: asked, response: told });
    Response::from_parts(head, Body::from(body))
}
