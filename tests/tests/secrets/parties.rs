//! Every remote provider in every way to set it up: who is asked, what we show, what callers send.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keycap::ManualClock;
use keycap::clerk::{Clerk, HttpSettings};
use keycap::introspection::{Algorithm, Introspection, IntrospectionBuilder, SigningKey};
use keycap::jwt::Jwt;
use keycap::unkey::Unkey;
use keycap_standins::faults::Canned;
use keycap_standins::issuer;
use keycap_tests::NOW;
use keycap_tests::sought::Sought;
use serde_json::{Value, json};

use crate::site::Provider;

/// A provider, what it shows of itself, and what it is asked.
pub(crate) struct Party {
    pub(crate) name: &'static str,
    /// What we show to who is asked, in every form.
    pub(crate) own: Sought,
    /// Secrets that reach the provider.
    pub(crate) callers: Vec<String>,
    /// The provider that asks at this origin.
    pub(crate) build: fn(&str, HttpSettings, &ManualClock) -> Built,
    /// Answers in the shape of who is asked, that say this text in every place.
    pub(crate) echoes: fn(&str, &str) -> Vec<Canned>,
}

pub(crate) struct Built {
    pub(crate) provider: Provider,
    /// The `Debug` of it and of its builder.
    pub(crate) shown: String,
}

pub(crate) const INSTANCE_KEY: &str = "sk_test_own7Key0of3the1instance9";
pub(crate) const MACHINE_KEY: &str = "ak_own4Key8of2a6machine5";
pub(crate) const ROOT_KEY: &str = "unkey_own5Root3Key1of8us";
const CLIENT_ID: &str = "app: one";
pub(crate) const CLIENT_SECRET: &str = "own/Client secret+of=7us";
pub(crate) const CLIENT_PEM: &str = include_str!("../../peers/keys/app-key-es256.pem");
const AUDIENCE: &str = "https://api.example";

pub(crate) fn parties() -> Vec<Party> {
    let clerk = Sought::default().and("the instance's key", INSTANCE_KEY);
    let clerk = clerk.and("the machine's key", MACHINE_KEY);
    let client = Sought::default().and("the client's secret", CLIENT_SECRET);
    let encoded = |text: &str| form_encoded(text);
    let pair = format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET));
    let basic = client.clone().and("the client's header", STANDARD.encode(&pair));
    let basic = basic.and("the client's pair", pair);
    let opaque = || vec!["opaque7Token2of9a4caller".to_owned(), token(&json!({}))];
    let jwts = || vec![token(&json!({ "sub": "one" })), token(&json!({ "sub": "another" }))];
    let of = |name, own, callers, build, echoes| Party { name, own, callers, build, echoes };
    vec![
        of(
            "clerk",
            clerk,
            vec!["ak_7caller2Key".into(), "mt_7caller3Token".into()],
            clerks,
            at_clerk,
        ),
        of(
            "clerk, lower case",
            Sought::default(),
            vec!["ak_of_a_caller_who_has_no_digits".into()],
            clerks,
            at_clerk,
        ),
        of(
            "unkey",
            Sought::default().and("the root key", ROOT_KEY),
            vec!["acme_7caller5Key".into(), "ACME_CALLER_IN_UPPER_CASE".into()],
            unkeys,
            at_unkey,
        ),
        of("basic", basic, opaque(), basics, at_server),
        of("post", client, opaque(), posts, at_server),
        of("signed", Sought::default().pem("our key", CLIENT_PEM), opaque(), signed, at_server),
        of("jwks", Sought::default(), jwts(), jwks, at_issuer),
        of("discovery", Sought::default(), jwts(), discovered, at_issuer),
    ]
}

pub(crate) fn form_encoded(text: &str) -> String {
    let mut form = keycap_tests::wire::Request::post("").form(&[("", text)]).bytes();
    let start = form.windows(5).position(|window| window == b"\r\n\r\n=").unwrap() + 5;
    String::from_utf8(form.split_off(start)).unwrap()
}

/// A token that is genuine for who trusts [`signer`]'s key.
pub(crate) fn token(claims: &Value) -> String {
    let now_s = NOW.as_millis() / 1_000;
    let mut said = json!({
        "iss": ISSUER, "sub": "user_1", "aud": AUDIENCE, "iat": now_s, "exp": now_s + 600,
    });
    for (name, value) in claims.as_object().unwrap() {
        said[name] = value.clone();
    }
    signer().sign(&Value::from(signer().header()), &said)
}

pub(crate) const ISSUER: &str = "https://id.example";

/// RSA, because that key lies in the repository and is the same each time.
pub(crate) fn signer() -> issuer::Key {
    issuer::Key::generate(issuer::Algorithm::Rs256, 0)
}

fn clerks(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let builder = || Clerk::secret_key(INSTANCE_KEY).machine_secret_key(MACHINE_KEY);
    let shown = format!("{:?}", builder());
    let clerk = builder().api_url(origin).http(http).clock(clock.clone()).build().unwrap();
    Built { shown: format!("{shown} {clerk:?} {clerk:#?}"), provider: Arc::new(clerk) }
}

fn unkeys(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let builder = Unkey::root_key(ROOT_KEY).organisation_claim("org").api_url(origin);
    let shown = format!("{builder:?}");
    let unkey = builder.http(http).clock(clock.clone()).build().unwrap();
    Built { shown: format!("{shown} {unkey:?} {unkey:#?}"), provider: Arc::new(unkey) }
}

fn basics(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let endpoint = Introspection::endpoint(origin);
    introspects(endpoint.client_secret_basic(CLIENT_ID, CLIENT_SECRET), http, clock)
}

fn posts(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let endpoint = Introspection::endpoint(origin);
    introspects(endpoint.client_secret_post(CLIENT_ID, CLIENT_SECRET), http, clock)
}

fn signed(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let key = SigningKey::from_pem(Algorithm::Es256, CLIENT_PEM).unwrap();
    let endpoint = Introspection::endpoint(origin);
    let shown = format!("{key:?} {key:#?}");
    let built = introspects(endpoint.private_key_jwt(CLIENT_ID, key), http, clock);
    Built { shown: format!("{shown} {}", built.shown), ..built }
}

fn introspects(builder: IntrospectionBuilder, http: HttpSettings, clock: &ManualClock) -> Built {
    let builder = builder.organisation_claim("org").http(http).clock(clock.clone());
    let shown = format!("{builder:?} {builder:#?}");
    let introspection = builder.build().unwrap();
    let shown = format!("{shown} {introspection:?} {introspection:#?}");
    Built { shown, provider: Arc::new(introspection) }
}

fn jwks(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let builder = Jwt::issuer(ISSUER).audience(AUDIENCE).jwks_url(format!("{origin}/jwks"));
    let shown = format!("{builder:?} {builder:#?}");
    let jwt = builder.http(http).clock(clock.clone()).build().unwrap();
    Built { shown: format!("{shown} {jwt:?} {jwt:#?}"), provider: Arc::new(jwt) }
}

/// Its tokens are of an issuer that is asked, so they are refused before that; what is asked for is
/// fetched by its chores.
fn discovered(origin: &str, http: HttpSettings, clock: &ManualClock) -> Built {
    let builder = Jwt::issuer(origin).audience(AUDIENCE).discover();
    let jwt = builder.http(http).clock(clock.clone()).build().unwrap();
    Built { shown: format!("{jwt:?} {jwt:#?}"), provider: Arc::new(jwt) }
}

fn at_clerk(echo: &str, _: &str) -> Vec<Canned> {
    let error = json!({ "errors": [{ "code": echo, "message": echo, "long_message": echo }] });
    let key = |but: Value| {
        let mut key = json!({
            "object": "api_key", "id": "ak_1", "subject": "user_1", "name": "a", "scopes": [],
            "claims": null, "revoked": false, "expired": false, "expiration": null,
        });
        merge(&mut key, &but);
        Canned::json(200, key.to_string())
    };
    vec![
        Canned::json(400, error.to_string()),
        Canned::json(404, error.to_string()),
        Canned::json(422, error.to_string()),
        key(json!({ "object": echo })),
        key(json!({ "expiration": echo })),
        key(json!({ "subject": echo })),
        key(json!({ "id": echo })),
        key(json!({ "name": echo })),
        key(json!({ "scopes": [echo] })),
        key(json!({ "claims": { echo: 1, "a": echo, "b": [{ "c": echo }] } })),
    ]
}

fn at_unkey(echo: &str, _: &str) -> Vec<Canned> {
    let error = json!({
        "meta": { "requestId": echo },
        "error": { "detail": echo, "status": 400, "title": echo, "type": echo },
    });
    let key = |but: Value| {
        let mut key = json!({ "valid": true, "code": "VALID", "keyId": "key_1" });
        merge(&mut key, &but);
        Canned::json(200, json!({ "meta": { "requestId": echo }, "data": key }).to_string())
    };
    vec![
        Canned::json(400, error.to_string()),
        Canned::json(404, error.to_string()),
        key(json!({ "valid": false, "code": echo })),
        key(json!({ "code": echo })),
        key(json!({ "expires": echo })),
        key(json!({ "keyId": echo })),
        key(json!({ "name": echo })),
        key(json!({ "identity": { "id": "id_1", "externalId": echo } })),
        key(json!({ "permissions": [echo] })),
        key(json!({ "meta": { "org": echo } })),
        key(json!({ "meta": { echo: 1, "a": echo }, "roles": [echo] })),
    ]
}

fn at_server(echo: &str, _: &str) -> Vec<Canned> {
    let error = json!({ "error": echo, "error_description": echo, "error_uri": echo });
    let token = |but: Value| {
        let mut token = json!({ "active": true, "token_type": "Bearer", "sub": "user_1" });
        merge(&mut token, &but);
        Canned::json(200, token.to_string())
    };
    vec![
        Canned::json(400, error.to_string()),
        Canned::json(404, error.to_string()),
        token(json!({ "active": echo })),
        token(json!({ "token_type": echo })),
        token(json!({ "exp": echo })),
        token(json!({ "sub": format!("{echo} two words") })),
        token(json!({ "sub": echo })),
        token(json!({ "iss": echo })),
        token(json!({ "org": echo })),
        token(json!({ "scope": echo })),
        token(json!({ echo: 1, "token": echo, "a": [{ "client_secret": echo }] })),
    ]
}

fn at_issuer(echo: &str, origin: &str) -> Vec<Canned> {
    let document = |issuer: &str, jwks_uri: &str| {
        let document = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
        Canned::json(200, document.to_string())
    };
    let key = json!({ "kty": "RSA", "kid": echo, "alg": echo, "n": echo, "e": echo });
    let path = echo.replace(' ', "/");
    vec![
        document(echo, &format!("{origin}/jwks")),
        document(origin, echo),
        document(origin, &format!("http://elsewhere.example/{path}")),
        document(origin, &format!("https://{path}@elsewhere.example/#{path}")),
        document(origin, &format!("{origin}/{path}?a={path}")),
        Canned::json(200, json!({ "keys": [key], "extra": echo }).to_string()),
        Canned::json(200, json!({ "keys": echo }).to_string()),
        Canned::json(200, json!({ "keys": [{ echo: echo, "kty": echo }] }).to_string()),
    ]
}

fn merge(members: &mut Value, but: &Value) {
    for (name, value) in but.as_object().unwrap() {
        members[name] = value.clone();
    }
}
