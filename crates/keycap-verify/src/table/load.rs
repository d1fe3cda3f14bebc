//! Looking a digest up, once for all who want it.
//!
//! The first to come leads: its future does the asking. The others follow and wait for what it
//! finds. No task is spawned, so a lookup ends with those who wanted it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use keycap_base::{Clock, Timestamp};
use tokio::sync::watch;

use super::KeyTable;
use super::entry::{Entry, Found, Loaded, Term};
use super::failure::LoadError;
use super::flight::{Joined, Leader, Outcome};
use super::generations::{Noted, Overtaken};
use super::grace::Outage;
use super::reading::Reading;
use super::shard::Refused;
use crate::{Digest, Rejection};

/// How often a lookup asks, when changes keep overtaking its answers.
pub const MAX_LOAD_ATTEMPTS: usize = 5;

/// How often a caller joins a lookup whose leader is cancelled before it gives up.
const MAX_JOINS: usize = 16;

impl<E, X> KeyTable<E, X> {
    /// What is known about `digest`; if nothing is, what `ask` finds out. A lookup that
    /// fails is not softened by grace.
    ///
    /// Of all who want the same digest at once, one asks. `ask` is called again when its answer was
    /// overtaken by a change. A key that has expired by now is rejected whatever `ask` says. Must be
    /// called within a tokio runtime that has time.
    ///
    /// Cancel safe: when the future of the one who asks is dropped, another who waits asks.
    ///
    /// # Errors
    /// [`LoadError`] if no answer could be had, also to those who waited for it. None is remembered.
    pub async fn load<C, A, F>(
        &self,
        digest: &Digest,
        clock: &C,
        ask: A,
    ) -> Result<Found<E>, LoadError<X>>
    where
        C: Clock + ?Sized,
        A: Fn() -> F,
        F: Future<Output = Result<Loaded<E>, X>>,
    {
        self.load_in_outage(digest, clock, ask, |_error, _payload| Outage::Not).await
    }

    /// As [`load`](Self::load), and a key that was found valid before and cannot be looked up now is
    /// served by [grace](super::KeyTableBuilder::serve_unverified_in_outage), where one was chosen.
    /// `cause` says of a failed lookup whether the provider of this key (its payload is given) could
    /// not tell, or others; it is called with a part of the table locked and must not come back to it.
    /// A key that was revoked, forgotten or rejected since is not served.
    ///
    /// The first who meets the outage waits for its end. For [`GRACE_PAUSE`](super::GRACE_PAUSE) from
    /// then on the key is served without asking; then one asks again, and the others are served
    /// meanwhile.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_in_outage<C, A, F, O>(
        &self,
        digest: &Digest,
        clock: &C,
        ask: A,
        cause: O,
    ) -> Result<Found<E>, LoadError<X>>
    where
        C: Clock + ?Sized,
        A: Fn() -> F,
        F: Future<Output = Result<Loaded<E>, X>>,
        O: Fn(&LoadError<X>, &E) -> Outage,
    {
        for _ in 0..MAX_JOINS {
            match self.join(digest, clock.now())? {
                Joined::Known(found) => return Ok(found),
                Joined::Leading(leader) => return self.lead(leader, clock, &ask, &cause).await,
                Joined::Following(outcome) => {
                    if let Some(outcome) = self.follow(outcome).await {
                        return outcome;
                    }
                }
            }
        }
        Err(LoadError::Abandoned)
    }

    /// Waits for what the leader finds; `None` if it was cancelled.
    async fn follow(&self, mut outcome: watch::Receiver<Outcome<E, X>>) -> Outcome<E, X> {
        let landed = outcome.wait_for(Option::is_some);
        match tokio::time::timeout(self.load_timeout, landed).await {
            Ok(Ok(outcome)) => outcome.clone(),
            Ok(Err(_leader_left)) => None,
            Err(_elapsed) => Some(Err(LoadError::TimedOut)),
        }
    }

    async fn lead<C, A, F, O>(
        &self,
        leader: Leader<'_, E, X>,
        clock: &C,
        ask: &A,
        cause: &O,
    ) -> Result<Found<E>, LoadError<X>>
    where
        C: Clock + ?Sized,
        A: Fn() -> F,
        F: Future<Output = Result<Loaded<E>, X>>,
        O: Fn(&LoadError<X>, &E) -> Outage,
    {
        let digest = leader.digest;
        let asking = self.ask_until_believed(&leader, clock, ask);
        let outcome = match tokio::time::timeout(self.load_timeout, asking).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(LoadError::TimedOut),
        };
        let outcome = outcome.or_else(|error| {
            tracing::debug!(?digest, "a lookup came to no answer");
            let excused = self.excuse(&leader, clock.now(), |payload| cause(&error, payload));
            excused.ok_or(error)
        });
        leader.land(outcome.clone());
        outcome
    }

    async fn ask_until_believed<C, A, F>(
        &self,
        leader: &Leader<'_, E, X>,
        clock: &C,
        ask: &A,
    ) -> Result<Found<E>, LoadError<X>>
    where
        C: Clock + ?Sized,
        A: Fn() -> F,
        F: Future<Output = Result<Loaded<E>, X>>,
    {
        for _ in 0..MAX_LOAD_ATTEMPTS {
            let (noted, asked_at) = (self.generations.note(), clock.now());
            let Some(answer) = unless_panics(ask).await else {
                return Err(LoadError::Panicked);
            };
            let loaded = answer.map_err(|error| LoadError::Failed(Arc::new(error)))?;
            let asked = Asked { noted, asked_at, answered_at: clock.now() };
            if let Ok(found) = self.take_in(leader, loaded, asked) {
                return Ok(found);
            }
        }
        Err(LoadError::Overtaken)
    }

    /// Remembers an answer and takes its flight off the table, in one step, if it may be believed. That
    /// of a flight that was passed by may not: what is known by now was asked for later.
    fn take_in(
        &self,
        leader: &Leader<'_, E, X>,
        loaded: Loaded<E>,
        asked: Asked,
    ) -> Result<Found<E>, Overtaken> {
        let Asked { noted, asked_at, answered_at } = asked;
        let digest = &leader.digest;
        let (ttl, grace) = (self.live_ttl, self.grace.unwrap_or_default());
        let term = Term { asked_at, noted, ttl, grace };
        // Above the lock, so that it is dropped below it: dropping a payload may come back to the table.
        let (answer, reading) = read(*digest, loaded, term, answered_at);
        let mut shard = self.shard(digest).write();
        if !shard.is_in_flight(digest, leader.number) {
            return shard.found(digest, answered_at).ok_or(Overtaken);
        }
        let is_denied = shard.denied.holds(digest, answered_at);
        let read = if is_denied { Err(Rejection::Revoked) } else { answer.clone() };
        let (gone, believed) = match &read {
            Ok(entry) => shard.admit(entry, reading.as_ref(), &self.generations),
            Err(rejection) => {
                let until = asked_at.plus(self.rejected_ttl);
                let refused = Refused { rejection: *rejection, asked_at, until };
                shard.refuse(digest, refused, noted, &self.generations)
            }
        };
        if believed.is_ok() {
            shard.end_flight(digest, leader.number);
        }
        drop(shard);
        drop((gone, answer));
        believed.map(|()| read.map_or_else(Found::Rejected, Found::Live))
    }
}

/// What an answer means at `now`.
fn read<E>(
    digest: Digest,
    loaded: Loaded<E>,
    term: Term,
    now: Timestamp,
) -> (Read<E>, Option<Reading>) {
    match loaded {
        Loaded::Live { expires_at: Some(expiry), .. } if expiry <= now => {
            (Err(Rejection::Expired), None)
        }
        Loaded::Live { payload, key_id, expires_at, reading } => {
            (Ok(Arc::new(Entry::new(digest, payload, key_id, term, expires_at))), reading)
        }
        Loaded::Rejected(rejection) => (Err(rejection), None),
    }
}

type Read<E> = Result<Arc<Entry<E>>, Rejection>;

/// When a lookup asked, and when it had its answer.
#[derive(Clone, Copy)]
struct Asked {
    noted: Noted,
    asked_at: Timestamp,
    answered_at: Timestamp,
}

/// What `ask` answers; `None` if it panics. Its future is dropped then and never polled again, and
/// nothing that it may have left in disorder is the table's.
async fn unless_panics<F: Future>(ask: impl Fn() -> F) -> Option<F::Output> {
    let asking = catch_unwind(AssertUnwindSafe(ask)).ok()?;
    let mut asking = pin!(asking);
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| asking.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_panic) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::Secret;

    /// Whoever comes after an answer was taken in must not follow the flight that brought it: between
    /// the two the key may have been revoked, and following would believe the answer once more.
    #[test]
    fn p7_a_flight_leaves_the_table_in_the_step_that_takes_its_answer_in() {
        let table: KeyTable<(), ()> = KeyTable::default();
        let digest = Secret::parse("key").unwrap().digest();
        let now = Timestamp::EPOCH;
        for loaded in [
            Loaded::Live {
                payload: (),
                key_id: Some("key".into()),
                expires_at: None,
                reading: None,
            },
            Loaded::Rejected(Rejection::Unknown),
        ] {
            let Ok(Joined::Leading(leader)) = table.join(&digest, now) else { panic!("known") };
            let noted = table.generations.note();
            let asked = Asked { noted, asked_at: now, answered_at: now };
            assert!(table.take_in(&leader, loaded, asked).is_ok());
            table.forget_key("key");
            assert!(table.shard(&digest).read().flights.is_empty());
            drop(leader);
        }
        assert_eq!(table.loads_in_flight.load(Ordering::SeqCst), 0);
    }
}
