//! Time that only passes.

use std::fmt;
use std::time::Duration;

use super::Timestamp;

/// How much time has passed, in nanoseconds since a moment that is the clock's own.
///
/// For spans within one process, such as how long a lease may still be used. Setting the wall clock
/// moves it neither way. It says nothing to another process, nor to this one's successor.
///
/// ```
/// use keycap_base::Ticks;
/// use std::time::Duration;
///
/// let now = Ticks::from_nanos(1_000);
/// let later = now.plus(Duration::from_nanos(500));
/// assert_eq!(later.since(now), Duration::from_nanos(500));
/// assert_eq!(now.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(u64);

/// One reading of a [`Clock`](super::Clock): what the wall clock shows, and how much time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    /// What the wall clock shows.
    pub at: Timestamp,
    /// How much time has passed.
    pub ticks: Ticks,
}

impl Ticks {
    /// When the clock began to count.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the clock began to count.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock began to count.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// When `span` more has passed; saturates after 584 years.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// When `span` less had passed; saturates at zero.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// How much has passed since `earlier`; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Whole nanoseconds of `span`, saturating.
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_saturate_at_both_ends() {
        let last = Ticks::from_nanos(u64::MAX);
        assert_eq!(last.plus(Duration::from_nanos(1)), last);
        assert_eq!(Ticks::ZERO.plus(Duration::MAX), last);
        assert_eq!(Ticks::ZERO.minus(Duration::from_nanos(1)), Ticks::ZERO);
        assert_eq!(last.minus(Duration::MAX), Ticks::ZERO);
        assert_eq!(Ticks::ZERO.since(last), Duration::ZERO);
        assert_eq!(last.since(Ticks::ZERO), Duration::from_nanos(u64::MAX));
    }
}
