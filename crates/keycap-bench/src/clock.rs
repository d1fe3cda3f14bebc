//! The only place that reads clocks.

use std::time::{Duration, Instant};

/// The time on the wall, to measure spans with.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "spans are measured here, nothing is decided")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long this thread has been running on a processor: what neighbours do hardly shows.
#[must_use]
pub fn thread_time() -> Duration {
    processor::thread()
}

/// The same of all threads of this process together.
#[must_use]
pub fn process_time() -> Duration {
    processor::process()
}

#[cfg(unix)]
mod processor {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn thread() -> Duration {
        read(ClockId::ThreadCPUTime)
    }

    pub(super) fn process() -> Duration {
        read(ClockId::ProcessCPUTime)
    }

    fn read(clock: ClockId) -> Duration {
        clock_gettime(clock).try_into().expect("nothing has run for a negative time")
    }
}

/// The time on the wall, where no other can be had.
#[cfg(not(unix))]
mod processor {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    static START: OnceLock<Instant> = OnceLock::new();

    pub(super) fn thread() -> Duration {
        START.get_or_init(super::now).elapsed()
    }

    pub(super) use thread as process;
}
