//! What is made of an answer, as a table.
#![expect(clippy::needless_pass_by_value, reason = "the table reads better")]

use keycap_base::{Scopes, Timestamp};
use keycap_verify::{Answer, Identity, Rejection};
use serde_json::{Value, json};

use crate::http::CallError;

use super::super::answer::{Said, read};
use super::*;

/// What the provider answers when the server sends this with a status of 200.
fn judge(builder: IntrospectionBuilder, body: &str) -> Answer {
    let provider = builder.build().unwrap();
    let asked_at = Timestamp::from_millis(NOW_S * 1_000 - 5);
    match read(200, body.as_bytes()) {
        Ok(said) => provider.parts.answer(said, asked_at),
        Err(error) => provider.parts.unavailable(error),
    }
}

fn strict() -> IntrospectionBuilder {
    whole("https://id.example/introspect")
}

fn active(more: Value) -> String {
    let mut claims = json!({"active": true, "token_type": "Bearer", "sub": "alice"});
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims.to_string()
}

#[track_caller]
fn known(builder: IntrospectionBuilder, more: Value) -> Identity {
    match judge(builder, &active(more)) {
        Answer::Known(identity) => identity,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_rejected(builder: IntrospectionBuilder, more: Value, expected: Rejection) {
    match judge(builder, &active(more.clone())) {
        Answer::Rejected(reason) => assert_eq!(reason, expected, "{more}"),
        other => panic!("{more}: {other:?}"),
    }
}

#[track_caller]
fn assert_unreadable(body: &str) {
    match judge(strict(), body) {
        Answer::Unavailable(broken) => {
            let shown = format!("{broken:?}");
            assert!(!shown.contains("alice"), "{shown}");
            assert!(broken.to_string().contains("introspection"), "{broken}");
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn an_active_token_is_who_the_server_says() {
    let claims = json!({
        "scope": "chat  models:read chat *", "exp": NOW_S + 60, "iss": "https://id.example",
        "client_id": "web", "org": "acme", "aud": ["x", "api"], "nbf": NOW_S, "plan": {"tier": 2},
    });
    let identity = known(strict().organisation_claim("org").audience("api"), claims.clone());
    assert_eq!(identity.subject.to_string(), "introspection:https%3A//id.example:alice");
    assert_eq!(identity.organisation.as_deref(), Some("acme"));
    assert_eq!(identity.scopes, Scopes::of(["chat", "models:read"]).unwrap());
    assert_eq!(identity.expires_at, Some(Timestamp::from_millis((NOW_S + 60) * 1_000)));
    assert_eq!(identity.asserted_at, Timestamp::from_millis(NOW_S * 1_000 - 5));
    assert_eq!((identity.key_id, identity.account), (None, None));
    let said: Value = serde_json::from_str(&active(claims)).unwrap();
    assert_eq!(Value::Object(identity.claims), said, "all that the server said");
}

#[test]
fn a_token_that_says_little_grants_little() {
    let identity = known(strict(), json!({}));
    assert_eq!(identity.subject.to_string(), "introspection::alice");
    assert_eq!((identity.scopes, identity.expires_at), (Scopes::none(), None));
    assert_eq!(identity.organisation, None);
    assert_eq!(known(strict().organisation_claim("org"), json!({})).organisation, None);
}

#[test]
fn of_an_inactive_token_nothing_else_is_read() {
    for inactive in [
        json!({"active": false}),
        json!({"active": false, "sub": 7, "exp": "never", "token_type": []}),
        json!({"active": false, "exp": NOW_S - 1}),
    ] {
        let answer = judge(strict(), &inactive.to_string());
        assert!(matches!(answer, Answer::Rejected(Rejection::Unknown)), "{inactive}: {answer:?}");
    }
}

#[test]
fn p6_an_answer_that_is_no_answer_is_not_a_no() {
    for body in [
        "",
        "null",
        "true",
        "[]",
        "\"active\"",
        "{",
        "{}",
        "<html>",
        r#"[{"active":false}]"#,
        r#"{"active":"true","sub":"alice"}"#,
        r#"{"active":"false"}"#,
        r#"{"active":0}"#,
        r#"{"active":null}"#,
        r#"{"Active":false}"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":false} {"active":true}"#,
        "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl",
    ] {
        assert_unreadable(body);
    }
    let deep = format!(r#"{{"active":false,"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_unreadable(&deep);
}

#[test]
fn p6_a_claim_that_cannot_be_read_is_not_a_no() {
    for claim in [
        json!({"sub": 7}),
        json!({"sub": ["alice"]}),
        json!({"sub": ""}),
        json!({"sub": "a b"}),
        json!({"sub": "a".repeat(256)}),
        json!({"iss": 7}),
        json!({"iss": "a\nb"}),
        json!({"exp": "2030-01-01"}),
        json!({"exp": u64::MAX}),
        json!({"exp": true}),
        json!({"nbf": "soon"}),
        json!({"scope": 7}),
        json!({"token_type": 1}),
        json!({"token_type": ""}),
    ] {
        assert_unreadable(&active(claim));
    }
    let asks = [
        (strict().audience("api"), json!({"aud": 7})),
        (strict().audience("api"), json!({"aud": ["api", 7]})),
        (strict().organisation_claim("org"), json!({"org": 7})),
        (strict().client_as_subject(), json!({"sub": null, "client_id": 7})),
    ];
    for (builder, claim) in asks {
        let answer = judge(builder, &active(claim));
        assert!(matches!(answer, Answer::Unavailable(_)), "{answer:?}");
    }
}

#[test]
fn p7_a_token_ends_at_its_instant() {
    for past in [NOW_S, NOW_S - 1, 0, -1] {
        assert_rejected(strict(), json!({"exp": past}), Rejection::Expired);
    }
    let soon = known(strict(), json!({"exp": NOW_S + 1}));
    assert_eq!(soon.expires_at, Some(Timestamp::from_millis(NOW_S * 1_000 + 1_000)));
}

#[test]
fn a_token_begins_at_its_instant_with_some_leeway() {
    let leeway = |seconds| strict().leeway(std::time::Duration::from_secs(seconds));
    known(strict(), json!({"nbf": NOW_S + 30}));
    assert_rejected(strict(), json!({"nbf": NOW_S + 31}), Rejection::Unknown);
    known(leeway(0), json!({"nbf": NOW_S}));
    assert_rejected(leeway(0), json!({"nbf": NOW_S + 1}), Rejection::Unknown);
    assert_rejected(leeway(300), json!({"nbf": NOW_S + 301}), Rejection::Unknown);
}

#[test]
fn only_bearer_tokens_are_accepted() {
    for bearer in ["Bearer", "bearer", "BEARER"] {
        known(strict(), json!({"token_type": bearer}));
    }
    for other in ["DPoP", "mac", "access_token", "Bearer "] {
        assert_rejected(strict(), json!({"token_type": other}), Rejection::Unknown);
        let lenient = strict().accept_untyped();
        assert_rejected(lenient, json!({"token_type": other}), Rejection::Unknown);
    }
    assert_rejected(strict(), json!({"token_type": null}), Rejection::Unknown);
    known(strict().accept_untyped(), json!({"token_type": null}));
}

#[test]
fn a_bound_token_is_not_accepted_as_if_it_were_not() {
    for bond in
        [json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5"}), json!({"jkt": "0ZcOCORZNYy"}), json!({})]
    {
        assert_rejected(strict(), json!({"cnf": bond}), Rejection::Unknown);
        assert_rejected(strict().accept_untyped(), json!({"cnf": bond}), Rejection::Unknown);
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let ours = || strict().audience("api").audience("https://api.example");
    for aud in [json!("api"), json!(["x", "https://api.example"]), json!(["api"])] {
        known(ours(), json!({"aud": aud}));
    }
    for aud in [json!("x"), json!("API"), json!("api "), json!([]), json!(["x"]), json!(null)] {
        assert_rejected(ours(), json!({"aud": aud}), Rejection::Unknown);
    }
    known(strict(), json!({"aud": "x"}));
}

#[test]
fn the_same_id_of_two_issuers_is_two_subjects() {
    let ours = || strict().issuer("https://id.example");
    let named = known(ours(), json!({"iss": "https://id.example"}));
    assert_eq!(named.subject, known(ours(), json!({})).subject);
    for other in ["https://id.example/", "https://ID.example"] {
        assert_rejected(ours(), json!({"iss": other}), Rejection::Unknown);
    }
    let other = known(strict(), json!({"iss": "https://other.example"}));
    assert_ne!(named.subject, other.subject);
}

#[test]
fn a_client_is_a_subject_only_when_asked_for() {
    let machine = json!({"sub": null, "client_id": "worker"});
    assert_rejected(strict(), machine.clone(), Rejection::Unknown);
    assert_eq!(known(strict().client_as_subject(), machine).subject.id(), "worker");
    let user = json!({"client_id": "worker"});
    assert_eq!(known(strict().client_as_subject(), user).subject.id(), "alice");
    assert_rejected(strict().client_as_subject(), json!({"sub": null}), Rejection::Unknown);
    let by_name = strict().subject_claim("username");
    assert_eq!(known(by_name, json!({"username": "al"})).subject.id(), "al");
}

#[test]
fn p6_a_status_that_is_no_200_is_not_a_no() {
    let inactive = r#"{"active":false}"#;
    for status in [201, 202, 204, 206, 400, 404, 405, 410, 413, 422] {
        for body in [inactive, "", "{}", r#"{"error":"invalid_request"}"#, r#"{"error":7}"#] {
            let said = read(status, body.as_bytes());
            assert_eq!(said, Err(CallError::Status(status)), "{body}");
        }
    }
}

/// RFC 6749 §5.2 lets a server say so with a 400.
#[test]
fn our_own_credentials_being_wrong_is_told_by_a_code_too() {
    for code in ["invalid_client", "unauthorized_client"] {
        let ours = read(400, json!({"error": code}).to_string().as_bytes());
        assert_eq!(ours, Err(CallError::RefusesUs(400)), "{code}");
    }
}

/// Servers that know opaque tokens only, such as oidc-provider, answer so whatever JWT they are shown;
/// without this any caller could have the gate say 503, and never be counted as a failed attempt.
#[test]
fn a_token_of_another_kind_is_refused() {
    let complaint = br#"{"error":"unsupported_token_type","error_description":"no JWT here"}"#;
    assert_eq!(read(400, complaint), Ok(Said::NotOfItsKind));
    assert_eq!(read(404, complaint), Err(CallError::Status(404)));
    let provider = strict().build().unwrap();
    let answer = provider.parts.answer(Said::NotOfItsKind, Timestamp::EPOCH);
    assert!(matches!(answer, Answer::Rejected(Rejection::Unknown)), "{answer:?}");
}

#[cfg(feature = "fuzzing")]
mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(status in 100..600_u16, bytes: Vec<u8>) {
            crate::introspection::fuzz(status, &bytes);
        }

        #[test]
        fn no_claim_is_a_panic(
            name in "exp|nbf|iss|aud|sub|scope|token_type|cnf|org|client_id|active",
            text in r#"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[0-9]{1,3})?|"[ -!#-\[\]-~]{0,300}"|\[\]|\["api",7\]|true|null"#,
        ) {
            let body = format!(r#"{{"{name}":{text},{}"#, &active(json!({name.as_str(): null}))[1..]);
            crate::introspection::fuzz(200, body.as_bytes());
        }
    }
}
