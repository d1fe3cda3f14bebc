//! `Retry-After` (RFC 9110 §10.2.3): when a provider wants to be asked again.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use keycap_base::Timestamp;

/// How long a provider that answers 429 is left alone if it does not say, or says "not at all".
pub(crate) const DEFAULT_THROTTLE: Duration = Duration::from_secs(1);
/// The longest that a provider is left alone at its word. It may then ask for more.
pub(crate) const MAX_THROTTLE: Duration = Duration::from_secs(60);

/// The wait that an answer asks for, bounded. `None` if it asks for none: no such header, one that
/// cannot be read, zero seconds or a date that has passed.
pub(super) fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(value).or_else(|| until(value, now))?;
    (!wait.is_zero()).then_some(wait.min(MAX_THROTTLE))
}

/// `delay-seconds`: digits only. More of them than fit are a very long time.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

/// `HTTP-date`, in any of its three forms.
fn until(value: &str, now: Timestamp) -> Option<Duration> {
    let date = httpdate::parse_http_date(value).ok()?;
    let date = Timestamp::EPOCH.plus(date.duration_since(UNIX_EPOCH).ok()?);
    Some(date.since(now))
}
