//! Configuration that is refused, with a secret where something else belongs.

use std::error::Error;
use std::fmt::Debug;

use keycap::clerk::{Clerk, HttpSettings};
use keycap::introspection::{Algorithm, Introspection, SigningKey};
use keycap::jwt::Jwt;
use keycap::unkey::Unkey;
use keycap::verify::{Routes, StaticKey, StaticKeys};
use keycap_tests::sought::{Sought, told};

use crate::parties::{CLIENT_PEM, CLIENT_SECRET, INSTANCE_KEY, MACHINE_KEY, ROOT_KEY};

const URL: &str = "https://api.example.com";
/// A key that is longer than anything it could be taken for.
const LONG: &str = "unkey_3ZaVeryLongKey7whichIs9longerThanAnyPrefix5couldBe2ofAllThatThereAre";

type Wrong = (&'static str, Result<(), Box<dyn Error>>);

fn tried<T, E: Error + 'static>(what: &'static str, built: Result<T, E>) -> Wrong {
    (what, built.map(drop).map_err(Into::into))
}

/// A secret in the places of a URL that are none for it, and instead of a URL.
fn urls(secret: &str) -> Vec<String> {
    vec![
        secret.to_owned(),
        format!("https://user:{secret}@api.example.com"),
        format!("https://{secret}@api.example.com"),
        format!("{secret}@api.example.com"),
        format!("https://api.example.com/#{secret}"),
        format!("http://api.example.com/?token={secret}"),
        format!("ftp://api.example.com/{secret}"),
        format!("https:// {secret}"),
        format!("{secret}://api.example.com"),
    ]
}

fn misplaced(secret: &str) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for url in urls(secret) {
        let clerk = Clerk::secret_key(INSTANCE_KEY).api_url(&url);
        wrong.push(tried("Clerk's URL", clerk.build()));
        wrong.push(tried("Unkey's URL", Unkey::root_key(ROOT_KEY).api_url(&url).build()));
        let introspection = Introspection::endpoint(&url).client_secret_basic("a", "b");
        wrong.push(tried("the endpoint", introspection.build()));
        let jwks = Jwt::issuer(URL).audience("a").jwks_url(&url);
        wrong.push(tried("the keys' URL", jwks.build()));
        let discovered = Jwt::issuer(&url).audience("a").discover();
        wrong.push(tried("the issuer", discovered.build()));
    }
    let query = format!("{URL}/?token={secret}");
    let line = format!("{secret}\n");
    let begin = format!("-----BEGIN {secret}\n");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{secret}\n-----END CERTIFICATE-----\n");
    let open = format!("-----BEGIN {secret}-----\nAAAA\n");
    let trusting =
        |pem: &str| Clerk::secret_key(INSTANCE_KEY).http(HttpSettings::new().trust_only(pem));
    let jwt = || Jwt::issuer(URL).audience("a");
    let jwk = serde_json::json!({ "kty": "RSA", "d": secret, "n": secret, "e": "AQAB" });
    let jwks = serde_json::json!({ "keys": [jwk] }).to_string();
    let symmetric = serde_json::json!({ "keys": [{ "kty": secret, "k": secret }] }).to_string();
    let key = |pem: &str| SigningKey::from_pem(Algorithm::Es256, pem);
    let named = |name: &str| Clerk::secret_key(INSTANCE_KEY).name(name);
    wrong.extend([
        tried("Clerk's URL", Clerk::secret_key(INSTANCE_KEY).api_url(&query).build()),
        tried("Unkey's URL", Unkey::root_key(ROOT_KEY).api_url(&query).build()),
        tried("the issuer", Jwt::issuer(&query).audience("a").discover().build()),
        tried("Clerk's key", Clerk::secret_key(&line).build()),
        tried("Clerk's key", Clerk::secret_key(format!("pk_{secret}")).build()),
        tried("Clerk's key", Clerk::secret_key(format!("ak_{secret}")).build()),
        tried("Clerk's key", Clerk::machine_secret_key(&line).build()),
        tried("Clerk's version", Clerk::secret_key(INSTANCE_KEY).api_version(secret).build()),
        tried("Clerk's name", named(&line).build()),
        tried("Unkey's key", Unkey::root_key(&line).build()),
        tried("Unkey's prefix", Unkey::root_key(ROOT_KEY).prefix(LONG).build()),
        tried("Unkey's prefix", Unkey::root_key(ROOT_KEY).prefix(format!("{secret}-")).build()),
        tried("a client's id", Introspection::endpoint(URL).client_secret_post(&line, "a").build()),
        tried("a client's", Introspection::endpoint(URL).client_secret_basic("a", &line).build()),
        tried(
            "a name",
            Introspection::endpoint(URL).name(&line).client_secret_post("a", "a").build(),
        ),
        tried("an issuer", jwt().name(&line).fixed_keys("{}").build()),
        tried("fixed keys", jwt().fixed_keys(secret).build()),
        tried("fixed keys", jwt().fixed_keys(&pem).build()),
        tried("fixed keys", jwt().fixed_keys(symmetric).build()),
        tried("fixed keys", jwt().fixed_keys(jwks).build()),
        tried("a certificate", trusting(secret).build()),
        tried("a certificate", trusting(&begin).build()),
        tried("a certificate", trusting(&open).build()),
        tried("a certificate", trusting(&pem).build()),
        tried("a private key", key(secret)),
        tried("a private key", key(&begin)),
        tried("a private key", key(&open)),
        tried("a private key", key(&pem.replace("CERTIFICATE", "PRIVATE KEY"))),
        tried("a route", Routes::builder().prefix(LONG, keys()).build()),
        tried("a route", Routes::builder().prefix(&line, keys()).build()),
    ]);
    wrong
}

fn keys() -> StaticKeys {
    let digest = keycap::Secret::parse("a-key").unwrap().digest().to_hex();
    StaticKeys::builder().key(StaticKey::new("key", &digest)).build().unwrap()
}

#[test]
fn p9_no_refused_configuration_shows_what_it_was_given() {
    for secret in [INSTANCE_KEY, MACHINE_KEY, ROOT_KEY, LONG] {
        let sought = Sought::default().and("ours", secret).and("long", LONG);
        for (what, built) in misplaced(secret) {
            let Err(error) = built else { panic!("{what} took {secret}") };
            sought.assert_hidden(what, &told(&*error));
            assert!(told(&*error).len() > 20, "{what} says what is wrong");
        }
    }
}

/// A private key where another kind of text belongs.
#[test]
fn p9_no_refused_key_shows() {
    let sought = Sought::default().pem("our key", CLIENT_PEM);
    let trusting = HttpSettings::new().trust_only(CLIENT_PEM);
    for (what, built) in [
        tried("a certificate", Clerk::secret_key(INSTANCE_KEY).http(trusting.clone()).build()),
        tried("fixed keys", Jwt::issuer(URL).audience("a").fixed_keys(CLIENT_PEM).build()),
        tried("a key of another kind", SigningKey::from_pem(Algorithm::EdDsa, CLIENT_PEM)),
        tried("half of a key", SigningKey::from_pem(Algorithm::Es256, &CLIENT_PEM[..120])),
        tried("Clerk's key", Clerk::secret_key(CLIENT_PEM).build()),
        tried(
            "a client's",
            Introspection::endpoint(URL).client_secret_basic("a", CLIENT_PEM).build(),
        ),
        tried("a URL", Introspection::endpoint(CLIENT_PEM).client_secret_basic("a", "b").build()),
    ] {
        let Err(error) = built else { panic!("{what} took it") };
        sought.assert_hidden(what, &told(&*error));
    }
    sought.assert_not_in_debug("settings", &trusting);
}

/// Builders are shown before anything is checked.
#[test]
fn p9_no_builder_shows_a_misplaced_secret() {
    let secret = INSTANCE_KEY;
    let sought = Sought::default().and("ours", secret).and("the client's", CLIENT_SECRET);
    let url = format!("https://user:{secret}@api.example.com/?token={secret}");
    let shown: [&dyn Debug; 6] = [
        &Clerk::secret_key(secret).machine_secret_key(secret).api_url(&url).api_version(secret),
        &Unkey::root_key(secret).api_url(&url).prefix(secret),
        &Introspection::endpoint(&url).client_secret_basic("a", CLIENT_SECRET).issuer(&url),
        &Introspection::endpoint(&url).client_secret_post("a", CLIENT_SECRET).audience(&url),
        &Jwt::issuer(&url).audience(secret).jwks_url(&url).require_claim("a", secret),
        &Jwt::issuer(secret).audience(&url).fixed_keys(secret),
    ];
    for shown in shown {
        sought.assert_not_in_debug("a builder", shown);
    }
}
