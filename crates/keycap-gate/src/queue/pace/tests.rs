//! When company is waited for, at the bounds.

use super::*;

const SPAN_BOUND: usize = (BUSY_ABOVE / SPANS_A_SECOND) as usize;
const STEP: Duration = Duration::from_nanos(1);

fn start() -> Instant {
    Instant::now()
}

#[test]
fn company_is_expected_above_a_thousand_a_second_and_not_at_it() {
    let now = start();
    for (arrivals, expects) in [(SPAN_BOUND, false), (SPAN_BOUND + 1, true)] {
        let mut pace = Pace::at(now);
        (0..arrivals).for_each(|_| pace.took(1, now));
        assert_eq!(pace.expects_company(now), expects, "{arrivals}");
        let next = now + RATE_SPAN;
        assert_eq!(pace.expects_company(next), expects, "in the span after, {arrivals}");
    }
}

#[test]
fn a_burst_is_forgotten_after_two_spans() {
    let now = start();
    for (later, expects) in [(2 * RATE_SPAN - STEP, true), (2 * RATE_SPAN, false)] {
        let mut pace = Pace::at(now);
        pace.took(SPAN_BOUND + 1, now);
        assert_eq!(pace.expects_company(now + later), expects, "{later:?}");
    }
}

#[test]
fn after_a_wait_in_vain_nobody_waits_until_two_come_together_or_a_span_is_over() {
    let now = start();
    let mut pace = Pace::at(now);
    pace.took(SPAN_BOUND + 1, now);
    pace.waited_in_vain(now);
    pace.took(1, now);
    assert!(!pace.expects_company(now));
    assert!(!pace.expects_company(now + RATE_SPAN - STEP));
    assert!(pace.expects_company(now + RATE_SPAN));
    pace.waited_in_vain(now);
    assert!(!pace.expects_company(now));
    pace.took(2, now);
    assert!(pace.expects_company(now));
}
