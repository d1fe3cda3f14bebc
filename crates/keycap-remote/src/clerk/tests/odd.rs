//! Answers with something odd in them, thousands of them: nothing panics, and nobody is let in whom
//! Clerk did not plainly let in.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use keycap_base::Timestamp;

use crate::clerk::Kind;
use crate::clerk::answer::read;
use crate::http::Reply;

const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (NOW.as_millis() - 2..NOW.as_millis() + 3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(user_|org_|mch_|ak_)?.{0,12}".prop_map(Value::from),
        Just(json!("api_key")),
        Just(json!("machine_to_machine_token")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let object = prop::collection::vec((".{0,3}", inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const MEMBERS: [&str; 9] =
    ["object", "id", "subject", "name", "scopes", "claims", "revoked", "expired", "expiration"];

/// A good answer, some of whose members are replaced or left out.
fn told() -> impl Strategy<Value = Value> {
    let good = json!({
        "object": "api_key", "id": "ak_1", "subject": "user_1", "name": "n", "scopes": ["chat"],
        "claims": {}, "revoked": false, "expired": false, "expiration": null,
    });
    let changes = prop::collection::vec((0..MEMBERS.len(), prop::option::of(value())), 0..4);
    changes.prop_map(move |changes| {
        let mut told: Map<String, Value> = good.as_object().cloned().unwrap_or_default();
        for (member, value) in changes {
            match value {
                Some(value) => told.insert(MEMBERS[member].to_owned(), value),
                None => told.remove(MEMBERS[member]),
            };
        }
        Value::Object(told)
    })
}

fn reply(status: u16, body: &[u8]) -> Reply {
    Reply { status, body: Bytes::copy_from_slice(body) }
}

/// Few cases by default; as many as `PROPTEST_CASES` says otherwise.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(512),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn p6_nobody_is_known_or_rejected_whom_clerk_did_not_plainly_judge(told in told()) {
        let body = told.to_string();
        let plain = told["object"] == "api_key"
            && told["revoked"].is_boolean()
            && told["expired"].is_boolean()
            && told["subject"].is_string()
            && told.get("expiration").is_some_and(|at| at.is_null() || at.is_i64());
        match read(Kind::ApiKey, &reply(200, body.as_bytes()), "clerk", NOW) {
            Ok(Ok(identity)) => {
                prop_assert!(plain && told["revoked"] == false && told["expired"] == false);
                prop_assert!(identity.expires_at.is_none_or(|at| at > NOW));
                prop_assert_eq!(Some(identity.subject.id()), told["subject"].as_str());
            }
            Ok(Err(_)) => {
                let over = told["expiration"].as_i64().is_some_and(|at| at <= NOW.as_millis());
                prop_assert!(plain && (told["revoked"] == true || told["expired"] == true || over));
            }
            Err(_) => {}
        }
    }

    #[test]
    fn p6_bytes_that_are_no_answer_say_nothing(
        status in 100_u16..600,
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        for kind in Kind::ALL {
            prop_assert!(read(kind, &reply(status, &body), "clerk", NOW).is_err());
        }
    }
}
