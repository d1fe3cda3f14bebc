//! How limits on requests stand, for clients that pace themselves.

use std::collections::BTreeMap;

use keycap_base::Timestamp;
use keycap_budget::{Chain, Meter, Standing};

use super::Header;
use super::headers::whole_seconds;
use crate::Disclosure;

/// The largest integer of a structured field (RFC 9651 §3.3.1). A cap beyond it is left out.
const MAX_FIELD_INTEGER: i64 = 999_999_999_999_999;

/// `RateLimit-Policy` and `RateLimit`, as of draft-ietf-httpapi-ratelimit-headers-10.
///
/// Only limits on `requests` are told, because the draft has no unit for money, and only those of
/// accounts whose figures the caller may see. A policy is named after its period; a second one of
/// the same period, of an account further up, has its number added: `"minute"`, `"minute-2"`. `w`
/// and `t` are seconds, and absent for a lifetime. Empty where there is no such limit.
///
/// ```text
/// RateLimit-Policy: "minute";q=60;w=60, "day";q=1000;w=86400
/// ```
#[must_use]
pub fn rate_limit_headers(standings: &[Standing], chain: &Chain, now: Timestamp) -> Vec<Header> {
    let mut told: BTreeMap<String, u32> = BTreeMap::new();
    let (mut policies, mut limits) = (Vec::new(), Vec::new());
    for standing in standings.iter().filter(|standing| is_told(standing, chain)) {
        let period = standing.limit.key().period.to_string();
        let count = told.entry(period.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { period } else { format!("{period}-{count}") };
        policies.push(policy(&name, standing));
        limits.push(limit(&name, standing, now));
    }
    if policies.is_empty() {
        return Vec::new();
    }
    let headers = [("ratelimit-policy", policies), ("ratelimit", limits)];
    headers.map(|(name, items)| (name.into(), items.join(", "))).into()
}

fn is_told(standing: &Standing, chain: &Chain) -> bool {
    let limit = &standing.limit;
    limit.key().meter == Meter::REQUESTS
        && limit.cap().units() <= MAX_FIELD_INTEGER
        && Disclosure::of(&standing.account, chain) == Disclosure::Shown
}

/// A period's text has no quote or backslash, so it needs no escaping in a string.
fn policy(name: &str, standing: &Standing) -> String {
    let cap = standing.limit.cap().units();
    let window = standing.window;
    match window.end.map(|end| end.since(window.start)) {
        Some(length) => format!("\"{name}\";q={cap};w={}", whole_seconds(length)),
        None => format!("\"{name}\";q={cap}"),
    }
}

fn limit(name: &str, standing: &Standing, now: Timestamp) -> String {
    let remaining = standing.remaining().units();
    match standing.window.end.map(|end| end.since(now)) {
        Some(rest) => format!("\"{name}\";r={remaining};t={}", whole_seconds(rest)),
        None => format!("\"{name}\";r={remaining}"),
    }
}
