//! What is wrapped, and what a request that comes through sees.

use actix_web::dev::Service;
use actix_web::http::header::HeaderValue;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpRequest, HttpResponse, web};
use keycap_actix::{Error, Key, Keycap, Observation};
use keycap_budget::usd;
use keycap_gate::{CredentialPlaces, Guard, Place};

use crate::fixtures::{Log, bill, builder, gate, get, held, holding, until};

async fn chat(key: Key) -> Result<String, Error> {
    key.track(usd!(0.01)).await?;
    Ok(format!("hello, {}", key.subject()))
}

#[actix_rt::test]
async fn admitted_runs_the_handler_and_refused_does_not() {
    let gate = gate("$0.03 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/chat", web::get().to(chat));
    let app = init_service(app).await;

    let admitted = call_service(&app, get("/chat").to_request()).await;
    assert_eq!(admitted.status(), 200);
    assert_eq!(read_body(admitted).await, "hello, static::ci");

    let missing = call_service(&app, TestRequest::get().uri("/chat").to_request()).await;
    assert_eq!(missing.status(), 401);
    assert_eq!(missing.headers().get("www-authenticate").unwrap(), "Bearer");
    assert_eq!(missing.headers().get("content-type").unwrap(), "application/problem+json");

    until("the first has settled", || async { held(&gate).await == "$0.00" }).await;
    assert_eq!(call_service(&app, get("/chat").to_request()).await.status(), 200);
    until("the second has settled", || async { held(&gate).await == "$0.00" }).await;
    let spent = call_service(&app, get("/chat").to_request()).await;
    assert_eq!(spent.status(), 429);
    let document: serde_json::Value = serde_json::from_slice(&read_body(spent).await).unwrap();
    assert_eq!(document["error"], "budget_exceeded");
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec![]));
}

/// On an app, keys come before routes: who has none learns nothing of what is there.
#[actix_rt::test]
async fn wrapped_app_refuses_before_it_routes() {
    let gate = gate("$1 per day");
    let app = init_service(App::new().wrap(holding(&gate, usd!(0.02)))).await;
    let nowhere = TestRequest::get().uri("/nowhere").to_request();
    assert_eq!(call_service(&app, nowhere).await.status(), 401);
    assert_eq!(call_service(&app, get("/nowhere").to_request()).await.status(), 404);
    assert_eq!(bill(&gate).await, ("$0.00".into(), vec![]), "a 404 costs nothing");
}

#[actix_rt::test]
async fn wrapped_scope_leaves_other_paths_alone() {
    let gate = gate("$1 per day");
    let scope =
        web::scope("/v1").wrap(holding(&gate, usd!(0.02))).route("/chat", web::get().to(chat));
    let app = init_service(App::new().service(scope)).await;
    for (path, status) in [("/v1/chat", 401), ("/v1/nowhere", 401), ("/v2", 404), ("/", 404)] {
        let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    assert_eq!(call_service(&app, get("/v1/chat").to_request()).await.status(), 200);
}

#[actix_rt::test]
async fn wrapped_resource_and_route_guard_only_themselves() {
    let gate = gate("$1 per day");
    let keycap = holding(&gate, usd!(0.02));
    let resource = web::resource("/chat").wrap(keycap.clone()).route(web::get().to(chat));
    let open = || async { "open" };
    let route =
        web::resource("/mixed").route(web::get().to(chat).wrap(keycap)).route(web::post().to(open));
    let app = init_service(App::new().service(resource).service(route)).await;
    for path in ["/chat", "/mixed"] {
        let without = TestRequest::get().uri(path).to_request();
        assert_eq!(call_service(&app, without).await.status(), 401, "{path}");
        assert_eq!(call_service(&app, get(path).to_request()).await.status(), 200, "{path}");
    }
    let open = TestRequest::post().uri("/mixed").to_request();
    assert_eq!(call_service(&app, open).await.status(), 200);
}

/// Cross-origin middleware has to put its headers on refusals, too.
#[actix_rt::test]
async fn refusal_is_an_ok_response_to_outer_middleware() {
    let gate = gate("$1 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/chat", web::get().to(chat));
    let app = init_service(app.wrap_fn(|request, service| {
        let answer = service.call(request);
        async move {
            let mut answer = answer.await.expect("a refusal is no error");
            let any = HeaderValue::from_static("*");
            answer.headers_mut().insert("access-control-allow-origin".parse().unwrap(), any);
            Ok(answer)
        }
    }))
    .await;
    let refused = call_service(&app, TestRequest::get().uri("/chat").to_request()).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers().get("access-control-allow-origin").unwrap(), "*");
    assert_eq!(refused.headers().get("www-authenticate").unwrap(), "Bearer");
}

#[actix_rt::test]
async fn missing_middleware_is_misconfigured_and_the_log_names_it() {
    let log = Log::default();
    let _logged = log.capture();

    let observing = |_: Observation| async { "never" };
    let optional = |key: Option<Key>| async move { format!("{}", key.is_some()) };
    let app = App::new()
        .route("/chat/{room}", web::get().to(chat))
        .route("/observe", web::get().to(observing))
        .route("/optional", web::get().to(optional));
    let app = init_service(app).await;

    for (path, route, extractor) in
        [("/chat/7", "/chat/{room}", "Key"), ("/observe", "/observe", "Observation")]
    {
        let answer = call_service(&app, get(path).to_request()).await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers().get("content-type").unwrap(), "application/problem+json");
        let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
        assert!(body.contains(r#""error":"misconfigured""#), "{body}");
        assert!(!body.contains("Keycap"), "callers do not see the details: {body}");
        let why = format!("route GET {route} uses {extractor} but no Keycap wraps it");
        assert!(log.text().contains(&why), "{}", log.text());
    }
    let answer = call_service(&app, get("/optional").to_request()).await;
    assert_eq!(read_body(answer).await, "false");
}

/// P9: what stands in the credential's header is not for logs.
#[actix_rt::test]
async fn p9_credential_is_sensitive_inside_or_gone() {
    let see = |request: HttpRequest| async move {
        let values = request.headers().get_all("authorization");
        let seen: Vec<_> = values.map(|value| format!("{value:?}")).collect();
        seen.join(", ")
    };
    for (strip, seen) in [(false, "Sensitive"), (true, "")] {
        let mut builder = builder().limit("$1 per day".parse().unwrap());
        if strip {
            builder = builder.strip_credential();
        }
        let gate = builder.build().unwrap();
        let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/see", web::get().to(see));
        let answer = call_service(&init_service(app).await, get("/see").to_request()).await;
        assert_eq!(read_body(answer).await, seen);
    }
}

/// Headers of the gate's join the handler's own, and are said once however deep layers nest.
#[actix_rt::test]
async fn admitted_answers_say_what_caches_must_know_once() {
    let places = CredentialPlaces::new([Place::header("x-api-key").unwrap()]).unwrap();
    let gate = builder().limit("$1 per day".parse().unwrap()).credentials(places).build().unwrap();
    let own = || async { HttpResponse::Ok().insert_header(("vary", "origin")).body("own") };
    let inner = Keycap::new(&gate, Guard::free().scope("admin")).unwrap();
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .route("/own", web::get().to(own))
        .service(web::resource("/admin").wrap(inner).route(web::get().to(own)));
    let app = init_service(app).await;
    for (path, status, vary) in
        [("/own", 200, vec!["origin", "x-api-key"]), ("/admin", 403, vec!["x-api-key"])]
    {
        let key = ("x-api-key", crate::fixtures::SECRET);
        let request = TestRequest::get().uri(path).insert_header(key);
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), status);
        let all = |name| answer.headers().get_all(name).cloned().collect::<Vec<_>>();
        assert_eq!(all("vary"), vary, "{path}");
        assert_eq!(all("cache-control"), ["private"], "{path}");
    }
}

#[actix_rt::test]
async fn what_is_never_polled_spends_nothing() {
    let gate = gate("$1 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/chat", web::get().to(chat));
    let app = init_service(app).await;
    drop(app.call(get("/chat").to_request()));
    assert_eq!(call_service(&app, get("/chat").to_request()).await.status(), 200);
    assert_eq!(bill(&gate).await, ("$0.01".into(), vec![]));
}

#[actix_rt::test]
async fn bad_guard_fails_when_the_middleware_is_made() {
    let gate = gate("$1 per day");
    let error = Keycap::new(&gate, Guard::free().scope("two words")).unwrap_err();
    assert!(error.to_string().contains("scope"), "{error}");
}
