use ring::signature::{KeyPair as _, UnparsedPublicKey, VerificationAlgorithm};

use super::*;

const RSA: &str = include_str!("../../../../../tests/peers/keys/app-key-rs256.pem");
const P256: &str = include_str!("../../../../../tests/peers/keys/app-key-es256.pem");
const ED25519: &str = include_str!("../../../../../tests/peers/keys/app-key-eddsa.pem");

fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// The public half, and what verifies its signatures.
fn public(key: &SigningKey) -> UnparsedPublicKey<Vec<u8>> {
    let with = |how: &'static dyn VerificationAlgorithm, bytes: &[u8]| {
        UnparsedPublicKey::new(how, bytes.to_vec())
    };
    match (&*key.pair, key.algorithm) {
        (Pair::Rsa(pair), Algorithm::Ps256) => {
            with(&signature::RSA_PSS_2048_8192_SHA256, pair.public_key().as_ref())
        }
        (Pair::Rsa(pair), _) => {
            with(&signature::RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        }
        (Pair::Ecdsa(pair), _) => {
            with(&signature::ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
        }
        (Pair::Ed25519(pair), _) => with(&signature::ED25519, pair.public_key().as_ref()),
    }
}

#[test]
fn every_algorithm_signs_what_its_public_key_verifies() {
    for (algorithm, pem) in [
        (Algorithm::Rs256, RSA),
        (Algorithm::Ps256, RSA),
        (Algorithm::Es256, P256),
        (Algorithm::EdDsa, ED25519),
    ] {
        let key = SigningKey::from_pem(algorithm, pem).unwrap().with_key_id("one").unwrap();
        let claims = json!({ "iss": "app", "exp": 1 });
        let token = key.sign(claims.as_object().unwrap()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        assert_eq!(header, json!({ "alg": algorithm.name(), "typ": "JWT", "kid": "one" }));
        assert_eq!(serde_json::from_slice::<Value>(&decode(payload)).unwrap(), claims);
        let verified = public(&key).verify(signed.as_bytes(), &decode(signature));
        assert!(verified.is_ok(), "{algorithm}");
        let other = public(&key).verify(b"something else", &decode(signature));
        assert!(other.is_err(), "{algorithm}");
    }
}

/// RFC 8037 Appendix A.4.
#[test]
fn the_signature_of_the_standards_example_is_made() {
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
    let pair = Pair::from_pkcs8(Algorithm::EdDsa, &der).unwrap();
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = pair.sign(Algorithm::EdDsa, message).unwrap();
    let expected =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(URL_SAFE_NO_PAD.encode(signature), expected);
}

#[test]
fn a_key_that_does_not_fit_is_refused_and_never_shown() {
    let fits = [
        (Algorithm::Rs256, P256),
        (Algorithm::Ps256, ED25519),
        (Algorithm::Es256, RSA),
        (Algorithm::Es256, ED25519),
        (Algorithm::EdDsa, P256),
    ];
    for (algorithm, pem) in fits {
        let error = SigningKey::from_pem(algorithm, pem).unwrap_err();
        assert!(matches!(&error, SigningKeyError::Unfit { algorithm: a, .. } if *a == algorithm));
        assert!(error.to_string().contains("takes a"), "{error}");
    }
    let cut = P256.lines().take(2).collect::<Vec<_>>().join("\n");
    let public = P256.replace("PRIVATE", "PUBLIC");
    let garbled = P256.replace("MIGH", "????");
    for pem in ["", "hush", &cut, &public, &garbled] {
        let error = SigningKey::from_pem(Algorithm::Es256, pem).unwrap_err();
        let material = P256.lines().nth(1).unwrap();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, SigningKeyError::Pem(_)), "{pem}: {error:?}");
        assert!(!shown.contains("hush") && !shown.contains(material.get(4..20).unwrap()));
    }
    let sec1 = P256.replace("PRIVATE", "EC PRIVATE");
    let error = SigningKey::from_pem(Algorithm::Es256, sec1).unwrap_err();
    assert_eq!(error, SigningKeyError::Form);
    let key = SigningKey::from_pem(Algorithm::Es256, P256).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey { algorithm: Es256, key_id: None, .. }");
}

#[test]
fn the_id_of_a_key_is_bounded() {
    let named = |bytes: usize| {
        SigningKey::from_pem(Algorithm::EdDsa, ED25519).unwrap().with_key_id("k".repeat(bytes))
    };
    assert!(named(MAX_KEY_ID_BYTES).is_ok());
    assert_eq!(named(MAX_KEY_ID_BYTES + 1).err(), Some(SigningKeyError::KeyId(256)));
    assert_eq!(named(0).err(), Some(SigningKeyError::KeyId(0)));
}
