//! Clients that leave, over real sockets.
//!
//! A client that closes sends FIN; actix serves such a connection on unless told otherwise, because
//! the client may only have closed its sending half. One that breaks off sends RST, and so does the
//! kernel of one that closed when more arrives for it.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use futures_util::{StreamExt, stream};
use keycap_actix::{Error, Key, Keycap};
use keycap_budget::usd;
use keycap_gate::Gate;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::fixtures::{HalfClosed, PATIENCE, Server, bill, gate, holding};

/// Lets a test see that the handler runs, and decide when it goes on.
#[derive(Clone)]
struct Stage {
    running: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
}

impl Stage {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { running: closed(), go_on: closed(), dropped: closed() }
    }
}

/// Tells when it is dropped.
struct Watched(Arc<Semaphore>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

async fn pass(door: &Semaphore) {
    timeout(PATIENCE, door.acquire()).await.expect("in time").unwrap().forget();
}

async fn silent(key: Key, stage: web::Data<Stage>) -> &'static str {
    let _watched = Watched(Arc::clone(&stage.dropped));
    stage.running.add_permits(1);
    pass(&stage.go_on).await;
    drop(key);
    "done"
}

async fn tracking(key: Key, stage: web::Data<Stage>) -> Result<&'static str, Error> {
    let _watched = Watched(Arc::clone(&stage.dropped));
    drop(key.track(usd!(0.01)));
    stage.running.add_permits(1);
    pass(&stage.go_on).await;
    Ok("done")
}

async fn failing(_: Key, stage: web::Data<Stage>) -> HttpResponse {
    let _watched = Watched(Arc::clone(&stage.dropped));
    stage.running.add_permits(1);
    pass(&stage.go_on).await;
    HttpResponse::BadRequest().finish()
}

/// Ten thousand pieces, more than any socket buffers, as fast as they are taken.
async fn streaming(key: Key, stage: web::Data<Stage>) -> HttpResponse {
    let watched = Watched(Arc::clone(&stage.dropped));
    stage.running.add_permits(1);
    drop(key.track(usd!(0.01)));
    HttpResponse::Ok().streaming(pieces(watched))
}

async fn silent_streaming(stage: web::Data<Stage>) -> HttpResponse {
    let watched = Watched(Arc::clone(&stage.dropped));
    stage.running.add_permits(1);
    HttpResponse::Ok().streaming(pieces(watched))
}

/// One piece, then nothing for ever.
async fn stalling(stage: web::Data<Stage>) -> HttpResponse {
    let watched = Watched(Arc::clone(&stage.dropped));
    stage.running.add_permits(1);
    HttpResponse::Ok().streaming(pieces(watched).take(1).chain(stream::pending()))
}

fn pieces(watched: Watched) -> impl stream::Stream<Item = Result<web::Bytes, std::io::Error>> {
    stream::unfold(watched, |watched| async move {
        tokio::task::yield_now().await;
        Some((Ok(web::Bytes::from_static(&[b'x'; 4096])), watched))
    })
}

fn serve(gate: &Gate, half_closed: HalfClosed) -> (Server, Stage) {
    let stage = Stage::new();
    let (data, keycap): (_, Keycap) = (web::Data::new(stage.clone()), holding(gate, usd!(0.02)));
    let server = Server::start(1, half_closed, move |app| {
        let scope = web::scope("").wrap(keycap.clone()).app_data(data.clone());
        let scope = scope.route("/silent", web::get().to(silent));
        let scope = scope.route("/tracking", web::get().to(tracking));
        let scope = scope.route("/failing", web::get().to(failing));
        let scope = scope.route("/streaming", web::get().to(streaming));
        let scope = scope.route("/stalling", web::get().to(stalling));
        app.service(scope.route("/silent-streaming", web::get().to(silent_streaming)));
    });
    (server, stage)
}

/// Breaks the connection off with a reset.
fn break_off(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

#[actix_rt::test]
async fn broken_connection_drops_the_handler_and_captures() {
    for (path, bill_is) in
        [("/silent", ("$0.02", vec!["client_left"])), ("/tracking", ("$0.01", vec![]))]
    {
        let gate = gate("$1 per day");
        let (server, stage) = serve(&gate, HalfClosed::Served);
        let stream = server.send("GET", path).await;
        pass(&stage.running).await;
        break_off(stream);
        pass(&stage.dropped).await;
        let (spent, endings) = bill(&gate).await;
        assert_eq!(
            (&*spent, endings),
            (bill_is.0, bill_is.1.into_iter().map(Into::into).collect())
        );
        server.stop().await;
    }
}

/// The handler runs on, and its request settles as it ended.
#[actix_rt::test]
async fn closed_connection_lets_the_handler_finish() {
    for (path, bill_is) in [
        ("/silent", ("$0.02", vec!["success"])),
        ("/tracking", ("$0.01", vec![])),
        ("/failing", ("$0.00", vec![])),
    ] {
        let gate = gate("$1 per day");
        let (server, stage) = serve(&gate, HalfClosed::Served);
        let stream = server.send("GET", path).await;
        pass(&stage.running).await;
        drop(stream);
        stage.go_on.add_permits(1);
        pass(&stage.dropped).await;
        let (spent, endings) = bill(&gate).await;
        assert_eq!(
            (&*spent, endings),
            (bill_is.0, bill_is.1.into_iter().map(Into::into).collect())
        );
        server.stop().await;
    }
}

/// With half-closed connections not served, closing is leaving.
#[actix_rt::test]
async fn closed_connection_drops_the_handler_where_the_server_says_so() {
    let gate = gate("$1 per day");
    let (server, stage) = serve(&gate, HalfClosed::Dropped);
    let stream = server.send("GET", "/silent").await;
    pass(&stage.running).await;
    drop(stream);
    pass(&stage.dropped).await;
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["client_left".into()]));
    server.stop().await;
}

#[actix_rt::test]
async fn client_that_leaves_a_stream_cuts_it_short() {
    for (path, bill_is) in
        [("/silent-streaming", ("$0.02", vec!["cut_short"])), ("/streaming", ("$0.01", vec![]))]
    {
        for leave in [break_off, drop::<TcpStream>] {
            let gate = gate("$1 per day");
            let (server, stage) = serve(&gate, HalfClosed::Served);
            let mut stream = server.send("GET", path).await;
            pass(&stage.running).await;
            stream.read_exact(&mut [0; 512]).await.unwrap();
            leave(stream);
            pass(&stage.dropped).await;
            let (spent, endings) = bill(&gate).await;
            let endings_are = bill_is.1.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!((&*spent, endings), (bill_is.0, endings_are));
            server.stop().await;
        }
    }
}

/// A stream that has nothing to say does not notice a client that closes, unless the server is told
/// that closing is leaving.
#[actix_rt::test]
async fn client_that_leaves_a_stalled_stream_cuts_it_short() {
    let leave: [(HalfClosed, fn(TcpStream)); 2] =
        [(HalfClosed::Served, break_off), (HalfClosed::Dropped, drop)];
    for (half_closed, leave) in leave {
        let gate = gate("$1 per day");
        let (server, stage) = serve(&gate, half_closed);
        let mut stream = server.send("GET", "/stalling").await;
        pass(&stage.running).await;
        stream.read_exact(&mut [0; 512]).await.unwrap();
        leave(stream);
        assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["cut_short".into()]));
        server.stop().await;
    }
}
