//! The only place that reads clocks.

use std::time::{Duration, Instant};

/// The time on the wall, to measure spans with.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "spans are measured here, nothing is decided")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long this thread has been running on a processor: what neighbours do hardly shows.
#[cfg(unix)]
pub(crate) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().expect("no thread has run for a negative time")
}

/// The time on the wall, where the thread's own cannot be had.
#[cfg(not(unix))]
pub(crate) fn thread_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(now).elapsed()
}
