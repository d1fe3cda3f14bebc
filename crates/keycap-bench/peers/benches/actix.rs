//! What a middleware adds to an actix app with one route, in process and without a socket: Keycap beside
//! `actix-governor`, both through `App::wrap`.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_governor::{Governor, GovernorConfigBuilder, KeyExtractor, SimpleKeyExtractionError};
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, Error, web};
use futures_util::FutureExt as _;
use keycap::actix::{Key, Keycap};
use keycap::{Cost, Guard};
use keycap_bench::{Contender, Entry, Node, Sent, contest, price, released, tokio_runtime};
use keycap_peers::{KEY, keycap, other};

fn main() {
    contest(&[&[
        Entry { name: "bare", make: || plain(app()) },
        Entry { name: "a middleware that does nothing", make: || plain(app().wrap(Idle)) },
        Entry { name: "Keycap, free", make: || ours(Guard::free(), Cost::none()) },
        Entry { name: "Keycap, hold, released", make: || ours(released(price()), Cost::none()) },
        Entry { name: "Keycap, priced", make: || ours(Guard::priced(price()), price()) },
        Entry { name: "Keycap, tracked in the handler", make: tracked },
        Entry { name: "actix-governor by bearer", make: || plain(app().wrap(governed())) },
    ]]);
}

fn app() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().route("/chat", web::post().to(async || "ok"))
}

/// The same with a handler that says what its work cost, and does not wait.
fn tracking() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    let chat = async |key: Key| {
        drop(key.track(price()));
        "ok"
    };
    App::new().route("/chat", web::post().to(chat))
}

fn wrap(node: &Node, guard: Guard) -> Keycap {
    Keycap::new(&node.gate, guard).expect("a guard")
}

fn ours(guard: Guard, cost: Cost) -> Contender {
    keycap(guard, cost, |node, guard| served(app().wrap(wrap(node, guard))), request)
}

fn tracked() -> Contender {
    let mount = |node: &Node, guard| served(tracking().wrap(wrap(node, guard)));
    keycap(Guard::fixed(price()), price(), mount, request)
}

fn plain<T, B>(app: App<T>) -> Contender
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    other(served(app), Sent::by(KEY).0, request)
}

/// The app as a service.
fn served<T, B>(
    app: App<T>,
) -> impl Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error> + 'static
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    tokio_runtime().block_on(init_service(app))
}

/// One request, which needs no waiting, and its whole answer.
fn request<S, B>(app: &S, authorization: &str)
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let request = TestRequest::post().uri("/chat").insert_header(("authorization", authorization));
    let answered = call_service(app, request.to_request()).now_or_never();
    let response = answered.expect("ready at once");
    assert_eq!(response.status(), 200, "served");
    let body = read_body(response).now_or_never().expect("ready at once");
    assert_eq!(&body[..], b"ok", "whole");
}

/// The key of a rate limit is the bearer's token.
#[derive(Clone, Copy, Debug)]
struct ByBearer;

impl KeyExtractor for ByBearer {
    type Key = String;
    type KeyExtractionError = SimpleKeyExtractionError<&'static str>;

    fn extract(&self, request: &ServiceRequest) -> Result<String, Self::KeyExtractionError> {
        let value = request.headers().get("authorization").and_then(|it| it.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        token.map(|token| token.trim().to_owned()).ok_or_else(|| {
            SimpleKeyExtractionError::new("no token").set_status_code(StatusCode::UNAUTHORIZED)
        })
    }
}

/// A rate limit that is never reached.
fn governed() -> Governor<ByBearer, governor::middleware::NoOpMiddleware> {
    let mut config = GovernorConfigBuilder::default().key_extractor(ByBearer);
    let config = config.nanoseconds_per_request(1).burst_size(u32::MAX).finish();
    Governor::new(&config.expect("a quota"))
}

/// A middleware that does nothing: what any middleware costs.
struct Idle;

struct IdleService<S>(S);

impl<S: Service<ServiceRequest>> Transform<S, ServiceRequest> for Idle {
    type Response = S::Response;
    type Error = S::Error;
    type Transform = IdleService<S>;
    type InitError = ();
    type Future = Ready<Result<IdleService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(IdleService(service)))
    }
}

impl<S: Service<ServiceRequest>> Service<ServiceRequest> for IdleService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> S::Future {
        self.0.call(request)
    }
}
