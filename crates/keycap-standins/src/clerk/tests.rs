use std::time::Duration;

use keycap_base::{ManualClock, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::recording::{Exchange, Request, Response};

const NOW_MS: i64 = 1_773_144_000_000;

async fn started(ended: Ended) -> (Instance, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(NOW_MS));
    (Setup::default().clock(clock.clone()).ended(ended).start().await, clock)
}

async fn call(at: &Instance, key: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let headers = [("authorization", format!("Bearer {key}")), ("content-type", JSON.to_owned())];
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body,
    };
    let response = Response { status: 0, headers: Default::default(), body: Value::Null };
    let told = Exchange { request, response }.resend(at.address).await;
    (told.status, told.body)
}

const JSON: &str = "application/json";

async fn post(at: &Instance, path: &str, body: Value) -> (u16, Value) {
    call(at, SECRET_KEY, "POST", path, body).await
}

fn code(told: &(u16, Value)) -> (u16, &str) {
    (told.0, told.1["errors"][0]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_key_is_created_verified_listed_updated_and_revoked() {
    let (at, clock) = started(Ended::Shown).await;
    let new = json!({ "name": "one", "subject": user("a"), "seconds_until_expiration": 60 });
    let (status, made) = post(&at, "/api_keys", new).await;
    assert_eq!((status, &made["expiration"]), (200, &json!(NOW_MS + 60_000)));
    assert_eq!(made["id"].as_str().map(str::len), Some(35));
    let id = made["id"].as_str().unwrap();
    let verify = json!({ "secret": made["secret"] });
    let (status, shown) = post(&at, "/v1/api_keys/verify", verify.clone()).await;
    assert_eq!((status, &shown["subject"]), (200, &json!(user("a"))));
    assert_eq!((shown.get("secret"), &shown["last_used_at"]), (None, &json!(NOW_MS)));

    let path = format!("/api_keys/{id}");
    let (_, updated) = call(&at, SECRET_KEY, "PATCH", &path, json!({"claims": {"a": 1}})).await;
    assert_eq!(updated["claims"], json!({"a": 1}));
    let list = format!("/api_keys?subject={}", user("a"));
    assert_eq!(call(&at, SECRET_KEY, "GET", &list, Value::Null).await.1["total_count"], 1);

    clock.advance(Duration::from_secs(60));
    assert_eq!(post(&at, "/api_keys/verify", verify.clone()).await.1["expired"], true);
    assert_eq!(call(&at, SECRET_KEY, "GET", &list, Value::Null).await.1["total_count"], 0);
    let (_, revoked) =
        post(&at, &format!("{path}/revoke"), json!({"revocation_reason": "x"})).await;
    assert_eq!((&revoked["revoked"], &revoked["revocation_reason"]), (&json!(true), &json!("x")));
    let all = format!("{list}&include_invalid=true");
    assert_eq!(call(&at, SECRET_KEY, "GET", &all, Value::Null).await.1["data"][0]["revoked"], true);
    assert_eq!(at.verifications(), 2);
}

#[tokio::test]
async fn a_token_is_for_the_machines_that_its_own_may_call() {
    let (at, _) = started(Ended::Shown).await;
    let (caller, called, other) = (machine("a"), machine("b"), machine("c"));
    let keys = [(&caller, vec![called.as_str()]), (&called, vec![]), (&other, vec![])]
        .map(|(machine, may_call)| at.add_machine(machine, &may_call));
    let asked = call(&at, SECRET_KEY, "POST", "/m2m_tokens", json!({})).await;
    assert_eq!(code(&asked), (401, "machine_secret_key_invalid"));
    let (status, made) = call(&at, &keys[0], "POST", "/m2m_tokens", json!({})).await;
    assert_eq!(
        (status, &made["subject"], &made["scopes"]),
        (201, &json!(caller), &json!([called]))
    );
    let verify = json!({ "token": made["token"] });
    for (key, status) in [(&keys[1], 200), (&keys[2], 404), (&SECRET_KEY.to_owned(), 200)] {
        let asked = call(&at, key, "POST", "/m2m_tokens/verify", verify.clone()).await;
        assert_eq!(asked.0, status, "{key}: {asked:?}");
    }
    let revoke = format!("/m2m_tokens/{}/revoke", made["id"].as_str().unwrap());
    assert_eq!(call(&at, &keys[1], "POST", &revoke, json!({})).await.0, 404, "not its own");
    assert_eq!(call(&at, &keys[0], "POST", &revoke, json!({})).await.1["revoked"], true);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_words_of_clerk() {
    let (at, _) = started(Ended::Shown).await;
    let verify = || json!({ "secret": "ak_nobodys" });
    let unknown = post(&at, "/api_keys/verify", verify()).await;
    assert_eq!(code(&unknown), (404, "resource_not_found"));
    let wrong = call(&at, "sk_test_wrong", "POST", "/api_keys/verify", verify()).await;
    assert_eq!(code(&wrong), (401, "clerk_key_invalid"));
    let odd = [
        json!({}),
        json!({ "secret": 1 }),
        json!({ "secret": "a", "more": 1 }),
        json!("ak_1"),
        Value::Null,
    ];
    for body in odd {
        let told = post(&at, "/api_keys/verify", body).await;
        assert_eq!(code(&told), (400, "bad_request"), "{told:?}");
    }
    for new in [
        json!({ "name": "no", "subject": user("a") }),
        json!({ "name": "one", "subject": "user_short" }),
        json!({ "name": "one", "subject": user("a"), "seconds_until_expiration": 0 }),
    ] {
        assert_eq!(code(&post(&at, "/api_keys", new).await), (400, "bad_request"));
    }
    at.throttle(Duration::from_secs(7));
    assert_eq!(code(&post(&at, "/api_keys/verify", verify()).await), (429, "too_many_requests"));
    at.relent();
    assert_eq!(post(&at, "/api_keys/verify", verify()).await.0, 404);
    assert_eq!(post(&at, "/nowhere", verify()).await.0, 404);
}

#[tokio::test]
async fn an_instance_may_hide_keys_that_ended() {
    let (at, _) = started(Ended::NotFound).await;
    let key = at.create_key(NewApiKey::of(user("a")));
    let verify = json!({ "secret": key.secret });
    assert_eq!(post(&at, "/api_keys/verify", verify.clone()).await.0, 200);
    at.revoke(&key.id);
    assert_eq!(post(&at, "/api_keys/verify", verify).await.0, 404);
}

#[tokio::test]
async fn answers_wait_at_the_door() {
    let (at, _) = started(Ended::Shown).await;
    let key = at.create_key(NewApiKey::of(user("a")));
    at.set_tier(&key.id, "pro");
    at.shut();
    let verify = json!({ "secret": key.secret });
    let asked = post(&at, "/api_keys/verify", verify);
    let opened = async {
        at.until_held(1).await;
        at.open();
    };
    let (told, ()) = tokio::join!(asked, opened);
    assert_eq!(told.1["claims"], json!({ "tier": "pro" }));
}
