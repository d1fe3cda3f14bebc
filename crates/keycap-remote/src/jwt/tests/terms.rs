//! What a token must say.

use keycap_base::Scopes;
use serde_json::Map;

use super::super::refusal::Refusal;
use super::super::terms::{Audience, Kinds, Terms};
use super::*;
use crate::claims::Claims;

const ISSUER: &str = "https://id.example";

/// Claims that are good for an hour, with these changes; `null` leaves one out.
fn claims(changes: Value) -> Claims {
    let mut all = json!({ "iss": ISSUER, "sub": "user_1", "exp": NOW_S + 3_600 });
    let changes: Map<String, Value> = changes.as_object().cloned().unwrap();
    all.as_object_mut().unwrap().extend(changes);
    Claims::read(all.to_string().as_bytes()).unwrap()
}

fn judge(terms: &Terms, changes: Value) -> Result<Identity, Refusal> {
    terms.judge(claims(changes), NOW)
}

fn terms() -> Terms {
    Terms::any(ISSUER)
}

#[test]
fn a_token_ends_when_its_leeway_does() {
    let of =
        |exp: Value| judge(&terms(), json!({ "exp": exp })).map(|identity| identity.expires_at);
    assert_eq!(of(json!(NOW_S + 1)), Ok(Some(NOW.plus(seconds(61)))));
    assert_eq!(of(json!(NOW_S - 59)), Ok(Some(NOW.plus(seconds(1)))));
    assert_eq!(of(json!(NOW_S - 60)), Err(Refusal::Ended(NOW.minus(seconds(60)))));
    let last = Timestamp::from_millis(NOW_S * 1_000 - 59_999);
    assert_eq!(of(json!(1_773_143_940.001)), Ok(Some(last.plus(seconds(60)))));
    for past in [json!(0), json!(-1), json!(-1.5), json!(1e9)] {
        assert!(matches!(of(past.clone()), Err(Refusal::Ended(_))), "{past}");
    }
    let strict = Terms { leeway: Duration::ZERO, ..terms() };
    assert!(judge(&strict, json!({ "exp": NOW_S + 1 })).is_ok());
    assert!(judge(&strict, json!({ "exp": NOW_S })).is_err());
}

#[test]
fn a_token_without_a_readable_end_is_refused() {
    assert_eq!(
        judge(&terms(), json!({ "exp": null })).unwrap_err(),
        Refusal::Missing("exp".into())
    );
    let beyond = [json!(u64::MAX), json!(i64::MAX), json!(1e18), json!(1e300)];
    for wrong in
        [json!("never"), json!("1773144001"), json!(true), json!([NOW_S])].iter().chain(&beyond)
    {
        let refused = judge(&terms(), json!({ "exp": wrong })).unwrap_err();
        assert!(matches!(refused, Refusal::Claims(_)), "{wrong}: {refused:?}");
        assert_eq!(refused.rejection(), Rejection::Malformed);
        for other in ["nbf", "iat"] {
            assert!(judge(&terms(), json!({ other: wrong })).is_err(), "{other}: {wrong}");
        }
    }
    let far = judge(&terms(), json!({ "exp": 9_223_372_036_854_775_i64 })).unwrap();
    assert_eq!(far.expires_at, Some(Timestamp::from_millis(i64::MAX)), "no end wraps");
}

#[test]
fn a_token_begins_when_it_says_but_for_the_leeway() {
    for claim in ["nbf", "iat"] {
        let of = |at: Value| judge(&terms(), json!({ claim: at }));
        assert!(of(json!(NOW_S)).is_ok() && of(json!(NOW_S + 60)).is_ok(), "{claim}");
        let refused = of(json!(NOW_S + 61)).unwrap_err();
        assert!(matches!(refused, Refusal::NotBegun(_) | Refusal::IssuedLater(_)), "{refused}");
        assert!(of(json!(1_773_144_060.5)).is_err() && of(json!(-5)).is_ok(), "{claim}");
    }
}

#[test]
fn a_token_is_for_one_of_ours() {
    let ours = vec!["api".to_owned(), "https://api.example".to_owned()];
    let terms = Terms { audience: Audience::OneOf(ours), ..terms() };
    for right in [json!("api"), json!(["api"]), json!(["x", "https://api.example"])] {
        assert!(judge(&terms, json!({ "aud": right })).is_ok(), "{right}");
    }
    for wrong in [json!("x"), json!("API"), json!("api "), json!([]), json!(null), json!("api x")] {
        assert_eq!(judge(&terms, json!({ "aud": wrong })), Err(Refusal::Audience), "{wrong}");
    }
    for odd in [json!(1), json!({}), json!(["api", 1])] {
        assert!(matches!(judge(&terms, json!({ "aud": odd })), Err(Refusal::Claims(_))), "{odd}");
    }
}

#[test]
fn required_claims_are_equal_or_in_the_list() {
    let required = vec![("tier".into(), json!("pro")), ("level".into(), json!(3))];
    let terms = Terms { required, ..terms() };
    for right in [json!("pro"), json!(["free", "pro"])] {
        assert!(judge(&terms, json!({ "tier": right, "level": 3 })).is_ok(), "{right}");
    }
    for wrong in [json!("Pro"), json!("pro "), json!(["free"]), json!({ "pro": true }), json!(null)]
    {
        let refused = judge(&terms, json!({ "tier": wrong, "level": 3 })).unwrap_err();
        assert_eq!(refused, Refusal::Required("tier".into()), "{wrong}");
    }
    let refused = judge(&terms, json!({ "tier": "pro", "level": "3" })).unwrap_err();
    assert_eq!(refused, Refusal::Required("level".into()));
}

#[test]
fn an_identity_carries_all_that_the_token_says() {
    let terms = Terms {
        subject_claim: "client_id".into(),
        organisation_claim: Some("org_id".into()),
        ..terms()
    };
    let said =
        json!({ "client_id": "app", "org_id": "org_1", "scp": ["chat", "x.*"], "tier": "pro" });
    let identity = judge(&terms, said).unwrap();
    assert_eq!(identity.subject.to_string(), "jwt:https%3A//id.example:app");
    assert_eq!(identity.organisation.as_deref(), Some("org_1"));
    assert_eq!(identity.scopes, Scopes::of(["chat"]).unwrap());
    assert_eq!((identity.key_id, identity.asserted_at), (None, NOW));
    assert_eq!(
        (&identity.claims["tier"], &identity.claims["sub"]),
        (&json!("pro"), &json!("user_1"))
    );
    let alone = judge(&terms, json!({ "client_id": "app" })).unwrap();
    assert_eq!((alone.organisation, alone.scopes), (None, Scopes::none()));
}

#[test]
fn a_subject_that_cannot_be_one_is_malformed() {
    let of = |sub: Value| judge(&terms(), json!({ "sub": sub }));
    assert!(of(json!("s".repeat(255))).is_ok());
    let wrong =
        [json!("s".repeat(256)), json!(""), json!("a b"), json!("a\n"), json!(1), json!(null)];
    for wrong in wrong {
        let refused = of(wrong.clone()).unwrap_err();
        assert_eq!(refused.rejection(), Rejection::Malformed, "{wrong}");
        assert!(refused.is_the_issuers());
    }
    let terms = Terms { organisation_claim: Some("org".into()), ..terms() };
    assert!(judge(&terms, json!({ "org": ["org_1"] })).is_err(), "no other account pays");
    assert!(judge(&terms, json!({ "scope": 1 })).is_err());
}

#[test]
fn tokens_that_say_that_they_are_for_something_else_are_refused() {
    let unsaid = terms();
    let access = Terms { kinds: Kinds::AccessTokens, ..terms() };
    let key = issuer::Key::generate(ANY, 0);
    let screen = |terms: &Terms, typ: Value| {
        let header = json!({ "alg": "EdDSA", "typ": typ });
        terms.screen(&key.sign(&header, &json!({ "iss": ISSUER }))).map(drop)
    };
    for kind in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(screen(&unsaid, json!(kind)), Ok(()), "{kind}");
        assert_eq!(screen(&access, json!(kind)), Ok(()), "{kind}");
    }
    for kind in ["JWT", "jwt", "application/jwt"] {
        assert_eq!(screen(&unsaid, json!(kind)), Ok(()), "{kind}");
        assert_eq!(screen(&access, json!(kind)), Err(Refusal::Kind), "{kind}");
    }
    for kind in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "at+jwt "] {
        assert_eq!(screen(&unsaid, json!(kind)), Err(Refusal::Kind), "{kind}");
    }
    let silent = key.sign(&json!({ "alg": "EdDSA" }), &json!({ "iss": ISSUER }));
    assert!(unsaid.screen(&silent).is_ok());
    assert_eq!(access.screen(&silent).map(drop), Err(Refusal::Kind));
}
