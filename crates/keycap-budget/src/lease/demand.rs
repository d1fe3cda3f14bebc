//! How much is asked for on a limit, and how large a lease that is worth.

use std::num::NonZeroU32;
use std::time::Duration;

use keycap_base::Ticks;

use super::LeaseSettings;
use crate::Amount;

/// How long what was asked for is remembered.
const SPAN: Duration = Duration::from_secs(1);

/// A first lease is worth so many usual draws at most, before the rate of use is known.
const FIRST_DRAWS: i64 = 64;

/// A lease lasts so long at the rate of use.
const HORIZON: Duration = Duration::from_secs(10);

/// What was asked for on one limit lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Demand {
    since: Option<Ticks>,
    holds: u32,
    largest: Amount,
}

impl Demand {
    /// Notes that a request asked for so much.
    pub(super) fn note(&mut self, amount: Amount, now: Ticks) {
        if !self.is_recent(now) {
            *self = Self { since: Some(now), ..Self::default() };
        }
        self.holds = self.holds.saturating_add(1);
        self.largest = self.largest.max(amount);
    }

    /// Whether anything was asked for lately.
    pub(super) fn is_recent(&self, now: Ticks) -> bool {
        self.since.is_some_and(|since| now.since(since) < SPAN)
    }

    /// Whether so many holds were asked for lately that a lease is worth it.
    pub(super) fn is_steady(&self, steady: NonZeroU32, now: Ticks) -> bool {
        self.is_recent(now) && self.holds >= steady.get()
    }

    /// When it may be forgotten.
    pub(super) fn fades_at(&self) -> Option<Ticks> {
        self.since.map(|since| since.plus(SPAN))
    }
}

/// What a lease is sized by.
pub(super) struct Sizing<'a> {
    pub(super) demand: &'a Demand,
    /// The last lease, and how long it lasted until it was low.
    pub(super) last: Option<(Amount, Duration)>,
    /// What the limit has left.
    pub(super) left: Amount,
    pub(super) settings: &'a LeaseSettings,
}

impl Sizing<'_> {
    /// How large the next lease should be; none where the limit is so near its cap, or the draws are so
    /// large, that every request had better hold for itself.
    pub(super) fn size(&self) -> Option<Amount> {
        let usual = self.demand.largest.units().max(1);
        let wanted = match self.last {
            None => usual.saturating_mul(FIRST_DRAWS),
            Some((amount, lasted)) => at_that_rate(amount, lasted),
        };
        let most =
            Amount::MAX_OPERATION.units().min(self.left.units() / i64::from(self.settings.share));
        let least = usual.saturating_mul(i64::from(self.settings.least_draws.get()));
        let size = wanted.max(least).min(most);
        Amount::new(size).ok().filter(|_| size >= least)
    }
}

/// What would be used in [`HORIZON`], at the rate at which `amount` lasted for so long.
fn at_that_rate(amount: Amount, lasted: Duration) -> i64 {
    let lasted = i128::try_from(lasted.as_millis().max(1)).unwrap_or(i128::MAX);
    let horizon = i128::try_from(HORIZON.as_millis()).unwrap_or(i128::MAX);
    let used = i128::from(amount.units()).saturating_mul(horizon) / lasted;
    i64::try_from(used).unwrap_or(i64::MAX)
}
