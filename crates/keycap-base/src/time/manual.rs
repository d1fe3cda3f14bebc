//! A clock for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::{Clock, Moment, Ticks, Timestamp};

/// A clock that stands still until it is told to move. Clones share their time.
///
/// Time passes by [`advance`](Self::advance) and [`advance_to`](Self::advance_to). [`set`](Self::set)
/// is somebody who sets the wall clock: it shows another time, and none has passed.
///
/// Who reads it while another thread moves it may see one of the two times moved and the other not yet.
///
/// ```
/// use keycap_base::{Clock, ManualClock, Timestamp};
/// use std::time::Duration;
///
/// let clock = ManualClock::at(Timestamp::from_millis(1_000));
/// let before = clock.moment();
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now(), Timestamp::from_millis(2_000));
/// assert_eq!(clock.moment().ticks.since(before.ticks), Duration::from_secs(1));
///
/// clock.set(Timestamp::from_millis(1_000));
/// assert_eq!(clock.now(), before.at);
/// assert_eq!(clock.moment().ticks.since(before.ticks), Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    millis: AtomicI64,
    ticks: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `start`, and [`Ticks::ZERO`].
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        let millis = AtomicI64::new(start.as_millis());
        Self(Arc::new(Hands { millis, ticks: AtomicU64::new(0) }))
    }

    /// Lets `span` pass. The wall clock moves by its whole milliseconds.
    pub fn advance(&self, span: Duration) {
        let later = |nanos| Ticks::from_nanos(nanos).plus(span).as_nanos();
        let _ =
            self.0.ticks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(later(now)));
        let later = |millis| Timestamp::from_millis(millis).plus(span).as_millis();
        let _ =
            self.0.millis.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(later(now)));
    }

    /// Lets time pass until the wall clock shows `instant`; none if it shows that or more already.
    pub fn advance_to(&self, instant: Timestamp) {
        self.advance(instant.since(self.now()));
    }

    /// Sets the wall clock to any instant, earlier ones included. No time passes.
    pub fn set(&self, instant: Timestamp) {
        self.0.millis.store(instant.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.millis.load(Ordering::SeqCst))
    }

    fn moment(&self) -> Moment {
        let ticks = Ticks::from_nanos(self.0.ticks.load(Ordering::SeqCst));
        Moment { at: self.now(), ticks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_until_an_instant_and_not_backwards() {
        let start = Timestamp::from_millis(10_000);
        let clock = ManualClock::at(start);
        clock.advance_to(start.plus(Duration::from_millis(7)));
        let passed = Ticks::ZERO.plus(Duration::from_millis(7));
        let wanted = Moment { at: Timestamp::from_millis(10_007), ticks: passed };
        assert_eq!(clock.moment(), wanted);
        clock.advance_to(start);
        assert_eq!(clock.moment(), wanted);
    }

    #[test]
    fn both_times_saturate() {
        let clock = ManualClock::at(Timestamp::from_millis(i64::MAX - 1));
        clock.advance(Duration::MAX);
        let end =
            Moment { at: Timestamp::from_millis(i64::MAX), ticks: Ticks::from_nanos(u64::MAX) };
        assert_eq!(clock.moment(), end);
    }
}
