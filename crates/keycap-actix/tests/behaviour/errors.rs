//! What a key's methods fail with, and what callers and the log are told.

use std::sync::{Arc, Mutex};

use actix_web::test::{call_service, init_service, read_body};
use actix_web::{App, web};
use keycap_actix::{Error, Key, Keycap, Tracking};
use keycap_budget::usd;
use keycap_gate::{Code, Guard, Usage};

use crate::fixtures::{Log, bill, builder, gate, get, holding};

/// `?` on what a key cannot have answers as the middleware does.
#[actix_rt::test]
async fn refused_reservation_answers_like_a_refused_request() {
    async fn reserve(key: Key) -> Result<String, Error> {
        key.reserve(usd!(0.05)).await?;
        key.extend(usd!(0.05)).await?;
        assert_eq!(key.extend(usd!(0.01)).await.unwrap_err().code(), Code::HoldExceedsCap);
        key.reserve(usd!(0.5)).await?;
        Ok("never".into())
    }
    let gate = gate("$0.10 per day");
    let by_handler = Keycap::new(&gate, Guard::by_handler()).unwrap();
    let app = App::new()
        .service(web::resource("/handler").wrap(by_handler).route(web::get().to(reserve)))
        .service(
            web::resource("/layer").wrap(holding(&gate, usd!(0.5))).route(web::get().to(reserve)),
        );
    let app = init_service(app).await;
    let mut told = Vec::new();
    for path in ["/handler", "/layer"] {
        let answer = call_service(&app, get(path).to_request()).await;
        let headers = answer.headers().iter();
        let mut headers: Vec<_> =
            headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.sort_unstable();
        told.push((answer.status(), headers, read_body(answer).await));
    }
    assert_eq!(told[0].0, 429);
    assert!(String::from_utf8_lossy(&told[0].2).contains(r#""error":"hold_exceeds_cap""#));
    assert_eq!(told[0], told[1]);
    assert_eq!(bill(&gate).await, ("$0.00".into(), vec![]));
}

#[actix_rt::test]
async fn error_is_rendered_as_the_middleware_renders() {
    let gate = builder()
        .limit("$0.10 per day".parse().unwrap())
        .render(|refusal, answer| {
            let answer = answer.with_status(418).unwrap();
            answer.with_body(format!("no: {}", refusal.code()))
        })
        .build()
        .unwrap();
    let reserve = |key: Key| async move { key.reserve(usd!(0.5)).await.map(|()| "never") };
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/", web::get().to(reserve));
    let answer = call_service(&init_service(app).await, get("/").to_request()).await;
    assert_eq!(answer.status(), 418);
    assert_eq!(read_body(answer).await, "no: hold_exceeds_cap");
}

/// P3: an id that stands for another cost is the application's mistake, and for its log.
#[actix_rt::test]
async fn charge_that_cannot_be_recorded_is_an_error_for_the_log() {
    let log = Log::default();
    let _logged = log.capture();
    async fn twice(key: Key) -> Result<&'static str, Error> {
        let id = key.charge_id();
        key.track(Usage::of(usd!(0.01)).once(id)).await?;
        key.track(Usage::of(usd!(0.01)).once(id)).await?;
        key.track(Usage::of(usd!(0.02)).once(id)).await?;
        Ok("never")
    }
    let gate = gate("$1 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/", web::get().to(twice));
    let answer = call_service(&init_service(app).await, get("/").to_request()).await;
    assert_eq!(answer.status(), 500);
    let body = read_body(answer).await;
    let body = String::from_utf8_lossy(&body);
    assert!(body.contains(r#""error":"misconfigured""#) && !body.contains("charge id"), "{body}");
    assert!(log.text().contains("the charge id stands for another cost"), "{}", log.text());
    assert_eq!(bill(&gate).await, ("$0.01".into(), vec![]));
}

/// Neither what waits nor what went wrong keeps the hold.
#[actix_rt::test]
async fn error_and_wait_keep_no_hold() {
    type Kept = Arc<Mutex<Vec<(Tracking, Error)>>>;
    async fn keep(key: Key, kept: web::Data<Kept>) -> &'static str {
        let waiting = key.track(usd!(0.01));
        let error = key.reserve(usd!(5)).await.unwrap_err();
        kept.lock().unwrap().push((waiting, error));
        "kept"
    }
    let (gate, kept) = (gate("$1 per day"), Kept::default());
    let app = App::new()
        .app_data(web::Data::new(Arc::clone(&kept)))
        .wrap(holding(&gate, usd!(0.02)))
        .route("/", web::get().to(keep));
    let answer = call_service(&init_service(app).await, get("/").to_request()).await;
    assert_eq!(read_body(answer).await, "kept");
    assert_eq!(bill(&gate).await, ("$0.01".into(), vec![]));
    assert_eq!(kept.lock().unwrap().len(), 1);
}
