//! Keys, observations and errors as handlers see them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

#[path = "../../keycap-tower/tests/support/mod.rs"]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::{get, post};
use http_body_util::BodyExt;
use keycap_axum::{Error, Key, KeycapLayer, Observation};
use keycap_budget::usd;
use keycap_gate::{Code, GateBuilder, Guard, KeyState, Usage};
use support::World;
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

async fn ask(app: &Router, request: Request<Body>) -> (u16, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn code(answer: &(u16, String)) -> (u16, String) {
    let document: serde_json::Value = serde_json::from_str(&answer.1).expect("a document");
    (answer.0, document["error"].as_str().unwrap().to_owned())
}

async fn try_all(key: Key, Path(cents): Path<u32>) -> Result<&'static str, Error> {
    let cost = format!("$0.{cents:02}").parse::<keycap_budget::Usd>().unwrap();
    key.reserve(cost).await?;
    key.track(usd!(0.01)).await?;
    key.extend(cost).await?;
    let state: KeyState = key.into();
    state.track(usd!(0.01)).await.unwrap();
    Ok("done")
}

#[tokio::test]
async fn what_a_key_does_is_used_with_a_question_mark() {
    let world = World::with(&["$0.10 per day"]).await;
    let app: Router = Router::new()
        .route("/{cents}", post(try_all))
        .route_layer(KeycapLayer::new(&world.gate, Guard::by_handler()).unwrap());
    let send = async |path| ask(&app, world.request_with("POST", path, Body::empty())).await;
    assert_eq!(send("/2").await, (200, "done".into()));
    assert_eq!(world.at_rest().await, "$0.02");
    assert_eq!(code(&send("/11").await), (429, "hold_exceeds_cap".into()), "reserve refuses");
    assert_eq!(world.at_rest().await, "$0.02");
    assert_eq!(code(&send("/5").await), (429, "budget_exceeded".into()), "extend refuses");
    assert_eq!(world.at_rest().await, "$0.03", "the cost that was tracked stands");
}

#[tokio::test]
async fn an_error_is_rendered_as_the_layer_renders() {
    let world = World::built(|builder| {
        builder.limit("$0.10 per day".parse().unwrap()).render(|refusal, answer| {
            let text = format!("no: {}", refusal.code());
            answer.with_header("content-type", "text/plain").unwrap().with_body(text)
        })
    })
    .await;
    let reserve = async |key: Key| key.reserve(usd!(1)).await;
    let app: Router = Router::new()
        .route("/", post(reserve))
        .route_layer(KeycapLayer::new(&world.gate, Guard::free()).unwrap());
    let from_handler = ask(&app, world.request_with("POST", "/", Body::empty())).await;
    assert_eq!(from_handler, (429, "no: hold_exceeds_cap".into()));
    let from_layer = ask(&app, Request::post("/").body(Body::empty()).unwrap()).await;
    assert_eq!(from_layer, (401, "no: missing_key".into()));
}

#[tokio::test]
async fn a_charge_that_cannot_be_recorded_is_an_error_for_the_log() {
    let world = World::with(&["$1 per day"]).await;
    let twice = async |key: Key| -> Result<(), Error> {
        let id = key.charge_id();
        key.track(Usage::of(usd!(0.01)).once(id)).await?;
        let error = key.track(Usage::of(usd!(0.02)).once(id)).await.unwrap_err();
        assert_eq!(error.code(), Code::Misconfigured);
        let source = std::error::Error::source(&error).expect("the cause").to_string();
        assert!(source.contains("stands for another cost"), "{source}");
        Err(error)
    };
    let app: Router = Router::new()
        .route("/", post(twice))
        .route_layer(KeycapLayer::new(&world.gate, Guard::fixed(usd!(0.05))).unwrap());
    let answer = ask(&app, world.request_with("POST", "/", Body::empty())).await;
    assert_eq!(code(&answer), (500, "misconfigured".into()));
    assert!(!answer.1.contains("another cost"), "the caller learns no details: {}", answer.1);
    assert_eq!(world.at_rest().await, "$0.01");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_missing_layer_is_named_in_the_log_only() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let app: Router = Router::new()
        .route("/chat/{id}", get(async |_: Key| "in"))
        .route("/maybe", get(async |_: Option<Key>| "in"))
        .route("/seen", get(async |_: Option<Observation>| "in"));
    let routes = [("/chat/7", "Key"), ("/maybe", "Option<Key>"), ("/seen", "Option<Observation>")];
    for (path, extractor) in routes {
        let answer = ask(&app, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(code(&answer), (500, "misconfigured".into()));
        assert!(!answer.1.contains("Layer"), "the caller learns no details: {}", answer.1);
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let route = path.replace('7', "{id}");
        let line = format!("route GET {route} uses {extractor} but no KeycapLayer wraps it");
        assert!(logged.contains(&line), "{logged}");
    }
}

async fn seen(key: Option<Key>, observation: Option<Observation>) -> String {
    let known = if key.is_some() { "known" } else { "unknown" };
    let code = observation.map(|seen| seen.refusal().code().to_string());
    format!("{known} {}", code.unwrap_or_default())
}

#[tokio::test]
async fn observe_mode_shows_handlers_what_it_saw() {
    let world = World::built(GateBuilder::observe_only).await;
    let layer = |guard: Guard| KeycapLayer::new(&world.gate, guard).unwrap();
    let app: Router = Router::new()
        .route("/free", get(seen).layer(layer(Guard::free())))
        .route("/admin", get(seen).layer(layer(Guard::free().scope("admin"))))
        .route("/key", get(async |_: Key| "in").layer(layer(Guard::free().scope("admin"))));
    let known = async |path| ask(&app, world.request_with("GET", path, Body::empty())).await;
    let unknown = async |path| ask(&app, Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(known("/free").await, (200, "known ".into()));
    assert_eq!(known("/admin").await, (200, "known insufficient_scope".into()));
    assert_eq!(known("/key").await, (200, "in".into()));
    assert_eq!(unknown("/free").await, (200, "unknown missing_key".into()));
    assert_eq!(code(&unknown("/key").await), (401, "missing_key".into()));
}

#[tokio::test]
async fn an_observation_is_optional() {
    let world = World::with(&[]).await;
    let app: Router = Router::new()
        .route("/", get(async |_: Observation| "in"))
        .route_layer(KeycapLayer::new(&world.gate, Guard::free()).unwrap());
    let answer = ask(&app, world.request_with("GET", "/", Body::empty())).await;
    assert_eq!(code(&answer), (500, "misconfigured".into()));
}

#[tokio::test]
async fn an_error_and_a_wait_keep_no_hold() {
    let world = World::with(&["$1 per day"]).await;
    let (give, take) = tokio::sync::oneshot::channel();
    let give = Arc::new(Mutex::new(Some(give)));
    let handler = async move |key: Key| {
        let error = key.reserve(usd!(2)).await.unwrap_err();
        let waiting = key.track(usd!(0.01));
        give.lock().unwrap().take().unwrap().send((error, waiting)).expect("is taken");
    };
    let app: Router = Router::new()
        .route("/", post(handler))
        .route_layer(KeycapLayer::new(&world.gate, Guard::fixed(usd!(0.02))).unwrap());
    assert_eq!(ask(&app, world.request_with("POST", "/", Body::empty())).await.0, 200);
    let kept = take.await.unwrap();
    assert_eq!(world.at_rest().await, "$0.01");
    kept.1.await.unwrap();
}
