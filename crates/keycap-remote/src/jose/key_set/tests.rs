#![allow(clippy::needless_pass_by_value, reason = "JSON is written where it is used")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::jose::vectors::*;

const PAIRS: [(&str, &str); 3] =
    [(RS256_KEY, RS256_TOKEN), (ES256_KEY, ES256_TOKEN), (EDDSA_KEY, EDDSA_TOKEN)];

/// A key with members more, or others.
fn key(jwk: &str, members: Value) -> Value {
    let mut key: Value = serde_json::from_str(jwk).unwrap();
    for (name, member) in members.as_object().unwrap() {
        key[name] = member.clone();
    }
    key
}

fn read(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes())
}

fn judge(keys: &[Value], token: &str) -> Verdict {
    read(keys).unwrap().judge(&Compact::read(token).unwrap())
}

fn plain(jwk: &str) -> Value {
    key(jwk, json!({}))
}

/// The token with another header, which its signature does not cover.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[test]
fn the_examples_of_the_standards_are_genuine() {
    for (jwk, token) in PAIRS {
        assert_eq!(judge(&[plain(jwk)], token), Verdict::Genuine, "{jwk}");
    }
    let all: Vec<_> = PAIRS.iter().map(|(jwk, _)| plain(jwk)).collect();
    for (_, token) in PAIRS {
        assert_eq!(judge(&all, token), Verdict::Genuine, "one key of each kind fits");
    }
}

#[test]
fn any_other_message_or_signature_is_forged() {
    for (jwk, token) in PAIRS {
        let keys = [key(jwk, json!({ "kid": "one" }))];
        let set = read(&keys).unwrap();
        let named = |token: &Compact<'_>| set.named("one", token);
        let mut read = Compact::read(token).unwrap();
        assert_eq!(named(&read), Verdict::Genuine);
        for index in 0..read.signature.len() {
            read.signature[index] ^= 1;
            assert_eq!(named(&read), Verdict::Forged, "byte {index}");
            read.signature[index] ^= 1;
        }
        let whole = read.signature.clone();
        for length in 0..whole.len() {
            read.signature.truncate(length);
            assert_eq!(named(&read), Verdict::Forged, "{length} bytes");
            read.signature = whole.clone();
        }
        read.signature.push(0);
        assert_eq!(named(&read), Verdict::Forged, "a byte more");
        read.signature = vec![0; whole.len()];
        assert_eq!(named(&read), Verdict::Forged, "nothing but zeros");
        read.signature = whole;
        read.signed = "eyJhbGciOiJFUzI1NiJ9.e30";
        assert_eq!(named(&read), Verdict::Forged, "another message");
    }
}

#[test]
fn a_key_verifies_only_what_fits_its_kind_and_its_purpose() {
    let algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
    for (jwk, token) in PAIRS {
        let keys = [key(jwk, json!({ "kid": "one" }))];
        for alg in algorithms {
            let header = json!({ "alg": alg, "kid": "one" });
            assert_eq!(judge(&keys, &with_header(token, &header)), Verdict::Forged, "{alg}");
        }
    }
    let only = |alg: &str| [key(RS256_KEY, json!({ "alg": alg }))];
    assert_eq!(judge(&only("RS256"), RS256_TOKEN), Verdict::Genuine);
    assert_eq!(judge(&only("PS256"), RS256_TOKEN), Verdict::NoKey);
    assert_eq!(judge(&[key(EDDSA_KEY, json!({"alg":"Ed25519"}))], EDDSA_TOKEN), Verdict::Genuine);
}

#[test]
fn keys_for_something_else_are_left_out() {
    let useful = plain(ES256_KEY);
    for wrong in [
        key(ES256_KEY, json!({ "use": "enc" })),
        key(ES256_KEY, json!({ "use": ["sig"] })),
        key(ES256_KEY, json!({ "key_ops": ["sign"] })),
        key(ES256_KEY, json!({ "key_ops": "verify" })),
        key(ES256_KEY, json!({ "key_ops": [] })),
        key(ES256_KEY, json!({ "alg": "RS256" })),
        key(ES256_KEY, json!({ "alg": "ECDH-ES" })),
        key(ES256_KEY, json!({ "alg": 1 })),
        key(ES256_KEY, json!({ "kid": 1 })),
        key(ES256_KEY, json!({ "crv": "P-384" })),
        key(ES256_KEY, json!({ "crv": "secp256k1" })),
        key(ES256_KEY, json!({ "kty": "oct", "k": "AAAA" })),
        key(ES256_KEY, json!({ "x": "AAAA" })),
        key(ES256_KEY, json!({ "y": null })),
        key(EDDSA_KEY, json!({ "crv": "X25519" })),
        key(EDDSA_KEY, json!({ "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=" })),
        key(RS256_KEY, json!({ "alg": "RS512" })),
        key(RS256_KEY, json!({ "e": "" })),
        key(RS256_KEY, json!({ "e": "AQ" })),
        key(RS256_KEY, json!({ "e": "Ag" })),
        key(RS256_KEY, json!({ "e": "AQAAAAE" })),
        key(RS256_KEY, json!({ "n": "" })),
        json!(null),
        json!("key"),
        json!({}),
    ] {
        let alone = read(std::slice::from_ref(&wrong));
        assert!(matches!(alone, Err(KeySetError::NoneUsable(_))), "{wrong}");
        assert_eq!(judge(&[wrong, useful.clone()], ES256_TOKEN), Verdict::Genuine);
    }
    let asked = json!({ "use": "sig", "key_ops": ["verify"], "alg": "ES256", "x5c": 1, "d": "AA" });
    assert_eq!(judge(&[key(ES256_KEY, asked)], ES256_TOKEN), Verdict::Genuine);
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits() {
    let of = |bits: usize| {
        let mut number = vec![0xff; bits.div_ceil(8)];
        number[0] >>= number.len() * 8 - bits;
        read(&[key(RS256_KEY, json!({ "n": URL_SAFE_NO_PAD.encode(number) }))]).is_ok()
    };
    assert!(of(2_048) && of(8_192));
    assert!(!of(2_047) && !of(8_193) && !of(1_024));
    let spelled = plain(RS256_KEY)["n"].as_str().unwrap().to_owned();
    let padded = [vec![0], URL_SAFE_NO_PAD.decode(spelled).unwrap()].concat();
    let padded = key(RS256_KEY, json!({ "n": URL_SAFE_NO_PAD.encode(padded), "e": "AAEAAQ" }));
    assert_eq!(judge(&[padded], RS256_TOKEN), Verdict::Genuine, "zeros in front change nothing");
}

#[test]
fn the_name_picks_the_key() {
    let named = |name: &str| key(ES256_KEY, json!({ "kid": name }));
    let header = |kid: &str| json!({ "alg": "ES256", "kid": kid });
    let token = with_header(ES256_TOKEN, &header("two"));
    assert_eq!(judge(&[named("one")], &token), Verdict::NoKey);
    assert_eq!(judge(&[named("Two"), named("two ")], &token), Verdict::NoKey);
    assert_eq!(judge(&[plain(ES256_KEY)], &token), Verdict::NoKey, "a key without a name");
    assert_eq!(judge(&[named("one"), named("two")], &token), Verdict::Forged);
    let set = read(&[key(EDDSA_KEY, json!({ "kid": "one" })), named("one")]).unwrap();
    let genuine = Compact::read(ES256_TOKEN).unwrap();
    assert_eq!(set.named("one", &genuine), Verdict::Genuine, "two kinds may share a name");
}

#[test]
fn without_a_name_a_single_key_must_fit() {
    let named = |name: &str| key(ES256_KEY, json!({ "kid": name }));
    assert_eq!(judge(&[named("one")], ES256_TOKEN), Verdict::Genuine);
    assert_eq!(judge(&[named("one"), plain(RS256_KEY)], ES256_TOKEN), Verdict::Genuine);
    assert_eq!(judge(&[named("one"), named("two")], ES256_TOKEN), Verdict::NoKey);
    assert_eq!(judge(&[plain(RS256_KEY)], ES256_TOKEN), Verdict::NoKey);
    let other = key(ES256_KEY, json!({ "x": plain(ES256_KEY)["y"] }));
    assert_eq!(judge(&[other], ES256_TOKEN), Verdict::NoKey, "the key may have changed since");
}

#[test]
fn a_set_is_bounded_and_has_a_key() {
    let of = |count: usize| read(&vec![plain(EDDSA_KEY); count]);
    assert!(of(1).is_ok() && of(MAX_KEYS).is_ok());
    assert_eq!(of(MAX_KEYS + 1).err(), Some(KeySetError::TooMany(MAX_KEYS + 1)));
    assert!(matches!(of(0), Err(KeySetError::NoneUsable(_))));
    for wrong in ["", "[]", "null", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, "{\"keys\":[]"] {
        let set = KeySet::read(wrong.as_bytes());
        assert!(matches!(set, Err(KeySetError::Unreadable(_))), "{wrong}");
    }
    let sized = |bytes: usize| {
        let set = format!(r#"{{"keys":[{EDDSA_KEY}]}}"#);
        KeySet::read(format!("{set}{}", " ".repeat(bytes - set.len())).as_bytes())
    };
    assert!(sized(MAX_KEY_SET_BYTES).is_ok());
    assert_eq!(sized(MAX_KEY_SET_BYTES + 1).err(), Some(KeySetError::TooLong));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[ -~]{0,64}") {
        let _ = KeySet::read(&bytes);
        let _ = Compact::read(&text);
        let _ = read(&[key(ES256_KEY, json!({ "x": text, "crv": text }))]);
    }
}

/// Such a key is in no honest set. With the neutral point for a key, the neutral point and zero are a
/// signature of everything.
#[test]
fn an_ed25519_key_of_small_order_verifies_nothing() {
    let of = |point: [u8; 32]| key(EDDSA_KEY, json!({ "x": URL_SAFE_NO_PAD.encode(point) }));
    let with = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    for sign in [0, 0x80] {
        for point in [with(0, 0, sign), with(1, 0, sign), with(0xec, 0xff, 0x7f | sign)] {
            assert!(matches!(read(&[of(point)]), Err(KeySetError::NoneUsable(_))), "{point:x?}");
        }
        for second in [with(0xed, 0xff, 0x7f | sign), with(0xee, 0xff, 0x7f | sign)] {
            assert!(matches!(read(&[of(second)]), Err(KeySetError::NoneUsable(_))), "{second:x?}");
        }
    }
    let forged = [with(1, 0, 0), [0; 32]].concat();
    let (signed, _) = EDDSA_TOKEN.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(forged));
    let forged = with_header(&forged, &json!({ "alg": "EdDSA", "kid": "weak" }));
    let mut weak = of(with(1, 0, 0));
    weak["kid"] = json!("weak");
    assert_eq!(judge(&[weak, plain(EDDSA_KEY)], &forged), Verdict::NoKey);
    assert!(read(&[of(with(2, 0, 0))]).is_ok(), "only those");
}
