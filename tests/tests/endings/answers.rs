//! Requests that end with an answer, or with a panic in its stead.

use keycap::{Guard, usd};
use keycap_tests::wire::{Request, Wire};
use keycap_tests::{App, Framework, Route, Site, Work};

use crate::left::{Left, leaves};

#[tokio::test(flavor = "multi_thread")]
async fn p1_an_answer_without_a_cost_captures_the_hold_in_both() {
    let script = async |site: &Site| {
        assert_eq!(site.answer("alice", Request::get("/")).await.status(), 200);
    };
    leaves(|_| Work::Show, script, Left::captured("success")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_failed_answer_without_a_cost_gives_the_hold_back_in_both() {
    for status in [400, 404, 500, 503] {
        let script = async |site: &Site| {
            assert_eq!(site.answer("alice", Request::get("/")).await.status(), status);
        };
        leaves(|_| Work::Status(status), script, Left::nothing()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_cost_counts_whatever_the_answer_in_both() {
    for status in [200, 404, 500] {
        let script = async |site: &Site| {
            assert_eq!(site.answer("alice", Request::get("/")).await.status(), status);
        };
        let work = |_| Work::TrackThenStatus(usd!(0.01), status);
        leaves(work, script, Left::tracked("$0.01", &["$0.01"])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_panic_in_the_handler_captures_the_hold_in_both() {
    let script = async |site: &Site| {
        assert_eq!(site.ask("alice", Request::get("/")).await, None, "the connection closes");
        assert_eq!(site.answer("alice", Request::get("/none")).await.status(), 404);
    };
    leaves(|_| Work::Panic, script, Left::captured("panic")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_the_hold_stays_while_a_task_keeps_the_key_in_both() {
    let work = |latch| Work::LeaveBehind(usd!(0.01), latch);
    let script = async |site: &Site| {
        assert_eq!(site.answer("alice", Request::get("/")).await.status(), 200);
        site.latch.reached(1).await;
        let counter = site.counter("alice").await;
        assert_eq!((counter.spent.units(), counter.held.units()), (0, 50_000_000));
        site.latch.open();
    };
    leaves(work, script, Left::tracked("$0.01", &["$0.01"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_price_settles_by_itself_when_the_request_succeeds_in_both() {
    for framework in Framework::ALL {
        let site = App::limited("$1 per day")
            .route(Route::guarded("/sold", Guard::priced(usd!(0.03)), Work::Show))
            .route(Route::guarded("/broken", Guard::priced(usd!(0.07)), Work::Status(500)))
            .on(framework)
            .await;
        assert_eq!(site.answer("alice", Request::get("/sold")).await.status(), 200);
        assert_eq!(site.answer("alice", Request::get("/broken")).await.status(), 500);
        let left = Left::on(&site).await;
        assert_eq!(left.spent, "$0.03", "{framework}: {left:?}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_requests_on_one_connection_do_not_share_a_key_in_both() {
    for framework in Framework::ALL {
        let app = App::default().key("bob", keycap::NewKey::for_owner("bob"));
        let site = app.route(Route::guarded("/", Guard::free(), Work::Show)).on(framework).await;
        let mut wire = Wire::connect(site.address).await;
        for (name, subject) in [("alice", "keycap::alice"), ("bob", "keycap::bob")] {
            let request = Request::get("/").bearer(&Site::secret(name));
            let answer = wire.ask(&request).await.unwrap();
            assert_eq!(answer.json()["subject"], subject, "{framework}");
        }
        let answer = wire.ask(&Request::get("/")).await.unwrap();
        assert_eq!(answer.code(), "missing_key", "{framework}");
        site.close().await;
    }
}
