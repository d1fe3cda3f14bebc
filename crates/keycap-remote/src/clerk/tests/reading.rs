//! What is made of Clerk's answers, odd ones above all.

use bytes::Bytes;
use serde_json::{Value, json};

use keycap_base::{Scope, Timestamp};
use keycap_verify::Identity;

use crate::clerk::Kind;
use crate::clerk::answer::read;
use crate::http::{CallError, Reply};

const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

fn api_key() -> Value {
    json!({
        "object": "api_key", "id": "ak_3beecc9c", "type": "api_key", "subject": "org_2x",
        "name": "Production", "description": null, "claims": {"plan": "pro", "seats": 3},
        "scopes": ["chat", "models:*"], "revoked": false, "revocation_reason": null,
        "expired": false, "expiration": 1_773_144_000_001_i64, "created_by": null,
        "last_used_at": null, "created_at": 1_773_000_000_000_i64,
        "updated_at": 1_773_000_000_000_i64, "something_new": [1, 2],
    })
}

fn machine_token() -> Value {
    json!({
        "object": "machine_to_machine_token", "id": "mt_f7f0", "subject": "mch_1",
        "claims": null, "scopes": ["mch_2", "mch_3"], "revoked": false, "revocation_reason": null,
        "expired": false, "expiration": null, "last_used_at": null,
        "created_at": 1_773_000_000_000_i64, "updated_at": 1_773_000_000_000_i64,
    })
}

fn with(mut told: Value, member: &str, value: Value) -> Value {
    told[member] = value;
    told
}

fn without(mut told: Value, member: &str) -> Value {
    told.as_object_mut().unwrap().remove(member);
    told
}

/// An answer as one word, or the identity.
fn said(kind: Kind, status: u16, body: &str) -> Result<Identity, String> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let reply = Reply { status, body };
    match read(kind, &reply, "clerk", NOW) {
        Ok(Ok(identity)) => Ok(identity),
        Ok(Err(rejection)) => Err(format!("{rejection:?}")),
        Err(CallError::Status(status)) => Err(format!("status {status}")),
        Err(error) => Err(format!("broken: {error}")),
    }
}

fn known(kind: Kind, told: &Value) -> Identity {
    said(kind, 200, &told.to_string()).unwrap()
}

fn word(kind: Kind, told: &Value) -> String {
    said(kind, 200, &told.to_string()).unwrap_err()
}

#[test]
fn an_api_key_says_all_that_clerk_said_and_nothing_else() {
    let identity = known(Kind::ApiKey, &api_key());
    assert_eq!(identity.subject.to_string(), "clerk::org_2x");
    assert_eq!(identity.key_id.as_deref(), Some("ak_3beecc9c"));
    assert_eq!(identity.organisation.as_deref(), Some("org_2x"));
    assert!(identity.scopes.allows(&Scope::new("chat").unwrap()));
    assert!(!identity.scopes.allows(&Scope::new("models:a").unwrap()), "scopes are no patterns");
    assert_eq!(Value::Object(identity.claims), json!({"plan": "pro", "seats": 3}));
    assert_eq!(identity.labels.iter().collect::<Vec<_>>(), [("name", "Production")]);
    assert_eq!(identity.expires_at, Some(Timestamp::from_millis(1_773_144_000_001)));
    assert_eq!((identity.asserted_at, identity.account), (NOW, None));
}

#[test]
fn a_users_key_acts_for_no_organisation() {
    let identity = known(Kind::ApiKey, &with(api_key(), "subject", json!("user_2x")));
    assert_eq!((identity.subject.id(), identity.organisation), ("user_2x", None));
}

#[test]
fn a_machine_token_has_no_id_that_outlives_it() {
    let identity = known(Kind::MachineToken, &machine_token());
    assert_eq!(identity.subject.to_string(), "clerk::mch_1");
    assert_eq!((identity.key_id, identity.organisation), (None, None));
    assert!(identity.scopes.allows(&Scope::new("mch_3").unwrap()));
    assert_eq!((identity.expires_at, identity.claims.len()), (None, 0));
}

#[test]
fn revoked_and_expired_are_told_apart_and_revoked_comes_first() {
    for (kind, told) in [(Kind::ApiKey, api_key()), (Kind::MachineToken, machine_token())] {
        let expired = with(told, "expired", json!(true));
        assert_eq!(word(kind, &expired), "Expired");
        assert_eq!(word(kind, &with(expired, "revoked", json!(true))), "Revoked");
    }
    let past = with(api_key(), "expiration", json!(NOW.as_millis()));
    assert_eq!(word(Kind::ApiKey, &past), "Expired", "an expiry is the first instant past it");
}

#[test]
fn p6_an_answer_with_a_hole_in_it_is_broken() {
    for member in ["object", "id", "subject", "revoked", "expired", "expiration"] {
        for (kind, told) in [(Kind::ApiKey, api_key()), (Kind::MachineToken, machine_token())] {
            let word = word(kind, &without(told, member));
            assert!(word.starts_with("broken"), "{member}: {word}");
        }
    }
    for member in ["scopes", "claims", "name"] {
        let identity = known(Kind::ApiKey, &without(api_key(), member));
        let null = known(Kind::ApiKey, &with(api_key(), member, Value::Null));
        assert_eq!(identity, null, "what is not said grants nothing");
    }
}

#[test]
fn p6_a_value_of_another_type_or_out_of_range_is_broken() {
    let odd = [
        ("object", json!("machine_to_machine_token")),
        ("id", json!("")),
        ("id", json!("i".repeat(256))),
        ("subject", json!("")),
        ("subject", json!("user 1")),
        ("subject", json!(7)),
        ("subject", json!("s".repeat(256))),
        ("revoked", json!("false")),
        ("revoked", Value::Null),
        ("expired", json!(0)),
        ("expiration", json!("1773144000001")),
        ("expiration", json!(1_773_144_000_001.5)),
        ("expiration", json!(1_773_144_000)),
        ("expiration", json!(-1)),
        ("expiration", json!(999_999_999_999_i64)),
        ("expiration", json!(253_402_300_800_000_i64)),
        ("scopes", json!("chat")),
        ("scopes", json!([1])),
        ("claims", json!([])),
        ("claims", json!("pro")),
    ];
    for (member, value) in odd {
        let word = word(Kind::ApiKey, &with(api_key(), member, value.clone()));
        assert!(word.starts_with("broken"), "{member} = {value}: {word}");
    }
    let latest = with(api_key(), "expiration", json!(253_402_300_799_999_i64));
    assert!(known(Kind::ApiKey, &latest).expires_at.is_some());
    let earliest = with(api_key(), "expiration", json!(1_000_000_000_000_i64));
    assert_eq!(word(Kind::ApiKey, &earliest), "Expired");
    let longest = with(api_key(), "subject", json!("s".repeat(255)));
    assert_eq!(known(Kind::ApiKey, &longest).subject.id().len(), 255);
}

#[test]
fn p6_only_a_404_in_the_words_of_clerk_is_a_no() {
    let errors = |code: &str| json!({"errors": [{"message": "m", "code": code}]}).to_string();
    assert_eq!(said(Kind::ApiKey, 404, &errors("resource_not_found")).unwrap_err(), "Unknown");
    for body in ["", "{}", "[]", "<html>not found</html>", r#"{"errors":[]}"#, r#"{"errors":[{}]}"#]
    {
        assert_eq!(said(Kind::ApiKey, 404, body).unwrap_err(), "status 404", "{body}");
    }
    for status in [400, 402, 405, 409, 410, 422, 499, 201, 202, 204] {
        let word = said(Kind::ApiKey, status, &errors("resource_not_found")).unwrap_err();
        assert_eq!(word, format!("status {status}"));
    }
    let twice = api_key().to_string().replacen('{', r#"{"revoked":true,"#, 1);
    assert!(said(Kind::ApiKey, 200, &twice).unwrap_err().starts_with("broken"), "{twice}");
    for body in ["", "null", "[]", "{}", "{\"object\":", "<html>"] {
        let word = said(Kind::ApiKey, 200, body).unwrap_err();
        assert!(word.starts_with("broken"), "{body}: {word}");
    }
}

#[test]
fn p9_an_error_repeats_nothing_that_a_caller_sent() {
    let body = json!({"errors": [{"code": "hidden", "message": "hidden"}]}).to_string();
    assert_eq!(said(Kind::ApiKey, 400, &body).unwrap_err(), "status 400");
    let odd = with(api_key(), "revoked", json!("hidden"));
    assert!(!word(Kind::ApiKey, &odd).contains("hidden"));
    let odd = with(api_key(), "subject", json!("hidden hidden"));
    assert!(!word(Kind::ApiKey, &odd).contains("hidden"));
}

#[test]
fn a_name_that_is_too_long_for_a_label_is_left_out() {
    let named = |bytes| known(Kind::ApiKey, &with(api_key(), "name", json!("n".repeat(bytes))));
    assert_eq!(named(256).labels.get("name").map(str::len), Some(256));
    assert!(named(257).labels.is_empty());
    let machine = known(Kind::MachineToken, &with(machine_token(), "name", json!("n")));
    assert!(machine.labels.is_empty());
}

/// Customers choose how long their keys live. One of a million years is no trouble of Clerk's, which
/// would open the circuit for everybody.
#[test]
fn p6_nonsense_about_one_key_is_not_held_against_clerk() {
    for (member, value) in [
        ("expiration", json!(253_402_300_800_000_i64)),
        ("subject", json!("user 1")),
        ("id", json!("i".repeat(256))),
    ] {
        let body = with(api_key(), member, value).to_string();
        let told = read(Kind::ApiKey, &Reply { status: 200, body: body.into() }, "clerk", NOW);
        assert!(matches!(told, Err(CallError::Unfit(_))), "{member}: {told:?}");
    }
}
