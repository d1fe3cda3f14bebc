//! The machine's own clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::anchored::{Anchored, Machine};
use super::ticks::nanos;
use super::{Clock, Moment, Timestamp};

/// The machine's clock: the operating system's wall clock, and how much time has passed.
///
/// Both times come from one reading of the processor's counter, where it has one that runs evenly, and
/// else of the operating system's monotonic clock. The very first reading of a process measures how
/// fast the counter runs, which takes up to 200 ms.
///
/// - A wall clock that is set is noticed within [`MAX_WALL_CLOCK_AGE`](super::MAX_WALL_CLOCK_AGE), by
///   the first reading after it. The counter drifts for no longer than that, so the wall clock may go
///   back by some microseconds when it is looked at again, and so by a millisecond where one is
///   rounded off.
/// - The passing of time is never behind the operating system's monotonic clock by more than the drift,
///   and does not go back, but for the nanoseconds by which counters of two cores may differ.
/// - Time that the machine is asleep may count as passed or not: operating systems differ.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        moment().at
    }

    fn moment(&self) -> Moment {
        moment()
    }
}

/// One reading of the machine's clock.
pub(super) fn moment() -> Moment {
    static CLOCK: OnceLock<Anchored<Hardware>> = OnceLock::new();
    CLOCK.get_or_init(|| Anchored::new(Hardware::new())).moment()
}

/// What the machine has to read time from.
struct Hardware {
    counter: quanta::Clock,
    began: Instant,
}

impl Hardware {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn new() -> Self {
        Self { counter: quanta::Clock::new(), began: Instant::now() }
    }
}

impl Machine for Hardware {
    #[inline]
    fn count(&self) -> u64 {
        self.counter.delta_as_nanos(0, self.counter.raw())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> u64 {
        nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn passed(&self) -> u64 {
        nanos(self.began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Orders readings among themselves, and none against how fast this machine is.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the clock is compared with what it stands for")]
    fn the_machines_clock_tells_what_the_operating_system_tells() {
        let wall = || nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap()) / 1_000_000;
        let slack = i64::try_from(super::super::MAX_WALL_CLOCK_AGE.as_millis()).unwrap();
        let mut before = SystemClock.moment();
        for _ in 0..1_000 {
            let earliest = i64::try_from(wall()).unwrap();
            let (shown, read) = (SystemClock.now(), SystemClock.moment());
            let latest = i64::try_from(wall()).unwrap();
            for at in [shown, read.at] {
                assert!((earliest - slack..=latest + slack).contains(&at.as_millis()));
            }
            assert!(read.ticks.plus(Duration::from_micros(100)) >= before.ticks);
            before = read;
        }
    }
}
