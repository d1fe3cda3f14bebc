//! An issuer's keys, a token that one of them has signed, and who verifies it.

use keycap::jwt::Jwt;
use keycap::{Clock as _, Secret, SystemClock};
use keycap_standins::issuer::{AUDIENCE, Algorithm, Key, TOKEN_LIFE_S};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";

/// A token and what verifies it.
pub(crate) struct Signed {
    /// The issuer's tokens, with a key of each algorithm.
    pub(crate) provider: Jwt,
    pub(crate) token: Secret,
    /// The public half of the key that has signed the token, a JWK.
    pub(crate) jwk: Value,
}

/// A token as an OpenID provider makes them for an API.
pub(crate) fn signed(algorithm: Algorithm) -> Signed {
    let keys = Algorithm::ALL.map(|algorithm| Key::generate(algorithm, 0));
    let jwks = json!({ "keys": keys.iter().map(Key::jwk).collect::<Vec<_>>() });
    let key = &keys[algorithm as usize];
    let provider = Jwt::issuer(ISSUER).audience(AUDIENCE).fixed_keys(jwks.to_string()).build();
    let token = token(key, ISSUER);
    Signed { provider: provider.expect("a provider"), token, jwk: key.jwk() }
}

/// A token of another issuer, of about so many bytes more.
pub(crate) fn foreign(padding: usize) -> Secret {
    let issuer = format!("https://id.example.org/{}", "x".repeat(padding * 3 / 4));
    token(&Key::generate(Algorithm::Rs256, 1), &issuer)
}

fn token(key: &Key, issuer: &str) -> Secret {
    let now_s = SystemClock.now().as_millis() / 1_000;
    let claims = json!({
        "iss": issuer, "sub": "user_2b6fcd92dvfc2EDyQs6Hxn4m8oP", "aud": AUDIENCE,
        "scope": "chat models:read", "client_id": "app", "iat": now_s, "exp": now_s + TOKEN_LIFE_S,
        "jti": "0c6a0b8f2c0d4a3f9f3f7f0f6a1b2c3d",
    });
    let token = key.sign(&Value::from(key.header()), &claims);
    Secret::parse(token).expect("a token is a secret")
}
