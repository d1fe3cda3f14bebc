//! Routing: who is chosen, and that nobody else sees the secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.eA";

fn provider(name: &str) -> Double {
    Double::bare(name, Knows)
}

#[tokio::test]
async fn p9_a_secret_is_seen_by_the_one_it_is_routed_to_and_by_nobody_else() {
    let [short, long, jwt, rest] =
        ["short", "long", "jwt", "rest"].map(|name| Double::new(name, Knows));
    let routes = Routes::builder()
        .prefix("acme_", Arc::clone(&short))
        .jwt(Arc::clone(&jwt))
        .route([Shape::prefix("acme_live_"), Shape::prefix("ak_")], Arc::clone(&long))
        .otherwise(Arc::clone(&rest))
        .build()
        .unwrap();
    let cases = [
        ("acme_test_1", "short"),
        ("acme_", "short"),
        ("acme_live_1", "long"),
        ("acme_live", "short"),
        ("ak_1", "long"),
        ("AK_1", "rest"),
        ("xak_1", "rest"),
        (JWT, "jwt"),
        ("a.b.c", "rest"),
        ("acme_eyJhbGciOiJSUzI1NiJ9.e30.eA", "short"),
    ];
    for (text, chosen) in cases {
        assert_eq!(routes.screen(&secret(text)), None);
        assert_eq!(routes.names_for(&secret(text)), [chosen], "{text}");
        assert_eq!(knew(&routes.verify(&secret(text)).await), Some(chosen), "{text}");
        for double in [&short, &long, &jwt, &rest] {
            let expected: &[&str] = if double.name == chosen { &[text] } else { &[] };
            assert_eq!(double.sent(), expected, "{text}: {}", double.name);
        }
    }
}

#[tokio::test]
async fn what_the_chosen_one_says_stands_and_nobody_else_is_asked() {
    for does in [Rejects(Rejection::Unknown), ScreensOut(Rejection::Malformed), CannotTell] {
        let (chosen, rest) = (Double::new("chosen", does), Double::new("rest", Knows));
        let routes = Routes::builder().prefix("ak_", Arc::clone(&chosen));
        let routes = routes.otherwise(Arc::clone(&rest)).build().unwrap();
        let secret = secret("ak_1");
        assert_eq!(routes.screen(&secret), chosen.screen(&secret));
        let answer = routes.verify(&secret).await;
        assert_eq!(format!("{answer:?}"), format!("{:?}", chosen.verify(&secret).await));
        assert!(rest.sent().is_empty(), "{does:?}");
    }
}

#[tokio::test]
async fn a_secret_without_a_route_is_refused_unseen() {
    let (keys, tokens) = (Double::new("keys", Knows), Double::new("tokens", Knows));
    let routes = Routes::builder().prefix("ak_", Arc::clone(&keys)).jwt(Arc::clone(&tokens));
    let routes = routes.build().unwrap();
    let stray = secret("sk_1");
    assert_eq!(routes.screen(&stray), Some(Rejection::Unknown));
    assert_eq!(routes.names_for(&stray), Vec::<&str>::new());
    let answer = routes.verify(&stray).await;
    assert!(matches!(answer, Answer::Rejected(Rejection::Unknown)));
    assert!(keys.sent().is_empty() && tokens.sent().is_empty());
}

#[test]
fn a_jwt_is_told_by_its_three_parts_and_its_header() {
    let with_header = |json: &str| format!("{}.e30.eA", URL_SAFE_NO_PAD.encode(json));
    let deep = with_header(&format!("{{\"a\":{}", "[".repeat(2_000)));
    let cases = [
        (JWT.to_owned(), true),
        (with_header("{}"), true),
        (with_header(" \n{\"alg\": \"ES256\"} "), true),
        (with_header("[]"), false),
        (with_header("\"{}\""), false),
        (with_header("{\"alg\":"), false),
        (with_header("{} {}"), false),
        (with_header(""), false),
        (deep, false),
        (JWT.replacen("eyJ", "eyJ=", 1).replace('=', "+"), false),
        (format!("{JWT}.eA"), false),
        (format!("{JWT}.eA.eA"), false),
        (format!("{JWT}="), false),
        ("eyJhbGciOiJSUzI1NiJ9.e30".into(), false),
        ("eyJhbGciOiJSUzI1NiJ9.e30.".into(), false),
        ("eyJhbGciOiJSUzI1NiJ9..eA".into(), false),
        (".e30.eA".into(), false),
        ("eyJhbGciOiJSUzI1NiJ9.e+0.eA".into(), false),
        ("v4.public.eyJhIjoxfQ".into(), false),
        ("..".into(), false),
    ];
    for (text, expected) in cases {
        assert_eq!(Shape::Jwt.fits(&secret(&text)), expected, "{text}");
    }
}

#[test]
fn routes_that_make_no_sense_are_refused_when_built() {
    use ComposeError::{Empty, Name, NoShape, Prefix, SameName, Twice};
    let built = |builder: RoutesBuilder| builder.build().map(|_| ());
    let one = || Routes::builder().prefix("ak_", provider("a"));
    assert_eq!(built(one()), Ok(()));
    assert_eq!(built(Routes::builder().otherwise(provider("a"))), Ok(()));
    assert_eq!(built(Routes::builder()), Err(Empty));
    assert_eq!(built(one().prefix("", provider("b"))), Err(Prefix(String::new())));
    assert_eq!(built(one().prefix("a b", provider("b"))), Err(Prefix("a b".into())));
    assert_eq!(built(one().prefix("a=", provider("b"))), Err(Prefix("a=".into())));
    let twice = |what: &str| Err(Twice(what.into()));
    assert_eq!(built(one().prefix("ak_", provider("b"))), twice("begin with `ak_`"));
    assert_eq!(built(one().jwt(provider("b")).jwt(provider("c"))), twice("are JWTs"));
    let rest = one().otherwise(provider("b")).otherwise(provider("c"));
    assert_eq!(built(rest), twice("no route takes"));
    assert_eq!(built(one().prefix("mt_", provider("a"))), Err(SameName("a".into())));
    assert_eq!(built(one().otherwise(provider("a"))), Err(SameName("a".into())));
    assert_eq!(built(one().route([], provider("b"))), Err(NoShape("b".into())));
    for unfit in ["", "a b", &"a".repeat(crate::MAX_NAME_BYTES + 1)] {
        assert!(matches!(built(one().jwt(provider(unfit))), Err(Name(_))), "{unfit:?}");
    }
}

#[test]
fn compositions_may_be_nested_but_names_may_not_meet() {
    let inner = |name| Routes::builder().prefix("ak_", provider(name)).build().unwrap();
    let turns = |builder: FirstOfBuilder| builder.build().unwrap();
    let both = turns(FirstOf::builder().provider(inner("a")).provider(inner("b")));
    assert_eq!(both.names(), ["a", "b"]);
    let met = FirstOf::builder().provider(inner("a")).provider(provider("a")).build().err();
    assert_eq!(met, Some(ComposeError::SameName("a".into())));
    let met = Routes::builder().prefix("x_", Arc::new(both)).otherwise(inner("b")).build().err();
    assert_eq!(met, Some(ComposeError::SameName("b".into())));
}

#[test]
fn routes_and_prefixes_are_bounded() {
    let numbered = |count: usize| {
        let shapes = (0..count).map(|number| Shape::prefix(format!("k{number}_")));
        Routes::builder().route(shapes, provider("a")).build().err()
    };
    assert_eq!(numbered(MAX_ROUTES), None);
    assert_eq!(numbered(MAX_ROUTES + 1), Some(ComposeError::TooManyRoutes(MAX_ROUTES + 1)));
    let long = |length| Routes::builder().prefix("p".repeat(length), provider("a")).build().err();
    assert_eq!(long(MAX_ROUTE_PREFIX_BYTES), None);
    assert!(matches!(long(MAX_ROUTE_PREFIX_BYTES + 1), Some(ComposeError::Prefix(_))));
}

/// Few cases by default; as many as `PROPTEST_CASES` says otherwise.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(128),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_longest_prefix_that_fits_is_chosen(
        prefixes in prop::collection::btree_set("[ab]{1,4}", 1..12),
        text in "[ab]{1,6}",
    ) {
        let builder = prefixes.iter().fold(Routes::builder(), |builder, prefix| {
            builder.prefix(prefix, provider(prefix))
        });
        let routes = builder.build().unwrap();
        let expected = prefixes.iter().filter(|prefix| text.starts_with(prefix.as_str()));
        let expected = expected.max_by_key(|prefix| prefix.len()).map(String::as_str);
        let secret = secret(&text);
        prop_assert_eq!(routes.screen(&secret).is_none(), expected.is_some());
        let answer = futures_util::FutureExt::now_or_never(routes.verify(&secret)).unwrap();
        prop_assert_eq!(knew(&answer), expected);
    }

    #[test]
    fn looking_at_a_secret_never_panics(text in "[A-Za-z0-9._~+/-]{1,64}={0,2}") {
        let _ = Shape::Jwt.fits(&secret(&text));
    }
}
