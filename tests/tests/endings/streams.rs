//! Answers that are streamed.

use keycap::usd;
use keycap_tests::wait::eventually;
use keycap_tests::wire::{End, Request, Wire};
use keycap_tests::{Site, StreamEnd, Work};

use crate::left::{Left, leaves};

/// Starts the stream and reads its first line.
pub(crate) async fn first_line(site: &Site) -> Wire {
    let mut wire = Wire::connect(site.address).await;
    wire.send(&Request::get("/").bearer(&Site::secret("alice")).bytes()).await.unwrap();
    let head = wire.head().await.expect("an answer");
    assert_eq!(head.status(), 200);
    assert_eq!(wire.chunk().await.expect("a line"), b"line 0\n");
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_stream_holds_until_it_ends_in_both() {
    let work = |latch| Work::Stream(Some(usd!(0.01)), latch, StreamEnd::Whole);
    let script = async |site: &Site| {
        let mut wire = first_line(site).await;
        site.latch.reached(1).await;
        let counter = async || {
            let counter = site.counter("alice").await;
            (counter.spent.units(), counter.held.units())
        };
        let wanted = |now: &(i64, i64)| *now == (10_000_000, 40_000_000);
        eventually("the first line's cost", counter, wanted).await;
        site.latch.open();
        assert_eq!(wire.chunk().await.expect("a line"), b"line 1\n");
        while wire.chunk().await.is_some_and(|chunk| !chunk.is_empty()) {}
    };
    // The two lines after the door may have been sent as one charge.
    for framework in keycap_tests::Framework::ALL {
        let route = |latch| {
            keycap_tests::Route::guarded("/", keycap::Guard::fixed(usd!(0.05)), work(latch))
        };
        let app = keycap_tests::App::limited("$1 per day").route_with_latch(route);
        let site = app.on(framework).await;
        script(&site).await;
        let left = Left::on(&site).await;
        assert_eq!(left.spent, "$0.03", "{framework}: {left:?}");
        assert!(left.charges.iter().all(|(_, ending)| ending.is_none()), "{framework}: {left:?}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_stream_without_costs_captures_the_hold_in_both() {
    let work = |latch| Work::Stream(None, latch, StreamEnd::Whole);
    let script = async |site: &Site| {
        site.latch.open();
        let answer = site.answer("alice", Request::get("/")).await;
        assert_eq!((answer.end, &*answer.body), (End::Whole, &b"line 0\nline 1\nline 2\n"[..]));
    };
    leaves(work, script, Left::captured("success")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_stream_that_panics_captures_the_hold_in_both() {
    let work = |latch| Work::Stream(None, latch, StreamEnd::Panics);
    let script = async |site: &Site| {
        site.latch.open();
        let answer = site.ask("alice", Request::get("/")).await;
        assert!(answer.is_none_or(|answer| answer.end == End::CutShort));
    };
    leaves(work, script, Left::captured("panic")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_stream_that_fails_captures_the_hold_in_both() {
    let work = |latch| Work::Stream(None, latch, StreamEnd::Fails);
    let script = async |site: &Site| {
        site.latch.open();
        let answer = site.ask("alice", Request::get("/")).await;
        assert!(answer.is_none_or(|answer| answer.end == End::CutShort));
    };
    leaves(work, script, Left::captured("body_failed")).await;
}
