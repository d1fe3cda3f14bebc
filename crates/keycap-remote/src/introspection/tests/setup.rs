//! Wrong configuration fails when it is built, and says what would be right.

use std::time::Duration;

use super::super::IntrospectionError;
use super::*;

const URL: &str = "https://id.example/introspect";

#[track_caller]
fn wrong(builder: IntrospectionBuilder) -> IntrospectionError {
    builder.build().map(|_| ()).unwrap_err()
}

#[test]
fn exactly_one_client_authentication_is_needed() {
    assert_eq!(wrong(Introspection::endpoint(URL)), IntrospectionError::NoClient);
    let twice = whole(URL).client_secret_basic("api", "secret");
    assert_eq!(wrong(twice), IntrospectionError::ManyClients);
    assert_eq!(wrong(whole(URL).client_secret_post("a", "b")), IntrospectionError::ManyClients);
    let with_key = || Introspection::endpoint(URL).private_key_jwt("a", signing_key());
    assert_eq!(wrong(with_key().client_secret_post("a", "b")), IntrospectionError::ManyClients);
    assert!(Introspection::endpoint(URL).client_secret_post("a", "b").build().is_ok());
    assert!(with_key().build().is_ok());
}

#[test]
fn an_assertion_is_for_somebody_and_there_is_one() {
    let with_key = || Introspection::endpoint(URL).private_key_jwt("a", signing_key());
    assert!(with_key().assertion_audience("https://id.example").build().is_ok());
    assert!(matches!(wrong(with_key().assertion_audience("")), IntrospectionError::Empty(_)));
    let unsigned = whole(URL).assertion_audience("https://id.example");
    assert_eq!(wrong(unsigned), IntrospectionError::NoAssertions);
    let nameless = Introspection::endpoint(URL).private_key_jwt("", signing_key());
    assert!(matches!(wrong(nameless), IntrospectionError::Client { what: "client id", .. }));
}

#[test]
fn p9_a_client_that_no_server_gave_out_is_named_without_its_text() {
    type Given = fn(IntrospectionBuilder, String, String) -> IntrospectionBuilder;
    let ways: [Given; 2] = [
        |builder, id, secret| builder.client_secret_basic(id, secret),
        |builder, id, secret| builder.client_secret_post(id, secret),
    ];
    for given in ways {
        for bad in ["", "hidden\n", "hid\0den", "hiddén"] {
            for (id, secret) in [("api", bad), (bad, "secret")] {
                let error = wrong(given(Introspection::endpoint(URL), id.into(), secret.into()));
                assert!(matches!(error, IntrospectionError::Client { .. }), "{error}");
                assert!(!format!("{error} {error:?}").contains("hid"), "{error}");
            }
        }
        let odd = given(Introspection::endpoint(URL), "a:b %+".into(), "c:d &=".into());
        assert!(odd.build().is_ok());
    }
}

#[test]
fn names_urls_and_claims_are_checked() {
    for url in
        ["", "id.example", "http://id.example/x", "ftp://id.example", "https://u:p@id.example"]
    {
        let error = wrong(Introspection::endpoint(url).client_secret_basic("a", "b"));
        assert!(matches!(error, IntrospectionError::Http(_)), "{url}: {error}");
    }
    for name in ["", "a b", &"a".repeat(256)] {
        assert!(matches!(wrong(whole(URL).name(name)), IntrospectionError::Name(_)), "{name}");
        assert!(matches!(wrong(whole(URL).issuer(name)), IntrospectionError::Name(_)), "{name}");
    }
    for builder in [
        whole(URL).audience("a").audience(""),
        whole(URL).subject_claim(""),
        whole(URL).organisation_claim(""),
    ] {
        assert!(matches!(wrong(builder), IntrospectionError::Empty(_)));
    }
}

#[test]
fn the_leeway_is_bounded() {
    let most = Duration::from_secs(300);
    assert!(whole(URL).leeway(most).build().is_ok());
    let over = most + Duration::from_millis(1);
    assert_eq!(wrong(whole(URL).leeway(over)), IntrospectionError::Leeway(over));
}

#[test]
fn p9_nothing_shows_a_client_secret() {
    for builder in [
        Introspection::endpoint(URL).client_secret_basic("api", "hidden"),
        Introspection::endpoint(URL).client_secret_post("api", "hidden"),
    ] {
        assert!(!format!("{builder:?} {builder:#?}").contains("hidden"));
        let provider = builder.build().unwrap();
        let request = &provider.parts.request;
        let shown = format!("{provider:?} {request:?}");
        assert!(!shown.contains("hidden") && !shown.contains("YXBpOmhpZGRlbg"), "{shown}");
    }
    let builder = Introspection::endpoint(URL).private_key_jwt("api", signing_key());
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap().parts.request);
    for line in PRIVATE_KEY.lines().filter(|line| !line.starts_with('-')) {
        assert!(!shown.contains(line), "{shown}");
    }
}
