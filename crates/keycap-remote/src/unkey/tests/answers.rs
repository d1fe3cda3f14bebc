use std::time::Duration;

use keycap_standins::faults::{Canned, Fault, Server};

use super::*;

fn refused(code: &str) -> Value {
    data(json!({ "valid": false, "code": code }))
}

#[tokio::test]
async fn every_refusal_of_the_key_is_told_as_what_it_is() {
    let now = NOW.as_millis();
    let table = [
        (json!({ "data": { "valid": false, "code": "NOT_FOUND" } }), Rejection::Unknown),
        (refused("NOT_FOUND"), Rejection::Unknown),
        (refused("EXPIRED"), Rejection::Expired),
        (refused("DISABLED"), Rejection::Revoked),
        (data(json!({ "expires": now })), Rejection::Expired),
        (data(json!({ "expires": 0 })), Rejection::Expired),
        (data(json!({ "expires": -1 })), Rejection::Expired),
    ];
    for (body, expected) in table {
        let answer = told(200, body.clone()).await;
        assert!(matches!(answer, Answer::Rejected(told) if told == expected), "{body}: {answer:?}");
    }
    known(told(200, data(json!({ "expires": now + 1 }))).await);
}

#[tokio::test]
async fn p6_an_answer_that_says_nothing_about_the_key_is_no_refusal_and_no_pass() {
    let table = [
        (refused("FORBIDDEN"), "addresses"),
        (refused("USAGE_EXCEEDED"), "USAGE_EXCEEDED"),
        (refused("INSUFFICIENT_PERMISSIONS"), "INSUFFICIENT_PERMISSIONS"),
        (refused("RATE_LIMITED"), "rate limit"),
        (refused("BRAND_NEW"), "`BRAND_NEW`"),
        (refused("valid"), "`…`"),
        (refused(""), "``"),
        (refused("VALID"), "valid is false and the code VALID"),
        (data(json!({ "code": "EXPIRED" })), "valid is true and the code another"),
        (data(json!({ "code": "BRAND_NEW" })), "valid is true and the code another"),
        (data(json!({ "enabled": false })), "not enabled"),
        (data(json!({ "code": null })), "cannot be read"),
        (data(json!({ "valid": null })), "cannot be read"),
        (data(json!({ "valid": "true" })), "cannot be read"),
        (data(json!({ "keyId": null })), "keyId"),
        (data(json!({ "keyId": "two words" })), "keyId"),
        (data(json!({ "keyId": 7 })), "cannot be read"),
        (data(json!({ "permissions": "chat" })), "cannot be read"),
        (data(json!({ "expires": "soon" })), "cannot be read"),
        (data(json!({ "meta": ["plan"] })), "cannot be read"),
        (data(json!({ "identity": { "id": "id_1" } })), "cannot be read"),
        (data(json!({ "identity": { "id": "id_1", "externalId": "" } })), "externalId"),
        (json!({ "data": null }), "cannot be read"),
        (json!({ "data": [] }), "cannot be read"),
        (json!([]), "cannot be read"),
        (json!(true), "cannot be read"),
    ];
    for (body, expected) in table {
        let why = why(&unavailable(told(200, body.clone()).await));
        assert!(why.contains(expected), "{body}: {why}");
        assert!(!why.contains(KEY) && !why.contains(ROOT_KEY), "{why}");
    }
}

#[tokio::test]
async fn p6_any_other_status_is_an_outage_whatever_its_body_says() {
    for status in [201, 204, 301, 400, 401, 402, 403, 404, 408, 410, 412, 422, 500, 502, 503, 599] {
        let body = match status {
            204 => Value::Null,
            _ => data(json!({})),
        };
        let why = why(&unavailable(told(status, body).await));
        assert!(why.contains(&status.to_string()), "{status}: {why}");
    }
}

#[tokio::test]
async fn p6_a_field_given_twice_is_not_chosen_from() {
    for twice in [
        r#"{"data":{"valid":false,"valid":true,"code":"VALID","keyId":"key_1"}}"#,
        r#"{"data":{"valid":true,"code":"VALID","keyId":"key_1","meta":{"plan":"a","plan":"b"}}}"#,
    ] {
        let server = Server::start(Fault::Answer(Canned::json(200, twice))).await;
        let unkey = at(&server.origin()).build().unwrap();
        let why = why(&unavailable(unkey.verify(&secret(KEY)).await));
        assert!(why.contains("cannot be read"), "{why}");
    }
}

#[tokio::test]
async fn p8_a_used_up_rate_limit_says_when_to_come_back() {
    let now = NOW.as_millis();
    let limit = |exceeded: bool, duration: i64, reset: i64| json!({ "exceeded": exceeded, "duration": duration, "reset": reset });
    let table = [
        (json!(null), None),
        (json!([]), None),
        (json!([limit(false, 60_000, now + 9_000)]), None),
        (json!([limit(true, 60_000, now + 9_000)]), Some(9_000)),
        (json!([limit(true, 60_000, 9_000)]), Some(9_000)),
        (json!([limit(true, 60_000, 60_000)]), Some(60_000)),
        (json!([limit(true, 60_000, now - 1)]), Some(0)),
        (json!([limit(true, 60_000, -1)]), Some(0)),
        (
            json!([limit(true, 60_000, now + 9_000), limit(true, 60_000, now + 20_000)]),
            Some(20_000),
        ),
    ];
    for (limits, expected) in table {
        let body = data(json!({ "valid": false, "code": "RATE_LIMITED", "ratelimits": limits }));
        let wait = unavailable(told(200, body).await).retry_after();
        assert_eq!(wait, expected.map(Duration::from_millis), "{limits}");
    }
}

#[tokio::test]
async fn p9_a_code_that_is_not_written_like_one_is_not_repeated() {
    for code in [KEY, ROOT_KEY, "A B", &"A".repeat(65)] {
        let why = why(&unavailable(told(200, refused(code)).await));
        assert!(why.contains("`…`") && !why.contains(code), "{why}");
    }
    let longest = "A".repeat(64);
    let why = why(&unavailable(told(200, refused(&longest)).await));
    assert!(why.contains(&longest), "{why}");
}
