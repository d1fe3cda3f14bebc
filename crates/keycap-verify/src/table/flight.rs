//! A lookup in flight, which all who want the same digest share: who leads it, who follows it, and who
//! need not wait for it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keycap_base::Timestamp;
use tokio::sync::watch;

use super::entry::Found;
use super::failure::LoadError;
use super::grace::GRACE_PAUSE;
use super::{KeyTable, Shard};
use crate::Digest;

/// What a lookup came to; nothing as long as it is in flight.
pub(super) type Outcome<E, X> = Option<Result<Found<E>, LoadError<X>>>;

/// A lookup in flight, as its followers see it.
pub(super) struct Flight<E, X> {
    pub(super) number: u64,
    pub(super) since: Timestamp,
    pub(super) outcome: watch::Receiver<Outcome<E, X>>,
}

/// The one who asks on behalf of all. If it is dropped before it landed (its caller was cancelled),
/// the flight is taken off the table and the followers find another leader.
pub(super) struct Leader<'a, E, X> {
    pub(super) table: &'a KeyTable<E, X>,
    pub(super) digest: Digest,
    pub(super) number: u64,
    pub(super) outcome: watch::Sender<Outcome<E, X>>,
}

impl<E, X> Leader<'_, E, X> {
    /// Tells the followers. The flight is off the table when they hear of it.
    pub(super) fn land(self, outcome: Result<Found<E>, LoadError<X>>) {
        let sender = self.outcome.clone();
        drop(self);
        sender.send_replace(Some(outcome));
    }
}

impl<E, X> Drop for Leader<'_, E, X> {
    fn drop(&mut self) {
        self.table.end_flight(&self.digest, self.number);
    }
}

/// How a caller takes part in a lookup.
pub(super) enum Joined<'a, E, X> {
    Known(Found<E>),
    Leading(Leader<'a, E, X>),
    Following(watch::Receiver<Outcome<E, X>>),
}

impl<E, X> KeyTable<E, X> {
    /// Looks once more, with the shard locked, and otherwise follows or leads a lookup. A flight that
    /// has been up for longer than any may take has a leader that nobody polls: it is passed by.
    pub(super) fn join(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Joined<'_, E, X>, LoadError<X>> {
        let mut shard = self.shard(digest).write();
        if let Some(found) = shard.found(digest, now) {
            return Ok(Joined::Known(found));
        }
        let in_flight = self.in_flight(&shard, digest, now);
        let asking = if in_flight.is_some() { self.load_timeout } else { Duration::ZERO };
        if let Some(entry) = self.excused(&shard, digest, now, GRACE_PAUSE + asking) {
            return Ok(Joined::Known(Found::Graced(entry)));
        }
        if let Some(outcome) = in_flight {
            return Ok(Joined::Following(outcome));
        }
        self.take_off(&mut shard, digest, now).map(Joined::Leading)
    }

    fn in_flight(
        &self,
        shard: &Shard<E, X>,
        digest: &Digest,
        now: Timestamp,
    ) -> Option<watch::Receiver<Outcome<E, X>>> {
        let flight = shard.flights.get(digest)?;
        (now.since(flight.since) <= self.load_timeout).then(|| flight.outcome.clone())
    }

    fn take_off(
        &self,
        shard: &mut Shard<E, X>,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Leader<'_, E, X>, LoadError<X>> {
        let below = |count: usize| (count < self.most_loads).then_some(count + 1);
        let counted =
            self.loads_in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below);
        counted.map_err(|_full| LoadError::Busy)?;
        let number = self.flights_taken.fetch_add(1, Ordering::Relaxed);
        let (sender, outcome) = watch::channel(None);
        shard.flights.insert(*digest, Flight { number, since: now, outcome });
        Ok(Leader { table: self, digest: *digest, number, outcome: sender })
    }

    /// Takes a flight off the table, if it is still on it, and gives its place to another.
    pub(super) fn end_flight(&self, digest: &Digest, number: u64) {
        self.shard(digest).write().end_flight(digest, number);
        self.loads_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
