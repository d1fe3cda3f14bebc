//! The whole table: for every code the status, every header in order, and the body.

use std::collections::BTreeSet;
use std::time::Duration;

use keycap_budget::{Cause, Shortfall};
use keycap_gate::{Code, Denial, OverLimit, RESERVED_RETRY_AFTER, Refusal, SOON};
use serde_json::Value;

use crate::fixtures::{TEAM, USER, dollars, one_of_each, requests, tell, written};

const TYPE: &str = "content-type: application/problem+json";
const DAY_LIMIT: &str = r#""limit":{"account":"user_2f7a","meter":"usd","period":"day""#;

/// Each row: the code, the headers beside the content type, the status, the title, the detail, and
/// the row's own members.
type Row = (Code, &'static [&'static str], u16, &'static str, &'static str, String);

const INVALID_TOKEN: &[&str] = &[r#"www-authenticate: Bearer error="invalid_token""#];

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let none = String::new;
    vec![
        (Code::MissingKey, &["www-authenticate: Bearer"], 401, "API key missing",
            "This request needs an API key.", none()),
        (Code::InvalidKey, INVALID_TOKEN, 401, "API key not valid",
            "This API key is not valid.", none()),
        (Code::ExpiredKey, INVALID_TOKEN, 401, "API key expired",
            "This API key has expired.", none()),
        (Code::RevokedKey, INVALID_TOKEN, 401, "API key revoked",
            "This API key has been revoked.", none()),
        (Code::AccountExpired, &[], 403, "Account expired",
            "The account behind this API key has expired.", none()),
        (Code::AmbiguousCredentials, &[r#"www-authenticate: Bearer error="invalid_request""#],
            400, "More than one credential",
            "This request carries more than one API key; send exactly one.", none()),
        (Code::TooManyFailures, &["retry-after: 17"], 429, "Too many failed attempts",
            "Too many failed attempts from this address; try again later.", none()),
        (Code::Suspended, &[], 403, "Account suspended",
            "The account behind this API key is suspended.", none()),
        (Code::AddressNotAllowed, &[], 403, "Address not allowed",
            "This API key may not be used from this address.", none()),
        (Code::InsufficientScope,
            &[r#"www-authenticate: Bearer error="insufficient_scope", scope="admin""#],
            403, "Scope missing", "This request needs a scope that this API key does not have.",
            r#","required":["admin"],"available":["chat"]"#.to_owned()),
        (Code::ResourceNotAllowed, &[], 403, "Resource not allowed",
            "This API key may not use the requested resource.",
            r#","resource":"gpt-large""#.to_owned()),
        (Code::HoldExceedsCap, &["x-should-retry: false"], 429, "Larger than the cap",
            "This request sets aside more than its limit allows in a whole period.",
            format!(r#",{DAY_LIMIT},"cap":"$0.10","spent":"$0.03","remaining":"$0.07","resets_at":"2026-03-02T00:00:00Z"}}"#)),
        (Code::RateLimited, &["retry-after: 48"], 429, "Rate limit reached",
            "This API key has reached a rate limit; try again when the window ends.",
            r#","limit":{"account":"user_2f7a","meter":"requests","period":"minute","cap":"60 requests","spent":"60 requests","remaining":"0 requests","resets_at":"2026-03-01T14:08:00Z"}"#.to_owned()),
        (Code::BudgetExceeded, &["retry-after: 35568", "x-should-retry: false"], 429, "Budget spent",
            "The budget of this API key is spent for this period.",
            format!(r#",{DAY_LIMIT},"cap":"$0.10","spent":"$0.10","remaining":"$0.00","resets_at":"2026-03-02T00:00:00Z"}}"#)),
        (Code::BudgetReserved, &["retry-after: 1"], 429, "Budget reserved",
            "Requests in flight have set aside what is left of this budget; try again shortly.",
            format!(r#",{DAY_LIMIT},"cap":"$0.10","spent":"$0.04","remaining":"$0.00","resets_at":"2026-03-02T00:00:00Z"}}"#)),
        (Code::AuthUnavailable, &["retry-after: 1"], 503, "Key verification unavailable",
            "API keys cannot be verified at the moment; try again shortly.", none()),
        (Code::LedgerUnavailable, &["retry-after: 1"], 503, "Budget check unavailable",
            "Budgets cannot be checked at the moment; try again shortly.", none()),
        (Code::Misconfigured, &[], 500, "Service misconfigured",
            "This service is misconfigured; its operator has the details.", none()),
    ]
}

#[test]
fn p8_every_code_is_told_byte_for_byte() {
    let rows = rows();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), Code::ALL);
    for ((code, more, status, title, detail, own), refusal) in rows.into_iter().zip(one_of_each()) {
        assert_eq!(refusal.code(), code);
        let headers: String = more.iter().map(|line| format!("{line}\n")).collect();
        let expected = format!(
            "{status}\n{TYPE}\n{headers}\n{{\"type\":\"https://docs.example.com/errors/{code}\",\
             \"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\",\"error\":\"{code}\"{own}}}"
        );
        assert_eq!(written(&tell(&refusal)), expected, "{code}");
    }
}

#[test]
fn codes_are_distinct_and_in_order() {
    assert_eq!(Code::ALL.map(Code::as_str).iter().collect::<BTreeSet<_>>().len(), Code::ALL.len());
    assert!(Code::ALL.is_sorted());
}

#[test]
fn p4_a_limit_refuses_with_the_code_of_its_cause() {
    for (refusal, code) in [
        (dollars(USER, "day", ["1", "1", "0"], Cause::Spent), Code::BudgetExceeded),
        (dollars(USER, "lifetime", ["1", "1", "0"], Cause::Spent), Code::BudgetExceeded),
        (dollars(USER, "day", ["1", "0", "1"], Cause::Reserved), Code::BudgetReserved),
        (dollars(USER, "hour", ["1", "1", "0"], Cause::Spent), Code::RateLimited),
        // Dollars that are held may come back; requests that are held will not.
        (dollars(USER, "hour", ["1", "0", "1"], Cause::Reserved), Code::BudgetReserved),
        (requests(USER, "minute", Cause::Reserved), Code::RateLimited),
        (requests(USER, "day", Cause::Reserved), Code::BudgetReserved),
        (requests(USER, "day", Cause::Spent), Code::BudgetExceeded),
        (requests(USER, "minute", Cause::LargerThanCap), Code::HoldExceedsCap),
        (dollars(TEAM, "year", ["1", "0", "0"], Cause::LargerThanCap), Code::HoldExceedsCap),
    ] {
        assert_eq!(refusal.code(), code, "{refusal}");
    }
}

#[test]
fn a_lifetime_has_no_reset_and_no_retry() {
    let told = tell(&dollars(USER, "lifetime", ["5", "5", "0"], Cause::Spent));
    assert_eq!((told.header("retry-after"), told.header("x-should-retry")), (None, Some("false")));
    let body: Value = serde_json::from_slice(told.body()).unwrap();
    assert_eq!(body["limit"].get("resets_at"), Some(&Value::Null));
}

fn ends_in(wait: Duration, cause: Cause) -> [Option<String>; 2] {
    let mut refusal = dollars(USER, "day", ["1", "1", "0"], cause);
    let Refusal::Denied(Denial::OverLimit(over)) = &mut refusal else { panic!("{refusal}") };
    let mut shortfall = over.shortfall().clone();
    shortfall.ends_in = Some(wait);
    *over = OverLimit::new(shortfall, over.disclosure());
    let told = tell(&refusal);
    ["retry-after", "x-should-retry"].map(|name| told.header(name).map(str::to_owned))
}

#[test]
fn a_budget_that_resets_soon_may_be_retried() {
    let told =
        |seconds: &str, retry: Option<&str>| [Some(seconds.into()), retry.map(str::to_owned)];
    let tick = Duration::from_nanos(1);
    assert_eq!(ends_in(Duration::ZERO, Cause::Spent), told("1", None));
    assert_eq!(ends_in(tick, Cause::Spent), told("1", None));
    assert_eq!(ends_in(Duration::from_secs(1) + tick, Cause::Spent), told("2", None));
    assert_eq!(ends_in(SOON, Cause::Spent), told("60", None));
    assert_eq!(ends_in(SOON + tick, Cause::Spent), told("61", Some("false")));
    assert_eq!(ends_in(SOON + tick, Cause::Reserved), told("1", None));
}

#[test]
fn who_is_told_later_waits_less() {
    let Refusal::Denied(Denial::OverLimit(over)) =
        dollars(USER, "day", ["1", "1", "0"], Cause::Spent)
    else {
        panic!("not over a limit")
    };
    for (age, seconds) in [(0, "35568"), (1, "35567"), (35_567, "1"), (35_568, "1"), (40_000, "1")]
    {
        let later = over.clone().after(Duration::from_secs(age));
        let told = tell(&Denial::OverLimit(later).into());
        assert_eq!(told.header("retry-after"), Some(seconds), "after {age} s");
    }
    // A moment is a moment, whenever it is told.
    let reserved = over.shortfall().clone();
    let reserved = Shortfall { cause: Cause::Reserved, ..reserved };
    let reserved = OverLimit::new(reserved, over.disclosure()).after(Duration::from_secs(9));
    assert_eq!(reserved.retry_after(), Some(RESERVED_RETRY_AFTER));
}

#[test]
fn zones_anchors_and_own_meters_are_written_out() {
    let told =
        tell(&dollars(USER, "month@15 Europe/Berlin", ["0.0125", "0.02", "0"], Cause::Spent));
    let body: Value = serde_json::from_slice(told.body()).unwrap();
    let limit = &body["limit"];
    assert_eq!(limit["period"], "month@15 Europe/Berlin");
    assert_eq!(limit["resets_at"], "2026-03-14T23:00:00Z");
    assert_eq!(
        [&limit["cap"], &limit["spent"], &limit["remaining"]],
        ["$0.0125", "$0.02", "$0.00"]
    );
}
