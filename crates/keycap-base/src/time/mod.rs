//! Instants and clocks.
//!
//! Decisions never read a clock: they are handed a [`Timestamp`]. Whoever drives them owns a [`Clock`].
//!
//! There are two kinds of time, and they do not mix. What the wall clock shows ([`Timestamp`]) is
//! shared with others, and may be set. How much time has passed ([`Ticks`]) is this process's own, and
//! is not.

mod anchored;
mod clock;
mod manual;
mod system;
mod ticks;
mod timestamp;

pub use anchored::MAX_WALL_CLOCK_AGE;
pub use clock::Clock;
pub use manual::ManualClock;
pub use system::SystemClock;
pub use ticks::{Moment, Ticks};
pub use timestamp::Timestamp;
