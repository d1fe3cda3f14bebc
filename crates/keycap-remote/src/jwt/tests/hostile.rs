//! Tokens that somebody made up. None of them may pass, and most may not even reach the issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keycap_standins::issuer::{Algorithm, Key, compact};

use super::*;

/// HMAC-SHA-256 with what is public as its secret.
fn hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let signed = compact(&[header.to_string().as_bytes(), claims.to_string().as_bytes()]);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What is answered to a token, and whether the issuer was asked for it.
async fn screened(world: &World, token: &str) -> Rejection {
    let secret = Secret::parse(token).unwrap();
    let screened = world.tokens.screen(&secret);
    let Answer::Rejected(rejection) = world.tokens.verify(&secret).await else {
        panic!("it passes: {token}")
    };
    assert_eq!(screened, Some(rejection), "a look is enough: {token}");
    assert_eq!(world.issuer.count("/jwks"), 0, "the issuer was asked: {token}");
    rejection
}

#[tokio::test]
async fn what_is_no_token_of_the_issuer_is_refused_without_asking() {
    let world = World::new().await;
    let claims = Value::from(world.issuer.claims());
    let key = world.issuer.key(ANY);
    let header = Value::from(key.header());
    let good = key.sign(&header, &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let unsigned = |alg: &str| {
        compact(&[json!({ "alg": alg }).to_string().as_bytes(), claims.to_string().as_bytes()])
    };
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let token = unsigned(alg);
        for token in [format!("{token}."), format!("{token}.{signature}"), token] {
            assert_eq!(screened(&world, &token).await, Rejection::Malformed, "{alg}");
        }
    }
    let embedded = |member: &str, value: Value| {
        let mut header = header.clone();
        header[member] = value;
        key.sign(&header, &claims)
    };
    let (head, payload) = signed.split_once('.').unwrap();
    for token in [
        "acme_live_1".to_owned(),
        "...".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{good}="),
        format!("{good}.{signature}"),
        format!("{head}.{payload}.{payload}.{payload}.{signature}"),
        format!("{head}+.{payload}.{signature}"),
        format!("{head}.{payload}/.{signature}"),
        key.sign_text(&header.to_string(), "not json"),
        key.sign_text(&header.to_string(), "[]"),
        key.sign_text(&header.to_string(), &format!("\"{good}\"")),
        key.sign_text(&header.to_string(), &good),
        key.sign_text(r#"{"alg":"none","alg":"EdDSA"}"#, &claims.to_string()),
        key.sign_text(r#"{"alg":"EdDSA"} x"#, &claims.to_string()),
        key.sign_text(r#"["EdDSA"]"#, &claims.to_string()),
        key.sign_text(r#"{"alg":"EdDSA"}"#, r#"{"iss":"x","iss":"y"}"#),
        embedded("crit", json!(["exp"])),
        embedded("b64", json!(false)),
        embedded("kid", json!(1)),
        embedded("kid", json!("k".repeat(256))),
        embedded("alg", json!(["EdDSA"])),
        embedded("alg", json!("ES384")),
    ] {
        assert_eq!(screened(&world, &token).await, Rejection::Malformed, "{token}");
    }
    let other = |issuer: Value| world.issuer.token(ANY, json!({ "iss": issuer }));
    let url = world.issuer.url();
    for issuer in
        [json!("https://other.example"), json!(format!("{url}/")), json!([url]), json!(null)]
    {
        assert_eq!(screened(&world, &other(issuer)).await, Rejection::Unknown);
    }
    let bound = world.token(json!({ "cnf": { "jkt": "AAAA" } }));
    assert_eq!(screened(&world, &bound).await, Rejection::Unknown, "it takes a proof too");
}

#[tokio::test]
async fn a_published_key_is_no_shared_secret() {
    let world = World::new().await;
    let claims = Value::from(world.issuer.claims());
    for algorithm in Algorithm::ALL {
        let key = world.issuer.key(algorithm);
        let jwk = key.jwk();
        let decode = |member: &str| jwk[member].as_str().map(|text| URL_SAFE_NO_PAD.decode(text));
        let numbers = ["n", "x", "y"].iter().filter_map(|member| decode(member)?.ok());
        let texts = [jwk.to_string(), key.id().to_owned(), String::new()].map(String::into_bytes);
        for secret in numbers.chain(texts) {
            for alg in ["HS256", "hs256", "HS384"] {
                let header = json!({ "alg": alg, "kid": key.id(), "typ": "at+jwt" });
                let token = hmac(&secret, &header, &claims);
                assert_eq!(screened(&world, &token).await, Rejection::Malformed);
            }
            let header = Value::from(key.header());
            let token = hmac(&secret, &header, &claims);
            let told = told(verify(&fixed(&world), &token).await);
            assert_eq!(told, UNKNOWN, "an HMAC under an honest header");
        }
    }
}

/// Trusts the keys that the issuer publishes now.
fn fixed(world: &World) -> Jwt {
    let tokens = Jwt::issuer(world.issuer.url()).audience(AUDIENCE).clock(world.clock.clone());
    tokens.fixed_keys(world.issuer.jwks().to_string()).build().unwrap()
}

#[tokio::test]
async fn every_key_signs_by_its_own_algorithm_alone() {
    let world = World::new().await;
    let tokens = fixed(&world);
    let claims = Value::from(world.issuer.claims());
    for signer in Algorithm::ALL {
        for named in Algorithm::ALL {
            for alg in Algorithm::ALL {
                let kid = world.issuer.key(named).id().to_owned();
                let header = json!({ "alg": alg.name(), "kid": kid, "typ": "at+jwt" });
                let token = world.issuer.key(signer).sign(&header, &claims);
                let expected = match signer == named && named == alg {
                    true => Told::Known,
                    false => UNKNOWN,
                };
                let case = format!("{signer:?} as {named:?} by {alg:?}");
                assert_eq!(told(verify(&tokens, &token).await), expected, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_not_looked_at() {
    let world = World::new().await;
    let theirs = Key::generate(ANY, 7);
    let honest = Value::from(world.issuer.key(ANY).header());
    let claims = Value::from(world.issuer.claims());
    for (member, value) in [
        ("jwk", theirs.jwk()),
        ("jku", json!("http://127.0.0.1:1/jwks")),
        ("x5u", json!("http://127.0.0.1:1/chain.pem")),
        ("x5c", json!(["AAAA"])),
        ("x5t", json!("AAAA")),
    ] {
        let mut header = honest.clone();
        header[member] = value;
        let token = theirs.sign(&header, &claims);
        assert_eq!(told(world.verify(&token).await), UNKNOWN, "{member}");
        let token = world.issuer.key(ANY).sign(&header, &claims);
        assert_eq!(told(world.verify(&token).await), Told::Known, "{member} is nothing to us");
    }
    let token = theirs.clone().named(world.issuer.key(ANY).id()).sign(&honest, &claims);
    assert_eq!(told(world.verify(&token).await), UNKNOWN, "another key of the same name");
}

#[tokio::test]
async fn no_part_of_a_token_can_be_changed() {
    let world = World::new().await;
    let tokens = fixed(&world);
    for algorithm in Algorithm::ALL {
        let token = world.issuer.token(algorithm, json!({}));
        assert_eq!(told(verify(&tokens, &token).await), Told::Known);
        for index in (0..token.len()).step_by(3) {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let Ok(secret) = Secret::parse(&bytes) else { continue };
            let answer = tokens.verify(&secret).await;
            assert!(matches!(answer, Answer::Rejected(_)), "{algorithm:?}, byte {index}");
        }
        for length in (1..token.len()).step_by(7) {
            let cut = verify(&tokens, &token[..length]).await;
            assert!(matches!(cut, Answer::Rejected(_)), "{algorithm:?}, {length} bytes");
        }
    }
}

#[tokio::test]
async fn only_the_allowed_algorithms_are_taken() {
    let world = World::with(|tokens| tokens.algorithms([super::super::Algorithm::Es256])).await;
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa] {
        let token = world.issuer.token(algorithm, json!({}));
        assert_eq!(screened(&world, &token).await, Rejection::Unknown, "{algorithm:?}");
    }
    let token = world.issuer.token(Algorithm::Es256, json!({}));
    assert_eq!(told(world.verify(&token).await), Told::Known);
}
