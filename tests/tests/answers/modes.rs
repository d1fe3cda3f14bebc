//! Observe mode, nested layers, HEAD, and paths that are not there.

use keycap::{Guard, usd};
use keycap_tests::wire::{Request, ask};
use keycap_tests::{App, Route, Site, Told, Work, same_on_both};

use crate::troubled::troubled;

#[tokio::test(flavor = "multi_thread")]
async fn p8_observe_mode_lets_everything_through_alike_in_both() {
    let app = || {
        let free = || Guard::fixed(usd!(0.02)).scope("chat");
        troubled()
            .gate(|gate| gate.observe_only())
            .route(Route::guarded("/would", free(), Work::Observed))
            .route(Route::guarded("/maybe", free(), Work::Observed).optional())
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("fine", site.ask("alice", Request::post("/would")).await);
        told.add("too small", site.ask("small", Request::post("/would")).await);
        told.add("nobody", ask(site.address, &Request::post("/maybe")).await);
        told.add("nobody, needed", ask(site.address, &Request::post("/would")).await);
        told.add("small, tracked", site.ask("small", Request::post("/chat")).await);
        site.quiet().await;
        told
    })
    .await;
    assert_eq!(told.answer("fine").json()["would_refuse"], serde_json::Value::Null);
    assert_eq!(told.answer("too small").json()["would_refuse"], "hold_exceeds_cap");
    assert_eq!(told.answer("nobody").json(), serde_json::json!({"key": null}));
    assert_eq!(told.answer("nobody, needed").code(), "missing_key");
    assert_eq!(told.answer("small, tracked").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_nested_layers_verify_and_hold_once_alike_in_both() {
    let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.01))));
    let inner =
        |latch| Route::guarded("/inner", Guard::fixed(usd!(0.05)).scope("chat"), work(latch));
    let app = || {
        App::limited("$1 per day")
            .outer(Guard::fixed(usd!(0.02)))
            .route_with_latch(inner)
            .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Track(usd!(0.01))))
            .route(Route::open("/plain", Work::Track(usd!(0.01))))
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        let meanwhile = async {
            site.latch.reached(1).await;
            let held = site.counter("alice").await.held.units();
            assert_eq!(held, 50_000_000, "the inner hold tops up the outer one");
            site.latch.open();
        };
        let (inner, ()) = tokio::join!(site.ask("alice", Request::get("/inner")), meanwhile);
        told.add("inner", inner);
        told.add("admin", site.ask("alice", Request::get("/admin")).await);
        told.add("plain", site.ask("alice", Request::get("/plain")).await);
        told.add("404 without a key", ask(site.address, &Request::get("/nowhere")).await);
        told.add("404 with a key", site.ask("alice", Request::get("/nowhere")).await);
        site.quiet().await;
        let spent = site.counter("alice").await.spent.units();
        // Two tracked costs; the refused one and the 404 gave everything back.
        assert_eq!(spent, 20_000_000, "{}", site.framework);
        told
    })
    .await;
    assert_eq!(told.answer("inner").status(), 200);
    assert_eq!(told.answer("admin").code(), "insufficient_scope");
    assert_eq!(told.answer("plain").status(), 200);
    assert_eq!(told.answer("404 without a key").code(), "missing_key");
    assert_eq!(told.answer("404 with a key").status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_head_and_unknown_paths_are_told_alike_by_both() {
    let told = same_on_both(troubled, async |site: &Site| {
        let mut told = Told::default();
        told.add("404", site.ask("alice", Request::get("/nowhere")).await);
        told.add("404 without a key", ask(site.address, &Request::get("/nowhere")).await);
        told.add("HEAD refused", ask(site.address, &Request::new("HEAD", "/chat")).await);
        told.add("HEAD", site.ask("alice", Request::new("HEAD", "/chat")).await);
        site.quiet().await;
        assert_eq!(site.counter("alice").await.spent.units(), 20_000_000, "{}", site.framework);
        told
    })
    .await;
    assert_eq!(told.answer("404").status(), 404);
    assert_eq!(told.answer("404 without a key").status(), 404, "a guarded route keeps 404s 404");
    let refused = told.answer("HEAD refused");
    assert_eq!((refused.status(), refused.body.len()), (401, 0));
    assert!(refused.header("content-length").is_some_and(|length| length != "0"), "{refused:?}");
    assert_eq!(told.answer("HEAD").status(), 200);
}
