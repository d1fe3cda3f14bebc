//! Serving a key by grace: it was valid, its time is over, and its provider cannot tell.
//!
//! Off unless the application chose it, because it gives up some of P6 and P7. What it never gives
//! up: a key that this node knows to be revoked, rejected or expired is not served, and whether it is
//! known is looked up with the shard locked, in the step that decides.

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;
use parking_lot::Mutex;

use super::entry::{Entry, Found, Peek};
use super::flight::Leader;
use super::{KeyTable, Shard};
use crate::Digest;

/// The longest grace: for longer than this the guard against floods remembers no good key either.
pub const MAX_GRACE: Duration = Duration::from_secs(60 * 60);

/// How long a key is served by grace before its provider is asked again.
pub const GRACE_PAUSE: Duration = Duration::from_secs(5);

/// The log is told at most this often that keys are served by grace.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Whose silence it was that a lookup of a known key failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The key's own provider's: it said so, took too long, or panicked. Grace applies.
    Provider,
    /// Another provider's, or nobody can tell whose of several. The key's own has said no, or may have:
    /// what was kept of the key is let go of, so that no later outage serves it either.
    Elsewhere,
    /// Nobody's: something else failed, so grace does not apply.
    Not,
}

/// When the log was last told.
#[derive(Default)]
pub(super) struct Warned(Mutex<Option<Timestamp>>);

impl Warned {
    /// Whether it is time to tell the log; if so, it is told.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|at| now < at || now.since(at) >= WARN_EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl<E, X> KeyTable<E, X> {
    /// As [`peek`](Self::peek), and a key that is served by grace at the moment is live.
    ///
    /// For who was let in already and looks again. Tells nothing that
    /// [`load_in_outage`](Self::load_in_outage) would have to ask for.
    pub fn peek_in_outage(&self, digest: &Digest, now: Timestamp) -> Peek<E> {
        let shard = self.shard(digest).read();
        match shard.peek(digest, now) {
            Peek::Absent => self
                .excused(&shard, digest, now, GRACE_PAUSE + self.load_timeout)
                .map_or(Peek::Absent, Peek::Live),
            known => known,
        }
    }

    /// Serves by grace what was asked for in vain, and takes the flight off the table in the same
    /// step: who comes after a revocation must not follow it.
    pub(super) fn excuse(
        &self,
        leader: &Leader<'_, E, X>,
        now: Timestamp,
        cause: impl Fn(&E) -> Outage,
    ) -> Option<Found<E>> {
        let grace = self.grace?;
        let digest = &leader.digest;
        let mut shard = self.shard(digest).write();
        let entry = Arc::clone(shard.in_grace(digest, now, &self.generations)?);
        match cause(entry.payload()) {
            Outage::Provider => {}
            Outage::Elsewhere => {
                let gone = shard.remove(digest, &self.generations);
                drop(shard);
                drop(gone);
                return None;
            }
            Outage::Not => return None,
        }
        entry.excuse(now);
        shard.end_flight(digest, leader.number);
        drop(shard);
        if self.warned.is_due(now) {
            tracing::warn!(
                key_id = entry.key_id(),
                ?grace,
                "a provider cannot tell: keys are served by grace"
            );
        }
        Some(Found::Graced(entry))
    }

    /// The key, if it may be served by grace and was asked for in vain at most `lately` ago.
    pub(super) fn excused(
        &self,
        shard: &Shard<E, X>,
        digest: &Digest,
        now: Timestamp,
        lately: Duration,
    ) -> Option<Arc<Entry<E>>> {
        let _chosen = self.grace?;
        let entry = shard.in_grace(digest, now, &self.generations)?;
        entry.excused_since(now).is_some_and(|ago| ago < lately).then(|| Arc::clone(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::flight::Joined;
    use crate::{Loaded, Secret};
    use keycap_base::{Clock, ManualClock};

    /// Whoever comes after a key was served by grace must not follow the flight that failed: between
    /// the two the key may have been revoked.
    #[tokio::test]
    async fn p7_a_flight_leaves_the_table_in_the_step_that_excuses_it() {
        let builder = KeyTable::builder().serve_unverified_in_outage(MAX_GRACE);
        let (table, clock) =
            (builder.build::<(), ()>().unwrap(), ManualClock::at(Timestamp::EPOCH));
        let digest = Secret::parse("key").unwrap().digest();
        let live = Loaded::Live {
            payload: (),
            key_id: Some("key".into()),
            expires_at: None,
            reading: None,
        };
        assert!(table.load(&digest, &clock, || async { Ok(live.clone()) }).await.is_ok());
        clock.advance(crate::DEFAULT_LIVE_TTL);
        let Ok(Joined::Leading(leader)) = table.join(&digest, clock.now()) else { panic!("known") };
        assert!(table.excuse(&leader, clock.now(), |()| Outage::Provider).is_some());
        assert!(table.shard(&digest).read().flights.is_empty());
        table.forget_key("key");
        assert!(matches!(table.join(&digest, clock.now()), Ok(Joined::Leading(_))));
    }

    #[test]
    fn the_log_is_told_once_in_a_while() {
        let (warned, start) = (Warned::default(), Timestamp::from_millis(1_000_000));
        let due = |after: Duration| warned.is_due(start.plus(after));
        assert!(due(Duration::ZERO) && !due(Duration::ZERO));
        assert!(!due(WARN_EVERY - Duration::from_millis(1)) && due(WARN_EVERY));
        assert!(due(Duration::ZERO), "a clock that was set back silences nothing");
    }
}
