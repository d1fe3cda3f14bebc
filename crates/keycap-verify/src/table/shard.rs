//! One part of the table, behind one lock.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use keycap_base::Timestamp;

use super::denied::{Denied, DeniedUntil};
use super::entry::{Entry, Found, Peek};
use super::flight::Flight;
use super::generations::{Generations, Noted, Overtaken};
use super::live::LiveKeys;
use super::reading::Reading;
use crate::bounded::BoundedMap;
use crate::{Digest, Rejection};

pub(super) struct Shard<E, X> {
    live: LiveKeys<E>,
    rejected: BoundedMap<(Digest, Refused)>,
    pub(super) denied: Denied,
    pub(super) flights: HashMap<Digest, Flight<E, X>>,
}

/// A rejection, trusted from one instant until before the other.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub(super) rejection: Rejection,
    pub(super) asked_at: Timestamp,
    pub(super) until: Timestamp,
}

/// What had to leave the table; to be dropped when the shard is unlocked, because dropping a payload
/// may take long or come back to the table.
pub(super) type Gone<E> = Vec<Arc<Entry<E>>>;

impl<E, X> Shard<E, X> {
    pub(super) fn new(live: NonZeroUsize, rejected: NonZeroUsize) -> Self {
        Self {
            live: LiveKeys::new(live),
            rejected: BoundedMap::new(rejected),
            denied: Denied::default(),
            flights: HashMap::new(),
        }
    }

    pub(super) fn peek(&self, digest: &Digest, now: Timestamp) -> Peek<E> {
        if let Some(entry) = self.live.look_up(digest).filter(|entry| entry.is_served_at(now)) {
            return Peek::Live(entry.clone());
        }
        if self.denied.holds(digest, now) {
            return Peek::Rejected(Rejection::Revoked);
        }
        let trusted = |refused: &Refused| refused.asked_at <= now && now < refused.until;
        match self.rejected.look_up(digest).filter(|(_, refused)| trusted(refused)) {
            Some((_, refused)) => Peek::Rejected(refused.rejection),
            None => Peek::Absent,
        }
    }

    /// Inserts a live key, if it may be believed.
    pub(super) fn admit(
        &mut self,
        entry: &Arc<Entry<E>>,
        reading: Option<&Reading>,
        generations: &Generations<E>,
    ) -> (Gone<E>, Result<(), Overtaken>) {
        let believed = generations.believe_live(entry, reading);
        if believed.is_err() {
            return (Gone::new(), believed);
        }
        self.rejected.remove(entry.digest());
        let Some(old) = self.live.insert(Arc::clone(entry)) else { return (Gone::new(), Ok(())) };
        if old.digest() != entry.digest() || old.key_id() != entry.key_id() {
            generations.left(&old);
        }
        (vec![old], Ok(()))
    }

    /// Denies a digest, and lets go of what is kept under it.
    pub(super) fn deny(
        &mut self,
        digest: &Digest,
        until: DeniedUntil,
        generations: &Generations<E>,
    ) -> Gone<E> {
        self.denied.add(*digest, until);
        self.remove(digest, generations)
    }

    /// Lets a digest be asked for again, at once.
    pub(super) fn stop_denying(&mut self, digest: &Digest) {
        self.denied.remove(digest);
        self.rejected.remove(digest);
    }

    /// Notes a rejection, if it may be believed. What was kept of the key leaves in any case: nobody
    /// is to be served by what the provider has gone back on.
    pub(super) fn refuse(
        &mut self,
        digest: &Digest,
        refused: Refused,
        noted: Noted,
        generations: &Generations<E>,
    ) -> (Gone<E>, Result<(), Overtaken>) {
        let believed = generations.believe_rejected(noted);
        if believed.is_ok() {
            self.rejected.insert((*digest, refused));
        }
        (self.remove(digest, generations), believed)
    }

    /// The key, if it may be served while its provider cannot tell. It is still here, so it was
    /// neither revoked nor rejected; that no key like it was changed since is on top of that.
    pub(super) fn in_grace(
        &self,
        digest: &Digest,
        now: Timestamp,
        generations: &Generations<E>,
    ) -> Option<&Arc<Entry<E>>> {
        let entry = self.live.look_up(digest).filter(|entry| entry.may_be_graced_at(now))?;
        generations.unmoved_since(entry.noted, entry.key_id()).then_some(entry)
    }

    /// Removes what is kept under `digest`.
    pub(super) fn remove(&mut self, digest: &Digest, generations: &Generations<E>) -> Gone<E> {
        let gone: Gone<E> = self.live.remove(digest).into_iter().collect();
        gone.iter().for_each(|entry| generations.left(entry));
        gone
    }

    /// Removes what is kept under `digest`, if it is this key's.
    pub(super) fn remove_key(
        &mut self,
        digest: &Digest,
        key_id: &str,
        generations: &Generations<E>,
    ) -> Gone<E> {
        match self.live.look_up(digest) {
            Some(entry) if entry.key_id() == Some(key_id) => self.remove(digest, generations),
            Some(_) | None => Gone::new(),
        }
    }

    /// The live keys that `which` picks of some places from this one on; `None` past the last.
    pub(super) fn pick(
        &self,
        from: usize,
        which: impl Fn(&Entry<E>) -> bool,
    ) -> Option<Vec<Digest>> {
        self.live.pick(from, which)
    }

    /// Removes those of these live keys that `which` still picks.
    pub(super) fn remove_picked(
        &mut self,
        picked: &[Digest],
        which: impl Fn(&Entry<E>) -> bool,
        generations: &Generations<E>,
    ) -> Gone<E> {
        let mut gone = Gone::new();
        for digest in picked {
            if self.live.look_up(digest).is_some_and(|entry| which(entry)) {
                gone.append(&mut self.remove(digest, generations));
            }
        }
        gone
    }

    pub(super) fn clear_rejected(&mut self) {
        self.rejected.clear();
    }

    pub(super) fn live_len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn rejected_len(&self) -> usize {
        self.rejected.len()
    }

    /// Whether a flight is still on the table.
    pub(super) fn is_in_flight(&self, digest: &Digest, number: u64) -> bool {
        self.flights.get(digest).is_some_and(|flight| flight.number == number)
    }

    /// Takes a flight off the table, if it is still on it.
    pub(super) fn end_flight(&mut self, digest: &Digest, number: u64) {
        if self.is_in_flight(digest, number) {
            self.flights.remove(digest);
        }
    }

    /// What is known, as a lookup wants it.
    pub(super) fn found(&self, digest: &Digest, now: Timestamp) -> Option<Found<E>> {
        self.peek(digest, now).found()
    }
}
