//! Handlers that hold more once they know more.

use keycap::{Guard, Meter, usd};
use keycap_tests::wire::Request;
use keycap_tests::{App, Route, Site, Told, Work, same_on_both};

use crate::left::Left;

fn app() -> App {
    let held = || Guard::fixed(usd!(0.05));
    App::limited("$0.20 per day")
        .route(Route::guarded("/fits", held(), Work::Extend(usd!(0.03), usd!(0.08))))
        .route(Route::guarded("/over", held(), Work::Extend(usd!(0.08), usd!(0.13))))
        .route(Route::guarded("/never", held(), Work::Extend(usd!(0.16), usd!(0.05))))
        .route(Route::guarded("/read", Guard::by_handler(), Work::Reserve(usd!(0.04), usd!(0.04))))
        .route(Route::guarded("/blind", Guard::by_handler(), Work::Track(usd!(0.09))))
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_p8_a_hold_is_raised_only_where_it_fits_alike_in_both() {
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        for path in ["/fits", "/over", "/never", "/read", "/blind", "/read"] {
            told.add(path, site.ask("alice", Request::post(path)).await);
            site.quiet().await;
        }
        // What was refused cost nothing: 0.08, 0.04 and 0.09, the last of which nobody had reserved.
        let left = Left::on(site).await;
        assert_eq!(left, Left::tracked("$0.21", &["$0.04", "$0.08", "$0.09"]));
        let charges = site.charges("alice").await;
        let uncovered = charges.iter().map(|charge| charge.uncovered(&Meter::USD).units());
        assert_eq!(uncovered.sum::<i64>(), 90_000_000, "only what nobody had reserved");
        told.add("spent", site.ask("alice", Request::post("/read")).await);
        told
    })
    .await;
    for (path, code) in
        [("/fits", ""), ("/over", "budget_exceeded"), ("/never", "hold_exceeds_cap")]
    {
        assert_eq!(told.answer(path).code(), code, "{path}");
    }
    assert_eq!(told.answer("/read").status(), 200);
    assert_eq!(told.answer("/blind").status(), 200);
    assert_eq!(told.answer("spent").code(), "budget_exceeded");
}
