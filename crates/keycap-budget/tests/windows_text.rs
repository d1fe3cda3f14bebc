//! Periods are checked when built, and their text is canonical: it is part of stored keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

mod properties;

use std::collections::HashSet;

use keycap_budget::{Period, Weekday};
use proptest::prelude::*;

fn period(text: &str) -> Period {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_text_of_a_period_is_fixed() {
    for (period, text) in [
        (Period::minute(), "minute"),
        (Period::hour(), "hour"),
        (Period::day(), "day"),
        (Period::week(), "week"),
        (Period::week_from(Weekday::Monday), "week"),
        (Period::week_from(Weekday::Tuesday), "week@tue"),
        (Period::week_from(Weekday::Wednesday), "week@wed"),
        (Period::week_from(Weekday::Thursday), "week@thu"),
        (Period::week_from(Weekday::Friday), "week@fri"),
        (Period::week_from(Weekday::Saturday), "week@sat"),
        (Period::week_from(Weekday::Sunday), "week@sun"),
        (Period::month(), "month"),
        (Period::month().anchored(1).unwrap(), "month"),
        (Period::month().anchored(31).unwrap(), "month@31"),
        (Period::quarter(), "quarter"),
        (Period::year(), "year"),
        (Period::lifetime(), "lifetime"),
        (Period::day().in_zone("UTC").unwrap(), "day"),
        (Period::day().in_zone("Europe/Berlin").unwrap(), "day Europe/Berlin"),
    ] {
        assert_eq!(period.to_string(), text);
        assert_eq!(text.parse::<Period>().as_ref(), Ok(&period));
        assert_eq!(serde_json::to_string(&period).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Period>(&format!("\"{text}\"")).unwrap(), period);
    }
}

#[test]
fn other_spellings_of_a_period_are_the_same_period() {
    for (spelling, text) in [
        ("week@mon", "week"),
        ("month@1 Europe/Berlin", "month Europe/Berlin"),
        ("day UTC", "day"),
        ("day utc", "day"),
        ("day Etc/UTC", "day"),
        ("day europe/berlin", "day Europe/Berlin"),
        ("lifetime Europe/Berlin", "lifetime"),
    ] {
        assert_eq!(period(spelling).to_string(), text);
        assert_eq!(period(spelling), period(text));
    }
}

#[test]
fn every_anchor_from_1_to_31_has_its_text() {
    for day in 2..=31 {
        let month = Period::month().anchored(day).unwrap();
        assert_eq!(month.to_string(), format!("month@{day}"));
        assert_eq!(period(&month.to_string()), month);
    }
}

#[test]
fn an_anchor_outside_a_month_fails_when_built() {
    for day in [0, 32, 255] {
        let error = Period::month().anchored(day).unwrap_err().to_string();
        assert_eq!(error, format!("a month starts on day 1 to 31, not on {day}"));
    }
    let error = Period::week().anchored(3).unwrap_err().to_string();
    assert!(error.contains("only a month has an anchor day"), "{error}");
}

#[test]
fn an_unknown_zone_fails_when_built_and_is_named() {
    for zone in ["Europe/Berln", "", "+01:00", "CET-1CEST", "Etc/Unknown", "../etc/passwd"] {
        let error = Period::day().in_zone(zone).unwrap_err().to_string();
        let expected = format!("`{zone}` is not a time zone of the IANA database");
        assert!(error.starts_with(&expected), "{error}");
        assert!(Period::lifetime().in_zone(zone).is_err(), "{zone}");
    }
}

#[test]
fn what_is_no_period_is_refused_with_a_reason() {
    for text in [
        "",
        " ",
        "Day",
        "days",
        "fortnight",
        "month@",
        "month@0",
        "month@32",
        "month@01",
        "month@+2",
        "week@funday",
        "day@2",
        "never",
        "monthly",
    ] {
        let error = text.parse::<Period>().expect_err(text).to_string();
        assert!(error.contains("is not a period: write minute, hour"), "{text:?}: {error}");
    }
    for text in ["day ", "day  UTC", "day Europe/Berlin ", "day Mars/Olympus"] {
        let error = text.parse::<Period>().expect_err(text).to_string();
        assert!(error.contains("is not a time zone"), "{text:?}: {error}");
    }
}

#[test]
fn a_rate_is_an_hour_or_less() {
    for (text, is_rate) in [
        ("minute", true),
        ("hour Asia/Kathmandu", true),
        ("day", false),
        ("week", false),
        ("month", false),
        ("quarter", false),
        ("year", false),
        ("lifetime", false),
    ] {
        assert_eq!(period(text).is_rate(), is_rate, "{text}");
    }
}

#[test]
fn a_period_knows_its_zone() {
    assert_eq!(Period::day().zone(), "UTC");
    assert_eq!(period("day america/new_york").zone(), "America/New_York");
}

fn texts() -> impl Strategy<Value = String> {
    let cycles = ["minute", "day", "week", "week@sun", "month", "month@2", "month@31", "year"];
    let zones = ["", " Europe/Berlin", " America/New_York", " America/Sao_Paulo", " Asia/Tokyo"];
    (prop::sample::select(cycles.to_vec()), prop::sample::select(zones.to_vec()))
        .prop_map(|(cycle, zone)| format!("{cycle}{zone}"))
}

proptest! {
    #![proptest_config(properties::quick())]

    #[test]
    fn periods_compare_sort_and_hash_as_their_text(one in texts(), other in texts()) {
        let (left, right) = (period(&one), period(&other));
        prop_assert_eq!(left.to_string(), one.clone());
        prop_assert_eq!(left == right, one == other);
        prop_assert_eq!(left.cmp(&right), one.cmp(&other));
        let distinct = HashSet::from([left, right]).len();
        prop_assert_eq!(distinct, HashSet::from([one, other]).len());
    }

    #[test]
    fn any_text_at_all_is_read_without_a_panic(text in "\\PC{0,30}|[a-z]{3,8}@?[0-9]{0,3} ?[A-Za-z/_]{0,12}") {
        if let Ok(period) = text.parse::<Period>() {
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        }
    }
}
