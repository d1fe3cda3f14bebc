//! What stands on the responses of requests that passed.

use keycap_budget::{Amount, Figures, Limit, Meter, Period, Standing};
use keycap_gate::{
    AnswerSettings, CredentialPlaces, Header, RateLimitHeaders, admitted_headers,
    rate_limit_headers,
};

use crate::fixtures::{NOW, TEAM, USER, bearer_or_header, chain, standing, usual};

fn requests(owner: &str, period: &str, figures: [&str; 3]) -> Standing {
    standing(owner, Meter::REQUESTS, period, figures)
}

fn header(name: &'static str, value: &str) -> Header {
    (name.into(), value.to_owned().into())
}

#[test]
fn limits_on_requests_are_told_and_money_is_not() {
    let standings = [
        requests(USER, "minute", ["60", "45", "5"]),
        standing(USER, Meter::USD, "day", ["1", "0.5", "0"]),
        requests(USER, "month Europe/Berlin", ["1000", "1200", "0"]),
        requests(USER, "lifetime", ["9", "0", "0"]),
        standing(USER, Meter::TOKENS, "minute", ["60", "0", "0"]),
    ];
    assert_eq!(
        rate_limit_headers(&standings, &usual(), NOW),
        [
            header(
                "ratelimit-policy",
                r#""minute";q=60;w=60, "month Europe/Berlin";q=1000;w=2674800, "lifetime";q=9"#
            ),
            header(
                "ratelimit",
                r#""minute";r=10;t=48, "month Europe/Berlin";r=0;t=2620368, "lifetime";r=9"#
            ),
        ]
    );
    assert_eq!(rate_limit_headers(&standings[1..2], &usual(), NOW), []);
    assert_eq!(rate_limit_headers(&[], &usual(), NOW), []);
}

#[test]
fn policies_of_one_period_have_two_names_and_hidden_accounts_none() {
    let standings =
        [requests(USER, "minute", ["60", "0", "0"]), requests(TEAM, "minute", ["600", "0", "0"])];
    let policies = |team| {
        let chain = chain(Figures::LeafOnly, team);
        rate_limit_headers(&standings, &chain, NOW)[0].1.clone()
    };
    assert_eq!(policies(Figures::Shown), r#""minute";q=60;w=60, "minute-2";q=600;w=60"#);
    assert_eq!(policies(Figures::LeafOnly), r#""minute";q=60;w=60"#);
}

#[test]
fn a_cap_that_is_no_structured_field_integer_is_left_out() {
    let capped = |units: i64| {
        let cap = Amount::new(units).unwrap();
        let mut standing = requests(USER, "minute", ["1", "0", "0"]);
        standing.limit = Limit::new(Meter::REQUESTS, cap, Period::minute()).unwrap();
        rate_limit_headers(&[standing], &usual(), NOW).len()
    };
    assert_eq!((capped(999_999_999_999_999), capped(1_000_000_000_000_000)), (2, 0));
}

#[test]
fn rate_limits_are_off_until_switched_on() {
    let standings = [requests(USER, "hour", ["100", "1", "0"])];
    let told = |settings: &AnswerSettings, places: &CredentialPlaces| {
        admitted_headers(settings, places, &standings, &usual(), NOW)
    };
    let (off, on) = (
        AnswerSettings::default(),
        AnswerSettings::default().rate_limit_headers(RateLimitHeaders::On),
    );
    let rates = [
        header("ratelimit-policy", r#""hour";q=100;w=3600"#),
        header("ratelimit", r#""hour";r=99;t=3168"#),
    ];
    let caching = [header("cache-control", "private"), header("vary", "x-api-key")];
    assert_eq!(told(&off, &CredentialPlaces::default()), []);
    assert_eq!(told(&on, &CredentialPlaces::default()), rates);
    assert_eq!(told(&off, &bearer_or_header()), caching);
    assert_eq!(told(&on, &bearer_or_header()), [caching, rates].concat());
}
