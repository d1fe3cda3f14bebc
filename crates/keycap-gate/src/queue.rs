//! The queue between requests and the ledger: what it cost is queued at once and becomes durable
//! with its batch.
//!
//! The queue is bounded by places. A request reserves its place when it is admitted and keeps it
//! until its last word is durable, so a request that was admitted can always report its cost. When
//! the ledger is away too long, places run out and admission stops; billing does not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keycap_budget::{Decided, Fault, Operation, Outcome};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::tab::Tab;

/// How many requests and loose charges may be under way at once by default.
pub const DEFAULT_PLACES: usize = 65_536;

/// The most places a queue can have.
pub const MAX_PLACES: usize = 1 << 24;

/// How often the queue looks whether it is quiet: not every end is announced.
const QUIET_STEP: Duration = Duration::from_millis(10);

/// One place in the queue; given back when dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// Somebody who waits for an answer.
pub(crate) type Waiter = oneshot::Sender<Decided>;

/// One operation on its way to the ledger.
pub(crate) struct Job {
    pub(crate) operation: Operation,
    pub(crate) waiters: Vec<Waiter>,
    /// The request it belongs to, which keeps its place until this is answered.
    pub(crate) tab: Option<Arc<Tab>>,
    /// A place of its own.
    pub(crate) place: Option<Place>,
    pub(crate) company: Company,
}

/// Whether an operation is sent with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// It is.
    Any,
    /// It made batches fail that went well without it, so it goes by itself.
    None,
}

impl Job {
    /// An operation that belongs to no request, in a place of its own.
    pub(crate) fn loose(operation: Operation, waiters: Vec<Waiter>, place: Place) -> Self {
        Self { operation, waiters, tab: None, place: Some(place), company: Company::Any }
    }

    /// An operation that is queued just before a loose one, and shares its place.
    pub(crate) fn before_another(operation: Operation) -> Self {
        let waiters = Vec::new();
        Self { operation, waiters, tab: None, place: None, company: Company::Any }
    }

    /// The same, by itself from now on; none if nobody needs it done any more.
    pub(crate) fn apart(self) -> Option<Self> {
        let needed = self.place.is_some() || self.tab.is_some();
        needed.then_some(Self { company: Company::None, ..self })
    }

    /// Hands the ledger's answer to everyone concerned.
    pub(crate) fn answer(self, answer: &Decided) {
        if let Some(why) = unrecorded(answer) {
            tracing::error!(why, operation = ?self.operation, "an operation was not recorded");
        }
        if let Some(tab) = &self.tab {
            tab.learn(answer);
        }
        for waiter in self.waiters {
            // Whoever stopped waiting needs no answer.
            let _ = waiter.send(answer.clone());
        }
        drop(self.place);
    }
}

/// Why an operation left nothing in the books that should have, if so (P2: never without a word).
fn unrecorded(answer: &Decided) -> Option<String> {
    match answer {
        // What was never taken needs no release.
        Err(Fault::UnknownHold(_)) => None,
        Err(fault) => Some(fault.to_string()),
        Ok(Outcome::Conflict(_)) => Some("the id stands for something else".to_owned()),
        Ok(Outcome::TooOld { oldest }) => Some(format!("ids are remembered since {oldest}")),
        Ok(_) => None,
    }
}

/// Operations on their way, and how many items of the queue they were.
pub(crate) struct Taken {
    pub(crate) jobs: Vec<Job>,
    pub(crate) items: u64,
}

/// A moment in the queue's life: when so many items were queued.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

impl Item {
    fn into_job(self) -> Option<Job> {
        match self {
            Self::Job(job) => Some(*job),
            Self::Tab(_) => None,
        }
    }
}

enum Item {
    /// A request that has something to say; it is in the queue once.
    Tab(Arc<Tab>),
    Job(Box<Job>),
}

/// What waits to be sent. Never longer than twice the places: an operation may have another before
/// it.
pub(crate) struct Queue {
    items: Mutex<VecDeque<Item>>,
    arrived: Notify,
    settled: Notify,
    /// Items that were ever queued, and those of them that are settled.
    queued: AtomicU64,
    done: AtomicU64,
    places: Arc<Semaphore>,
    size: u32,
    closed: AtomicBool,
    abandoned: AtomicBool,
}

impl Queue {
    /// A queue with so many places, at most [`MAX_PLACES`].
    pub(crate) fn new(places: usize) -> Self {
        let places = places.min(MAX_PLACES);
        Self {
            items: Mutex::default(),
            arrived: Notify::new(),
            settled: Notify::new(),
            queued: AtomicU64::new(0),
            done: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(places)),
            size: u32::try_from(places).unwrap_or(u32::MAX),
            closed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        }
    }

    /// A place, if one is free.
    pub(crate) fn try_place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place, as soon as one is free.
    pub(crate) async fn place(&self) -> Place {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => place,
            // Places are never closed.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// Queues a request that has something to say. It holds a place.
    pub(crate) fn push_tab(&self, tab: Arc<Tab>) {
        self.push(Item::Tab(tab));
    }

    /// Queues an operation that holds a place.
    pub(crate) fn push_job(&self, job: Job) {
        self.push(Item::Job(Box::new(job)));
    }

    fn push(&self, item: Item) {
        let mut items = self.items.lock();
        if self.abandoned.load(Ordering::SeqCst) {
            drop(items);
            tracing::error!("the runtime has ended; a cost was not sent");
            return;
        }
        items.push_back(item);
        self.queued.fetch_add(1, Ordering::SeqCst);
        drop(items);
        self.arrived.notify_one();
    }

    /// At least `most` operations if there are so many, fewer if not; waits for the first. None when
    /// the queue is closed and empty.
    pub(crate) async fn take(&self, most: usize) -> Option<Taken> {
        loop {
            let arrived = self.arrived.notified();
            let taken = self.drain(most);
            if !taken.jobs.is_empty() {
                return Some(taken);
            }
            self.settle(taken.items);
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            arrived.await;
        }
    }

    fn drain(&self, most: usize) -> Taken {
        let mut taken = Taken { jobs: Vec::new(), items: 0 };
        while taken.jobs.len() < most {
            let alone =
                |item: &Item| matches!(item, Item::Job(job) if job.company == Company::None);
            let mut items = self.items.lock();
            if items.front().is_some_and(alone) && !taken.jobs.is_empty() {
                break;
            }
            let Some(item) = items.pop_front() else { break };
            drop(items);
            taken.items += 1;
            if alone(&item) {
                taken.jobs.extend(item.into_job());
                break;
            }
            match item {
                Item::Tab(tab) => tab.speak(&mut taken.jobs),
                Item::Job(job) => taken.jobs.push(*job),
            }
        }
        taken
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.lock().is_empty()
    }

    /// Notes that so many items are settled, and tells those who wait for what they held.
    pub(crate) fn settle(&self, items: u64) {
        self.done.fetch_add(items, Ordering::SeqCst);
        self.announce();
    }

    /// Whether something is queued and not settled: then, when that will be over.
    pub(crate) fn behind(&self) -> Option<Ticket> {
        let queued = self.queued.load(Ordering::SeqCst);
        (self.done.load(Ordering::SeqCst) < queued).then_some(Ticket(queued))
    }

    /// Waits until all that was queued when the ticket was drawn is settled, at most `span`.
    pub(crate) async fn caught_up_within(&self, ticket: Ticket, span: Duration) {
        let caught_up = async {
            loop {
                let settled = self.settled.notified();
                if self.done.load(Ordering::SeqCst) >= ticket.0 {
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
        while self.taken() > 0 {
            self.settled_within(QUIET_STEP).await;
        }
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX) - self.places.available_permits()
    }

    /// Lets go of everything, now and later, because nobody is left to send it. Requests in the queue
    /// hold the gate, and the gate the queue: kept, they would keep each other, and the store, for
    /// ever.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::SeqCst);
        let items = std::mem::take(&mut *self.items.lock());
        if !items.is_empty() {
            tracing::error!(
                requests = items.len(),
                "the runtime ended before the gate was shut down; costs were not sent",
            );
        }
    }

    /// Lets the settler end once the queue is empty.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_one();
    }
}
