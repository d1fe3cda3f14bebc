//! The official client against the stand-in.

use std::fs;

use keycap_standins::unkey::{API_ID, StandIn};
use keycap_tests::NOW;
use keycap_tests::peers::run_node;
use serde_json::{Value, json};

use crate::{CLIENT, path, recording, stand_in};

/// Runs calls on the official client; `None` without Node.
async fn client(service: &StandIn, root_key: &str, calls: &[Value]) -> Option<Vec<Value>> {
    let options = json!({
        "rootKey": root_key,
        "serverURL": service.url(),
        "retryConfig": { "strategy": "none" },
    });
    let told = run_node("unkey.mjs", &[], &json!({ "options": options, "calls": calls })).await?;
    assert_eq!(told.len(), calls.len(), "{told:#?}");
    Some(told)
}

fn call(name: &str, argument: Value) -> Value {
    json!({ "call": format!("keys.{name}"), "args": [argument] })
}

/// As Keycap verifies: for nothing.
fn verify(key: Value) -> Value {
    call("verifyKey", json!({ "key": key, "credits": { "cost": 0 } }))
}

fn made(place: usize, field: &str) -> Value {
    json!({ "$": format!("{place}.value.data.{field}") })
}

/// Holds what passed against the committed recording, or replaces that where it is asked to.
fn compare(service: &StandIn, name: &str) {
    let passed = service.recorder().take(CLIENT);
    match std::env::var("KEYCAP_RECORD").as_deref() {
        Ok("1") => passed.save(path(name)).unwrap(),
        _ => assert_eq!(passed, recording(name), "KEYCAP_RECORD=1 would record {name} anew"),
    }
}

#[track_caller]
fn check(told: &[Value], place: usize, expected: Value) {
    let shown = &told[place];
    for (pointer, value) in expected.as_object().unwrap() {
        assert_eq!(shown.pointer(pointer), Some(value), "{pointer} of call {place}: {shown:#}");
    }
}

#[tokio::test]
async fn the_official_client_finds_in_the_stand_in_what_it_expects_of_unkey() {
    let service = stand_in().await;
    let whole = json!({
        "apiId": API_ID,
        "prefix": "acme",
        "name": "ci",
        "externalId": "user_1",
        "meta": { "plan": "pro", "seats": 3 },
        "roles": ["reader"],
        "permissions": ["chat", "models.read"],
        "expires": NOW.as_millis() + 86_400_000,
        "credits": { "remaining": 5 },
    });
    let limit = json!([{ "name": "calls", "limit": 1, "duration": 60_000, "autoApply": true }]);
    let calls = [
        call("createKey", whole),
        verify(made(0, "key")),
        call("verifyKey", json!({ "key": made(0, "key") })),
        verify(json!("acme_3Znobody")),
        call("updateKey", json!({ "keyId": made(0, "keyId"), "enabled": false })),
        verify(made(0, "key")),
        call("updateKey", json!({ "keyId": made(0, "keyId"), "enabled": true, "expires": 1 })),
        verify(made(0, "key")),
        call("deleteKey", json!({ "keyId": made(0, "keyId") })),
        verify(made(0, "key")),
        call("createKey", json!({ "apiId": API_ID })),
        verify(made(10, "key")),
        call("createKey", json!({ "apiId": API_ID, "ratelimits": limit })),
        verify(made(12, "key")),
        verify(made(12, "key")),
        call("createKey", json!({ "apiId": API_ID, "credits": { "remaining": 0 } })),
        verify(made(15, "key")),
        call("verifyKey", json!({ "key": made(15, "key") })),
    ];
    let Some(told) = client(&service, service.root_key(), &calls).await else { return };
    for (place, line) in told.iter().enumerate() {
        assert_eq!(line["ok"], true, "call {place}: {line:#}");
    }
    check(
        &told,
        1,
        json!({
            "/value/data/valid": true,
            "/value/data/code": "VALID",
            "/value/data/name": "ci",
            "/value/data/meta/plan": "pro",
            "/value/data/credits": 5,
            "/value/data/expires": NOW.as_millis() + 86_400_000,
            "/value/data/permissions": ["chat", "models.read"],
            "/value/data/roles": ["reader"],
            "/value/data/identity/externalId": "user_1",
        }),
    );
    let codes = [
        (2, "VALID"),
        (3, "NOT_FOUND"),
        (5, "DISABLED"),
        (7, "EXPIRED"),
        (9, "NOT_FOUND"),
        (11, "VALID"),
        (13, "VALID"),
        (14, "RATE_LIMITED"),
        (16, "VALID"),
        (17, "USAGE_EXCEEDED"),
    ];
    for (place, code) in codes {
        let valid = code == "VALID";
        check(&told, place, json!({ "/value/data/code": code, "/value/data/valid": valid }));
    }
    check(&told, 2, json!({ "/value/data/credits": 4 }));
    compare(&service, "keys");
}

#[tokio::test]
async fn the_official_client_reads_the_stand_ins_errors_as_unkeys() {
    let service = stand_in().await;
    let one = [verify(json!("acme_3Znobody"))];
    let Some(told) = client(&service, "unkey_another", &one).await else { return };
    let problem = |name: &str, status: u16| {
        json!({
            "/ok": false,
            "/error/type": name,
            "/error/statusCode": status,
            "/error/error/status": status,
        })
    };
    check(&told, 0, problem("UnauthorizedErrorResponse", 401));
    let unknown = [
        call("deleteKey", json!({ "keyId": "key_none" })),
        call("verifyKey", json!({ "key": "" })),
        call("verifyKey", json!({ "key": "k".repeat(513) })),
    ];
    let told = client(&service, service.root_key(), &unknown).await.unwrap();
    check(&told, 0, problem("NotFoundErrorResponse", 404));
    check(&told, 1, problem("BadRequestErrorResponse", 400));
    check(&told, 2, problem("BadRequestErrorResponse", 400));
    service.fail(500);
    let told = client(&service, service.root_key(), &one).await.unwrap();
    check(&told, 0, problem("InternalServerErrorResponse", 500));
    // The client wants `application/problem+json` of this one, and the service sends what the client
    // accepts, which is `application/json`: it has no class for that.
    service.fail(429);
    let told = client(&service, service.root_key(), &one).await.unwrap();
    check(&told, 0, json!({ "/ok": false, "/error/statusCode": 429 }));
    compare(&service, "refusals");
}

#[test]
fn the_recorded_client_is_the_pinned_one() {
    let pinned = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/package.json");
    let pinned: Value = serde_json::from_str(&fs::read_to_string(pinned).unwrap()).unwrap();
    let version = pinned["dependencies"]["@unkey/api"].as_str().unwrap();
    assert_eq!(CLIENT, format!("@unkey/api {version}"));
}
