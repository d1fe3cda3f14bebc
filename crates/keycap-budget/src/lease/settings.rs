//! The bounds of leasing.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::OnExpiry;

/// How long a lease lives unless it is renewed: the longest that a node which cannot be reached keeps
/// money from others.
pub const DEFAULT_LEASE_LIFE: Duration = Duration::from_secs(10);

/// The shortest life of a lease: there must be time for three renewals and a margin.
pub const MIN_LEASE_LIFE: Duration = Duration::from_secs(1);

/// A lease takes at most one part in so many of what its limit has left.
pub const DEFAULT_SHARE: u32 = 64;

/// So many holds on a limit within a second are steady use, by default.
pub const DEFAULT_STEADY: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// A lease is worth at least so many usual draws, by default: else each request is held by itself.
pub const DEFAULT_LEAST_DRAWS: NonZeroU32 = NonZeroU32::new(8).unwrap();

/// How many limits a node has leases on, or thinks of having, at once by default.
pub const DEFAULT_LEASED_LIMITS: usize = 65_536;

/// The most limits a node may be told to lease at once.
pub const MAX_LEASED_LIMITS: usize = 1 << 24;

/// How leases are taken.
///
/// ```
/// use std::time::Duration;
/// use keycap_budget::lease::LeaseSettings;
///
/// let settings = LeaseSettings::default().life(Duration::from_secs(5))?;
/// assert_eq!(settings.margin(), Duration::from_secs(1));
/// assert!(LeaseSettings::default().life(Duration::ZERO).is_err());
/// # Ok::<(), keycap_budget::lease::LeaseSettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct LeaseSettings {
    pub(super) life: Duration,
    pub(super) share: u32,
    pub(super) limits: usize,
    pub(super) steady: NonZeroU32,
    pub(super) least_draws: NonZeroU32,
    pub(super) on_expiry: OnExpiry,
}

/// Settings that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseSettingsError {
    /// Too short to renew in time.
    #[error("a lease that lives for {0:?}; it should live for {MIN_LEASE_LIFE:?} at least")]
    LifeTooShort(Duration),
    /// A lease of everything that is left, or of nothing.
    #[error("a lease of one part in {0} of what is left; it should be one in 2 at most")]
    ShareTooLarge(u32),
    /// More limits than can be kept in mind.
    #[error("leases on {0} limits; it should be {MAX_LEASED_LIMITS} at most")]
    TooManyLimits(usize),
}

impl LeaseSettings {
    /// With leases that live for `life`, at least [`MIN_LEASE_LIFE`].
    ///
    /// # Errors
    /// When it is shorter.
    pub fn life(self, life: Duration) -> Result<Self, LeaseSettingsError> {
        match life < MIN_LEASE_LIFE {
            true => Err(LeaseSettingsError::LifeTooShort(life)),
            false => Ok(Self { life, ..self }),
        }
    }

    /// With leases of at most one part in `parts` of what is left, at least 2.
    ///
    /// # Errors
    /// When it is less.
    pub fn share(self, parts: u32) -> Result<Self, LeaseSettingsError> {
        match parts < 2 {
            true => Err(LeaseSettingsError::ShareTooLarge(parts)),
            false => Ok(Self { share: parts, ..self }),
        }
    }

    /// With leases on at most so many limits at once; none turns leasing off.
    ///
    /// # Errors
    /// When it is above [`MAX_LEASED_LIMITS`].
    pub fn limits(self, most: usize) -> Result<Self, LeaseSettingsError> {
        match most > MAX_LEASED_LIMITS {
            true => Err(LeaseSettingsError::TooManyLimits(most)),
            false => Ok(Self { limits: most, ..self }),
        }
    }

    /// With leases for limits on which there are so many holds within a second.
    pub fn steady(self, holds: NonZeroU32) -> Self {
        Self { steady: holds, ..self }
    }

    /// With leases that are worth at least so many usual draws.
    pub fn least_draws(self, draws: NonZeroU32) -> Self {
        Self { least_draws: draws, ..self }
    }

    /// What becomes of the exposure of a lease that nobody ended.
    pub fn on_expiry(self, on_expiry: OnExpiry) -> Self {
        Self { on_expiry, ..self }
    }

    /// How long before its expiry a lease is no longer drawn from.
    #[must_use]
    pub fn margin(&self) -> Duration {
        self.life / 5
    }

    /// How long after it was taken or renewed a lease is looked at again.
    pub(super) fn renew_after(&self) -> Duration {
        self.life / 3
    }
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            life: DEFAULT_LEASE_LIFE,
            share: DEFAULT_SHARE,
            limits: DEFAULT_LEASED_LIMITS,
            steady: DEFAULT_STEADY,
            least_draws: DEFAULT_LEAST_DRAWS,
            on_expiry: OnExpiry::Capture,
        }
    }
}
