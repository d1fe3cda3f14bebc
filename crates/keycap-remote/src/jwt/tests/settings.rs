//! What is configured wrongly fails when the provider is built.

use super::super::builder::{
    MAX_AUDIENCES, MAX_KEYS_TTL, MAX_LEEWAY, MAX_REFETCH_INTERVAL, MAX_REQUIRED_CLAIMS, MIN_SPAN,
};
use super::super::{Algorithm, JwtError};
use super::*;
use crate::{HttpSettings, HttpSettingsError};

const ISSUER: &str = "https://id.example/tenant";

fn complete() -> JwtBuilder {
    Jwt::issuer(ISSUER).audience("api").discover()
}

fn wrong(builder: JwtBuilder) -> JwtError {
    builder.build().unwrap_err()
}

#[test]
fn an_audience_must_be_named_or_waived_in_so_many_words() {
    let without = || Jwt::issuer(ISSUER).discover();
    assert_eq!(wrong(without()), JwtError::NoAudience);
    assert!(without().insecure_any_audience().build().is_ok());
    assert_eq!(wrong(complete().insecure_any_audience()), JwtError::AudienceTwice);
    assert_eq!(wrong(without().audience("")), JwtError::Empty("audience"));
    let of = |count: usize| (0..count).fold(without(), |all, n| all.audience(format!("a{n}")));
    assert!(of(MAX_AUDIENCES).build().is_ok());
    let text = wrong(of(MAX_AUDIENCES + 1)).to_string();
    assert_eq!(text, "33 audiences; there may be at most 32");
}

#[test]
fn keys_come_from_exactly_one_place() {
    let without = || Jwt::issuer(ISSUER).audience("api");
    assert_eq!(wrong(without()), JwtError::NoKeys);
    assert_eq!(wrong(complete().jwks_url("https://id.example/jwks")), JwtError::ManyKeys);
    assert_eq!(wrong(complete().discover()), JwtError::ManyKeys);
    for wrong_keys in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#] {
        let error = wrong(without().fixed_keys(wrong_keys));
        assert!(matches!(error, JwtError::FixedKeys(_)), "{wrong_keys}: {error}");
    }
}

#[test]
fn urls_are_checked_where_they_are_used() {
    let discovered = |issuer: &str| Jwt::issuer(issuer).audience("api").discover();
    for wrong_url in
        ["id.example", "http://id.example", "ftp://id.example", "https://a:b@id.example"]
    {
        let error = wrong(discovered(wrong_url));
        assert!(
            matches!(error, JwtError::Http(HttpSettingsError::Url { .. })),
            "{wrong_url}: {error}"
        );
        let error = wrong(Jwt::issuer(ISSUER).audience("api").jwks_url(wrong_url));
        assert!(matches!(error, JwtError::Http(_)), "{wrong_url}: {error}");
    }
    let error = wrong(discovered("https://id.example/a?t=1"));
    assert_eq!(error, JwtError::Discovery("https://id.example/a".into()));
    let plain = HttpSettings::new().insecure_plain_http();
    assert!(discovered("http://id.example").http(plain).build().is_ok());
    let named = Jwt::issuer("urn:example:issuer").audience("api");
    assert!(named.jwks_url("https://id.example/jwks").build().is_ok(), "a name is enough");
    for wrong_name in ["", "a b", &"i".repeat(256)] {
        let named = Jwt::issuer(wrong_name).audience("api").jwks_url("https://id.example/jwks");
        assert!(matches!(wrong(named), JwtError::Name(_)), "{wrong_name}");
    }
    assert!(matches!(wrong(complete().name("two words")), JwtError::Name(_)));
}

#[test]
fn every_span_has_its_bounds() {
    assert!(complete().leeway(MAX_LEEWAY).build().is_ok());
    assert!(complete().leeway(Duration::ZERO).build().is_ok());
    let over = MAX_LEEWAY + Duration::from_nanos(1);
    assert_eq!(wrong(complete().leeway(over)), JwtError::Leeway(over));
    type Set = fn(JwtBuilder, Duration) -> JwtBuilder;
    let spans: [(Set, Duration); 2] = [
        (JwtBuilder::keys_ttl, MAX_KEYS_TTL),
        (JwtBuilder::refetch_at_most_every, MAX_REFETCH_INTERVAL),
    ];
    for (set, most) in spans {
        assert!(set(complete(), MIN_SPAN).build().is_ok() && set(complete(), most).build().is_ok());
        for span in
            [Duration::ZERO, MIN_SPAN - Duration::from_nanos(1), most + Duration::from_nanos(1)]
        {
            assert!(matches!(wrong(set(complete(), span)), JwtError::Span { .. }), "{span:?}");
        }
    }
}

#[test]
fn claims_and_algorithms_are_named() {
    assert_eq!(wrong(complete().algorithms([])), JwtError::NoAlgorithm);
    assert!(complete().algorithms([Algorithm::Es256]).build().is_ok());
    for unnamed in [
        complete().subject_claim(""),
        complete().organisation_claim(""),
        complete().require_claim("", 1),
    ] {
        assert!(matches!(wrong(unnamed), JwtError::Empty(_)));
    }
    let of = |count: usize| (0..count).fold(complete(), |all, n| all.require_claim("c", n));
    assert!(of(MAX_REQUIRED_CLAIMS).build().is_ok());
    let text = wrong(of(MAX_REQUIRED_CLAIMS + 1)).to_string();
    assert_eq!(text, "33 required claims; there may be at most 32");
}
