//! What is sent, byte for byte, as the standards have it.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use keycap_standins::faults::{Seen, Server};
use keycap_verify::{Answer, IdentityProvider as _};
use ring::signature::{Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};

use super::*;

/// The token as a form has it: all but letters, digits and `*-._` is encoded.
const TOKEN_IN_FORM: &str = "token=a-token%2Fof%2Balice%7E._%3D&token_type_hint=access_token";

async fn exchange(client: impl FnOnce(IntrospectionBuilder) -> IntrospectionBuilder) -> Seen {
    let server = Server::start(says(ACTIVE)).await;
    let url = server.url("/introspect?tenant=7");
    let builder = Introspection::endpoint(url).clock(clock());
    let provider = client(builder).build().unwrap();
    let answer = provider.verify(&token()).await;
    assert!(matches!(answer, Answer::Known(_)), "{answer:?}");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    seen[0].clone()
}

/// The values of all headers of this name.
fn headers<'a>(seen: &'a Seen, name: &str) -> Vec<&'a str> {
    let named = seen.headers.iter().filter(|(found, _)| found == name);
    named.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn a_token_is_asked_about_in_the_body_of_a_post() {
    let seen = exchange(|builder| builder.client_secret_basic("api", "secret")).await;
    assert_eq!((&*seen.method, &*seen.target), ("POST", "/introspect?tenant=7"));
    assert_eq!(headers(&seen, "content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(headers(&seen, "accept"), ["application/json"]);
    assert_eq!(seen.text(), TOKEN_IN_FORM);
    assert!(seen.headers.iter().all(|(_, value)| !value.contains("a-token")), "{seen:?}");
}

#[tokio::test]
async fn client_secret_basic_is_form_encoded_before_it_is_joined() {
    let basic = async |id: &str, secret: &str| {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        let seen = exchange(|builder| builder.client_secret_basic(id, secret)).await;
        assert_eq!(seen.text(), TOKEN_IN_FORM, "nothing of it is in the body");
        headers(&seen, "authorization").join("|")
    };
    // RFC 6749 §2.3.1, its own example.
    let expected = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
    assert_eq!(basic("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw").await, expected);
    // printf %s 'app%3Aodd+%2B%25:test%3Asecret+of%2Bapp%26odd%252F' | base64 -w0
    let expected = "Basic YXBwJTNBb2RkKyUyQiUyNTp0ZXN0JTNBc2VjcmV0K29mJTJCYXBwJTI2b2RkJTI1MkY=";
    assert_eq!(basic("app:odd +%", "test:secret of+app&odd%2F").await, expected);
}

#[tokio::test]
async fn client_secret_post_is_in_the_body_alone() {
    let post = |id: &'static str, secret: &'static str| {
        exchange(move |builder| builder.client_secret_post(id, secret))
    };
    // RFC 6749 §2.3.1, its own example.
    let seen = post("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw").await;
    let client = "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw";
    assert_eq!(seen.text(), format!("{TOKEN_IN_FORM}&{client}"));
    assert!(headers(&seen, "authorization").is_empty());
    let seen = post("app:odd +%", "test:secret of+app&odd%2F").await;
    let client = "client_id=app%3Aodd+%2B%25&client_secret=test%3Asecret+of%2Bapp%26odd%252F";
    assert_eq!(seen.text(), format!("{TOKEN_IN_FORM}&{client}"));
}

/// What one assertion says, after its signature was checked with the public half of the key.
fn asserted(seen: &Seen) -> (Value, Value) {
    let fields: Vec<_> = form_urlencoded::parse(&seen.body).into_owned().collect();
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["token", "token_type_hint", "client_assertion_type", "client_assertion"]);
    assert_eq!(fields[2].1, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert!(headers(seen, "authorization").is_empty());
    let (signed, signature) = fields[3].1.rsplit_once('.').unwrap();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&private_key_der()).unwrap();
    let public = UnparsedPublicKey::new(&ring::signature::ED25519, pair.public_key().as_ref());
    public.verify(signed.as_bytes(), &decoded(signature)).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part| serde_json::from_slice(&decoded(part)).unwrap();
    (read(header), read(claims))
}

fn decoded(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn private_key_der() -> Vec<u8> {
    let lines = PRIVATE_KEY.lines().filter(|line| !line.starts_with('-'));
    BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
}

#[tokio::test]
async fn private_key_jwt_is_signed_anew_for_each_call() {
    let server = Server::start(says(ACTIVE)).await;
    let url = server.url("/introspect");
    let builder = Introspection::endpoint(&url).clock(clock());
    let provider = builder.private_key_jwt("app", signing_key()).build().unwrap();
    for _ in 0..3 {
        assert!(matches!(provider.verify(&token()).await, Answer::Known(_)));
    }
    let mut ids = HashSet::new();
    for seen in server.seen() {
        let (header, mut claims) = asserted(&seen);
        assert_eq!(header, json!({"alg": "EdDSA", "typ": "JWT", "kid": "one"}));
        let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert_eq!(decoded(id.as_str().unwrap()).len(), 16, "128 random bits");
        assert!(ids.insert(id.to_string()), "an assertion is accepted once");
        let (iat, exp) = (NOW_S, NOW_S + 60);
        let expected = json!({"iss": "app", "sub": "app", "aud": url, "iat": iat, "exp": exp});
        assert_eq!(claims, expected);
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn an_assertion_is_for_whoever_the_server_says_it_is() {
    let audience = async |more: fn(IntrospectionBuilder) -> IntrospectionBuilder| {
        let seen = exchange(|builder| more(builder.private_key_jwt("app", signing_key()))).await;
        asserted(&seen).1["aud"].clone()
    };
    let of_issuer = audience(|builder| builder.issuer("https://id.example")).await;
    assert_eq!(of_issuer, "https://id.example");
    let named =
        audience(|builder| builder.issuer("https://id.example").assertion_audience("urn:as"));
    assert_eq!(named.await, "urn:as");
}

/// A server that has seen an assertion refuses it, which would look as if our credentials were wrong.
#[tokio::test]
async fn a_call_that_is_repeated_asserts_anew() {
    for fault in [Fault::Close, Fault::Answer(Canned::status(500))] {
        let server = Server::start(says(ACTIVE)).await;
        let builder = Introspection::endpoint(server.url("/introspect")).clock(clock());
        let provider = builder.private_key_jwt("app", signing_key()).build().unwrap();
        server.script([fault]);
        let answer = provider.verify(&token()).await;
        assert!(matches!(answer, Answer::Known(_)), "{answer:?}");
        let ids: HashSet<_> =
            server.seen().iter().map(|seen| asserted(seen).1["jti"].to_string()).collect();
        assert_eq!((server.tally().requests, ids.len()), (2, 2));
    }
}
