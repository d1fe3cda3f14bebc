//! Lanes: the stripes of the queue. Each has its share of the places and its own list of what waits
//! to be sent, so that threads that work beside each other write no line of memory that another
//! writes.
//!
//! A thread keeps to one lane. Only where that is full, or where a request ends on another thread than
//! it began on, is another thread's lane touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::job::Item;
use super::place::{Line, Place};

/// The most lanes a queue has.
pub(crate) const MAX_LANES: usize = 8;

/// One taking, in the half of a lane's count that says how many there ever were.
const TAKING: u64 = 1 << 32;

/// The half of a lane's count that says how many places are free.
const FREE: u64 = TAKING - 1;

/// One stripe. What is written on the way of a request shares no cache line with another lane; a pair
/// of lines, because that is what a processor fetches at once.
#[repr(align(128))]
pub(crate) struct Lane {
    /// Below, how many places are free; above, how many were ever taken (it may wrap), so that two
    /// looks that show the same mean that nothing happened between them.
    places: AtomicU64,
    /// How many items wait: what those who only look read.
    length: AtomicUsize,
    items: Mutex<Items>,
    line: Arc<Line>,
}

/// What waits in one lane to be sent.
#[derive(Default)]
struct Items {
    list: Vec<Item>,
    /// Whether nobody will ever send it.
    abandoned: bool,
}

/// An item that nobody will ever send.
pub(super) struct NobodySends;

impl Lane {
    pub(super) fn new(places: u32, line: Arc<Line>) -> Self {
        Self {
            places: AtomicU64::new(u64::from(places)),
            length: AtomicUsize::new(0),
            items: Mutex::default(),
            line,
        }
    }

    /// A place of this lane, if one is free.
    pub(super) fn try_place(self: &Arc<Self>) -> Option<Place> {
        self.take().then(|| Place::of(Arc::clone(self)))
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&self) -> bool {
        let mut count = self.places.load(Ordering::Relaxed);
        while count & FREE > 0 {
            // One free place less and one taking more.
            let taken = count.wrapping_add(TAKING - 1);
            let swapped = self.places.compare_exchange_weak(
                count,
                taken,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// Gives a place back, to those who wait for one if there are any.
    pub(super) fn give_back(self: &Arc<Self>) {
        // First the place, then the look: who joins the line looks at the places after it.
        self.places.fetch_add(1, Ordering::SeqCst);
        if self.line.is_waited_for() {
            self.line.serve(self);
        }
    }

    /// The count as it is now.
    pub(super) fn count(&self) -> u64 {
        self.places.load(Ordering::SeqCst)
    }

    /// How many places a count shows to be free.
    pub(super) fn free(count: u64) -> usize {
        usize::try_from(count & FREE).unwrap_or(usize::MAX)
    }

    /// Adds an item. Says how many wait now.
    pub(super) fn push(&self, item: Item) -> Result<usize, NobodySends> {
        let mut items = self.items.lock();
        if items.abandoned {
            return Err(NobodySends);
        }
        items.list.push(item);
        let length = items.list.len();
        self.length.store(length, Ordering::Release);
        Ok(length)
    }

    /// How many items wait, as of a moment ago.
    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Acquire)
    }

    /// Whether nothing waits, seen under the lock: a push is over, or sees what was written before
    /// this.
    pub(super) fn is_empty(&self) -> bool {
        self.items.lock().list.is_empty()
    }

    /// Takes all that waits, in its order, and leaves `empty` to be filled.
    pub(super) fn swap(&self, empty: &mut Vec<Item>) {
        let mut items = self.items.lock();
        std::mem::swap(&mut items.list, empty);
        self.length.store(items.list.len(), Ordering::Release);
    }

    /// How many items it has room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.items.lock().list.capacity()
    }

    /// Lets go of everything, now and later.
    pub(super) fn abandon(&self) -> Vec<Item> {
        let mut items = self.items.lock();
        items.abandoned = true;
        self.length.store(0, Ordering::Release);
        std::mem::take(&mut items.list)
    }
}
