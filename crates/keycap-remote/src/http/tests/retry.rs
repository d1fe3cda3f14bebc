use std::time::Duration;

use proptest::prelude::*;

use crate::http::retry::{FIRST_PAUSE, Follows, MAX_PAUSE, may_repeat, pause, share};
use crate::http::{CallError, Repeat};

#[test]
fn only_what_was_never_sent_or_changes_nothing_is_repeated() {
    let second = Duration::from_secs(1);
    let cases = [
        (CallError::Unreachable("refused".into()), true, true),
        (CallError::Unsigned("no key"), false, false),
        (CallError::TimedOut(second), true, false),
        (CallError::Broken("reset".into()), true, false),
        (CallError::Status(500), true, false),
        (CallError::Status(599), true, false),
        (CallError::Status(408), true, false),
        (CallError::Status(600), false, false),
        (CallError::Status(499), false, false),
        (CallError::Status(101), false, false),
        (CallError::TooLarge(1), false, false),
        (CallError::RefusesUs(401), false, false),
        (CallError::Redirected(302), false, false),
        (CallError::Throttled(second), false, false),
        (CallError::CircuitOpen(second), false, false),
        (CallError::Busy(second), false, false),
        (CallError::Unreadable("no JSON".into()), false, false),
        (CallError::Unfit("no name".into()), false, false),
    ];
    for (error, safe, only_unsent) in cases {
        assert_eq!(may_repeat(&error, Repeat::Safe), safe, "{error}");
        assert_eq!(may_repeat(&error, Repeat::OnlyUnsent), only_unsent, "{error}");
    }
}

#[test]
fn pauses_reach_from_nothing_to_a_bound_that_doubles() {
    for (attempt, longest) in
        [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (u32::MAX, 1_000)]
    {
        assert_eq!(pause(attempt, 0), Duration::ZERO);
        let most = pause(attempt, u64::MAX);
        assert_eq!(most.as_millis() + 1, longest, "attempt {attempt}: just below {longest} ms");
        assert_eq!(pause(attempt, 1 << 63).as_millis(), longest / 2, "attempt {attempt}");
    }
}

#[test]
fn an_attempt_that_may_be_followed_leaves_half_of_the_time() {
    let second = Duration::from_secs(1);
    assert_eq!(share(second, Follows::of(Repeat::Safe, 1, 2)), second / 2);
    assert_eq!(share(second, Follows::of(Repeat::Safe, 2, 2)), second);
    assert_eq!(share(second, Follows::of(Repeat::OnlyUnsent, 1, 2)), second);
}

proptest! {
    #[test]
    fn more_randomness_is_a_longer_pause_within_the_bound(attempt: u32, a: u64, b: u64) {
        let (less, more) = (pause(attempt, a.min(b)), pause(attempt, a.max(b)));
        prop_assert!(less <= more && more < MAX_PAUSE);
        prop_assert!(pause(1, a) < FIRST_PAUSE);
    }
}
