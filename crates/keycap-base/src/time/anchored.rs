//! Two times from one cheap counter, looked up anew every now and then.
//!
//! What a reading says is the counter plus an offset, one for each time. The offsets are taken from the
//! operating system, and again when they are older than [`MAX_WALL_CLOCK_AGE`]; a process that was
//! stopped for an hour finds them old. So nothing here trusts the counter for longer than that.
//!
//! No reading waits for another. One at a time takes the offsets anew for all. Who comes meanwhile asks
//! the operating system for itself and keeps nothing: nobody who was held up in the middle can put an
//! old offset where a newer one was.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::{Moment, Ticks, Timestamp};

const MAX_AGE_NANOS: u64 = 100_000_000;

/// The longest that it goes unnoticed that the wall clock was set.
pub const MAX_WALL_CLOCK_AGE: Duration = Duration::from_nanos(MAX_AGE_NANOS);

/// A look at the operating system's clocks that took longer was interrupted, and is taken again.
const MAX_LOOK_NANOS: u64 = 20_000;

/// How often a look is taken that is interrupted every time; then the shortest has to do.
const MAX_LOOKS: usize = 4;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// What time is read from. All in nanoseconds.
pub(super) trait Machine {
    /// A counter that is cheap to read. Expected to run evenly for [`MAX_WALL_CLOCK_AGE`], and nothing
    /// else.
    fn count(&self) -> u64;

    /// What the operating system's wall clock shows, since the Unix epoch.
    fn wall(&self) -> u64;

    /// How much time has passed by the operating system's monotonic clock.
    fn passed(&self) -> u64;
}

pub(super) struct Anchored<M> {
    machine: M,
    /// When the offsets were taken, by the counter. Written after them and read before them.
    taken_at: AtomicU64,
    to_wall: AtomicI64,
    /// Only ever raised, so that the passing of time does not go back.
    to_ticks: AtomicI64,
    taking: Mutex<()>,
}

/// The three clocks, read at once.
#[derive(Clone, Copy)]
struct Look {
    count: u64,
    wall: u64,
    passed: u64,
    took: u64,
}

impl Look {
    fn to_wall(self) -> i64 {
        self.wall.cast_signed().wrapping_sub(self.count.cast_signed())
    }

    fn to_ticks(self) -> i64 {
        self.passed.cast_signed().wrapping_sub(self.count.cast_signed())
    }
}

impl<M: Machine> Anchored<M> {
    pub(super) fn new(machine: M) -> Self {
        let look = look(&machine);
        Self {
            machine,
            taken_at: AtomicU64::new(look.count),
            to_wall: AtomicI64::new(look.to_wall()),
            to_ticks: AtomicI64::new(look.to_ticks()),
            taking: Mutex::new(()),
        }
    }

    #[inline]
    pub(super) fn moment(&self) -> Moment {
        let taken_at = self.taken_at.load(Ordering::Acquire);
        let count = self.machine.count();
        // A counter that went back has wrapped round to a great age, and is looked up as well.
        if count.wrapping_sub(taken_at) > MAX_AGE_NANOS {
            return self.look_up();
        }
        let to_wall = self.to_wall.load(Ordering::Relaxed);
        moment_at(count, to_wall, self.to_ticks.load(Ordering::Relaxed))
    }

    #[cold]
    fn look_up(&self) -> Moment {
        let taking = self.taking.try_lock();
        let look = look(&self.machine);
        let before = self.to_ticks.fetch_max(look.to_ticks(), Ordering::Relaxed);
        if taking.is_ok() {
            self.to_wall.store(look.to_wall(), Ordering::Relaxed);
            self.taken_at.store(look.count, Ordering::Release);
        }
        moment_at(look.count, look.to_wall(), before.max(look.to_ticks()))
    }
}

fn moment_at(count: u64, to_wall: i64, to_ticks: i64) -> Moment {
    let millis = count.saturating_add_signed(to_wall) / NANOS_PER_MILLI;
    Moment {
        at: Timestamp::from_millis(millis.cast_signed()),
        ticks: Ticks::from_nanos(count.saturating_add_signed(to_ticks)),
    }
}

/// The tightest of some looks. The first that is not interrupted does.
fn look(machine: &impl Machine) -> Look {
    let mut tightest = look_once(machine);
    for _ in 1..MAX_LOOKS {
        if tightest.took <= MAX_LOOK_NANOS {
            break;
        }
        let another = look_once(machine);
        if another.took < tightest.took {
            tightest = another;
        }
    }
    tightest
}

/// The counter is read last: what is added to it later has all passed since the others were read.
fn look_once(machine: &impl Machine) -> Look {
    let before = machine.count();
    let (wall, passed) = (machine.wall(), machine.passed());
    let count = machine.count();
    Look { count, wall, passed, took: count.wrapping_sub(before) }
}

#[cfg(test)]
mod tests;
