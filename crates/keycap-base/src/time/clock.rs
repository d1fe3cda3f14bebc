//! Who tells the time.

use std::sync::Arc;

use super::{Moment, Timestamp, system};

/// Tells the time.
///
/// Cheap to call and safe to share. Tests use a [`ManualClock`](super::ManualClock).
pub trait Clock: Send + Sync + 'static {
    /// What the wall clock shows.
    fn now(&self) -> Timestamp;

    /// What the wall clock shows and how much time has passed, from one reading where the clock can.
    ///
    /// A clock that knows the wall's time only takes the passing of time from the machine. It never
    /// follows from [`now`](Self::now), which may be set back. A clock for tests should bring its own.
    ///
    /// ```
    /// use keycap_base::{Clock, Timestamp};
    ///
    /// struct Broken;
    /// impl Clock for Broken {
    ///     fn now(&self) -> Timestamp {
    ///         Timestamp::EPOCH
    ///     }
    /// }
    /// let (one, two) = (Broken.moment(), Broken.moment());
    /// assert_eq!(one.at, two.at);
    /// assert!(one.ticks <= two.ticks);
    /// ```
    fn moment(&self) -> Moment {
        Moment { at: self.now(), ticks: system::moment().ticks }
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn moment(&self) -> Moment {
        (**self).moment()
    }
}

impl<C: Clock + ?Sized> Clock for &'static C {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn moment(&self) -> Moment {
        (**self).moment()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn a_clock_behind_a_pointer_tells_both_times_itself() {
        let clock = ManualClock::at(Timestamp::from_millis(5));
        clock.advance(Duration::from_secs(3));
        let wanted = clock.moment();
        let borrowed: &dyn Clock = &clock;
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let leaked: &'static dyn Clock = Box::leak(Box::new(clock.clone()));
        for told in [borrowed.moment(), shared.moment(), leaked.moment(), Arc::new(shared).moment()]
        {
            assert_eq!(told, wanted);
        }
        assert_eq!(Clock::now(&leaked), wanted.at);
    }
}
