use keycap_base::{ManualClock, Timestamp};
use serde_json::json;

use super::*;
use crate::recording::{Exchange, Request, Response};

const NOW: i64 = 1_773_144_000_000;

async fn post(service: &StandIn, root_key: &str, method: &str, body: Value) -> Response {
    let headers = [
        ("authorization".to_owned(), format!("Bearer {root_key}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let exchange = Exchange {
        request: Request {
            method: "POST".to_owned(),
            path: format!("/v2/{method}"),
            headers: headers.into(),
            body,
        },
        response: Response { status: 0, headers: BTreeMap::new(), body: Value::Null },
    };
    exchange.resend(service.address()).await
}

async fn verify(service: &StandIn, key: &str, cost: Option<i64>) -> Value {
    let body = match cost {
        Some(cost) => json!({ "key": key, "credits": { "cost": cost } }),
        None => json!({ "key": key }),
    };
    let told = post(service, ROOT_KEY, "keys.verifyKey", body).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.body["data"].clone()
}

#[tokio::test]
async fn a_key_lives_as_its_owner_says() {
    let clock = ManualClock::at(Timestamp::from_millis(NOW));
    let service = StandIn::start(clock.clone()).await;
    let key = service.create(NewKey::named("one").prefix("acme").expires_ms(NOW + 1));
    assert!(key.secret.starts_with("acme_"));
    assert_eq!(verify(&service, &key.secret, None).await["code"], "VALID");
    clock.set(Timestamp::from_millis(NOW + 2));
    assert_eq!(verify(&service, &key.secret, None).await["code"], "EXPIRED");
    service.enable(&key.key_id, Enabled::No);
    assert_eq!(verify(&service, &key.secret, None).await["code"], "DISABLED");
    service.enable(&key.key_id, Enabled::Yes);
    let id = key.key_id;
    let told = post(&service, ROOT_KEY, "keys.updateKey", json!({ "keyId": id, "expires": null }));
    assert_eq!(told.await.status, 200);
    assert_eq!(verify(&service, &key.secret, None).await["valid"], true);
    service.forbid(&id);
    assert_eq!(verify(&service, &key.secret, None).await["code"], "FORBIDDEN");
    service.delete(&id);
    let gone = json!({ "valid": false, "code": "NOT_FOUND" });
    assert_eq!(verify(&service, &key.secret, None).await, gone);
    assert_eq!(service.count("/v2/keys.verifyKey"), 6);
}

#[tokio::test]
async fn credits_are_taken_unless_the_cost_is_nothing() {
    let service = StandIn::start(ManualClock::at(Timestamp::from_millis(NOW))).await;
    let key = service.create(NewKey::named("one").credits(2));
    for (cost, code, left) in [
        (Some(0), "VALID", 2),
        (None, "VALID", 1),
        (Some(2), "USAGE_EXCEEDED", 0),
        (Some(0), "VALID", 0),
        (None, "USAGE_EXCEEDED", 0),
    ] {
        let told = verify(&service, &key.secret, cost).await;
        assert_eq!((&told["code"], &told["credits"]), (&json!(code), &json!(left)), "{cost:?}");
        assert_eq!(service.credits(&key.key_id), Some(left));
    }
}

#[tokio::test]
async fn a_limit_that_a_key_applies_by_itself_counts_verifications() {
    let clock = ManualClock::at(Timestamp::from_millis(NOW));
    let service = StandIn::start(clock.clone()).await;
    let key = service.create(NewKey::named("one").limit("calls", 1, 60_000));
    assert_eq!(verify(&service, &key.secret, Some(0)).await["code"], "VALID");
    let told = verify(&service, &key.secret, Some(0)).await;
    assert_eq!((&told["code"], &told["valid"]), (&json!("RATE_LIMITED"), &json!(false)));
    assert_eq!(told["ratelimits"][0]["reset"], NOW + 60_000);
    clock.set(Timestamp::from_millis(NOW + 60_000));
    assert_eq!(verify(&service, &key.secret, Some(0)).await["code"], "VALID");
}

#[tokio::test]
async fn what_it_does_not_accept_is_an_error_in_unkeys_shape() {
    let service = StandIn::start(ManualClock::at(Timestamp::from_millis(NOW))).await;
    let verify = json!({ "key": "k" });
    let table = [
        ("unkey_another", "keys.verifyKey", verify.clone(), 401),
        (ROOT_KEY, "keys.verifyKey", json!({}), 400),
        (ROOT_KEY, "keys.verifyKey", json!({ "key": "k", "apiId": "api_1" }), 400),
        (ROOT_KEY, "keys.verifyKey", json!({ "key": "" }), 400),
        (ROOT_KEY, "keys.verifyKey", json!({ "key": "k".repeat(513) }), 400),
        (ROOT_KEY, "keys.verifyKey", json!({ "key": "k", "credits": { "cost": -1 } }), 400),
        (ROOT_KEY, "keys.createKey", json!({ "apiId": "api_other" }), 404),
        (ROOT_KEY, "keys.updateKey", json!({ "keyId": "key_none" }), 404),
        (ROOT_KEY, "keys.deleteKey", json!({ "keyId": "key_none" }), 404),
        (ROOT_KEY, "keys.noSuchCall", json!({}), 404),
    ];
    for (root_key, method, body, status) in table {
        let told = post(&service, root_key, method, body.clone()).await;
        assert_eq!(told.status, status, "{method} {body}");
        assert_eq!(told.body["error"]["status"], status);
        assert!(told.body["meta"]["requestId"].is_string());
    }
    service.fail(429);
    let told = post(&service, ROOT_KEY, "keys.verifyKey", verify.clone()).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (429, "7"));
    service.heal();
    assert_eq!(post(&service, ROOT_KEY, "keys.verifyKey", verify).await.status, 200);
}
