//! What the writer is given to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use keycap_budget::{Batch, Decided, Listeners};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Desk;
use crate::StoreError;
use crate::error::Reason;

/// What is waited for.
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// One piece of work: done within a transaction, answered once that is durable or undone.
pub(crate) trait Work: Send {
    /// How many operations it counts as.
    fn weight(&self) -> usize;
    /// Does it. May be called again, after what it did was undone.
    fn run(&mut self, desk: &mut Desk) -> Result<(), StoreError>;
    /// Tells whoever waits how it ended. Must not panic.
    fn answer(self: Box<Self>, end: Result<(), StoreError>);
}

/// A batch of the ledger.
pub(crate) struct Apply {
    batch: Batch,
    decided: Vec<Decided>,
    listeners: Arc<Listeners>,
    answer: Answer<Vec<Decided>>,
}

impl Apply {
    pub(crate) fn new(
        batch: Batch,
        listeners: Arc<Listeners>,
        answer: Answer<Vec<Decided>>,
    ) -> Self {
        Self { batch, decided: Vec::new(), listeners, answer }
    }
}

impl Work for Apply {
    fn weight(&self) -> usize {
        self.batch.len()
    }

    fn run(&mut self, desk: &mut Desk) -> Result<(), StoreError> {
        self.decided = desk.apply(self.batch.operations())?;
        Ok(())
    }

    fn answer(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { decided, listeners, answer, .. } = *self;
        let end = end.and_then(|()| {
            let told = catch_unwind(AssertUnwindSafe(|| listeners.tell(&decided)));
            told.map_err(|_| Reason::ListenerPanicked.into())
        });
        // Who no longer waits is not told.
        let _ = answer.send(end.map(|()| decided));
    }
}

/// A change of other rows, such as keys.
pub(crate) struct Change<T, F> {
    change: F,
    done: Option<T>,
    answer: Answer<T>,
}

impl<T, F: FnMut(&Connection) -> Result<T, StoreError>> Change<T, F> {
    pub(crate) fn new(change: F, answer: Answer<T>) -> Self {
        Self { change, done: None, answer }
    }
}

impl<T, F> Work for Change<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, StoreError> + Send,
{
    fn weight(&self) -> usize {
        1
    }

    fn run(&mut self, desk: &mut Desk) -> Result<(), StoreError> {
        self.done = Some((self.change)(desk.connection())?);
        Ok(())
    }

    fn answer(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { done, answer, .. } = *self;
        let _ = answer.send(end.and_then(|()| done.ok_or_else(|| Reason::WriterGone.into())));
    }
}
