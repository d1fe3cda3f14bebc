//! A lookup in flight, which all who want the same digest share.

use keycap_base::Timestamp;
use tokio::sync::watch;

use super::KeyTable;
use super::entry::Found;
use super::failure::LoadError;
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
