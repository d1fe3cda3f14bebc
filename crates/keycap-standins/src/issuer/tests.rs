use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keycap_base::{ManualClock, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::json;

use super::*;
use crate::recording::{Exchange, Request, Response};

const NOW_S: i64 = 1_773_144_000;

async fn issuer() -> Issuer {
    Issuer::start(ManualClock::at(Timestamp::from_millis(NOW_S * 1_000))).await
}

async fn ask(issuer: &Issuer, path: &str, form: Option<(&str, &str)>) -> Response {
    let mut headers = BTreeMap::new();
    let (method, body) = match form {
        None => ("GET", Value::Null),
        Some((credentials, form)) => {
            headers.insert("content-type".into(), "application/x-www-form-urlencoded".into());
            if !credentials.is_empty() {
                let basic = format!("Basic {}", STANDARD.encode(credentials));
                headers.insert("authorization".into(), basic);
            }
            ("POST", Value::from(form))
        }
    };
    let request = Request { method: method.into(), path: path.into(), headers, body };
    let response = Response { status: 0, headers: BTreeMap::new(), body: Value::Null };
    Exchange { request, response }.resend(issuer.address()).await
}

fn parts(token: &str) -> Vec<Vec<u8>> {
    token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect()
}

fn names(jwks: &Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_client_gets_a_token_that_a_published_key_has_signed() {
    let issuer = issuer().await;
    let metadata = ask(&issuer, "/.well-known/openid-configuration", None).await.body;
    assert_eq!(
        (&metadata["issuer"], &metadata["jwks_uri"]),
        (&json!(issuer.url()), &json!(issuer.jwks_url()))
    );
    let form = "grant_type=client_credentials&scope=chat&resource=https%3A%2F%2Fother.example";
    let told = ask(&issuer, "/token", Some(("app:secret-of-app", form))).await;
    assert_eq!(
        (told.status, &told.body["token_type"], &told.body["expires_in"]),
        (200, &json!("Bearer"), &json!(TOKEN_LIFE_S))
    );
    let token = told.body["access_token"].as_str().unwrap();
    let [header, claims, signature] = &parts(token)[..] else { panic!("{token}") };
    let header: Value = serde_json::from_slice(header).unwrap();
    let claims: Value = serde_json::from_slice(claims).unwrap();
    assert_eq!(header, json!({ "alg": "ES256", "kid": "es256-0", "typ": "at+jwt" }));
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("app"), &json!("https://other.example")));
    assert_eq!((&claims["iss"], &claims["scope"]), (&json!(issuer.url()), &json!("chat")));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW_S), &json!(NOW_S + TOKEN_LIFE_S)));

    let jwks = ask(&issuer, "/jwks", None).await.body;
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == "es256-0").unwrap();
    let decode = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], decode("x"), decode("y")].concat();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    assert!(key.verify(signed.as_bytes(), signature).is_ok());
}

#[tokio::test]
async fn a_request_that_is_wrong_gets_no_token() {
    let issuer = issuer().await;
    let grant = "grant_type=client_credentials";
    let post = format!("{grant}&client_id=app&client_secret=secret-of-app");
    assert_eq!(ask(&issuer, "/token", Some(("", &post))).await.status, 200);
    let wrong_scope = format!("{grant}&scope=admin");
    for (credentials, form, status, error) in [
        ("app:wrong", grant, 401, "invalid_client"),
        ("", grant, 401, "invalid_client"),
        ("app:secret-of-app", "grant_type=password", 400, "unsupported_grant_type"),
        ("app:secret-of-app", "", 400, "unsupported_grant_type"),
        ("app:secret-of-app", &wrong_scope, 400, "invalid_scope"),
    ] {
        let told = ask(&issuer, "/token", Some((credentials, form))).await;
        assert_eq!((told.status, &told.body["error"]), (status, &json!(error)), "{form}");
    }
    assert_eq!(issuer.count("/token"), 6);
}

#[tokio::test]
async fn keys_are_rotated_and_withdrawn() {
    let issuer = issuer().await;
    let old = names(&issuer.jwks());
    assert_eq!(old, ["rs256-0", "ps256-0", "es256-0", "eddsa-0"]);
    issuer.rotate();
    assert_eq!(names(&issuer.jwks()).len(), 8);
    assert_eq!(issuer.key(Algorithm::Es256).id(), "es256-1");
    issuer.withdraw();
    assert!(names(&issuer.jwks()).iter().all(|name| !old.contains(name)));
    issuer.fail(503);
    assert_eq!(ask(&issuer, "/jwks", None).await.status, 503);
    issuer.heal();
    assert_eq!(ask(&issuer, "/jwks", None).await.body, issuer.jwks());
    issuer.claim_to_be("https://other.example");
    let metadata = ask(&issuer, "/.well-known/oauth-authorization-server", None).await.body;
    assert_eq!(metadata["issuer"], "https://other.example");
}

#[tokio::test]
async fn a_token_says_whatever_a_test_wants() {
    let issuer = issuer().await;
    let claims = json!({ "sub": null, "exp": "soon", "extra": [1] });
    let token = issuer.sign(Algorithm::EdDsa, json!({ "kid": null, "crit": ["x"] }), claims);
    let parts = parts(&token);
    let header: Value = serde_json::from_slice(&parts[0]).unwrap();
    let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "at+jwt", "crit": ["x"] }));
    assert_eq!((&claims["sub"], &claims["exp"]), (&Value::Null, &json!("soon")));
    assert_eq!(claims["extra"], json!([1]));
}
