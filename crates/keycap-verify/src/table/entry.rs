//! What the table holds, takes in and gives out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;
use parking_lot::Mutex;

use super::generations::Noted;
use super::reading::Reading;
use crate::Rejection;

/// A live key and what the application of the table keeps with it.
pub struct Entry<E> {
    payload: E,
    key_id: Option<Arc<str>>,
    asked_at: Timestamp,
    serves_until: Timestamp,
    pub(super) noted: Noted,
    graced_until: Timestamp,
    /// When it was last asked for in vain. Looked at only once its time is over.
    excused_at: Mutex<Option<Timestamp>>,
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
        payload: E,
        key_id: Option<Arc<str>>,
        term: Term,
        expires_at: Option<Timestamp>,
    ) -> Self {
        let Term { asked_at, noted, ttl, grace } = term;
        let expiry = |until: Timestamp| expires_at.map_or(until, |expiry| expiry.min(until));
        let trusted_until = asked_at.plus(ttl);
        let serves_until = expiry(trusted_until);
        let graced_until = expiry(trusted_until.plus(grace));
        let excused_at = Mutex::default();
        Self { payload, key_id, asked_at, serves_until, noted, graced_until, excused_at }
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

    pub(super) fn key_id_shared(&self) -> Option<&Arc<str>> {
        self.key_id.as_ref()
    }

    /// From when on the entry is not served any more.
    #[must_use]
    pub fn serves_until(&self) -> Timestamp {
        self.serves_until
    }

    /// Whether the entry is served at `now`. One that was asked for after `now` is not: the clock
    /// was set back, and how long to trust it cannot be told.
    pub(super) fn serves_at(&self, now: Timestamp) -> bool {
        self.asked_at <= now && now < self.serves_until
    }

    /// Whether the entry may be served at `now` while its provider cannot tell.
    pub(super) fn may_be_graced_at(&self, now: Timestamp) -> bool {
        self.asked_at <= now && now < self.graced_until
    }

    /// Notes that it was asked for in vain.
    pub(super) fn excuse(&self, now: Timestamp) {
        *self.excused_at.lock() = Some(now);
    }

    /// How long ago it was asked for in vain, if it was.
    pub(super) fn excused_since(&self, now: Timestamp) -> Option<Duration> {
        let excused_at = *self.excused_at.lock();
        excused_at.filter(|at| *at <= now).map(|at| now.since(at))
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
