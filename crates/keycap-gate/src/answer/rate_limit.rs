//! How limits on requests stand, for clients that pace themselves.

use std::fmt;

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
    let told: Vec<_> = standings.iter().filter(|standing| is_told(standing, chain)).collect();
    if told.is_empty() {
        return Vec::new();
    }
    let policies = Items { told: &told, write: &policy }.to_string();
    let limits = Items { told: &told, write: &|f, standing| limit(f, standing, now) }.to_string();
    vec![("ratelimit-policy".into(), policies.into()), ("ratelimit".into(), limits.into())]
}

fn is_told(standing: &Standing, chain: &Chain) -> bool {
    let limit = &standing.limit;
    limit.key().meter == Meter::REQUESTS
        && limit.cap().units() <= MAX_FIELD_INTEGER
        && Disclosure::of(&standing.account, chain) == Disclosure::Shown
}

/// A list of limits, each of which is named and then described by `write`.
struct Items<'a> {
    told: &'a [&'a Standing],
    write: &'a dyn Fn(&mut fmt::Formatter<'_>, &Standing) -> fmt::Result,
}

impl fmt::Display for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, standing) in self.told.iter().enumerate() {
            let period = &standing.limit.key().period;
            let same = |other: &&&Standing| other.limit.key().period == *period;
            let before = self.told.iter().take(index).filter(same).count();
            f.write_str(if index == 0 { "" } else { ", " })?;
            // A period's text has no quote or backslash, so it needs no escaping in a string.
            match before {
                0 => write!(f, "\"{period}\"")?,
                before => write!(f, "\"{period}-{}\"", before + 1)?,
            }
            (self.write)(f, standing)?;
        }
        Ok(())
    }
}

fn policy(f: &mut fmt::Formatter<'_>, standing: &Standing) -> fmt::Result {
    write!(f, ";q={}", standing.limit.cap().units())?;
    let window = standing.window;
    match window.end.map(|end| end.since(window.start)) {
        Some(length) => write!(f, ";w={}", whole_seconds(length)),
        None => Ok(()),
    }
}

fn limit(f: &mut fmt::Formatter<'_>, standing: &Standing, now: Timestamp) -> fmt::Result {
    write!(f, ";r={}", standing.remaining().units())?;
    match standing.window.end.map(|end| end.since(now)) {
        Some(rest) => write!(f, ";t={}", whole_seconds(rest)),
        None => Ok(()),
    }
}
