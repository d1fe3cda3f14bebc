//! Observe mode: decided and reported, but let through.

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use keycap_actix::{Key, Keycap, Observation};
use keycap_budget::usd;
use keycap_gate::Guard;

use crate::fixtures::{bill, builder, get};

#[actix_rt::test]
async fn handlers_see_what_the_denial_would_have_been() {
    let gate = builder().limit("$0.05 per day".parse().unwrap()).observe_only().build().unwrap();
    let keycap = Keycap::new(&gate, Guard::fixed(usd!(0.04))).unwrap();
    let see = |key: Option<Key>, observation: Observation| async move {
        if let Some(key) = &key {
            key.track(usd!(0.04)).await.unwrap();
            let (by_key, observed) = (key.would_refuse(), observation.would_refuse());
            assert_eq!(by_key.map(|r| r.code()), observed.map(|r| r.code()));
        }
        let refusal = observation.would_refuse().map(|refusal| refusal.code().to_string());
        format!("{} {}", key.is_some(), refusal.unwrap_or("none".into()))
    };
    let strict = |_: Key| async { "never" };
    let app = App::new()
        .wrap(keycap)
        .route("/see", web::get().to(see))
        .route("/strict", web::get().to(strict));
    let app = init_service(app).await;

    for (request, seen) in [
        (get("/see"), "true none"),
        (get("/see"), "true budget_exceeded"),
        (TestRequest::get().uri("/see"), "false missing_key"),
    ] {
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(read_body(answer).await, seen);
    }

    // A handler that needs a key cannot run without one: the refusal is carried out after all.
    let answer = call_service(&app, TestRequest::get().uri("/strict").to_request()).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers().get("www-authenticate").unwrap(), "Bearer");
    assert_eq!(bill(&gate).await, ("$0.08".into(), vec![]), "uncapped, but on record");
}

/// P3: what an inner wrap would have refused is still one request, and one bill.
#[actix_rt::test]
async fn p3_observed_refusal_inside_an_admitted_request_bills_once() {
    let gate = builder().limit("$1 per day".parse().unwrap()).observe_only().build().unwrap();
    let admin = Keycap::new(&gate, Guard::free().scope("admin")).unwrap();
    let track = |key: Key, observation: Observation| async move {
        key.track(usd!(0.01)).await.unwrap();
        observation.would_refuse().unwrap().code().to_string()
    };
    let app = App::new()
        .wrap(Keycap::new(&gate, Guard::fixed(usd!(0.04))).unwrap())
        .service(web::resource("/").wrap(admin).route(web::get().to(track)));
    let answer = call_service(&init_service(app).await, get("/").to_request()).await;
    assert_eq!(read_body(answer).await, "insufficient_scope");
    assert_eq!(bill(&gate).await, ("$0.01".into(), vec![]));
}
