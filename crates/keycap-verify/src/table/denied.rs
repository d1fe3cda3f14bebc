//! Digests that are denied on this node, whatever their provider says.
//!
//! A denied digest is never among the live keys: denying takes it out, and what a lookup finds is
//! compared with the shard locked before it is let in. So the hot path need not look here. A denial is
//! never pushed out by another, which is why there may be too many.

use std::collections::HashMap;

use keycap_base::Timestamp;

use super::KeyTable;
use crate::Digest;

/// The most digests that are denied at once.
pub const MAX_DENIED: usize = 10_000;

/// One more digest cannot be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{MAX_DENIED} digests are denied already; say until when a key is valid, let go of old denials, \
     or suspend the account"
)]
#[non_exhaustive]
pub struct TooManyDenied;

/// How long a digest is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeniedUntil {
    /// Until this moment: no sooner than the key expires by itself, its provider's leeway included
    /// ([`Identity::expires_at`](crate::Identity::expires_at)).
    Time(Timestamp),
    /// For as long as the process runs.
    Stopped,
}

impl DeniedUntil {
    fn holds_at(self, now: Timestamp) -> bool {
        match self {
            Self::Time(end) => now < end,
            Self::Stopped => true,
        }
    }
}

/// The denied digests of one shard.
#[derive(Default)]
pub(super) struct Denied(HashMap<Digest, DeniedUntil>);

impl Denied {
    pub(super) fn holds(&self, digest: &Digest, now: Timestamp) -> bool {
        self.0.get(digest).is_some_and(|until| until.holds_at(now))
    }

    /// Adds a digest; of two denials the longer stands.
    pub(super) fn add(&mut self, digest: Digest, until: DeniedUntil) {
        let longest = self.0.entry(digest).or_insert(until);
        *longest = until.max(*longest);
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        self.0.remove(digest);
    }

    fn drop_lapsed(&mut self, now: Timestamp) {
        self.0.retain(|_, until| until.holds_at(now));
    }
}

impl<E, X> KeyTable<E, X> {
    /// Denies a digest from now on: it is rejected as [revoked](crate::Rejection::Revoked) whatever its
    /// provider says, and a lookup in flight cannot bring it back (P7).
    ///
    /// For keys that their provider cannot take back, or not soon enough, such as a signed token. On
    /// this node and in this process only. Of two denials of one digest the longer stands.
    ///
    /// # Errors
    /// [`TooManyDenied`] if [`MAX_DENIED`] digests are denied; then nothing has changed.
    pub fn deny(
        &self,
        digest: &Digest,
        until: DeniedUntil,
        now: Timestamp,
    ) -> Result<(), TooManyDenied> {
        // Who denies counts first, one at a time, so that two cannot take the last place.
        let one_at_a_time = self.denying.lock();
        let is_new = !self.shard(digest).read().denied.0.contains_key(digest);
        if is_new && self.denied_len() >= MAX_DENIED {
            self.shards.iter().for_each(|shard| shard.write().denied.drop_lapsed(now));
            if self.denied_len() >= MAX_DENIED {
                return Err(TooManyDenied);
            }
        }
        let gone = self.shard(digest).write().deny(digest, until, &self.generations);
        drop(one_at_a_time);
        drop(gone);
        Ok(())
    }

    /// Lets a digest's provider decide again, at once.
    pub fn stop_denying(&self, digest: &Digest) {
        self.shard(digest).write().stop_denying(digest);
    }

    /// How many digests are denied, those whose time is over included.
    #[must_use]
    pub fn denied_len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().denied.0.len()).sum()
    }
}
