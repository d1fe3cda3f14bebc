use std::time::Duration;

use keycap_base::Timestamp;
use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use crate::http::retry_after::{MAX_THROTTLE, asked};

/// 2026-11-21T03:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_795_230_000_000);

fn at(value: &[u8]) -> Option<Duration> {
    let value = HeaderValue::from_bytes(value).expect("a header's value");
    asked(&HeaderMap::from_iter([(RETRY_AFTER, value)]), NOW)
}

#[test]
fn seconds_and_dates_are_read() {
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(at(b"1"), seconds(1));
    assert_eq!(at(b" 59 "), seconds(59));
    assert_eq!(at(b"Sat, 21 Nov 2026 03:00:30 GMT"), seconds(30));
    assert_eq!(at(b"Saturday, 21-Nov-26 03:00:30 GMT"), seconds(30), "RFC 850");
    assert_eq!(at(b"Sat Nov 21 03:00:30 2026"), seconds(30), "asctime");
}

#[test]
fn what_asks_for_nothing_is_nothing() {
    for value in [
        &b"0"[..],
        b"",
        b"-1",
        b"+5",
        b"1.5",
        b"5 s",
        b"soon",
        b"\xff\xfe",
        b"Sat, 21 Nov 2026 03:00:00 GMT",
        b"Sat, 21 Nov 2020 03:00:00 GMT",
        b"Thu, 01 Jan 1970 00:00:00 GMT",
    ] {
        assert_eq!(at(value), None, "{}", value.escape_ascii());
    }
    assert_eq!(asked(&HeaderMap::new(), NOW), None);
}

#[test]
fn the_wait_is_bounded() {
    assert_eq!(at(b"60"), Some(MAX_THROTTLE));
    assert_eq!(at(b"61"), Some(MAX_THROTTLE));
    assert_eq!(at(b"Sat, 21 Nov 2026 04:00:00 GMT"), Some(MAX_THROTTLE));
    assert_eq!(at(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(MAX_THROTTLE));
}

proptest! {
    #[test]
    fn no_text_makes_a_wait_of_zero_or_beyond_the_bound(value in "[ -~]{0,40}") {
        if let Some(wait) = at(value.as_bytes()) {
            prop_assert!(!wait.is_zero() && wait <= MAX_THROTTLE);
        }
    }
}
