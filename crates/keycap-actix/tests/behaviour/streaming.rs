//! A hold lasts until the response body has ended and the last clone of the key is gone.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::test::{call_service, init_service};
use actix_web::{App, HttpResponse, web};
use futures_util::{StreamExt, stream};
use keycap_actix::Key;
use keycap_budget::usd;
use web::Bytes;

use crate::fixtures::{bill, gate, get, held, holding, spent};

/// The next piece of a body.
async fn next(body: &mut (impl MessageBody + Unpin)) -> Option<Result<Bytes, String>> {
    let piece = std::future::poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await;
    piece.map(|piece| piece.map_err(|error| error.into().to_string()))
}

#[actix_rt::test]
async fn stream_holds_until_its_end() {
    async fn stream(key: Key) -> HttpResponse {
        let lines = stream::iter(0..3).then(move |line| {
            let key = key.clone();
            async move {
                key.track(usd!(0.001)).await.unwrap();
                Ok::<_, Infallible>(Bytes::from(format!("{line}\n")))
            }
        });
        HttpResponse::Ok().streaming(lines)
    }
    let gate = gate("$1 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.05))).route("/", web::get().to(stream));
    let app = init_service(app).await;
    let answer = call_service(&app, get("/").to_request()).await;
    let mut body = Box::pin(answer.into_body());
    let steps = [("$0.05", "$0.001"), ("$0.049", "$0.002"), ("$0.048", "$0.003")];
    for (line, (held_before, spent_after)) in steps.into_iter().enumerate() {
        assert_eq!(held(&gate).await, held_before);
        assert_eq!(next(&mut body).await.unwrap().unwrap(), format!("{line}\n"));
        assert_eq!(spent(&gate).await, spent_after);
    }
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert_eq!(bill(&gate).await, ("$0.003".into(), vec![]));
}

#[actix_rt::test]
async fn last_clone_keeps_the_hold_after_the_body() {
    let kept: Arc<Mutex<Option<Key>>> = Arc::default();
    let gate = gate("$1 per day");
    let shelf = web::Data::new(Arc::clone(&kept));
    let keep = |key: Key, shelf: web::Data<Arc<Mutex<Option<Key>>>>| async move {
        *shelf.lock().unwrap() = Some(key);
        "kept"
    };
    let app =
        App::new().app_data(shelf).wrap(holding(&gate, usd!(0.05))).route("/", web::get().to(keep));
    let app = init_service(app).await;
    let answer = call_service(&app, get("/").to_request()).await;
    assert_eq!(actix_web::test::read_body(answer).await, "kept");
    // Nothing the middleware still does could end it: no other task has the key.
    assert!(gate.shutdown(Duration::from_millis(1)).await.is_err());
    assert_eq!(held(&gate).await, "$0.05");

    let key = kept.lock().unwrap().take().unwrap();
    drop(key.track(usd!(0.03)));
    drop(key);
    assert_eq!(bill(&gate).await, ("$0.03".into(), vec![]));
}

#[actix_rt::test]
async fn failing_body_is_told_and_captured() {
    let broken = || async {
        let pieces = [Ok(Bytes::from("some")), Err(std::io::Error::other("upstream broke"))];
        HttpResponse::Ok().streaming(stream::iter(pieces))
    };
    let gate = gate("$1 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/", web::get().to(broken));
    let app = init_service(app).await;
    let mut body = Box::pin(call_service(&app, get("/").to_request()).await.into_body());
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "some");
    assert!(next(&mut body).await.unwrap().unwrap_err().contains("upstream broke"));
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["body_failed".into()]));
}

#[actix_rt::test]
async fn body_dropped_early_was_cut_short() {
    let endless = || async {
        HttpResponse::Ok()
            .streaming(stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from("more"))))
    };
    let gate = gate("$1 per day");
    let app = App::new().wrap(holding(&gate, usd!(0.02))).route("/", web::get().to(endless));
    let app = init_service(app).await;
    let mut body = Box::pin(call_service(&app, get("/").to_request()).await.into_body());
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "more");
    drop(body);
    assert_eq!(bill(&gate).await, ("$0.02".into(), vec!["cut_short".into()]));
}

/// The wrapper must not turn a sized body into a chunked one.
#[actix_rt::test]
async fn body_keeps_its_size() {
    use actix_web::body::BodySize;
    let gate = gate("$1 per day");
    let app = App::new()
        .wrap(holding(&gate, usd!(0.02)))
        .route("/sized", web::get().to(|| async { "four" }))
        .route("/empty", web::get().to(|| async { "" }));
    let app = init_service(app).await;
    for (path, size) in [("/sized", BodySize::Sized(4)), ("/empty", BodySize::Sized(0))] {
        let answer = call_service(&app, get(path).to_request()).await;
        assert_eq!(answer.response().body().size(), size);
    }
    let refused = actix_web::test::TestRequest::get().uri("/sized").to_request();
    let refused = call_service(&app, refused).await;
    assert!(matches!(refused.response().body().size(), BodySize::Sized(1..)));
}
