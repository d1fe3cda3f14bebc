//! Clients on real sockets: those that stay, and those that leave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

#[path = "../../keycap-tower/tests/support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::{StreamExt, stream};
use keycap_axum::{Error, Key, KeycapLayer};
use keycap_budget::usd;
use keycap_gate::Guard;
use support::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tower_http::catch_panic::CatchPanicLayer;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

async fn serve(world: &World, routes: Router) -> SocketAddr {
    let layer = KeycapLayer::new(&world.gate, Guard::fixed(usd!(0.02))).unwrap();
    let app = routes.route_layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

async fn world() -> World {
    World::with(&["$1 per day"]).await
}

/// Connects and sends a request.
async fn send(world: &World, address: SocketAddr, line: &str, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let bearer = &world.bearer;
    let request =
        format!("{line} HTTP/1.1\r\nhost: here\r\nauthorization: {bearer}\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Reads until `text` has come.
async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            let mut chunk = [0; 1024];
            let length = socket.read(&mut chunk).await.unwrap();
            assert_ne!(length, 0, "ended: {}", String::from_utf8_lossy(&read));
            read.extend(chunk.iter().take(length));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("comes in time");
    String::from_utf8(read).unwrap()
}

/// Reads until the server ends.
async fn read_to_end(mut socket: TcpStream) -> String {
    let mut read = Vec::new();
    let reading = socket.read_to_end(&mut read);
    tokio::time::timeout(PATIENCE, reading).await.expect("ends in time").unwrap();
    String::from_utf8(read).unwrap()
}

async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("comes to hold");
}

async fn is_held(world: &World) -> bool {
    world.shown().await == ("$0.00".to_owned(), "$0.02".to_owned())
}

/// Waits until nothing is held, then says how requests ended.
async fn endings(world: &World) -> Vec<String> {
    until(async || {
        let (spent, held) = world.shown().await;
        !spent.is_empty() && held == "$0.00"
    })
    .await;
    world.endings().await
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_drops_its_handler() {
    let world = world().await;
    let hangs = async |_: Key| std::future::pending::<()>().await;
    let address = serve(&world, Router::new().route("/", get(hangs))).await;
    let socket = send(&world, address, "GET /", "").await;
    until(async || is_held(&world).await).await;
    drop(socket);
    assert_eq!(endings(&world).await, ["client_left"]);
}

/// Says a cost and a line with each chunk, for ever.
async fn endless(key: Key) -> Body {
    Body::from_stream(stream::repeat(key).then(async |key| {
        key.track(usd!(0.0001)).await?;
        Ok::<_, Error>("line\n".repeat(1_000))
    }))
}

#[tokio::test]
async fn a_client_that_leaves_during_the_answer_pays_what_was_tracked() {
    let world = world().await;
    let address = serve(&world, Router::new().route("/", get(endless))).await;
    let mut socket = send(&world, address, "GET /", "").await;
    read_until(&mut socket, "line").await;
    drop(socket);
    assert!(endings(&world).await.is_empty(), "the handler's word stands");
    let spent: keycap_budget::Usd = world.at_rest().await.parse().unwrap();
    assert!(spent >= usd!(0.0001), "{spent}");
}

#[tokio::test]
async fn a_client_that_leaves_a_silent_stream_cuts_it_short() {
    let world = world().await;
    let silent = async |key: Key| {
        let first = stream::iter([Ok::<_, Infallible>("first")]);
        let rest = stream::pending().map(move |line| {
            let _ = &key;
            line
        });
        Body::from_stream(first.chain(rest))
    };
    let address = serve(&world, Router::new().route("/", get(silent))).await;
    let mut socket = send(&world, address, "GET /", "").await;
    read_until(&mut socket, "first").await;
    assert!(is_held(&world).await, "the stream is under way");
    drop(socket);
    assert_eq!(endings(&world).await, ["cut_short"]);
}

/// What a server does with each kind of body, and how that ends.
#[tokio::test]
async fn whole_answers_are_successes_however_the_server_takes_them() {
    let chunks = || stream::iter(["one ", "two"].map(Ok::<_, Infallible>));
    let routes = Router::new()
        .route("/text", get(async |_: Key| "text"))
        .route("/empty", get(async |_: Key| ()))
        .route("/chunks", get(async move |_: Key| Body::from_stream(chunks())))
        .route(
            "/announced",
            get(async move |_: Key| {
                let headers = [("content-length", "7")];
                (headers, Body::from_stream(chunks())).into_response()
            }),
        )
        .route("/nothing", get(async |_: Key| axum::http::StatusCode::NO_CONTENT));
    for (line, length) in [
        ("GET /text", 4),
        ("GET /empty", 0),
        ("GET /chunks", 7),
        ("GET /announced", 7),
        ("GET /nothing", 0),
        ("HEAD /text", 0),
        ("HEAD /chunks", 0),
        ("HEAD /announced", 0),
    ] {
        let world = world().await;
        let address = serve(&world, routes.clone()).await;
        let socket = send(&world, address, line, "connection: close\r\n").await;
        let answer = read_to_end(socket).await;
        assert!(answer.contains(" 200 ") || answer.contains(" 204 "), "{line}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let letters = body.chars().filter(|it| it.is_alphabetic()).count();
        assert_eq!(letters > 0, length > 0, "{line}: {answer}");
        assert_eq!(endings(&world).await, ["success"], "{line}");
    }
}

#[tokio::test]
async fn a_panic_ends_a_connection_or_is_caught_and_is_told_either_way() {
    for caught in [true, false] {
        let world = world().await;
        let panics = async |_: Key| -> String { panic!("the handler panics") };
        let routes = Router::new().route("/", get(panics));
        let layer = KeycapLayer::new(&world.gate, Guard::fixed(usd!(0.02))).unwrap();
        let app = match caught {
            true => routes.route_layer(layer).layer(CatchPanicLayer::new()),
            false => routes.route_layer(layer),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        let socket = send(&world, address, "GET /", "connection: close\r\n").await;
        assert_eq!(read_to_end(socket).await.contains(" 500 "), caught);
        assert_eq!(endings(&world).await, ["panic"]);
    }
}

#[tokio::test]
async fn a_body_that_panics_or_fails_is_told() {
    let fails =
        async |_: Key| Body::from_stream(stream::iter([Ok("first"), Err("the body failed")]));
    let panics = async |_: Key| {
        let line =
            |line| if line == 1 { Ok::<_, Infallible>("first") } else { panic!("at {line}") };
        Body::from_stream(stream::iter([1, 0]).map(line))
    };
    let routes = Router::new().route("/fails", get(fails)).route("/panics", get(panics));
    for (path, ending) in [("/fails", "body_failed"), ("/panics", "panic")] {
        let world = world().await;
        let address = serve(&world, routes.clone()).await;
        let socket = send(&world, address, &format!("GET {path}"), "").await;
        read_to_end(socket).await;
        assert_eq!(endings(&world).await, [ending]);
    }
}

/// The connection goes on as something else; what it costs is on the request's hold.
#[tokio::test]
async fn an_upgraded_connection_keeps_the_hold_while_its_task_has_the_key() {
    let world = world().await;
    let done = Arc::new(Notify::new());
    let hang_up = Arc::clone(&done);
    let upgrade = async move |key: Key| -> Response {
        tokio::spawn(async move {
            hang_up.notified().await;
            key.track(usd!(0.005)).await.unwrap();
        });
        let headers = [("connection", "upgrade"), ("upgrade", "echo")];
        (axum::http::StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    };
    let address = serve(&world, Router::new().route("/", any(upgrade))).await;
    let headers = "connection: upgrade\r\nupgrade: echo\r\n";
    let mut socket = send(&world, address, "GET /", headers).await;
    read_until(&mut socket, "101").await;
    assert!(is_held(&world).await);
    done.notify_one();
    assert!(endings(&world).await.is_empty());
    assert_eq!(world.at_rest().await, "$0.005");
}
