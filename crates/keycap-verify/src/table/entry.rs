//! What the table holds, takes in and gives out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use keycap_base::Timestamp;

use super::generations::Noted;
use super::reading::Reading;
use crate::{Digest, Rejection};

/// A live key and what the application of the table keeps with it.
///
/// An entry may be kept and asked again whether it [is still served](Self::is_served_at), without
/// looking it up.
// In this order: what every request reads lies together, and not around the payload.
#[repr(C)]
pub struct Entry<E> {
    digest: Digest,
    asked_at: Timestamp,
    serves_until: Timestamp,
    /// Whether it has left the table. An entry never comes back.
    has_left: AtomicBool,
    graced_until: Timestamp,
    /// When it was last asked for in vain, in milliseconds; as long as it was not, the end of time.
    excused_at: AtomicI64,
    pub(super) noted: Noted,
    key_id: Option<Arc<str>>,
    payload: E,
}

/// When an entry was asked for, and how long it is trusted.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub(super) asked_at: Timestamp,
    pub(super) noted: Noted,
    pub(super) ttl: Duration,
    pub(super) grace: Duration,
}

/// What a lookup found out.
#[derive(Clone, Debug)]
pub enum Loaded<E> {
    /// The key is valid.
    Live {
        /// What to keep with it.
        payload: E,
        /// Its public id, by which it may be forgotten.
        key_id: Option<Arc<str>>,
        /// When it stops being valid.
        expires_at: Option<Timestamp>,
        /// What else the payload is made of, if anything that may change by itself.
        reading: Option<Reading>,
    },
    /// The key is not valid.
    Rejected(Rejection),
}

/// What [`KeyTable::load`](super::KeyTable::load) answers.
#[must_use]
pub enum Found<E> {
    /// The key is valid.
    Live(Arc<Entry<E>>),
    /// The key was valid, its time is over, and its provider cannot tell: it serves by
    /// [grace](super::KeyTableBuilder::serve_unverified_in_outage). Never where none was chosen.
    Graced(Arc<Entry<E>>),
    /// The key is not valid.
    Rejected(Rejection),
}

/// What [`KeyTable::peek`](super::KeyTable::peek) answers.
#[must_use]
pub enum Peek<E> {
    /// The key is valid.
    Live(Arc<Entry<E>>),
    /// The key was found not valid a moment ago.
    Rejected(Rejection),
    /// Nothing is known.
    Absent,
}

impl<E> Entry<E> {
    /// An entry that is trusted for its term or until it expires, whichever is sooner.
    pub(super) fn new(
        digest: Digest,
        payload: E,
        key_id: Option<Arc<str>>,
        term: Term,
        expires_at: Option<Timestamp>,
    ) -> Self {
        let Term { asked_at, noted, ttl, grace } = term;
        let expiry = |until: Timestamp| expires_at.map_or(until, |expiry| expiry.min(until));
        let trusted_until = asked_at.plus(ttl);
        Self {
            digest,
            asked_at,
            serves_until: expiry(trusted_until),
            has_left: AtomicBool::new(false),
            graced_until: expiry(trusted_until.plus(grace)),
            excused_at: AtomicI64::new(i64::MAX),
            noted,
            key_id,
            payload,
        }
    }

    /// What the key is looked up by.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What is kept with the key.
    #[must_use]
    pub fn payload(&self) -> &E {
        &self.payload
    }

    /// The key's public id.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// From when on the entry is not served any more.
    #[must_use]
    pub fn serves_until(&self) -> Timestamp {
        self.serves_until
    }

    /// Whether the entry serves a request at `now`: it is in the table still, and its time is not over.
    ///
    /// Reads what is its own, waits for nobody and writes nothing, so that who keeps an entry may ask
    /// this instead of looking the key up. What the table would answer by
    /// [grace](super::KeyTableBuilder::serve_unverified_in_outage) is not served by an entry alone.
    ///
    /// An entry leaves the table before the call returns that takes it out (a revocation, a denial, an
    /// amendment), and whoever learns of that call finds it gone (P7). It leaves for other reasons too:
    /// a newer one took its place, or another key did. One that was asked for after `now` is not served
    /// either: the clock was set back, and how long to trust it cannot be told.
    #[must_use]
    #[inline]
    pub fn is_served_at(&self, now: Timestamp) -> bool {
        let in_time = self.asked_at <= now && now < self.serves_until;
        in_time && !self.has_left.load(Ordering::Acquire)
    }

    /// Notes that it is in the table no more. To be called with its shard locked, so that nobody finds
    /// the table without it and itself still serving.
    pub(super) fn leave(&self) {
        self.has_left.store(true, Ordering::Release);
    }

    /// Whether the entry may be served at `now` while its provider cannot tell.
    pub(super) fn may_be_graced_at(&self, now: Timestamp) -> bool {
        self.asked_at <= now && now < self.graced_until
    }

    /// Notes that it was asked for in vain.
    pub(super) fn excuse(&self, now: Timestamp) {
        self.excused_at.store(now.as_millis(), Ordering::Relaxed);
    }

    /// How long ago it was asked for in vain, if it was.
    pub(super) fn excused_since(&self, now: Timestamp) -> Option<Duration> {
        let excused_at = Timestamp::from_millis(self.excused_at.load(Ordering::Relaxed));
        (excused_at <= now).then(|| now.since(excused_at))
    }
}

impl<E> Clone for Found<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Live(entry) => Self::Live(entry.clone()),
            Self::Graced(entry) => Self::Graced(entry.clone()),
            Self::Rejected(rejection) => Self::Rejected(*rejection),
        }
    }
}

impl<E> Peek<E> {
    /// What is known, if anything is.
    pub(super) fn found(self) -> Option<Found<E>> {
        match self {
            Self::Live(entry) => Some(Found::Live(entry)),
            Self::Rejected(rejection) => Some(Found::Rejected(rejection)),
            Self::Absent => None,
        }
    }
}

impl<E> fmt::Debug for Entry<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key_id", &self.key_id)
            .field("serves_until", &self.serves_until)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for Found<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(entry) => f.debug_tuple("Live").field(entry).finish(),
            Self::Graced(entry) => f.debug_tuple("Graced").field(entry).finish(),
            Self::Rejected(rejection) => f.debug_tuple("Rejected").field(rejection).finish(),
        }
    }
}

impl<E> fmt::Debug for Peek<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(entry) => f.debug_tuple("Live").field(entry).finish(),
            Self::Rejected(rejection) => f.debug_tuple("Rejected").field(rejection).finish(),
            Self::Absent => f.write_str("Absent"),
        }
    }
}
