//! The one writer: a thread that takes all work that has arrived and does it in one transaction.
//!
//! A lone piece of work does not wait for company. While a transaction becomes durable more work
//! arrives, so groups grow with the load by themselves.

mod desk;
mod group;
#[cfg(test)]
mod tests;
mod work;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub(crate) use self::desk::Desk;
pub(crate) use self::work::{Apply, Change, Work};
use crate::StoreError;
use crate::error::Reason;

/// A group takes no more work once it has this many operations.
pub(crate) const MAX_GROUP: usize = 4_096;

/// The way to the writer.
pub(crate) struct Writer {
    /// Taken away when the store closes. The thread ends when it has done what was sent before.
    sender: RwLock<Option<mpsc::Sender<Sent>>>,
    /// One place for each operation that may wait.
    places: Arc<Semaphore>,
    wait: Duration,
    /// Nothing is ever sent: it closes when the thread has ended.
    ended: watch::Receiver<()>,
}

/// Work, and the places in the queue that it takes.
struct Sent {
    work: Box<dyn Work>,
    places: OwnedSemaphorePermit,
}

impl Writer {
    /// Starts the thread, which keeps the lock for as long as it lives.
    pub(crate) fn start(desk: Desk, queue: usize, wait: Duration) -> io::Result<Self> {
        // No piece of work takes less than one place, so a send never finds the channel full.
        let (sender, receiver) = mpsc::channel(queue);
        let (ending, ended) = watch::channel(());
        let run = move || {
            // Gives the lock back at its end. Only after that does `close` return.
            run(desk, receiver);
            drop(ending);
        };
        thread::Builder::new().name("keycap-sqlite".to_owned()).spawn(run)?;
        let places = Arc::new(Semaphore::new(queue));
        Ok(Self { sender: RwLock::new(Some(sender)), places, wait, ended })
    }

    /// Queues work once there is room. Once it returns the work will be done, whoever waits for it.
    pub(crate) async fn send(&self, work: impl Work + 'static) -> Result<(), StoreError> {
        let operations = work.weight();
        let full = Reason::QueueFull { operations, wait: self.wait };
        let many = u32::try_from(operations).unwrap_or(u32::MAX);
        let places = Arc::clone(&self.places).acquire_many_owned(many);
        let places = tokio::time::timeout(self.wait, places).await.map_err(|_| full)?;
        let places = places.map_err(|_| Reason::Closed)?;
        let sender = self.sender.read();
        let sent = Sent { work: Box::new(work), places };
        let sender = sender.as_ref().ok_or(Reason::Closed)?;
        sender.try_send(sent).map_err(|_| Reason::WriterGone.into())
    }

    /// Takes no more work. What was sent will be done.
    pub(crate) fn stop(&self) {
        self.places.close();
        drop(self.sender.write().take());
    }

    /// Waits until all that was sent is done and the lock given back.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// The thread.
fn run(mut desk: Desk, mut arriving: mpsc::Receiver<Sent>) {
    while let Some(first) = arriving.blocking_recv() {
        let group = take_group(first, &mut arriving);
        if group::serve(&mut desk, group).is_err() {
            desk.leave();
            // Dropping what is queued tells everyone who waits.
            return;
        }
    }
    if let Err(error) = desk.checkpoint() {
        // Nothing is lost: whoever opens the database next reads the log.
        tracing::warn!(error = &error as &dyn std::error::Error, "the log was left as it is");
    }
}

/// Everything that has arrived, within bounds.
fn take_group(first: Sent, arriving: &mut mpsc::Receiver<Sent>) -> Vec<Box<dyn Work>> {
    let mut operations = first.work.weight();
    let mut group = vec![first.taken()];
    while operations < MAX_GROUP
        && let Ok(next) = arriving.try_recv()
    {
        operations += next.work.weight();
        group.push(next.taken());
    }
    group
}

impl Sent {
    /// The work; its places are free for others.
    fn taken(self) -> Box<dyn Work> {
        drop(self.places);
        self.work
    }
}
