//! Serving recorded answers, to see that our own client asks what was recorded.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Exchange, MAX_BODY_BYTES, bytes, kept, value};

/// A server that answers what was recorded for the same method, path and body. What was not recorded
/// is answered 599.
///
/// Stops when it is dropped.
#[derive(Debug)]
pub struct Replayer {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<super::Request>>>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Played {
    exchanges: Arc<[Exchange]>,
    seen: Arc<Mutex<Vec<super::Request>>>,
}

impl Replayer {
    /// Listens on a port of the loopback address that the system chooses.
    ///
    /// # Panics
    /// If there is none.
    pub async fn start(exchanges: impl IntoIterator<Item = Exchange>) -> Self {
        let seen = Arc::default();
        let played = Played { exchanges: exchanges.into_iter().collect(), seen: Arc::clone(&seen) };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(played);
        let serving =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, seen, serving }
    }

    /// What it was asked, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<super::Request> {
        self.seen.lock().clone()
    }
}

impl Drop for Replayer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(played): State<Played>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.expect("a whole request within the bound");
    let asked = super::Request {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: kept(&head.headers),
        body: value(&body),
    };
    let known = |one: &&Exchange| {
        let known = &one.request;
        (&known.method, &known.path, &known.body) == (&asked.method, &asked.path, &asked.body)
    };
    let response = played.exchanges.iter().find(known).map(|one| &one.response);
    let response = match response {
        Some(told) => {
            let headers = told.headers.iter();
            let builder = headers
                .fold(Response::builder().status(told.status), |all, (n, v)| all.header(n, v));
            builder.body(Body::from(bytes(&told.body, &told.headers)))
        }
        None => Response::builder().status(599).body(Body::from("nothing like it was recorded")),
    };
    played.seen.lock().push(asked);
    response.expect("recorded headers are headers")
}
