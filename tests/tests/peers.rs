//! The peers do what the tests of the providers count on.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use keycap_standins::issuer::Algorithm;
use keycap_tests::peers::{Client, Fault, OPAQUE_RESOURCE, Oidc, Wish, resource, run_node};
use keycap_tests::wait::eventually;
use keycap_tests::wire::{self, Request};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The header and the claims of a JWT.
fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let json = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    });
    (parts.next().expect("a header"), parts.next().expect("claims"))
}

fn key_id(token: &str) -> String {
    parts(token).0["kid"].as_str().expect("a key id").to_owned()
}

async fn published(oidc: &Oidc, key: &str) -> bool {
    let keys = oidc.published_keys().await;
    keys["keys"].as_array().expect("keys").iter().any(|known| known["kid"] == key)
}

#[tokio::test]
async fn a_token_is_signed_as_its_resource_says() {
    let Some(oidc) = Oidc::shared().await else { return };
    for algorithm in Algorithm::ALL {
        let token = oidc.token(&Wish::of(resource(algorithm)).scope("chat admin")).await;
        let (header, claims) = parts(&token);
        assert_eq!(header["alg"], algorithm.name());
        assert_eq!(header["typ"], "at+jwt");
        assert!(published(&oidc, &key_id(&token)).await, "{header}");
        assert_eq!(claims["iss"], oidc.issuer());
        assert_eq!(claims["aud"], resource(algorithm));
        assert_eq!(claims["sub"], Client::Basic.id());
        assert_eq!(claims["scope"], "chat admin");
    }
}

#[tokio::test]
async fn a_jwt_claims_what_was_wished_for() {
    let Some(oidc) = Oidc::shared().await else { return };
    let claims =
        json!({ "sub": "user_1", "tier": "pro", "nbf": 4_000_000_000_u64, "aud": ["a", "b"] });
    let wish = Wish::of(resource(Algorithm::Es256)).claims(&claims).life_s(2);
    let (_, told) = parts(&oidc.token(&wish).await);
    for (name, value) in claims.as_object().expect("an object") {
        assert_eq!(told[name], *value);
    }
    assert_eq!(told["exp"].as_u64().expect("exp") - told["iat"].as_u64().expect("iat"), 2);
}

#[tokio::test]
async fn an_opaque_token_says_nothing_and_introspection_all() {
    let Some(oidc) = Oidc::shared().await else { return };
    for client in [Client::Basic, Client::Post, Client::Odd] {
        let claims = json!({ "sub": "user_1", "org_id": "org_1" });
        let wish = Wish::of(OPAQUE_RESOURCE).by(client).scope("models:read").claims(&claims);
        let token = oidc.token(&wish).await;
        assert!(!token.contains('.'), "{token}");
        let told = oidc.introspect(&token).await.json();
        assert_eq!(told["active"], true, "{told}");
        assert_eq!(told["client_id"], client.id());
        assert_eq!(told["scope"], "models:read");
        assert_eq!((&told["sub"], &told["org_id"]), (&json!("user_1"), &json!("org_1")));
    }
}

#[tokio::test]
async fn p7_a_revoked_token_is_inactive() {
    let Some(oidc) = Oidc::shared().await else { return };
    let token = oidc.token(&Wish::of(OPAQUE_RESOURCE)).await;
    assert_eq!(oidc.introspect(&token).await.json()["active"], true);
    oidc.revoke(Client::Basic, &token).await;
    assert_eq!(oidc.introspect(&token).await.json(), json!({ "active": false }));
}

#[tokio::test]
async fn a_jwt_is_introspected_by_nobody() {
    let Some(oidc) = Oidc::shared().await else { return };
    let token = oidc.token(&Wish::of(resource(Algorithm::Rs256))).await;
    let answer = oidc.introspect(&token).await;
    assert_eq!((answer.status(), answer.code().as_str()), (400, "unsupported_token_type"));
}

#[tokio::test]
async fn a_rotated_key_is_published_until_it_is_withdrawn() {
    let Some(oidc) = Oidc::start().await else { return };
    let wish = Wish::of(resource(Algorithm::EdDsa));
    let opaque = oidc.token(&Wish::of(OPAQUE_RESOURCE)).await;
    let old = key_id(&oidc.token(&wish).await);

    oidc.rotate().await;
    let new = key_id(&oidc.token(&wish).await);
    assert_ne!(old, new);
    assert!(published(&oidc, &old).await && published(&oidc, &new).await);

    oidc.withdraw().await;
    assert!(!published(&oidc, &old).await && published(&oidc, &new).await);
    assert_eq!(key_id(&oidc.token(&wish).await), new);
    assert_eq!(oidc.introspect(&opaque).await.json()["active"], true);
}

#[tokio::test]
async fn requests_are_counted_and_fail_on_command() {
    let Some(oidc) = Oidc::start().await else { return };
    let address = oidc.issuer().trim_start_matches("http://").parse().expect("an address");
    assert_eq!(oidc.counts().await.get("/jwks"), None);
    oidc.published_keys().await;

    let headers = vec![("retry-after".to_owned(), "7".to_owned())];
    let fault = Fault { status: 503, headers, body: "later".to_owned() };
    oidc.fail("/jwks", &fault).await;
    let failed = wire::answer(address, &Request::get("/jwks")).await;
    assert_eq!((failed.status(), failed.header("retry-after")), (503, Some("7")));
    assert_eq!(failed.body, b"later");

    oidc.heal().await;
    assert_eq!(wire::answer(address, &Request::get("/jwks")).await.status(), 200);
    assert_eq!(oidc.counts().await.get("/jwks"), Some(&3));
}

#[tokio::test]
async fn requests_are_held_back_until_all_is_healed() {
    let Some(oidc) = Oidc::start().await else { return };
    oidc.hold("/jwks").await;
    let healed = AtomicBool::new(false);
    let held = async {
        let keys = oidc.published_keys().await;
        (healed.load(Ordering::Relaxed), keys)
    };
    let heal = async {
        let asked = async || oidc.counts().await.get("/jwks").copied();
        eventually("a request for the keys", asked, |asked| *asked == Some(1)).await;
        healed.store(true, Ordering::Relaxed);
        oidc.heal().await;
    };
    let ((healed, keys), ()) = tokio::join!(held, heal);
    assert!(healed && keys["keys"].is_array(), "{keys}");
}

#[tokio::test]
async fn a_provider_ends_when_told_and_with_its_test() {
    let Some(mut told) = Oidc::start().await else { return };
    assert!(told.stop().await.success());
    let Some(dropped) = Oidc::start().await else { return };
    let address = dropped.issuer().trim_start_matches("http://").to_owned();
    drop(dropped);
    let listens = || async { TcpStream::connect(&address).await.is_ok() };
    eventually("the end of the provider", listens, |listens| !listens).await;
}

/// A service that answers every request with its own path and the credential it came with.
async fn mirror() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().fallback(|request: axum::extract::Request| async move {
        let credential = request.headers()["authorization"].to_str().expect("text").to_owned();
        axum::Json(json!({ "object": "api_key", "id": request.uri().path(), "name": credential }))
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn clerks_client_makes_the_calls_it_is_given() {
    let script = json!({
        "options": { "secretKey": "sk_test_1", "apiUrl": mirror().await },
        "calls": [
            { "call": "apiKeys.verify", "args": ["ak_1"] },
            { "call": "apiKeys.get", "args": [{ "$": "0.value.name" }] },
            { "call": "apiKeys.conjure" },
        ],
    });
    let Some(lines) = run_node("clerk.mjs", &[], &script).await else { return };
    let [verified, got, unknown] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&verified["call"], &verified["ok"]), (&json!("apiKeys.verify"), &json!(true)));
    assert_eq!(verified["value"]["id"], "/api_keys/verify");
    assert_eq!(verified["value"]["name"], "Bearer sk_test_1");
    let path = got["value"]["id"].as_str().expect("a path");
    assert!(path.contains("sk_test_1"), "the second call takes from the first's answer: {path}");
    assert_eq!((&unknown["ok"], &unknown["error"]["type"]), (&json!(false), &json!("TypeError")));
}

#[tokio::test]
async fn unkeys_client_tells_how_it_failed() {
    let script = json!({
        "options": {
            "rootKey": "unkey_1",
            "serverURL": mirror().await,
            "retryConfig": { "strategy": "none" },
        },
        "calls": [{ "call": "keys.verifyKey", "args": [{ "key": "key_1" }] }],
    });
    let Some(lines) = run_node("unkey.mjs", &[], &script).await else { return };
    let [refused] = &lines[..] else { panic!("{lines:?}") };
    let error = &refused["error"];
    assert_eq!(
        (&refused["ok"], &error["type"]),
        (&json!(false), &json!("ResponseValidationError"))
    );
    assert_eq!(error["statusCode"], 200);
    assert!(error["body"].as_str().expect("a body").contains("/v2/keys.verifyKey"), "{error}");
}

/// `scripts/test` counts the lines of the file, and a person reads standard error.
#[test]
fn a_test_without_its_peer_says_that_it_is_skipped() {
    let directory = tempfile::tempdir().expect("a directory");
    let skips = directory.path().join("skips");
    let mut test = Command::new(std::env::current_exe().expect("the path of this test"));
    test.args(["--exact", "p7_a_revoked_token_is_inactive"]);
    for name in ["NODE", "PEERS", "OIDC_ISSUER", "OIDC_CONTROL"] {
        test.env_remove(format!("KEYCAP_{name}"));
    }
    let output = test.env("KEYCAP_SKIPS", &skips).output().expect("the test runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("SKIPPED p7_a_revoked"), "{errors}");
    let skipped = std::fs::read_to_string(&skips).expect("the file of skips");
    assert_eq!(skipped.lines().count(), 1, "{skipped}");
}
