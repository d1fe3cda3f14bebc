//! The search finds what shows: a test that finds nothing could not fail otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keycap::Secret;
use keycap_tests::log::Log;
use keycap_tests::metered::Metered;
use keycap_tests::sought::{Sought, told};
use keycap_tests::wire::{Request, answer};
use keycap_tests::{App, Framework, Route, Site, Store, Work};

/// A secret of this test alone.
fn planted(place: &str) -> (Sought, String) {
    let secret = format!("planted-in-{place}/7Wq+4Zr9");
    (Sought::default().and("planted", secret.clone()), secret)
}

#[test]
fn a_secret_is_found_in_every_form() {
    let (sought, secret) = planted("text");
    let (digest, bytes) = (Secret::parse(&secret).unwrap().digest(), secret.as_bytes());
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [
        secret.clone(),
        digest.to_hex(),
        digest.to_hex().to_uppercase(),
        format!("{:?}", digest.as_bytes()),
        format!("{:02x?}", digest.as_bytes()),
        STANDARD.encode(digest.as_bytes()),
        URL_SAFE_NO_PAD.encode(digest.as_bytes()),
        hex.to_uppercase(),
        hex,
        format!("{bytes:?}"),
        STANDARD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
        secret.replace('/', "%2F").replace('+', "%2B"),
        bytes.iter().map(|byte| format!("%{byte:02X}")).collect(),
    ] {
        let found = sought.find(&format!("before\nthe line: {form}.\nafter"));
        assert!(found.is_some_and(|found| found.line.starts_with("the line: ")), "{form}");
    }
    assert!(
        sought.find_in_bytes(&[&[0xff, 0], &digest.as_bytes()[..], &[0xfe]].concat()).is_some()
    );
    assert_eq!(sought.find(&secret.replace("7Wq", "7WQ")), None);
    let listed = std::panic::catch_unwind(|| sought.assert_not_in_debug("a list", &vec![bytes]));
    assert!(listed.is_err(), "a list of bytes, one on a line");
}

#[test]
fn every_part_of_a_token_and_of_a_key_is_found() {
    let sought = Sought::default().token("a token", "eyJhead.eyJpayload.signature9Zq");
    for part in ["eyJhead", "eyJpayload", "signature9Zq"] {
        assert!(sought.find(&format!("x{part}x")).is_some(), "{part}");
    }
    let pem = include_str!("../../peers/keys/app-key-rs256.pem");
    let sought = Sought::default().pem("a key", pem);
    let line = pem.lines().nth(3).unwrap();
    assert!(sought.find(line).is_some() && sought.find(pem).is_some());
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(sought.find_in_bytes(&STANDARD.decode(body).unwrap()).is_some());
}

#[test]
fn a_secret_in_the_log_is_found_whoever_logs_it() {
    let log = Log::capture();
    type Plant = fn(&str);
    let plants: [(&str, Plant); 4] = [
        ("an-event", |secret| tracing::trace!(secret, "planted")),
        ("a-span", |secret| drop(tracing::trace_span!("planted", secret))),
        ("a-span-later", |secret| {
            let span = tracing::debug_span!("planted", secret = tracing::field::Empty);
            span.record("secret", secret);
        }),
        ("the-log-crate", |secret| log::trace!("planted {secret}")),
    ];
    for (place, plant) in plants {
        let (sought, secret) = planted(place);
        assert_eq!(sought.find(&log.text()), None, "{place}");
        plant(&secret);
        assert!(sought.find(&log.text()).is_some(), "{place}");
    }
}

#[test]
fn a_secret_in_a_metric_is_found_wherever_it_stands() {
    let metered = Metered::capture();
    type Plant = fn(String);
    let plants: [(&str, Plant); 4] = [
        ("a-name", |secret| metrics::counter!(secret).increment(1)),
        ("a-label", |secret| metrics::gauge!("planted", "label" => secret).set(1)),
        ("a-label-name", |secret| metrics::histogram!("planted", secret => "x").record(1)),
        ("a-description", |secret| metrics::describe_counter!("planted", secret)),
    ];
    for (place, plant) in plants {
        let (sought, secret) = planted(place);
        assert_eq!(sought.find(&metered.text()), None, "{place}");
        plant(secret);
        assert!(sought.find(&metered.text()).is_some(), "{place}");
    }
}

#[test]
fn a_secret_in_the_source_of_an_error_is_found() {
    let (sought, secret) = planted("a-source");
    let inner = std::io::Error::other(secret);
    let error = keycap::verify::Unavailable::because("planted", inner);
    assert_eq!(sought.find(&error.to_string()), None);
    assert!(sought.find(&told(&error)).is_some());
}

/// A handler that shows the credentials it saw, and an account that is named after a key.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_an_answer_and_in_a_store_is_found() {
    for framework in Framework::ALL {
        let key = keycap::NewKey::for_owner("planted-in-a-store");
        let app = App::default().store(Store::Sqlite).key("planted", key);
        let site = app.route(Route::guarded("/show", keycap::Guard::free(), Work::Show));
        let site = site.on(framework).await;
        let secret = Site::secret("planted");
        let sought = Sought::default().and("planted", secret.clone());
        let answer = answer(site.address, &Request::get("/show").bearer(&secret)).await;
        assert!(sought.find(&String::from_utf8_lossy(&answer.body)).is_some(), "{answer:?}");
        let owner = Sought::default().and("the owner", "planted-in-a-store");
        site.quiet().await;
        let found = |file| owner.find_in_bytes(&std::fs::read(file).unwrap()).is_some();
        assert!(site.files().into_iter().any(found), "the account's name is in the database");
        site.close().await;
    }
}
