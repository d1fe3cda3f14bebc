//! One secret is read, or none, or the request is refused; nothing is guessed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod sent;

use keycap_gate::{
    Credential, CredentialPlaces, MAX_PLACE_NAME_BYTES, MAX_PLACES, Place, PlaceError, Presented,
};
use keycap_verify::{Digest, MAX_SECRET_BYTES, Malformed, Secret};
use proptest::prelude::*;
use proptest::test_runner::Config;
use sent::Sent;

const AUTHORIZATION: &str = "authorization";

/// What was read, in a form that compares.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Missing,
    Found(String),
    Malformed(Malformed),
    Ambiguous,
}
use Read::{Ambiguous, Missing};

const CHARACTER: Read = Read::Malformed(Malformed::Character);
const EMPTY: Read = Read::Malformed(Malformed::Empty);
const TOO_LONG: Read = Read::Malformed(Malformed::TooLong);

fn found(secret: &str) -> Read {
    Read::Found(secret.to_owned())
}

/// What is read, also in two steps: found first and its characters checked later.
fn read(places: &CredentialPlaces, sent: &Sent) -> Read {
    let read = match places.read(sent) {
        Credential::Missing => Missing,
        Credential::Found(secret) => found(secret.expose()),
        Credential::Malformed(why) => Read::Malformed(why),
        Credential::Ambiguous => Ambiguous,
    };
    let in_two_steps = match places.find(sent) {
        Presented::Missing => Missing,
        Presented::Found(bytes) => {
            assert!((1..=MAX_SECRET_BYTES).contains(&bytes.len()));
            match Secret::parse(bytes) {
                Ok(secret) => {
                    assert_eq!(secret.digest(), Digest::of_presented(bytes));
                    found(secret.expose())
                }
                Err(why) => Read::Malformed(why),
            }
        }
        Presented::Malformed(why) => Read::Malformed(why),
        Presented::Ambiguous => Ambiguous,
    };
    assert_eq!(in_two_steps, read);
    read
}

fn header(name: &str) -> Place {
    Place::header(name).unwrap()
}

fn bearer_or_header() -> CredentialPlaces {
    CredentialPlaces::new([Place::bearer(), header("X-API-Key")]).unwrap()
}

#[test]
fn a_bearer_credential_is_a_scheme_spaces_and_a_b64token() {
    let rows: &[(&[u8], Read)] = &[
        (b"Bearer acme_1", found("acme_1")),
        (b"bearer acme_1", found("acme_1")),
        (b"BEARER acme_1", found("acme_1")),
        (b"bEaReR     acme_1", found("acme_1")),
        (b"Bearer a-._~+/9==", found("a-._~+/9==")),
        // White space around a field's value is no part of it (RFC 9110 section 5.5).
        (b" \tBearer acme_1 \t", found("acme_1")),
        // Another scheme, or none, is no credential of ours.
        (b"Basic dXNlcjpwYXNz", Missing),
        (b"acme_1", Missing),
        (b"", Missing),
        (b"Bearers acme_1", Missing),
        (b"DPoP acme_1", Missing),
        (b"\xffBearer acme_1", Missing),
        // Our scheme with anything else after it.
        (b"Bearer", EMPTY),
        (b"Bearer    ", EMPTY),
        (b"Bearer\tacme_1", CHARACTER),
        (b"Bearer \tacme_1", CHARACTER),
        (b"Bearer/acme_1", CHARACTER),
        (b"Bearer=acme_1", CHARACTER),
        (b"Bearer:acme_1", CHARACTER),
        (b"Bearer acme_1 acme_2", CHARACTER),
        (b"Bearer acme_1,", CHARACTER),
        (b"Bearer acme_1, Bearer acme_2", CHARACTER),
        (b"Bearer, acme_1", CHARACTER),
        (b"Bearer \"acme_1\"", CHARACTER),
        (b"Bearer ac=me", CHARACTER),
        (b"Bearer acme\x00", CHARACTER),
        (b"Bearer acme\x7f", CHARACTER),
        (b"Bearer acm\xc3\xa9", CHARACTER),
        (b"Bearer \xff\xfe", CHARACTER),
    ];
    for (value, expected) in rows {
        let sent = Sent::default().and(AUTHORIZATION, value);
        let shown = String::from_utf8_lossy(value);
        assert_eq!(read(&CredentialPlaces::default(), &sent), *expected, "{shown:?}");
    }
}

#[test]
fn a_header_of_its_own_carries_the_secret_without_a_scheme() {
    let places = CredentialPlaces::new([header("X-API-Key")]).unwrap();
    for (value, expected) in [
        ("acme_1", found("acme_1")),
        (" acme_1\t", found("acme_1")),
        ("", EMPTY),
        ("Bearer acme_1", CHARACTER),
        ("acme_1,acme_2", CHARACTER),
        ("acmé", CHARACTER),
    ] {
        assert_eq!(read(&places, &Sent::with(&[("x-API-key", value)])), expected, "{value:?}");
    }
    assert_eq!(read(&places, &Sent::with(&[(AUTHORIZATION, "Bearer acme_1")])), Missing);
}

#[test]
fn two_credentials_are_ambiguous_and_another_scheme_is_none() {
    const KEY: &str = "X-API-Key";
    let rows: &[(&[(&str, &str)], Read)] = &[
        (&[], Missing),
        (&[(KEY, "acme_1")], found("acme_1")),
        (&[(AUTHORIZATION, "Bearer acme_1"), (AUTHORIZATION, "Bearer acme_2")], Ambiguous),
        (&[(AUTHORIZATION, "Bearer acme_1"), (AUTHORIZATION, "Bearer acme_1")], Ambiguous),
        (&[(AUTHORIZATION, "Bearer acme_1"), (KEY, "acme_2")], Ambiguous),
        (&[(KEY, "acme_1"), (AUTHORIZATION, "Bearer acme_1")], Ambiguous),
        (&[(KEY, "acme_1"), (KEY, "acme_1")], Ambiguous),
        (&[(KEY, "a"), (KEY, "b"), (AUTHORIZATION, "Bearer c")], Ambiguous),
        // A malformed one beside a good one: still a guess.
        (&[(AUTHORIZATION, "Bearer"), (KEY, "acme_1")], Ambiguous),
        (&[(AUTHORIZATION, "Bearer acme_1"), (KEY, "")], Ambiguous),
        (&[(AUTHORIZATION, "Basic dTpw"), (KEY, "acme_1")], found("acme_1")),
        (&[(AUTHORIZATION, "Basic dTpw"), (AUTHORIZATION, "Bearer acme_1")], found("acme_1")),
        (&[(AUTHORIZATION, "Basic dTpw"), (AUTHORIZATION, "Basic dTpw")], Missing),
    ];
    for (headers, expected) in rows {
        assert_eq!(read(&bearer_or_header(), &Sent::with(headers)), *expected, "{headers:?}");
    }
}

#[test]
fn a_place_that_is_not_configured_is_not_read() {
    let sent = Sent::with(&[(AUTHORIZATION, "Bearer acme_1"), ("x-api-key", "acme_2")]);
    assert_eq!(read(&CredentialPlaces::default(), &sent), found("acme_1"));
}

#[test]
fn a_secret_has_at_most_4_kib() {
    let longest = "a".repeat(MAX_SECRET_BYTES);
    for (places, scheme, name) in [
        (CredentialPlaces::default(), "Bearer ", AUTHORIZATION),
        (bearer_or_header(), "", "x-api-key"),
    ] {
        let sent = |secret: &str| Sent::default().and(name, format!("{scheme}{secret}"));
        assert_eq!(read(&places, &sent(&longest)), found(&longest));
        assert_eq!(read(&places, &sent(&format!("{longest}a"))), TOO_LONG);
    }
}

#[test]
fn p9_a_credential_does_not_show_its_secret() {
    let sent = Sent::with(&[(AUTHORIZATION, "Bearer acme_4eC39HqLyjWDarj")]);
    let shown = format!("{:?}", CredentialPlaces::default().read(&sent));
    assert!(shown.starts_with("Found") && !shown.contains("4eC39"), "{shown}");
    assert_eq!(format!("{:?}", CredentialPlaces::default().find(&sent)), "Found(..)");
}

#[test]
fn a_place_is_checked_when_built() {
    for wrong in ["", "X API Key", "X-API-Key:", "X-Clé", "X-API-Key\n", "(key)"] {
        assert_eq!(Place::header(wrong), Err(PlaceError::Name(wrong.to_owned())));
    }
    let longest = "x".repeat(MAX_PLACE_NAME_BYTES);
    assert!(Place::header(&longest).is_ok());
    assert!(matches!(Place::header(&format!("{longest}x")), Err(PlaceError::Name(_))));
    let error = Place::header("AUTHORIZATION").unwrap_err();
    assert_eq!(error, PlaceError::Authorization);
    assert!(error.to_string().contains("Place::bearer()"), "{error}");
}

#[test]
fn places_are_distinct_and_bounded() {
    let numbered = |count: usize| (0..count).map(|n| header(&format!("x-key-{n}")));
    assert!(CredentialPlaces::new(numbered(MAX_PLACES)).is_ok());
    assert_eq!(CredentialPlaces::new(numbered(MAX_PLACES + 1)), Err(PlaceError::TooMany));
    assert_eq!(CredentialPlaces::new([]), Err(PlaceError::None));
    assert_eq!(
        CredentialPlaces::new([header("X-API-Key"), Place::bearer(), header("x-api-key")]),
        Err(PlaceError::Twice("x-api-key".to_owned())),
    );
    assert!(matches!(
        CredentialPlaces::new([Place::bearer(), Place::bearer()]),
        Err(PlaceError::Twice(_))
    ));
}

/// `b64token` of RFC 6750 section 2.1, written a second time.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    !body.is_empty() && body.chars().all(allowed) && text.len() <= MAX_SECRET_BYTES
}

/// Bytes that look like credentials more often than chance would have it.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let near = prop::sample::select(vec!["Bearer ", "bearer", "Basic ", "a", "=", " ", ",", "\t"]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(near, 0..6).prop_map(|parts| parts.concat().into_bytes()),
        (prop::collection::vec(any::<u8>(), 0..16))
            .prop_map(|rest| [b"Bearer ".to_vec(), rest].concat()),
    ]
}

/// Quick by default; as many as `PROPTEST_CASES` says when it is set.
fn cases() -> Config {
    let default = Config { failure_persistence: None, ..Config::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default,
        None => Config { cases: 128, ..default },
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_bytes_panic_or_yield_what_is_no_b64token(
        authorization in prop::collection::vec(value(), 0..3),
        keys in prop::collection::vec(value(), 0..2),
    ) {
        let sent = authorization.iter().fold(Sent::default(), |sent, v| sent.and(AUTHORIZATION, v));
        let sent = keys.iter().fold(sent, |sent, v| sent.and("x-api-key", v));
        match read(&bearer_or_header(), &sent) {
            Read::Found(secret) => {
                prop_assert!(is_b64token(&secret), "{secret:?}");
                let within = |v: &Vec<u8>| String::from_utf8_lossy(v).contains(&secret);
                prop_assert!(authorization.iter().chain(&keys).any(within));
                prop_assert!(keys.len() <= 1, "two values in a place of ours");
            }
            Missing => prop_assert!(keys.is_empty(), "a value in a header of ours was passed over"),
            Ambiguous => prop_assert!(authorization.len() + keys.len() > 1),
            Read::Malformed(_) => prop_assert!(authorization.len() + keys.len() > 0),
        }
    }

    #[test]
    fn every_b64token_is_read_back(secret in "[A-Za-z0-9._~+/-]{1,80}={0,2}", spaces in 1..5_usize) {
        let value = format!("BeArEr{}{secret}", " ".repeat(spaces));
        let sent = Sent::default().and(AUTHORIZATION, value);
        prop_assert_eq!(read(&CredentialPlaces::default(), &sent), found(&secret));
    }
}
