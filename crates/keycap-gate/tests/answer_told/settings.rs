//! What the application chooses about its answers.

use std::time::Duration;

use keycap_budget::Cause;
use keycap_gate::{
    AnswerSettings, AnswerSettingsError, Broken, BudgetStatus, Code, CredentialPlaces, Denial,
    Invalid, MAX_PROVIDER_RETRY_AFTER, MAX_REALM_BYTES, MAX_TYPE_BASE_BYTES,
    MAX_UNAVAILABLE_RETRY_AFTER, Place, Refusal, answer,
};
use keycap_verify::Unavailable;
use serde_json::Value;

use crate::fixtures::{
    USER, bearer_or_header, documented, dollars, one_of_each, scopes_missing, written,
};

fn told(refusal: &Refusal, settings: &AnswerSettings) -> (u16, Value) {
    let told = answer(refusal, settings, &CredentialPlaces::default());
    (told.status(), serde_json::from_slice(told.body()).unwrap())
}

#[test]
fn without_a_type_the_title_is_the_status_phrase() {
    let settings = AnswerSettings::default().budget_status(BudgetStatus::PaymentRequired);
    for refusal in one_of_each() {
        let (status, body) = told(&refusal, &settings);
        let phrase = http_phrase(status);
        assert_eq!((&body["type"], &body["title"]), (&"about:blank".into(), &phrase.into()));
        assert_eq!(body["error"], refusal.code().as_str());
    }
}

fn http_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        other => panic!("no row has the status {other}"),
    }
}

#[test]
fn only_a_spent_budget_is_402_where_that_is_preferred() {
    let settings = documented().budget_status(BudgetStatus::PaymentRequired);
    for refusal in one_of_each() {
        let code = refusal.code();
        let expected = if code == Code::BudgetExceeded { 402 } else { code.status() };
        let (status, body) = told(&refusal, &settings);
        assert_eq!((status, &body["status"]), (expected, &expected.into()), "{code}");
    }
}

#[test]
fn an_outage_tells_the_wait_that_was_chosen() {
    let wait = |wait: Duration| {
        let settings = documented().unavailable_retry_after(wait).unwrap();
        let refusals = [Broken::auth_unavailable("away"), Broken::ledger_unavailable("away")];
        refusals.map(|broken| {
            let told = answer(&broken.into(), &settings, &CredentialPlaces::default());
            told.header("retry-after").unwrap().to_owned()
        })
    };
    assert_eq!(wait(Duration::ZERO), ["1", "1"]);
    assert_eq!(wait(Duration::from_millis(4_001)), ["5", "5"]);
    assert_eq!(wait(MAX_UNAVAILABLE_RETRY_AFTER), ["3600", "3600"]);
    let past = MAX_UNAVAILABLE_RETRY_AFTER + Duration::from_nanos(1);
    assert_eq!(
        documented().unavailable_retry_after(past),
        Err(AnswerSettingsError::RetryAfter(past))
    );
}

#[test]
fn a_provider_may_ask_for_a_longer_wait_within_its_bound() {
    let wait = |chosen: Duration, asked: Duration| {
        let settings = documented().unavailable_retry_after(chosen).unwrap();
        let unavailable = Unavailable::new("the provider").with_retry_after(asked);
        let told =
            answer(&Broken::from(unavailable).into(), &settings, &CredentialPlaces::default());
        told.header("retry-after").unwrap().to_owned()
    };
    let (second, tick) = (Duration::from_secs(1), Duration::from_nanos(1));
    assert_eq!(wait(second, Duration::ZERO), "1");
    assert_eq!(wait(second, Duration::from_millis(6_001)), "7", "rounded up");
    assert_eq!(wait(10 * second, 7 * second), "10", "the longer one");
    assert_eq!(wait(second, MAX_PROVIDER_RETRY_AFTER), "60");
    assert_eq!(wait(second, MAX_PROVIDER_RETRY_AFTER + tick), "60", "one past the bound");
    assert_eq!(wait(second, Duration::MAX), "60");
    assert_eq!(wait(120 * second, Duration::MAX), "120", "the bound is the provider's alone");
}

#[test]
fn a_type_base_is_checked_when_set() {
    for right in
        ["https://example.com/e/", "https://example.com/e#", "urn:acme:errors:", "tag:x?c="]
    {
        assert!(AnswerSettings::default().types_under(right).is_ok(), "{right}");
    }
    for wrong in
        ["", "/errors/", "errors/", "https://exa mple/", "https://é/", "1x:/", "a\n:/", ":/"]
    {
        let error = AnswerSettings::default().types_under(wrong);
        assert_eq!(error, Err(AnswerSettingsError::TypeBase(wrong.to_owned())));
    }
    let error = AnswerSettings::default().types_under("https://example.com/errors").unwrap_err();
    assert!(error.to_string().ends_with("end it in `/`, `#`, `=` or `:`"), "{error}");

    let base = |length: usize| format!("https://e/{}/", "x".repeat(length - "https://e//".len()));
    assert!(AnswerSettings::default().types_under(&base(MAX_TYPE_BASE_BYTES)).is_ok());
    assert!(AnswerSettings::default().types_under(&base(MAX_TYPE_BASE_BYTES + 1)).is_err());
}

#[test]
fn a_realm_is_checked_when_set() {
    let longest = "r".repeat(MAX_REALM_BYTES);
    assert!(AnswerSettings::default().realm(&longest).is_ok());
    for wrong in ["", "a\"b", "a\\b", "a\nb", "é", &format!("{longest}r")] {
        let error = AnswerSettings::default().realm(wrong);
        assert!(matches!(error, Err(AnswerSettingsError::Realm(_))), "{wrong:?}");
    }
}

#[test]
fn every_place_has_its_challenge() {
    let realm = documented().realm("Acme API").unwrap();
    let own = CredentialPlaces::new([Place::header("X-API-Key").unwrap()]).unwrap();
    let challenges = |refusal: &Refusal, settings: &AnswerSettings, places: &CredentialPlaces| {
        let told = answer(refusal, settings, places);
        let headers = told.headers().iter().filter(|(name, _)| name == "www-authenticate");
        headers.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let missing = Denial::MissingKey.into();
    let invalid = Denial::InvalidKey(Invalid::Unknown).into();
    assert_eq!(challenges(&missing, &documented(), &own), [r#"ApiKey header="X-API-Key""#]);
    assert_eq!(
        challenges(&invalid, &documented(), &bearer_or_header()),
        [r#"Bearer error="invalid_token""#, r#"ApiKey header="X-API-Key", error="invalid_token""#],
    );
    assert_eq!(
        challenges(&missing, &realm, &bearer_or_header()),
        [r#"Bearer realm="Acme API""#, r#"ApiKey realm="Acme API", header="X-API-Key""#],
    );
    assert_eq!(
        challenges(&scopes_missing(&["admin", "chat"], &[]), &realm, &CredentialPlaces::default()),
        [r#"Bearer realm="Acme API", error="insufficient_scope", scope="admin chat""#],
    );
}

#[test]
fn caches_are_told_of_a_header_of_its_own() {
    let spent = dollars(USER, "day", ["1", "1", "0"], Cause::Spent);
    let own = |names: &[&str]| {
        let places = names.iter().map(|name| Place::header(name).unwrap());
        CredentialPlaces::new(places).unwrap()
    };
    for (places, vary) in
        [(bearer_or_header(), "x-api-key"), (own(&["X-API-Key", "Api-Key"]), "x-api-key, api-key")]
    {
        let told = answer(&spent, &documented(), &places);
        let headers = written(&told).split_once("\n\n").unwrap().0.to_owned();
        let expected = format!(
            "429\ncontent-type: application/problem+json\nretry-after: 35568\n\
             x-should-retry: false\ncache-control: private\nvary: {vary}"
        );
        assert_eq!(headers, expected);
    }
    for refusal in one_of_each() {
        let told = answer(&refusal, &documented(), &bearer_or_header());
        assert_eq!(told.header("Cache-Control"), Some("private"));
        let plain = answer(&refusal, &documented(), &CredentialPlaces::default());
        assert_eq!([plain.header("Vary"), plain.header("Cache-Control")], [None, None]);
    }
}
