//! Amounts and costs are read and printed exactly, or refused with a reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

mod properties;

use keycap_budget::{Amount, Cost, MAX_METERS, Meter, Usd, usd};
use proptest::prelude::*;

const MILLION_DOLLARS: i64 = 1_000_000_000_000_000;
const NINE_BILLION_DOLLARS: i64 = 9_000_000_000_000_000_000;

fn cost(text: &str) -> Cost {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn units(text: &str, meter: &Meter) -> i64 {
    cost(text).amount(meter).units()
}

#[test]
fn dollars_are_counted_in_nanodollars() {
    for (text, nanos) in [
        ("$0", 0),
        ("$0.01", 10_000_000),
        ("0.01 usd", 10_000_000),
        ("12.5 usd", 12_500_000_000),
        ("$0.0125", 12_500_000),
        ("$0.000000001", 1),
        ("$0.00000015", 150),
        ("$0.1000000000000", 100_000_000),
        ("$007", 7_000_000_000),
        ("$999999.999999999", MILLION_DOLLARS - 1),
        ("$1000000", MILLION_DOLLARS),
    ] {
        assert_eq!(units(text, &Meter::USD), nanos, "{text}");
    }
}

#[test]
fn every_other_meter_counts_whole_units() {
    assert_eq!(units("300 tokens", &Meter::TOKENS), 300);
    assert_eq!(units("300.0 tokens", &Meter::TOKENS), 300);
    assert_eq!(units("1 requests", &Meter::REQUESTS), 1);
    assert_eq!(units("7 pages", &"pages".parse().unwrap()), 7);
}

#[test]
fn dollars_print_two_decimals_and_only_the_further_ones_they_need() {
    for (nanos, text) in [
        (0, "$0.00"),
        (10_000_000, "$0.01"),
        (100_000_000, "$0.10"),
        (12_500_000, "$0.0125"),
        (150, "$0.00000015"),
        (1, "$0.000000001"),
        (1_000_000_000, "$1.00"),
        (1_234_567_000_000_000, "$1234567.00"),
        (i64::MAX, "$9223372036.854775807"),
    ] {
        assert_eq!(Meter::USD.format(Amount::new(nanos).unwrap()), text);
    }
}

#[test]
fn costs_print_sorted_by_meter_and_name_no_zeros() {
    for (text, printed) in [
        ("$0.10 + 300 tokens", "300 tokens + $0.10"),
        ("5 credits + 2 apples", "2 apples + 5 credits"),
        ("$0.00 + 3 tokens", "3 tokens"),
        ("0 tokens", "$0.00"),
    ] {
        assert_eq!(cost(text).to_string(), printed);
        assert_eq!(cost(printed), cost(text));
    }
    assert_eq!(Cost::none().to_string(), "$0.00");
}

#[test]
fn what_does_not_fit_exactly_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "not a number and its meter"),
        ("0.01", "not a number and its meter"),
        ("usd", "not a number and its meter"),
        ("300tokens", "not a number and its meter"),
        ("$", "there is no number"),
        (" usd", "there is no number"),
        ("$0.0000000001", "too many decimals; usd counts 9"),
        ("1.5 tokens", "too many decimals; tokens counts 0"),
        ("$1000000.000000001", "too large; the most is $1000000.00"),
        ("1000000000000001 tokens", "too large; the most is 1000000000000000 tokens"),
        ("99999999999999999999999 tokens", "too large"),
        ("$9223372036854775808", "too large"),
        ("-$1", "never negative"),
        ("$-1", "never negative"),
        ("-1 tokens", "never negative"),
        ("+1 tokens", "without a sign"),
        ("$1+$2", "join amounts with"),
        ("1e3 tokens", "instead of an exponent"),
        ("$1E3", "instead of an exponent"),
        ("$1,000", "without separators"),
        ("1_000 tokens", "without separators"),
        ("1'000 tokens", "without separators"),
        ("1 000 tokens", "no spaces"),
        (" $1", "no spaces"),
        ("$ 1", "no spaces"),
        ("1  tokens", "no spaces"),
        ("$0.01 usd", "no spaces"),
        ("$5 tokens", "no spaces"),
        ("$1.2.3", "more than one point"),
        ("$.5", "digit before the point"),
        ("$1.", "digit after the point"),
        ("$٣", "only the digits 0 to 9"),
        ("$1１", "only the digits 0 to 9"),
        ("NaN usd", "only the digits 0 to 9"),
        ("0x10 tokens", "only the digits 0 to 9"),
        ("5 USD", "lower-case letter"),
        ("5 to/kens", "lower-case letter"),
        ("$1 + ", "not a number and its meter"),
        ("$1 + 2 usd", "`usd` is named twice"),
        ("$0 + $1", "`usd` is named twice"),
    ] {
        let error = text.parse::<Cost>().expect_err(text).to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn errors_repeat_foreign_text_escaped_and_cut() {
    let error = format!("1\n{} usd", "9".repeat(1_000)).parse::<Cost>().unwrap_err().to_string();
    assert!(error.contains("1\\n999") && error.len() < 200, "{error}");
}

#[test]
fn a_cap_reads_up_to_nine_billion_dollars_and_not_one_unit_more() {
    let cap = |text: &str| Meter::USD.parse_amount(text);
    for text in ["9000000000", "$9000000000.00", "9000000000.000000000 usd"] {
        assert_eq!(cap(text).unwrap().units(), NINE_BILLION_DOLLARS);
    }
    let error = cap("$9000000000.000000001").unwrap_err().to_string();
    assert!(error.contains("the most is $9000000000.00"), "{error}");
    let tokens = |text: &str| Meter::TOKENS.parse_amount(text);
    assert_eq!(tokens("9000000000000000000").unwrap(), Amount::MAX_CAP);
    assert_eq!(tokens("300 tokens").unwrap(), Amount::from_units(300));
    assert!(tokens("9000000000000000001 tokens").is_err());
    assert!(tokens("300 credits").is_err());
    assert!(tokens("$300").is_err());
}

#[test]
fn a_cost_is_serialised_as_its_text() {
    let json = serde_json::to_string(&cost("$0.01 + 3 tokens")).unwrap();
    assert_eq!(json, r#""3 tokens + $0.01""#);
    assert_eq!(serde_json::from_str::<Cost>(&json).unwrap(), cost("$0.01 + 3 tokens"));
    assert!(serde_json::from_str::<Cost>("0.01").is_err());
    assert!(serde_json::from_str::<Cost>(r#""$-1""#).is_err());
    assert_eq!(serde_json::to_string(&usd!(0.01)).unwrap(), r#""$0.01""#);
}

#[test]
fn an_amount_is_serialised_as_its_units() {
    assert_eq!(serde_json::to_string(&Amount::MAX_CAP).unwrap(), "9000000000000000000");
    assert_eq!(serde_json::from_str::<Amount>("7").unwrap(), Amount::from_units(7));
    for bad in ["-1", "1.0", "\"7\"", "9223372036854775808", "null"] {
        assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
    }
}

#[test]
fn constants_of_dollars_are_the_dollars_that_the_text_says() {
    const CENT: Usd = usd!(0.01);
    assert_eq!(CENT, usd!("0.01"));
    assert_eq!(CENT, usd!("$0.01"));
    assert_eq!(CENT, "0.01".parse().unwrap());
    assert_eq!(Cost::from(CENT), cost("$0.01"));
    assert_eq!(usd!(1000000).amount(), Amount::MAX_OPERATION);
    assert_eq!(usd!(0.000000001).amount(), Amount::from_units(1));
    assert!(Cost::from(usd!(0)).is_nothing());
}

/// What `usd!` makes of a literal, as the compiler would report it.
fn compiler_says(source: &'static str) -> String {
    let panic = std::panic::catch_unwind(|| Usd::from_literal(source)).expect_err(source);
    panic.downcast_ref::<&str>().map(ToString::to_string).or(panic.downcast_ref().cloned()).unwrap()
}

#[test]
fn a_constant_that_does_not_fit_tells_the_compiler_why() {
    for (source, reason) in [
        ("0.0000000001", "at most 9 decimals"),
        ("1000000.000000001", "at most $1000000.00"),
        ("-1", "never negative"),
        ("1e-2", "exponent"),
        ("1_000", "separators"),
        ("0.01f64", "only the digits"),
        ("1.", "after the point"),
        ("\"\"", "no number"),
        ("\"1,000\"", "separators"),
        ("true", "only the digits"),
    ] {
        assert!(compiler_says(source).contains(reason), "{source}");
    }
}

/// Another reading of decimal numbers: on text instead of digit by digit.
fn nanodollars(number: &str) -> Option<i64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = (digits(whole) && digits(decimals)).then(|| decimals.trim_end_matches('0'))?;
    let nanos: i128 = format!("{whole}{decimals:0<9}").parse().ok()?;
    (decimals.len() <= 9 && nanos <= MILLION_DOLLARS.into()).then(|| nanos.try_into().unwrap())
}

fn amounts() -> impl Strategy<Value = Amount> {
    let near_bounds =
        prop_oneof![Just(0), Just(1), Just(MILLION_DOLLARS), Just(MILLION_DOLLARS - 1)];
    prop_oneof![near_bounds, 0..=MILLION_DOLLARS, 0..1_000_000_i64]
        .prop_map(|units| Amount::new(units).unwrap())
}

fn costs() -> impl Strategy<Value = Cost> {
    let meters = prop_oneof![
        Just(Meter::USD),
        Just(Meter::TOKENS),
        Just(Meter::REQUESTS),
        Just(Meter::CREDITS),
        "[a-z][a-z0-9_.-]{0,31}".prop_map(|name| Meter::new(&name).unwrap()),
    ];
    prop::collection::vec((meters, amounts()), 0..=MAX_METERS).prop_map(|parts| {
        parts
            .into_iter()
            .fold(Cost::none(), |cost, (meter, amount)| cost.with(meter, amount).unwrap())
    })
}

proptest! {
    #![proptest_config(properties::quick())]

    #[test]
    fn costs_read_back_as_themselves(cost in costs()) {
        prop_assert_eq!(cost.to_string().parse::<Cost>().unwrap(), cost.clone());
        let json = serde_json::to_string(&cost).unwrap();
        prop_assert_eq!(serde_json::from_str::<Cost>(&json).unwrap(), cost);
    }

    #[test]
    fn amounts_read_back_as_themselves(units in 0..=NINE_BILLION_DOLLARS) {
        let amount = Amount::new(units).unwrap();
        for meter in [Meter::USD, Meter::TOKENS] {
            prop_assert_eq!(meter.parse_amount(&meter.format(amount)).unwrap(), amount);
        }
    }

    #[test]
    fn numbers_are_read_exactly_or_not_at_all(number in "[0-9]{0,9}[.]?[0-9]{0,11}|[-+$ .,_e0-9]{0,8}") {
        let read = format!("${number}").parse::<Cost>().ok();
        prop_assert_eq!(read.map(|cost| cost.amount(&Meter::USD).units()), nanodollars(&number));
    }

    #[test]
    fn any_text_at_all_is_read_without_a_panic(text in "\\PC{0,40}") {
        if let Ok(cost) = text.parse::<Cost>() {
            prop_assert_eq!(cost.to_string().parse::<Cost>().unwrap(), cost);
        }
        for meter in [Meter::USD, Meter::TOKENS] {
            let _ = meter.parse_amount(&text);
        }
    }

    #[test]
    fn sums_and_differences_are_exact(one in costs(), other in costs()) {
        if let Ok(sum) = one.plus(&other) {
            prop_assert_eq!(sum.checked_minus(&other), Some(one.clone()));
            prop_assert_eq!(sum.minus_saturating(&one), other.clone());
            prop_assert_eq!(&other.plus(&one).unwrap(), &sum);
        }
        let fits = other.iter().all(|(meter, amount)| amount <= one.amount(meter));
        prop_assert_eq!(one.checked_minus(&other).is_some(), fits);
    }
}
