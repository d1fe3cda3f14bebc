//! Clients that leave before or during the answer. axum drops a handler whose client has left; actix
//! does where it was told not to serve half-closed connections, as here.

use keycap::{Guard, usd};
use keycap_tests::wire::{Request, Wire};
use keycap_tests::{App, Framework, Route, Site, StreamEnd, Work};

use crate::left::{Left, leaves};
use crate::streams::first_line;

/// How a client leaves.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    Closing,
    Resetting,
}

impl Leaving {
    const ALL: [Self; 2] = [Self::Closing, Self::Resetting];

    fn leave(self, wire: Wire) {
        match self {
            Self::Closing => drop(wire),
            Self::Resetting => wire.reset(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_client_that_leaves_before_the_answer_captures_the_hold_in_both() {
    for leaving in Leaving::ALL {
        let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.01))));
        let script = async |site: &Site| {
            let mut wire = Wire::connect(site.address).await;
            let request = Request::get("/").bearer(&Site::secret("alice"));
            wire.send(&request.bytes()).await.unwrap();
            site.latch.reached(1).await;
            leaving.leave(wire);
        };
        leaves(work, script, Left::captured("client_left")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_client_that_leaves_during_a_stream_captures_the_hold_in_both() {
    for leaving in Leaving::ALL {
        let work = |latch| Work::Stream(None, latch, StreamEnd::Whole);
        let script = async |site: &Site| {
            let wire = first_line(site).await;
            site.latch.reached(1).await;
            leaving.leave(wire);
        };
        leaves(work, script, Left::captured("cut_short")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_what_a_stream_has_tracked_counts_when_the_client_leaves_in_both() {
    let work = |latch| Work::Stream(Some(usd!(0.01)), latch, StreamEnd::Whole);
    let script = async |site: &Site| {
        let wire = first_line(site).await;
        site.latch.reached(1).await;
        wire.reset();
    };
    leaves(work, script, Left::tracked("$0.01", &["$0.01"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_half_a_request_costs_nothing_in_both() {
    let script = async |site: &Site| {
        let bytes = Request::get("/").bearer(&Site::secret("alice")).bytes();
        for part in [1, bytes.len() / 2, bytes.len() - 2] {
            let mut wire = Wire::connect(site.address).await;
            wire.send(&bytes[..part]).await.unwrap();
            drop(wire);
        }
        assert_eq!(site.answer("alice", Request::get("/none")).await.status(), 404);
    };
    leaves(|_| Work::Show, script, Left::nothing()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_actix_handler_that_runs_on_settles_what_it_tracked() {
    for (work, expected) in [
        (Work::Track(usd!(0.01)), Left::tracked("$0.01", &["$0.01"])),
        (Work::Status(500), Left::nothing()),
    ] {
        let route = |latch| {
            let work = Work::Wait(latch, Box::new(work));
            Route::guarded("/", Guard::fixed(usd!(0.05)), work)
        };
        let app = App::limited("$1 per day").route_with_latch(route).serve_half_closed();
        let site = app.on(Framework::Actix).await;
        let mut wire = Wire::connect(site.address).await;
        wire.send(&Request::get("/").bearer(&Site::secret("alice")).bytes()).await.unwrap();
        site.latch.reached(1).await;
        drop(wire);
        // Served on another connection, so the closing of the first one has long been seen.
        assert_eq!(site.answer("alice", Request::get("/none")).await.status(), 404);
        assert_eq!(site.counter("alice").await.held.units(), 50_000_000);
        site.latch.open();
        assert_eq!(Left::on(&site).await, expected);
        site.close().await;
    }
}
