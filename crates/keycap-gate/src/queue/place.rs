//! Places: the bound of the queue. Who has one can always say what it cost.
//!
//! A place is taken from a lane and given back to the same. Those who wait for one stand in line and
//! are handed what is given back, so that newcomers do not pass them; while nobody waits, that costs
//! one look at a line of memory that nobody writes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::lane::Lane;

/// One place in the queue; given back, to its lane, when dropped. As large as a pointer.
#[must_use]
pub(crate) struct Place(Option<Arc<Lane>>);

impl Place {
    /// A place that was taken from this lane.
    pub(super) fn of(lane: Arc<Lane>) -> Self {
        Self(Some(lane))
    }
}

impl Place {
    /// Gives the place back and keeps the way to its lane: with that, the next place costs one atomic
    /// operation to take and one to give back.
    pub(crate) fn leave(mut self) -> Spot {
        let lane = self.0.take();
        if let Some(lane) = &lane {
            lane.give_back();
        }
        Spot(lane)
    }
}

/// Where somebody had a place and may take one again. Keeps neither a place nor the queue.
#[must_use]
pub(crate) struct Spot(Option<Arc<Lane>>);

impl Spot {
    /// A place of the same lane, if one is free; the spot again if not.
    pub(super) fn enter(self) -> Result<Place, Self> {
        match &self.0 {
            Some(lane) if lane.take() => Ok(Place(self.0)),
            _ => Err(self),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(lane) = &self.0 {
            lane.give_back();
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// Those who wait for a place, first come first served.
#[derive(Default)]
pub(super) struct Line {
    /// How many stand in line, those included who have left it without a word.
    length: AtomicUsize,
    waiting: Mutex<VecDeque<oneshot::Sender<Place>>>,
}

impl Line {
    /// Joins the line. Who joined must look for a place once more: one that was given back just before
    /// went to nobody.
    pub(super) fn join(&self) -> oneshot::Receiver<Place> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.len() == waiting.capacity() {
            waiting.retain(|sender| !sender.is_closed());
        }
        waiting.push_back(sender);
        self.length.store(waiting.len(), Ordering::SeqCst);
        receiver
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.length.load(Ordering::SeqCst) > 0
    }

    /// Hands a place of this lane, if one is still free, to the first who takes it. If none is,
    /// whoever took it will give it back.
    pub(super) fn serve(&self, lane: &Arc<Lane>) {
        let Some(mut place) = lane.try_place() else { return };
        while let Some(first) = self.first() {
            match first.send(place) {
                Ok(()) => return,
                // It has left the line.
                Err(back) => place = back,
            }
        }
    }

    fn first(&self) -> Option<oneshot::Sender<Place>> {
        let mut waiting = self.waiting.lock();
        let first = waiting.pop_front();
        self.length.store(waiting.len(), Ordering::SeqCst);
        first
    }
}

#[cfg(test)]
mod tests;
