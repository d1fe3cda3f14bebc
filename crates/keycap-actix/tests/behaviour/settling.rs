//! What becomes of a hold, in every way a request can end that needs no client to leave.

use std::future::ready;

use actix_web::dev::Service;
use actix_web::error::ErrorImATeapot;
use actix_web::test::{call_service, init_service, read_body, try_call_service};
use actix_web::{App, HttpResponse, web};
use keycap_actix::{Error, Key, Keycap};
use keycap_budget::usd;
use keycap_gate::{Ending, Endings, Fate, Guard};

use crate::fixtures::{HalfClosed, Server, bill, gate, get, holding};

#[actix_rt::test]
async fn untracked_success_captures_the_hold() {
    let gate = gate("$1 per day");
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .route("/text", web::get().to(|| async { "done" }))
        .route("/empty", web::get().to(HttpResponse::NoContent));
    let app = init_service(app).await;
    for path in ["/text", "/empty"] {
        let answer = call_service(&app, get(path).to_request()).await;
        assert!(answer.status().is_success());
        drop(read_body(answer).await);
    }
    assert_eq!(bill(&gate).await, ("$0.04".into(), vec!["success".into(), "success".into()]));
}

#[actix_rt::test]
async fn tracked_cost_settles_and_the_rest_is_released() {
    let gate = gate("$1 per day");
    async fn work(key: Key) -> Result<&'static str, Error> {
        key.track(usd!(0.003)).await?;
        key.track(usd!(0.004)).await?;
        Ok("done")
    }
    let app = App::new().wrap(holding(&gate, usd!(0.5))).route("/work", web::get().to(work));
    let answer = call_service(&init_service(app).await, get("/work").to_request()).await;
    drop(read_body(answer).await);
    assert_eq!(bill(&gate).await, ("$0.007".into(), vec![]));
}

#[actix_rt::test]
async fn failed_handler_releases_the_hold() {
    let gate = gate("$1 per day");
    let fails = || async { Err::<String, _>(ErrorImATeapot("no coffee")) };
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .route("/bad", web::get().to(HttpResponse::BadRequest))
        .route("/fails", web::get().to(fails));
    let app = init_service(app).await;
    for (path, status) in [("/bad", 400), ("/fails", 418)] {
        let answer = call_service(&app, get(path).to_request()).await;
        assert_eq!(answer.status(), status);
        drop(read_body(answer).await);
    }
    assert_eq!(bill(&gate).await, ("$0.00".into(), vec![]));
}

/// Middleware further in may fail instead of answering; its error's status says how.
#[actix_rt::test]
async fn error_of_inner_middleware_passes_and_settles_by_its_status() {
    let gate = gate("$1 per day");
    let app = App::new()
        .wrap_fn(|_, _| {
            ready(Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("no coffee")))
        })
        .wrap(holding(&gate, usd!(0.02)));
    let app = init_service(app).await;
    let error = try_call_service(&app, get("/").to_request()).await.unwrap_err();
    assert_eq!(error.error_response().status(), 418);
    assert_eq!(bill(&gate).await, ("$0.00".into(), vec![]));
}

#[actix_rt::test]
async fn head_is_complete_without_its_body() {
    let gate = gate("$1 per day");
    let keycap = holding(&gate, usd!(0.02));
    let endless = || async {
        let chunks = futures_util::stream::pending::<Result<web::Bytes, std::io::Error>>();
        HttpResponse::Ok().streaming(chunks)
    };
    let app = App::new()
        .wrap(keycap)
        .route("/text", web::head().to(|| async { "done" }))
        .route("/endless", web::head().to(endless));
    let app = init_service(app).await;
    for path in ["/text", "/endless"] {
        let request = get(path).method(actix_web::http::Method::HEAD).to_request();
        let answer = call_service(&app, request).await;
        assert_eq!(answer.status(), 200);
        drop(answer);
    }
    assert_eq!(bill(&gate).await, ("$0.04".into(), vec!["success".into(), "success".into()]));
}

#[actix_rt::test]
async fn head_on_the_wire_has_the_headers_of_get() {
    let gate = gate("$1 per day");
    let keycap = holding(&gate, usd!(0.02));
    let server = Server::start(1, HalfClosed::Served, move |app| {
        let text = web::resource("/text").wrap(keycap.clone()).to(|| async { "done" });
        app.service(text);
    });
    let answer = server.ask("HEAD", "/text").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 4\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    server.stop().await;
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["success".into()]));
}

/// A panic ends the connection, not the worker.
#[actix_rt::test]
async fn panic_captures_the_hold_and_the_worker_goes_on() {
    async fn late() -> HttpResponse {
        tokio::task::yield_now().await;
        panic!("the handler is broken")
    }
    async fn in_body() -> HttpResponse {
        let first = futures_util::stream::once(ready(Ok::<_, std::io::Error>("first".into())));
        let broken = futures_util::stream::poll_fn(|_| panic!("the body is broken"));
        HttpResponse::Ok().streaming(futures_util::StreamExt::chain(first, broken))
    }
    let gate = gate("$1 per day");
    let keycap = holding(&gate, usd!(0.02));
    let server = Server::start(1, HalfClosed::Served, move |app| {
        let broken = web::scope("").wrap(keycap.clone());
        let broken = broken.route("/late", web::get().to(late));
        let broken = broken.route("/body", web::get().to(in_body));
        app.service(broken.route("/works", web::get().to(|| async { "works" })));
    });
    assert_eq!(server.ask("GET", "/late").await, "");
    assert!(!server.ask("GET", "/body").await.ends_with("0\r\n\r\n"), "it must not look complete");
    assert!(server.ask("GET", "/works").await.ends_with("works"));
    server.stop().await;
    let (spent, mut endings) = bill(&gate).await;
    endings.sort_unstable();
    assert_eq!(
        (&*spent, endings),
        ("$0.06", vec!["panic".into(), "panic".into(), "success".into()])
    );
}

/// A panic before the handler's first wait unwinds through the middleware itself.
#[actix_rt::test]
async fn panic_in_the_call_itself_is_a_panic() {
    let gate = gate("$1 per day");
    let keycap = holding(&gate, usd!(0.02));
    let server = Server::start(1, HalfClosed::Served, move |app| {
        let scope = web::scope("").wrap_fn(|request, service| {
            assert!(!request.path().ends_with("broken"), "the middleware is broken");
            service.call(request)
        });
        app.service(scope.wrap(keycap.clone()));
    });
    assert_eq!(server.ask("GET", "/broken").await, "");
    server.stop().await;
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["panic".into()]));
}

#[actix_rt::test]
async fn priced_route_settles_by_itself_and_only_on_success() {
    let gate = gate("$1 per day");
    let keycap = Keycap::new(&gate, Guard::priced(usd!(0.02))).unwrap();
    let app = App::new()
        .wrap(keycap)
        .route("/good", web::get().to(|| async { "done" }))
        .route("/bad", web::get().to(HttpResponse::InternalServerError));
    let app = init_service(app).await;
    for path in ["/good", "/bad"] {
        drop(read_body(call_service(&app, get(path).to_request()).await).await);
    }
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["success".into()]));
}

#[actix_rt::test]
async fn endings_can_be_changed() {
    let gate = gate("$1 per day");
    let endings = Endings::default().untracked(Ending::Success, Fate::Release);
    let keycap = Keycap::new(&gate, Guard::fixed(usd!(0.02)).endings(endings)).unwrap();
    let app = App::new().wrap(keycap).route("/", web::get().to(|| async { "done" }));
    drop(read_body(call_service(&init_service(app).await, get("/").to_request()).await).await);
    assert_eq!(bill(&gate).await, ("$0.00".into(), vec![]));
}
