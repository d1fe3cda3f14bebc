//! How a request can end, and that its hold lasts until then and no longer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

#[path = "support/script.rs"]
mod script;
mod support;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body::{Body, SizeHint};
use http_body_util::{BodyExt, Empty};
use keycap_budget::usd;
use keycap_gate::{Guard, KeyState};
use keycap_tower::{GuardedBody, KeycapLayer};
use script::{Foresight, Line, Script, echo};
use support::{World, until};
use tokio::sync::Notify;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

const TWO: &[Line] = &[Line::Data("one "), Line::Pause, Line::Data("two")];

async fn world() -> World {
    World::with(&["$1 per day"]).await
}

fn layer(world: &World) -> KeycapLayer {
    KeycapLayer::new(&world.gate, Guard::fixed(usd!(0.02))).unwrap()
}

/// Sends a script, and returns the answer with its body unread.
async fn send(world: &World, method: &str, script: Script) -> Response<GuardedBody<Script>> {
    let service = layer(world).layer(service_fn(echo));
    service.oneshot(world.request_with(method, "/", script)).await.unwrap()
}

/// Takes so many frames of a body.
async fn take(body: &mut GuardedBody<Script>, frames: usize) {
    for _ in 0..frames {
        body.frame().await.expect("a frame").expect("no error");
    }
}

fn is_held((spent, held): &(String, String)) -> bool {
    (&**spent, &**held) == ("$0.00", "$0.02")
}

#[tokio::test]
async fn a_hold_lasts_until_the_body_has_ended() {
    let world = world().await;
    let mut body = send(&world, "GET", Script::of(TWO)).await.into_body();
    take(&mut body, 2).await;
    assert!(is_held(&world.shown().await));
    assert!(body.frame().await.is_none());
    assert!(is_held(&world.shown().await), "the body has a handle of its own");
    drop(body);
    assert_eq!(world.endings().await, ["success"]);
    assert_eq!(world.at_rest().await, "$0.02");
}

#[tokio::test]
async fn a_hold_lasts_until_the_last_clone_is_dropped() {
    let world = world().await;
    let handler = service_fn(async |request: Request<Empty<Bytes>>| {
        let extensions = request.extensions();
        let key = extensions.get::<KeyState>().expect("the key").clone();
        let done = extensions.get::<Arc<Notify>>().expect("the test's").clone();
        tokio::spawn(async move {
            done.notified().await;
            key.track(usd!(0.005)).await.unwrap();
        });
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let mut request = world.request("GET", "/");
    let done = Arc::new(Notify::new());
    request.extensions_mut().insert(Arc::clone(&done));
    let response = layer(&world).layer(handler).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    tokio::task::yield_now().await;
    assert!(is_held(&world.shown().await), "the task is not done");
    done.notify_one();
    assert_eq!(world.at_rest().await, "$0.005");
}

#[tokio::test]
async fn frames_trailers_and_sizes_pass() {
    let world = world().await;
    let lines: &[Line] = &[Line::Data("one "), Line::Pause, Line::Data("two"), Line::Trailers];
    let mut hint = SizeHint::new();
    hint.set_lower(3);
    hint.set_upper(9);
    let response = send(&world, "GET", Script { hint, ..Script::of(lines) }).await;
    let body = response.into_body();
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (3, Some(9)));
    assert!(!body.is_end_stream());
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["etag"], "end");
    assert_eq!(collected.to_bytes(), "one two");
    assert_eq!(world.endings().await, ["success"]);
}

#[tokio::test]
async fn a_body_that_is_dropped_early_was_cut_short() {
    let world = world().await;
    let mut body = send(&world, "GET", Script::of(TWO)).await.into_body();
    take(&mut body, 1).await;
    drop(body);
    assert_eq!(world.endings().await, ["cut_short"]);
    drop(send(&world, "GET", Script::of(TWO)).await);
    assert_eq!(world.endings().await, ["cut_short", "cut_short"]);
}

#[tokio::test]
async fn a_body_that_fails_says_so() {
    let world = world().await;
    let script = Script::of(&[Line::Data("one"), Line::Fails]);
    let error = send(&world, "GET", script).await.into_body().collect().await.unwrap_err();
    assert_eq!(error, "the body failed");
    assert_eq!(world.endings().await, ["body_failed"]);
}

/// Servers ask no body for more than there can be: these are dropped without being polled to `None`.
#[tokio::test]
async fn a_body_that_nobody_asks_for_more_is_complete() {
    let whole: Script = Script::of(TWO);
    let seen = Script { foresight: Foresight::SeesItsEnd, ..Script::of(TWO) };
    let empty = Script { foresight: Foresight::SeesItsEnd, ..Script::of(&[]) };
    let exact = Script { hint: SizeHint::with_exact(7), ..whole.clone() };
    let announced = Script { announced: Some(7), ..whole.clone() };
    let nothing = Script { announced: Some(0), ..whole.clone() };
    let no_content = Script { status: StatusCode::NO_CONTENT, ..whole.clone() };
    let upgrade = Script { status: StatusCode::SWITCHING_PROTOCOLS, ..whole.clone() };
    let cases = [
        ("HEAD", whole.clone(), 0),
        ("CONNECT", whole.clone(), 0),
        ("GET", seen, 2),
        ("GET", empty, 0),
        ("GET", exact, 2),
        ("GET", announced, 2),
        ("GET", nothing, 0),
        ("GET", no_content, 0),
        ("GET", upgrade, 0),
    ];
    for (method, script, frames) in cases {
        let world = world().await;
        let told = format!("{method} {script:?}");
        let mut body = send(&world, method, script).await.into_body();
        take(&mut body, frames).await;
        drop(body);
        assert_eq!(world.endings().await, ["success"], "{told}");
    }
}

#[tokio::test]
async fn a_body_one_byte_short_of_its_length_was_cut_short() {
    let world = world().await;
    let script = Script { announced: Some(8), ..Script::of(TWO) };
    let mut body = send(&world, "GET", script).await.into_body();
    take(&mut body, 2).await;
    drop(body);
    assert_eq!(world.endings().await, ["cut_short"]);
}

#[tokio::test]
async fn a_handler_that_answers_400_or_above_gives_its_hold_back() {
    for (status, spent) in [(399, "$0.02"), (400, "$0.00"), (503, "$0.00")] {
        let world = world().await;
        let status = StatusCode::from_u16(status).unwrap();
        let response = send(&world, "GET", Script { status, ..Script::of(TWO) }).await;
        response.into_body().collect().await.unwrap();
        assert_eq!(world.at_rest().await, spent, "{status}");
    }
}

#[tokio::test]
async fn a_handler_that_is_dropped_lost_its_client() {
    let world = world().await;
    let handler = service_fn(async |_: Request<Empty<Bytes>>| {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let call = tokio::spawn(layer(&world).layer(handler).oneshot(world.request("GET", "/")));
    until(async || is_held(&world.shown().await)).await;
    call.abort();
    assert_eq!(world.endings().await, ["client_left"]);
}

#[tokio::test]
async fn a_panic_is_told_with_and_without_a_layer_that_catches_it() {
    let panics = service_fn(async |request: Request<Empty<Bytes>>| {
        assert!(request.headers().get("x-calm").is_some(), "the handler panics");
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let caught = world().await;
    let service = CatchPanicLayer::new().layer(layer(&caught).layer(panics));
    let response = service.oneshot(caught.request("GET", "/")).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(caught.endings().await, ["panic"]);

    let uncaught = world().await;
    let service = layer(&uncaught).layer(panics);
    let call = service.oneshot(uncaught.request("GET", "/"));
    assert!(AssertUnwindSafe(call).catch_unwind().await.is_err());
    assert_eq!(uncaught.endings().await, ["panic"]);

    // Caught further in, it is an answer like any other.
    let inside = world().await;
    let service = layer(&inside).layer(CatchPanicLayer::new().layer(panics));
    let response = service.oneshot(inside.request("GET", "/")).await.unwrap();
    assert_eq!(response.status(), 500);
    response.into_body().collect().await.unwrap();
    assert_eq!(inside.at_rest().await, "$0.00");
}

#[tokio::test]
async fn a_panic_while_the_handler_is_called_is_one() {
    let world = world().await;
    let handler = service_fn(|request: Request<Empty<Bytes>>| {
        assert!(request.headers().get("x-calm").is_some(), "the call panics");
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let call = layer(&world).layer(handler).oneshot(world.request("GET", "/"));
    assert!(AssertUnwindSafe(call).catch_unwind().await.is_err());
    assert_eq!(world.endings().await, ["panic"]);
}

#[tokio::test]
async fn a_body_that_panics_is_told() {
    let world = world().await;
    let script = Script::of(&[Line::Data("one"), Line::Panics]);
    let body = send(&world, "GET", script).await.into_body();
    assert!(AssertUnwindSafe(body.collect()).catch_unwind().await.is_err());
    assert_eq!(world.endings().await, ["panic"]);
}

/// The server keeps a body that panicked for a moment before it drops it.
#[tokio::test]
async fn a_body_that_panics_is_told_before_it_is_dropped() {
    let world = world().await;
    let script = Script { announced: Some(3), ..Script::of(&[Line::Data("one"), Line::Panics]) };
    let mut body = Box::pin(send(&world, "GET", script).await.into_body());
    let mut poll = || body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(poll());
    assert!(std::panic::catch_unwind(AssertUnwindSafe(poll)).is_err());
    drop(body);
    assert_eq!(world.endings().await, ["panic"]);
}
