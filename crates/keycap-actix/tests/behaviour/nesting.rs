//! Wraps inside wraps of one gate: verified once, held once, topped up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::test::{call_service, init_service, read_body};
use actix_web::{App, HttpResponse, web};
use keycap_actix::{Key, Keycap};
use keycap_budget::usd;
use keycap_gate::Guard;

use crate::fixtures::{bill, builder, gate, get, held, holding, until};

#[actix_rt::test]
async fn inner_wrap_tops_the_hold_up() {
    let gate = gate("$1 per day");
    let seen = gate.clone();
    let see = move |_: Key| {
        let gate = seen.clone();
        async move { held(&gate).await }
    };
    let inner =
        web::resource("/more").wrap(holding(&gate, usd!(0.05))).route(web::get().to(see.clone()));
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .service(inner)
        .route("/plain", web::get().to(see));
    let app = init_service(app).await;
    for (path, expected) in [("/plain", "$0.02"), ("/more", "$0.05")] {
        let answer = call_service(&app, get(path).to_request()).await;
        assert_eq!(read_body(answer).await, expected, "{path}");
        until("it has settled", || async { held(&gate).await == "$0.00" }).await;
    }
    assert_eq!(bill(&gate).await.0, "$0.07");
}

/// The outer wrap's hold goes back when the inner one refuses.
#[actix_rt::test]
async fn inner_wrap_adds_its_requirements() {
    let gate = gate("$0.10 per day");
    let admin = Keycap::new(&gate, Guard::free().scope("admin")).unwrap();
    let done = || async { "never" };
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .service(web::resource("/admin").wrap(admin).route(web::get().to(done)))
        .service(
            web::resource("/dear").wrap(holding(&gate, usd!(0.11))).route(web::get().to(done)),
        );
    let app = init_service(app).await;
    for (path, status, code) in
        [("/admin", 403, "insufficient_scope"), ("/dear", 429, "hold_exceeds_cap")]
    {
        let answer = call_service(&app, get(path).to_request()).await;
        assert_eq!(answer.status(), status);
        let body = read_body(answer).await;
        assert!(String::from_utf8_lossy(&body).contains(code), "{body:?}");
    }
    assert_eq!(bill(&gate).await, ("$0.00".into(), vec![]));
}

#[actix_rt::test]
async fn one_decision_is_one_verification() {
    let decisions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&decisions);
    let gate = builder()
        .limit("$1 per day".parse().unwrap())
        .strip_credential()
        .observer(move |report| {
            assert!(report.refusal.is_none(), "{:?}", report.refusal);
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    // The outer wrap strips the credential, so the inner one could not verify it again.
    let inner = holding(&gate, usd!(0.03));
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .service(web::resource("/").wrap(inner).route(web::get().to(HttpResponse::Ok)));
    let answer = call_service(&init_service(app).await, get("/").to_request()).await;
    assert_eq!(answer.status(), 200);
    drop(answer);
    assert_eq!(decisions.load(Ordering::Relaxed), 2);
    assert_eq!(bill(&gate).await, ("$0.03".into(), vec!["success".into()]));
}

/// Two gates are two budgets: each verifies and holds for itself, the handler has the inner one's key.
#[actix_rt::test]
async fn wraps_of_two_gates_do_not_mix() {
    let (outer, inner) = (gate("$1 per day"), gate("$1 per day"));
    let track = |key: Key| async move { key.track(usd!(0.01)).await.map(|_| "tracked") };
    let resource = web::resource("/").wrap(holding(&inner, usd!(0.03))).route(web::get().to(track));
    let app = App::new().wrap(holding(&outer, usd!(0.02))).service(resource);
    let answer = call_service(&init_service(app).await, get("/").to_request()).await;
    assert_eq!(read_body(answer).await, "tracked");
    assert_eq!(bill(&inner).await, ("$0.01".into(), vec![]));
    assert_eq!(bill(&outer).await, ("$0.02".into(), vec!["success".into()]));
}
