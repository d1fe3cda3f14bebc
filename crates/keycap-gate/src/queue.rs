//! The queue between requests and the ledger: what it cost is queued at once and becomes durable
//! with its batch.
//!
//! The queue is bounded by places. A request reserves its place when it is admitted and keeps it
//! until its last word is durable, so a request that was admitted can always report its cost. When
//! the ledger is away too long, places run out and admission stops; billing does not.
//!
//! Many threads push, each into a lane of its own; one task, the settler, takes from all lanes in
//! rounds. Nothing here is written by all threads.

mod bell;
mod draft;
mod job;
mod lane;
mod note;
mod pace;
mod place;
mod rounds;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keycap_base::{stripe_count, thread_number};
use parking_lot::Mutex;
use tokio::sync::Notify;

use self::bell::Bell;
pub(crate) use self::draft::Fold;
pub(crate) use self::draft::{Draft, Heard, Speaker};
use self::job::Item;
pub(crate) use self::job::{Company, Job};
use self::lane::{Lane, MAX_LANES};
pub(crate) use self::note::{NeverTold, Owed, Waiting};
use self::pace::ENOUGH;
use self::place::Line;
pub(crate) use self::place::{Place, Spot};
use self::rounds::Intake;

/// How many requests and loose charges may be under way at once by default.
pub const DEFAULT_PLACES: usize = 65_536;

/// The most places a queue can have.
pub const MAX_PLACES: usize = 1 << 24;

/// How often the queue looks whether it is quiet: not every end is announced.
const QUIET_STEP: Duration = Duration::from_millis(10);

/// A moment in the queue's life: what was queued by then is settled with this round at the latest.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

/// What waits to be sent. Never longer than twice the places: an operation may have another before
/// it.
pub(crate) struct Queue {
    lanes: Box<[Arc<Lane>]>,
    line: Arc<Line>,
    size: usize,
    bell: Bell,
    /// Only the settler moves it.
    intake: Mutex<Intake>,
    /// Rounds that the settler began and ended. A round takes what waits in every lane.
    begun: AtomicU64,
    ended: AtomicU64,
    settled: Notify,
    closed: AtomicBool,
    hurried: AtomicBool,
}

impl Queue {
    /// A queue with so many places, at most [`MAX_PLACES`].
    pub(crate) fn new(places: usize) -> Self {
        let places = places.min(MAX_PLACES);
        Self::with_lanes(stripe_count(MAX_LANES.min(places)), places)
    }

    /// With so many lanes, a power of two.
    fn with_lanes(lanes: usize, places: usize) -> Self {
        let line = Arc::new(Line::default());
        let share = |number| places / lanes + usize::from(number < places % lanes);
        let lane = |number| {
            let places = u32::try_from(share(number)).unwrap_or(u32::MAX);
            Arc::new(Lane::new(places, Arc::clone(&line)))
        };
        Self {
            lanes: (0..lanes).map(lane).collect(),
            line,
            size: places,
            bell: Bell::default(),
            intake: Mutex::default(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            settled: Notify::new(),
            closed: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
        }
    }

    /// This thread's lane.
    fn lane(&self) -> Option<&Arc<Lane>> {
        // There is a power of two of them.
        self.lanes.get(thread_number() & (self.lanes.len() - 1))
    }

    /// A place, if one is free: of this thread's lane, or of another if that is full.
    pub(crate) fn try_place(&self) -> Option<Place> {
        let mine = self.lane().and_then(Lane::try_place);
        mine.or_else(|| self.lanes.iter().find_map(Lane::try_place))
    }

    /// A place, if one is free, for one who had a place before: of that one's lane, or of another.
    pub(crate) fn try_place_at(&self, spot: Spot) -> Option<Place> {
        spot.enter().ok().or_else(|| self.try_place())
    }

    /// A place, as soon as one is free; first come, first served. Cancel safe: given up, a place that
    /// was on its way goes to the next.
    pub(crate) async fn place(&self) -> Place {
        if let Some(place) = self.try_place() {
            return place;
        }
        let handed = self.line.join();
        if let Some(place) = self.try_place() {
            return place;
        }
        match handed.await {
            Ok(place) => place,
            // The line is never closed.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// Queues somebody who has something to say and holds a place. Takes no memory in the steady
    /// state.
    pub(crate) fn push_speaker(&self, speaker: Arc<dyn Speaker>) {
        self.push(Item::Speaker(speaker));
    }

    /// Queues an operation that holds a place.
    pub(crate) fn push_job(&self, job: Job) {
        self.push(Item::Job(Box::new(job)));
    }

    fn push(&self, item: Item) {
        let Some(lane) = self.lane() else { return };
        match lane.push(item) {
            // A lane calls whenever it has one more share of what is enough.
            Ok(length) => self.bell.queued(|| length % (ENOUGH / self.lanes.len()) == 0),
            Err(_nobody) => tracing::error!("the runtime has ended; a cost was not sent"),
        }
    }

    /// How many items wait in the lanes.
    fn gathered(&self) -> usize {
        self.lanes.iter().map(|lane| lane.len()).sum()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.intake.lock().items.is_empty() && self.gathered() == 0
    }

    /// Notes that all that was taken is settled, and tells those who wait for what it held.
    pub(crate) fn note_settled(&self) {
        if self.intake.lock().items.is_empty() {
            self.ended.store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        self.announce();
    }

    /// Whether something is queued and not settled: then, when that will be over.
    pub(crate) fn behind(&self) -> Option<Ticket> {
        // What is not in a lane any more was taken by a round that has begun; what still is, will be
        // by the next at the latest.
        let waits = self.gathered() > 0;
        let begun = self.begun.load(Ordering::SeqCst);
        match (waits, self.ended.load(Ordering::SeqCst) < begun) {
            (true, _) => Some(Ticket(begun + 1)),
            (false, true) => Some(Ticket(begun)),
            (false, false) => None,
        }
    }

    /// Waits until all that was queued when the ticket was drawn is settled, at most `span`.
    pub(crate) async fn caught_up_within(&self, ticket: Ticket, span: Duration) {
        let caught_up = async {
            loop {
                let settled = self.settled.notified();
                if self.ended.load(Ordering::SeqCst) >= ticket.0 || self.behind().is_none() {
                    return;
                }
                settled.await;
            }
        };
        let _ = tokio::time::timeout(span, caught_up).await;
    }

    /// Tells those who wait for held amounts that some may have been given back.
    pub(crate) fn announce(&self) {
        self.settled.notify_waiters();
    }

    /// Waits until amounts may have been given back, or `span` has passed.
    pub(crate) async fn settled_within(&self, span: Duration) {
        let _ = tokio::time::timeout(span, self.settled.notified()).await;
    }

    /// Waits until every place is free: every request has ended and all it said is durable.
    ///
    /// It only looks. To acquire every place would keep them from requests that need one more to end.
    pub(crate) async fn quiet(&self) {
        while !self.is_quiet() {
            self.settled_within(QUIET_STEP).await;
        }
    }

    /// Whether every place is free, all at one moment: a request may take a place of one lane and give
    /// one of another back between two looks.
    fn is_quiet(&self) -> bool {
        let counts = || self.lanes.iter().map(|lane| lane.count());
        let first: Vec<_> = counts().collect();
        let free: usize = first.iter().map(|count| Lane::free(*count)).sum();
        free == self.size && counts().eq(first)
    }

    /// How many places are taken, as of a moment ago.
    pub(crate) fn taken(&self) -> usize {
        let free: usize = self.lanes.iter().map(|lane| Lane::free(lane.count())).sum();
        self.size.saturating_sub(free)
    }

    /// Lets go of everything, now and later, because nobody is left to send it. Requests in the queue
    /// hold the gate, and the gate the queue: kept, they would keep each other, and the store, for
    /// ever.
    pub(crate) fn abandon(&self) {
        let mut items = std::mem::take(&mut self.intake.lock().items);
        self.lanes.iter().for_each(|lane| items.extend(lane.abandon()));
        if !items.is_empty() {
            tracing::error!(
                requests = items.len(),
                "the runtime ended before the gate was shut down; costs were not sent",
            );
        }
    }

    /// From now on nothing waits for company: somebody waits for the queue to be empty.
    pub(crate) fn hurry(&self) {
        self.hurried.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// Lets the settler end once the queue is empty.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests;
