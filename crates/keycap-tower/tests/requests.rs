//! What becomes of requests on their way in, and of answers on their way out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

mod support;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomPinned;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use keycap_base::Networks;
use keycap_budget::{AccountSpec, ChainSpec, usd};
use keycap_gate::{
    CredentialPlaces, Gate, GateBuilder, Guard, KeyState, Observation, TemplateError,
    default_account,
};
use keycap_tower::{KeycapLayer, Observed, PeerAddress};
use support::World;
use tower::{Layer, Service, ServiceExt, service_fn};

type Answer = Response<Full<Bytes>>;

fn layer(gate: &Gate, guard: Guard) -> KeycapLayer {
    KeycapLayer::new(gate, guard).unwrap()
}

fn ok() -> Answer {
    Response::new(Full::from("done"))
}

/// Collects a body, and says whether it told its exact length before.
async fn text<B: Body<Error: std::fmt::Debug>>(response: Response<B>) -> String {
    let body = response.into_body();
    let announced = body.size_hint().exact();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(announced, Some(bytes.len() as u64), "the exact length is known beforehand");
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn an_admitted_request_carries_its_key() {
    let world = World::with(&["$1 per day"]).await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        let key = request.extensions().get::<KeyState>().expect("the key");
        assert!(key.subject().to_string().ends_with("acme"), "{}", key.subject());
        key.track(usd!(0.01)).await.unwrap();
        Ok::<_, Infallible>(ok())
    });
    let service = layer(&world.gate, Guard::fixed(usd!(0.02)).scope("chat")).layer(handler);
    // Once through the provider, once from the table of live keys.
    for _ in 0..2 {
        let response = service.clone().oneshot(world.request("POST", "/chat")).await.unwrap();
        assert_eq!((response.status().as_u16(), &*text(response).await), (200, "done"));
    }
    assert_eq!(world.at_rest().await, "$0.02");
    assert!(world.endings().await.is_empty(), "the handler's word stands");
}

#[tokio::test]
async fn a_refused_request_never_comes_in() {
    let world = World::with(&["$0.01 per day"]).await;
    let calls = AtomicUsize::new(0);
    let handler = service_fn(|_: Request<Empty<Bytes>>| {
        calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, Infallible>(ok()))
    });
    let service = layer(&world.gate, Guard::fixed(usd!(0.02))).layer(handler);
    let anonymous = Request::new(Empty::new());
    let unknown = service.clone().oneshot(anonymous).await.unwrap();
    assert_eq!(unknown.status(), 401);
    assert_eq!(unknown.headers()["www-authenticate"], "Bearer");
    assert!(text(unknown).await.contains(r#""error":"missing_key""#));

    let over = service.oneshot(world.request("POST", "/")).await.unwrap();
    assert_eq!(over.status(), 429);
    assert_eq!(over.headers()["content-type"], "application/problem+json");
    assert_eq!(over.headers()["x-should-retry"], "false");
    assert!(text(over).await.contains(r#""error":"hold_exceeds_cap""#));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(world.shown().await, ("$0.00".into(), "$0.00".into()));
}

#[tokio::test]
async fn p9_the_credential_is_sensitive_inside() {
    let world = World::with(&[]).await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        let header = &request.headers()["authorization"];
        assert!(header.is_sensitive());
        let (_, secret) = header.to_str().unwrap().split_once(' ').unwrap();
        assert!(!format!("{request:?}").contains(secret));
        assert!(!request.headers()["x-trace"].is_sensitive());
        Ok::<_, Infallible>(ok())
    });
    let mut request = world.request("GET", "/");
    request.headers_mut().insert("x-trace", HeaderValue::from_static("1"));
    let service = layer(&world.gate, Guard::free()).layer(handler);
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_stripped_credential_is_gone_and_an_inner_layer_needs_none() {
    let world = World::built(GateBuilder::strip_credential).await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        assert!(request.headers().get("authorization").is_none());
        assert!(request.extensions().get::<KeyState>().is_some());
        Ok::<_, Infallible>(ok())
    });
    let inner = layer(&world.gate, Guard::free().scope("chat")).layer(handler);
    let service = layer(&world.gate, Guard::free()).layer(inner);
    assert_eq!(service.oneshot(world.request("GET", "/")).await.unwrap().status(), 200);
}
/// A body like those a single-threaded server has: not `Send`, not `Sync`, not `Clone`.
struct Odd(#[expect(dead_code, reason = "only its type matters")] Rc<Cell<u8>>);

#[derive(Debug, PartialEq)]
struct Broken(&'static str);

#[tokio::test]
async fn any_request_body_goes_in_untouched_and_the_inner_error_comes_out() {
    let world = World::with(&["$1 per day"]).await;
    let handler = service_fn(async |request: Request<Odd>| {
        let Odd(_) = request.into_body();
        Err::<Answer, _>(Broken("upstream"))
    });
    let service = layer(&world.gate, Guard::fixed(usd!(0.02))).layer(handler);
    let request = world.request_with("POST", "/", Odd(Rc::new(Cell::new(1))));
    assert_eq!(service.oneshot(request).await.unwrap_err(), Broken("upstream"));
    assert_eq!(world.at_rest().await, "$0.00", "a handler that failed gives its hold back");
}

/// Must be called on the instance that was polled ready, as tower says.
#[derive(Default)]
struct Careful {
    ready: bool,
    polled: Arc<AtomicUsize>,
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self { ready: false, polled: Arc::clone(&self.polled) }
    }
}

impl Service<Request<Empty<Bytes>>> for Careful {
    type Response = Answer;
    type Error = Broken;
    type Future = std::future::Ready<Result<Answer, Broken>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self.polled.fetch_add(1, Ordering::SeqCst) {
            0 => Poll::Pending,
            1 => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(Err(Broken("closed"))),
        }
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        assert!(self.ready, "called without being ready");
        std::future::ready(Ok(ok()))
    }
}

#[tokio::test]
async fn readiness_is_the_inner_services() {
    let world = World::with(&[]).await;
    let mut service = layer(&world.gate, Guard::free()).layer(Careful::default());
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut context).is_pending());
    assert!(matches!(service.poll_ready(&mut context), Poll::Ready(Ok(()))));
    assert_eq!(service.call(world.request("GET", "/")).await.unwrap().status(), 200);
    assert_eq!(service.poll_ready(&mut context), Poll::Ready(Err(Broken("closed"))));
}

#[tokio::test]
async fn what_is_never_polled_spends_nothing() {
    let world = World::with(&["$1 per day"]).await;
    let handler = service_fn(async |_: Request<Empty<Bytes>>| Ok::<_, Infallible>(ok()));
    let mut service = layer(&world.gate, Guard::fixed(usd!(0.02))).layer(handler);
    service.call(world.request("POST", "/")).await.unwrap();
    assert_eq!(world.at_rest().await, "$0.02");
    drop(service.call(world.request("POST", "/")));
    assert_eq!(world.at_rest().await, "$0.02", "nobody asked for it");
}

/// Fails, and says where in memory it was polled.
struct Place([u8; 64], PhantomPinned);

impl Future for Place {
    type Output = Result<Answer, usize>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(self.0.as_ptr().addr()))
    }
}

#[tokio::test]
async fn p5_the_inner_future_is_not_boxed() {
    let world = World::with(&[]).await;
    let handler = service_fn(|_: Request<Empty<Bytes>>| Place([0; 64], PhantomPinned));
    let mut service = layer(&world.gate, Guard::free()).layer(handler);
    let mut response = pin!(service.call(world.request("GET", "/")));
    let inner = response.as_mut().await.unwrap_err();
    let start = std::ptr::from_ref(&*response).addr();
    assert!((start..start + size_of_val(&*response)).contains(&inner));
}

fn api_key() -> CredentialPlaces {
    CredentialPlaces::new([credential_in("X-API-Key")]).unwrap()
}

fn credential_in(header: &str) -> keycap_gate::Place {
    keycap_gate::Place::header(header).unwrap()
}

#[tokio::test]
async fn headers_for_caches_stand_on_every_answer_once() {
    let world = World::built(|builder| builder.credentials(api_key())).await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        let mut answer = ok();
        let vary = request.headers()["x-vary"].clone();
        answer.headers_mut().insert("vary", vary);
        Ok::<_, Infallible>(answer)
    });
    let inner = layer(&world.gate, Guard::free().scope("chat")).layer(handler);
    let service = layer(&world.gate, Guard::free()).layer(inner);
    let locked = layer(&world.gate, Guard::free().scope("admin")).layer(handler);
    let locked = layer(&world.gate, Guard::free()).layer(locked);
    let ask = |vary: &'static str| {
        let (_, secret) = world.bearer.split_once(' ').unwrap();
        let request = Request::get("/").header("x-api-key", secret).header("x-vary", vary);
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    let vary = |answer: &http::HeaderMap| -> Vec<String> {
        answer.get_all("vary").iter().map(|it| it.to_str().unwrap().to_owned()).collect()
    };

    let admitted = service.clone().oneshot(ask("accept")).await.unwrap();
    assert_eq!(admitted.headers()["cache-control"], "private");
    assert_eq!(vary(admitted.headers()), ["accept", "x-api-key"]);
    let same = service.oneshot(ask("x-api-key")).await.unwrap();
    assert_eq!(vary(same.headers()), ["x-api-key"]);
    let refused = locked.oneshot(ask("accept")).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), vary(refused.headers())),
        (403, vec!["x-api-key".into()])
    );
    assert_eq!(refused.headers().get_all("cache-control").iter().count(), 1);
}

#[tokio::test]
async fn the_peer_is_found_where_the_server_says() {
    let world = World::built(|builder| {
        builder.template_fn(async |identity| {
            let account = default_account(&identity)?;
            let networks = Networks::of(["192.0.2.0/24"]).map_err(TemplateError::new)?;
            Ok(ChainSpec::of(AccountSpec::new(account).networks(networks)))
        })
    })
    .await;
    let handler = service_fn(async |_: Request<Empty<Bytes>>| Ok::<_, Infallible>(ok()));
    let plain = layer(&world.gate, Guard::free());
    let own = plain.clone().peer(|extensions| extensions.get::<IpAddr>().copied());
    let (good, bad) = (Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(198, 51, 100, 1));
    let ask = async |layer: &KeycapLayer, extend: &dyn Fn(&mut http::Extensions)| {
        let mut request = world.request("GET", "/");
        extend(request.extensions_mut());
        layer.layer(handler).oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&plain, &|_| {}).await, 403, "no address where a list demands one");
    let named = |extensions: &mut http::Extensions| {
        extensions.insert(PeerAddress(good.into()));
        extensions.insert(SocketAddr::from((bad, 80)));
    };
    assert_eq!(ask(&plain, &named).await, 200);
    let socket = |extensions: &mut http::Extensions| {
        extensions.insert(SocketAddr::from((good, 80)));
    };
    assert_eq!(ask(&plain, &socket).await, 200);
    assert_eq!(ask(&own, &socket).await, 403);
    let address = |extensions: &mut http::Extensions| {
        extensions.insert(IpAddr::from(good));
    };
    assert_eq!(ask(&own, &address).await, 200);
}

#[tokio::test]
async fn observe_mode_lets_through_and_says_what_it_saw() {
    let world = World::built(GateBuilder::observe_only).await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        let extensions = request.extensions();
        let observation = extensions.get::<Observation>().expect("an observation");
        let observed = extensions.get::<Observed>().expect("with its gate");
        assert_eq!(
            observed.told().answer().status(),
            401 + 2 * u16::from(extensions.get::<KeyState>().is_some())
        );
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(observation.0.code().to_string())))
    });
    let service = layer(&world.gate, Guard::free().scope("admin")).layer(handler);
    let unknown = service.clone().oneshot(Request::new(Empty::new())).await.unwrap();
    assert_eq!((unknown.status().as_u16(), &*text(unknown).await), (200, "missing_key"));
    let known = service.oneshot(world.request("GET", "/")).await.unwrap();
    assert_eq!((known.status().as_u16(), &*text(known).await), (200, "insufficient_scope"));
}

#[tokio::test]
async fn p1_a_thousand_at_once_never_pass_the_cap() {
    let world = World::with(&["$1 per day"]).await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        let key = request.extensions().get::<KeyState>().expect("the key").clone();
        tokio::task::yield_now().await;
        key.track(usd!(0.01)).await.unwrap();
        Ok::<_, Infallible>(ok())
    });
    let service = layer(&world.gate, Guard::fixed(usd!(0.01))).layer(handler);
    let calls =
        (0..1_000).map(|_| tokio::spawn(service.clone().oneshot(world.request("POST", "/"))));
    let mut served = 0;
    for call in calls.collect::<Vec<_>>() {
        let response = call.await.unwrap().unwrap();
        match response.status().as_u16() {
            200 => served += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(served, 100);
    assert_eq!(world.at_rest().await, "$1.00");
    let after = service.oneshot(world.request("POST", "/")).await.unwrap();
    assert!(text(after).await.contains(r#""error":"budget_exceeded""#));
}
