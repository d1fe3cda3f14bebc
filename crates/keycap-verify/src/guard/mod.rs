//! Stops floods of bad keys before any provider is asked.

mod address;
mod bucket;

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use keycap_base::Timestamp;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;

use crate::Digest;
use crate::bounded::BoundedMap;

use address::ClientAddress;
use bucket::Bucket;

/// Failed attempts an address may make in a minute.
pub const DEFAULT_FAILURES_PER_MINUTE: u32 = 600;

/// Addresses whose failures are counted at once.
pub const DEFAULT_TRACKED_ADDRESSES: usize = 65_536;

/// Digests that are remembered as good.
pub const DEFAULT_KNOWN_GOOD: usize = 100_000;

/// How long a digest is remembered as good.
pub const KNOWN_GOOD_FOR: Duration = Duration::from_secs(60 * 60);

/// Counts failed attempts per client address, and remembers which digests were good lately, so that
/// a neighbour's garbage does not lock customers out.
///
/// An address is an IPv4 address (also one mapped into IPv6) or an IPv6 /64; clients without one
/// share a bucket. Failures drain evenly: after a full burst, one more is allowed each time a
/// minute's share has passed. When more addresses fail than are tracked, those that were quiet
/// longest are forgotten.
///
/// ```
/// use keycap_base::Timestamp;
/// use keycap_verify::{FailureGuard, Secret};
///
/// let guard = FailureGuard::builder().failures_per_minute(1).build()?;
/// let (bad, good) = (Secret::parse("bad").unwrap().digest(), Secret::parse("good").unwrap().digest());
/// let (here, now) = (Some("192.0.2.1".parse().unwrap()), Timestamp::EPOCH);
///
/// guard.remember(&good, now);
/// guard.record(here, now);
/// assert_eq!(guard.allow(&bad, here, now).unwrap_err().retry_after.as_secs(), 60);
/// assert!(guard.allow(&good, here, now).is_ok());
/// # Ok::<(), keycap_verify::FailureGuardError>(())
/// ```
pub struct FailureGuard {
    per_minute: NonZeroU32,
    failures: Mutex<BoundedMap<(ClientAddress, Bucket)>>,
    good: Cache<Digest, Timestamp>,
}

/// Too many failed attempts from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How long until one more is allowed; never zero.
    pub retry_after: Duration,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many failed attempts from this address")
    }
}

impl Error for TooMany {}

/// Sets up a [`FailureGuard`]; nothing is checked before [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct FailureGuardBuilder {
    per_minute: u32,
    addresses: usize,
    known_good: usize,
}

/// A failure guard was set up wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the failure guard cannot have 0 {0}; give at least 1")]
#[non_exhaustive]
pub struct FailureGuardError(&'static str);

impl FailureGuard {
    /// Begins to set up a guard.
    pub fn builder() -> FailureGuardBuilder {
        FailureGuardBuilder {
            per_minute: DEFAULT_FAILURES_PER_MINUTE,
            addresses: DEFAULT_TRACKED_ADDRESSES,
            known_good: DEFAULT_KNOWN_GOOD,
        }
    }

    /// Whether a provider may be asked about `digest` on behalf of `address`. A digest that was good
    /// within the last hour always passes.
    ///
    /// Attempts that are allowed and not yet recorded do not count, so an address may exceed its
    /// share by as many as it has in flight.
    ///
    /// # Errors
    /// [`TooMany`] says when to come back.
    pub fn allow(
        &self,
        digest: &Digest,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let client = ClientAddress::of(address);
        let failures = self.failures.lock();
        let wait = failures.look_up(&client).and_then(|(_, b)| b.wait(self.per_minute, now));
        drop(failures);
        match wait {
            Some(retry_after) if !self.is_known_good(digest, now) => Err(TooMany { retry_after }),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a failed attempt: a malformed, unknown, revoked or expired key. Never count a provider
    /// that could not answer.
    pub fn record(&self, address: Option<IpAddr>, now: Timestamp) {
        let client = ClientAddress::of(address);
        let mut failures = self.failures.lock();
        match failures.look_up_mut(&client) {
            Some((_, bucket)) => bucket.fill(self.per_minute, now),
            None => drop(failures.insert((client, Bucket::with_one(now)))),
        }
    }

    /// Remembers that `digest` was good at `now`.
    pub fn remember(&self, digest: &Digest, now: Timestamp) {
        self.good.insert(*digest, now);
    }

    fn is_known_good(&self, digest: &Digest, now: Timestamp) -> bool {
        self.good.get(digest).is_some_and(|seen| now.since(seen) <= KNOWN_GOOD_FOR)
    }
}

impl FailureGuardBuilder {
    /// Failed attempts an address may make in a minute (default 600).
    pub fn failures_per_minute(mut self, most: u32) -> Self {
        self.per_minute = most;
        self
    }

    /// Addresses whose failures are counted at once (default 65,536).
    pub fn tracked_addresses(mut self, most: usize) -> Self {
        self.addresses = most;
        self
    }

    /// Digests that are remembered as good (default 100,000).
    pub fn known_good(mut self, most: usize) -> Self {
        self.known_good = most;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`FailureGuardError`] if any number is zero.
    pub fn build(self) -> Result<FailureGuard, FailureGuardError> {
        let count = |most, what| NonZeroUsize::new(most).ok_or(FailureGuardError(what));
        let good = count(self.known_good, "known good digests")?.get();
        Ok(FailureGuard {
            per_minute: NonZeroU32::new(self.per_minute)
                .ok_or(FailureGuardError("failures per minute"))?,
            failures: Mutex::new(BoundedMap::new(count(self.addresses, "tracked addresses")?)),
            good: Cache::builder()
                .max_capacity(u64::try_from(good).unwrap_or(u64::MAX))
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        })
    }
}

impl Default for FailureGuard {
    /// A guard with the default bounds.
    #[expect(clippy::expect_used, reason = "no default is zero")]
    fn default() -> Self {
        Self::builder().build().expect("the defaults are sound")
    }
}

impl fmt::Debug for FailureGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureGuard")
            .field("per_minute", &self.per_minute)
            .field("addresses", &self.failures.lock().len())
            .field("known_good", &self.good.entry_count())
            .finish()
    }
}

#[cfg(test)]
mod tests;
