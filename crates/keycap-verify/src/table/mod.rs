//! The table of live keys: what is known about the digests that are in use.
//!
//! Two promises rest here. A lookup that was in flight when its key changed is not believed (P7),
//! and nothing is remembered of a lookup that could not be made (P6). `generations` answers the
//! first, `load` the second; `grace` is the one choice that softens them.

mod builder;
mod denied;
mod entry;
mod failure;
mod flight;
mod generations;
mod grace;
mod live;
mod load;
mod namesakes;
mod reading;
mod shard;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use keycap_base::Timestamp;
use parking_lot::{Mutex, RwLock};

use crate::bounded::MOST_AT_ONCE;
use crate::{Digest, KeyChange, KeyListener, KeyNews, Unavailable};

use generations::Generations;
use grace::Warned;
use shard::Shard;

pub use builder::{
    DEFAULT_LIVE_CAPACITY, DEFAULT_LIVE_TTL, DEFAULT_LOAD_TIMEOUT, DEFAULT_LOADS_IN_FLIGHT,
    DEFAULT_REJECTED_CAPACITY, DEFAULT_REJECTED_TTL, KeyTableBuilder, KeyTableError,
};
pub use denied::{DeniedUntil, MAX_DENIED, TooManyDenied};
pub use entry::{Entry, Found, Loaded, Peek};
pub use failure::LoadError;
pub use grace::{GRACE_PAUSE, MAX_GRACE, Outage};
pub use load::MAX_LOAD_ATTEMPTS;
pub use reading::Reading;

/// What is known about digests: live keys with a payload `E` each, and lately rejected ones.
///
/// Both sides are bounded and apart from each other, so that garbage cannot push out good keys.
/// [`peek`](Self::peek) is for the hot path; on [`Peek::Absent`], [`load`](Self::load) asks, once
/// for all who want the same digest. `X` is what a lookup fails with.
///
/// Subscribe the table to a provider, and a key that is revoked there is gone from here before the
/// revocation returns:
///
/// ```
/// use std::sync::{Arc, Weak};
/// use keycap_base::{Clock, SystemClock};
/// use keycap_verify::{
///     Answer, Found, IdentityProvider, IssuedKeys, KeyListener, KeyTable, Loaded, MemoryKeyStore,
///     NewKey, Peek, Rejection,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build()?;
/// let table = Arc::new(KeyTable::default());
/// let listener: Weak<dyn KeyListener> = Arc::<KeyTable<_>>::downgrade(&table);
/// keys.subscribe(listener);
///
/// let minted = keys.mint(NewKey::for_owner("acme")).await?;
/// let digest = minted.secret.digest();
/// let ask = || async {
///     match keys.verify(&minted.secret).await {
///         Answer::Known(identity) => Ok(Loaded::Live {
///             key_id: identity.key_id.clone(),
///             expires_at: identity.expires_at,
///             payload: identity,
///             reading: None,
///         }),
///         Answer::Rejected(rejection) => Ok(Loaded::Rejected(rejection)),
///         Answer::Unavailable(unavailable) => Err(unavailable),
///     }
/// };
/// assert!(matches!(table.load(&digest, &SystemClock, ask).await?, Found::Live(_)));
/// assert!(matches!(table.peek(&digest, SystemClock.now()), Peek::Live(_)));
///
/// keys.revoke(&minted.record.id).await?;
/// assert!(matches!(table.peek(&digest, SystemClock.now()), Peek::Absent));
/// let found = table.load(&digest, &SystemClock, ask).await?;
/// assert!(matches!(found, Found::Rejected(Rejection::Revoked)));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct KeyTable<E, X = Unavailable> {
    shards: Box<[RwLock<Shard<E, X>>]>,
    generations: Generations<E>,
    denying: Mutex<()>,
    live_ttl: Duration,
    grace: Option<Duration>,
    warned: Warned,
    rejected_ttl: Duration,
    load_timeout: Duration,
    loads_in_flight: AtomicUsize,
    flights_taken: AtomicU64,
    most_loads: usize,
}

impl KeyTable<()> {
    /// Begins to set up a table, of whatever payload and error it is then built with.
    pub fn builder() -> KeyTableBuilder {
        KeyTableBuilder::new()
    }
}

impl<E, X> KeyTable<E, X> {
    /// What is known about `digest` at `now`. No I/O, no waiting.
    pub fn peek(&self, digest: &Digest, now: Timestamp) -> Peek<E> {
        self.shard(digest).read().peek(digest, now)
    }

    /// Forgets a key and makes lookups of it that are in flight ask again (P7).
    pub fn forget_key(&self, key_id: &str) {
        for entry in self.generations.forget_key(key_id) {
            let mut shard = self.shard(entry.digest()).write();
            let gone = shard.remove_key(entry.digest(), key_id, &self.generations);
            drop(shard);
            drop(gone);
        }
    }

    /// Forgets all live keys whose payload `which` picks, makes all lookups in flight ask again, and
    /// returns how many keys were forgotten. Looks at every live key.
    ///
    /// Where it is known what has changed, [`forget_readers`](Self::forget_readers) leaves other lookups
    /// alone. `which` is called with a part of the table locked: it must not come back to the table.
    pub fn forget_where(&self, which: impl Fn(&E) -> bool) -> usize {
        self.generations.forget_everyone();
        self.remove_where(|entry| which(entry.payload()))
    }

    /// Forgets all rejected keys, and makes lookups in flight that find their key rejected ask again.
    pub fn clear_rejected(&self) {
        self.generations.forget_rejected();
        self.shards.iter().for_each(|shard| shard.write().clear_rejected());
    }

    /// Lets go of live keys whose time is over, grace included, which are kept until their place is
    /// needed otherwise, and returns how many there were. Looks at every live key.
    pub fn drop_lapsed(&self, now: Timestamp) -> usize {
        self.remove_where(|entry| !entry.may_be_graced_at(now))
    }

    /// How many live keys are kept, those whose time is over included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().live_len()).sum()
    }

    /// Whether no live key is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rejected digests are kept, those whose time is over included.
    #[must_use]
    pub fn rejected_len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().rejected_len()).sum()
    }

    /// Removes picked entries, of each shard some at a time, so that nobody waits long for its lock. They
    /// are dropped when the shard is unlocked again. An entry that comes in meanwhile is passed by: it
    /// was asked for after whatever made the others leave.
    fn remove_where(&self, which: impl Fn(&Entry<E>) -> bool) -> usize {
        self.shards.iter().map(|shard| self.remove_of(shard, &which)).sum()
    }

    fn remove_of(&self, shard: &RwLock<Shard<E, X>>, which: impl Fn(&Entry<E>) -> bool) -> usize {
        let mut removed = 0;
        for from in (0..).step_by(MOST_AT_ONCE) {
            let Some(picked) = shard.read().pick(from, &which) else { break };
            if !picked.is_empty() {
                let gone = shard.write().remove_picked(&picked, &which, &self.generations);
                removed += gone.len();
            }
        }
        removed
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is below its divisor, which is not 0")]
    fn shard(&self, digest: &Digest) -> &RwLock<Shard<E, X>> {
        let count = self.shards.len();
        &self.shards[usize::try_from(digest.spread() >> 32).unwrap_or_default() % count]
    }
}

impl<E: Send + Sync, X: Send + Sync> KeyListener for KeyTable<E, X> {
    fn key_changed(&self, news: &KeyNews) {
        match news.change {
            KeyChange::Minted => self.clear_rejected(),
            KeyChange::Revoked => self.forget_key(&news.key_id),
            KeyChange::ExpiryChanged => {
                self.forget_key(&news.key_id);
                self.clear_rejected();
            }
        }
    }
}

impl<E, X> Default for KeyTable<E, X> {
    /// A table with the default bounds.
    #[expect(clippy::expect_used, reason = "no default is zero")]
    fn default() -> Self {
        KeyTable::builder().build().expect("the defaults are sound")
    }
}

impl<E, X> fmt::Debug for KeyTable<E, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTable")
            .field("live", &self.len())
            .field("rejected", &self.rejected_len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
