//! Setting up a table of live keys.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::KeyTable;
use super::generations::Generations;
use super::grace::{MAX_GRACE, Warned};
use super::shard::Shard;

/// Live keys kept.
pub const DEFAULT_LIVE_CAPACITY: usize = 100_000;

/// Rejected digests kept.
pub const DEFAULT_REJECTED_CAPACITY: usize = 10_000;

/// How long a live key is trusted.
pub const DEFAULT_LIVE_TTL: Duration = Duration::from_secs(60);

/// How long a rejection is.
pub const DEFAULT_REJECTED_TTL: Duration = Duration::from_secs(5);

/// How long a lookup may take.
pub const DEFAULT_LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Lookups of different digests at once.
pub const DEFAULT_LOADS_IN_FLIGHT: usize = 10_000;

/// The table is cut into at most so many parts with a lock each, none for fewer keys than this.
const MOST_SHARDS: usize = 64;
const LEAST_PER_SHARD: usize = 128;

/// Sets up a [`KeyTable`]; nothing is checked before [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct KeyTableBuilder {
    live_capacity: usize,
    rejected_capacity: usize,
    live_ttl: Duration,
    grace: Option<Duration>,
    rejected_ttl: Duration,
    load_timeout: Duration,
    loads_in_flight: usize,
}

/// A table was set up wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTableError {
    /// A bound or a duration of zero.
    #[error("the table of live keys cannot have a {0} of zero")]
    Zero(&'static str),
    /// A grace over [`MAX_GRACE`].
    #[error("a grace of {0:?} in an outage; it may be at most {MAX_GRACE:?}")]
    Grace(Duration),
}

impl KeyTableBuilder {
    pub(super) fn new() -> Self {
        Self {
            live_capacity: DEFAULT_LIVE_CAPACITY,
            rejected_capacity: DEFAULT_REJECTED_CAPACITY,
            live_ttl: DEFAULT_LIVE_TTL,
            grace: None,
            rejected_ttl: DEFAULT_REJECTED_TTL,
            load_timeout: DEFAULT_LOAD_TIMEOUT,
            loads_in_flight: DEFAULT_LOADS_IN_FLIGHT,
        }
    }

    /// The most live keys kept (default 100,000). Keys spread over parts of the table, and one part
    /// may be full a little before all are.
    pub fn live_capacity(mut self, most: usize) -> Self {
        self.live_capacity = most;
        self
    }

    /// The most rejected digests kept (default 10,000).
    pub fn rejected_capacity(mut self, most: usize) -> Self {
        self.rejected_capacity = most;
        self
    }

    /// How long a live key is trusted, counted from before it was looked up (default 60 seconds). A
    /// key that expires sooner is trusted until then. The bound on how long a key revoked elsewhere
    /// may still be served here.
    pub fn live_ttl(mut self, ttl: Duration) -> Self {
        self.live_ttl = ttl;
        self
    }

    /// Serves a key **unverified** for up to `grace` after its time to live while its provider cannot
    /// tell (default: not at all). **Gives up some of P6 and P7**: in an outage, a key that was revoked
    /// at its provider works for as long as the time to live and the grace together.
    ///
    /// Only what was verified before and is still kept is served; never past the key's own expiry;
    /// never a key that was rejected, or that this node knows to be changed or revoked. Lookups that
    /// fail for another reason than the provider are not softened. Nor is one whose callers leave before
    /// it has failed: let lookups take less time than callers are willing to wait.
    pub fn serve_unverified_in_outage(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// How long a rejection is trusted (default 5 seconds).
    pub fn rejected_ttl(mut self, ttl: Duration) -> Self {
        self.rejected_ttl = ttl;
        self
    }

    /// How long a lookup may take, repetitions included (default 5 seconds).
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// The most lookups of different digests at once (default 10,000); further ones are refused.
    pub fn loads_in_flight(mut self, most: usize) -> Self {
        self.loads_in_flight = most;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`KeyTableError`] if any bound or duration is zero, or the grace is over [`MAX_GRACE`].
    pub fn build<E, X>(self) -> Result<KeyTable<E, X>, KeyTableError> {
        let live =
            NonZeroUsize::new(self.live_capacity).ok_or(KeyTableError::Zero("live capacity"))?;
        let rejected = NonZeroUsize::new(self.rejected_capacity)
            .ok_or(KeyTableError::Zero("rejected capacity"))?;
        for (span, what) in [
            (self.grace.unwrap_or(Duration::MAX), "grace in an outage"),
            (self.live_ttl, "time to live"),
            (self.rejected_ttl, "time to live of rejected keys"),
            (self.load_timeout, "time for lookups"),
        ] {
            if span.is_zero() {
                return Err(KeyTableError::Zero(what));
            }
        }
        if let Some(grace) = self.grace.filter(|grace| *grace > MAX_GRACE) {
            return Err(KeyTableError::Grace(grace));
        }
        if self.loads_in_flight == 0 {
            return Err(KeyTableError::Zero("number of lookups in flight"));
        }
        let count = shard_count(live.min(rejected));
        let part = |whole: NonZeroUsize| {
            NonZeroUsize::new(whole.get() / count).unwrap_or(NonZeroUsize::MIN)
        };
        let shard = |_| RwLock::new(Shard::new(part(live), part(rejected)));
        Ok(KeyTable {
            shards: (0..count.get()).map(shard).collect(),
            generations: Generations::new(),
            denying: Mutex::default(),
            live_ttl: self.live_ttl,
            grace: self.grace,
            warned: Warned::default(),
            rejected_ttl: self.rejected_ttl,
            load_timeout: self.load_timeout,
            loads_in_flight: AtomicUsize::new(0),
            flights_taken: AtomicU64::new(0),
            most_loads: self.loads_in_flight,
        })
    }
}

/// How many parts to cut a table of `capacity` into.
fn shard_count(capacity: NonZeroUsize) -> NonZeroUsize {
    let count = (capacity.get() / LEAST_PER_SHARD).clamp(1, MOST_SHARDS);
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}
