use keycap_base::{Scopes, Timestamp};
use keycap_verify::Subject;
use serde_json::json;

use super::*;

const SECRET: &str = "caller-7Kx2";
const OWN: &str = "own-9Qz4";

fn identity(subject: &str) -> Identity {
    Identity::new(Subject::new("acme", subject).unwrap(), Timestamp::EPOCH)
}

fn cleared(identity: Identity) -> Result<Identity, CallError> {
    let secret = Secret::parse(SECRET).unwrap();
    let cleared = Sent::of(&secret).and(OWN).clear(identity);
    if let Err(error) = &cleared {
        let told = format!("{error} {error:?}");
        assert!(!told.contains(SECRET) && !told.contains(OWN), "{told}");
    }
    cleared
}

#[test]
fn p9_nobody_is_named_by_a_secret() {
    for sent in [SECRET, OWN] {
        let held = format!("user:{sent}:1");
        let issued = Subject::new("acme", "user_1").unwrap().with_issuer(&held).unwrap();
        let names: [fn(&mut Identity, &str); 3] = [
            |identity, held| identity.key_id = Some(held.into()),
            |identity, held| identity.organisation = Some(held.into()),
            |identity, held| identity.scopes = Scopes::literal(["chat", held]),
        ];
        assert!(cleared(identity(&held)).is_err());
        assert!(cleared(Identity::new(issued, Timestamp::EPOCH)).is_err());
        for name in names {
            let mut named = identity("user_1");
            name(&mut named, &held);
            assert!(cleared(named.clone()).is_err(), "{named:?}");
        }
    }
}

#[test]
fn p9_nobody_is_described_by_a_secret() {
    let mut said = identity("user_1");
    said.key_id = Some("key_1".into());
    said.scopes = Scopes::literal(["chat"]);
    let mut whole = said.clone();
    let kept = json!({ "plan": "pro", "seats": [1, null, true, { "a": "caller" }] });
    said.claims = kept.as_object().unwrap().clone();
    said.labels = Labels::of([("tier", "pro")]).unwrap();
    whole.claims = said.claims.clone();
    for (name, value) in [
        ("token", json!(SECRET)),
        ("deep", json!([{ "a": [format!("Bearer {OWN}")] }])),
        ("names", json!({ "a": { SECRET: 1 } })),
        (SECRET, json!(1)),
    ] {
        whole.claims.insert(name.into(), value);
    }
    whole.labels = Labels::of([("name", &*format!("my {SECRET}")), ("tier", "pro")]).unwrap();
    assert_eq!(cleared(whole), Ok(said));
}

/// A word of a few letters is in many names.
#[test]
fn what_is_shorter_than_a_secret_is_not_looked_for() {
    let (least, short) = ("a".repeat(SHORTEST_SOUGHT), "a".repeat(SHORTEST_SOUGHT - 1));
    let of = |text: &str| Sent::of(&Secret::parse(text).unwrap()).is_in(&format!("x{text}x"));
    assert!(of(&least) && !of(&short));
}
