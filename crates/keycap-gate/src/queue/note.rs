//! The one heap allocation of a tracked cost: what its waiters and the settler share.
//!
//! The settler's side is [`Owed`], of which there is one; it is answered once, or dropped, and then
//! nobody will be told. The other side is [`Waiting`], one for each who wants to know. Who gives up
//! waiting takes its waker along: nothing is left behind, however many come and go.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use keycap_budget::Decided;
use parking_lot::Mutex;
use smallvec::SmallVec;

/// What both sides share.
struct Note(Mutex<State>);

enum State {
    /// Not answered. Those who were polled, by their numbers.
    Open {
        wakers: SmallVec<[(u32, Waker); 1]>,
        numbers: u32,
    },
    Answered(Decided),
    /// The settler's side is gone without an answer.
    Lost,
}

/// An answer that is owed to those who wait for it.
pub(crate) struct Owed(Arc<Note>);

/// Somebody who waits for an answer. Cancel safe.
pub(crate) struct Waiting {
    /// Gone once the answer was taken.
    note: Option<Arc<Note>>,
    /// Under which its waker stands, once there is one.
    number: Option<u32>,
}

/// Nobody will give the answer: the settler is gone.
#[derive(Debug)]
pub(crate) struct NeverTold;

impl Owed {
    /// An answer that nobody waits for yet.
    pub(crate) fn new() -> Self {
        let (wakers, numbers) = (SmallVec::new(), 0);
        Self(Arc::new(Note(Mutex::new(State::Open { wakers, numbers }))))
    }

    /// One more who waits. Takes no memory of its own.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting { note: Some(Arc::clone(&self.0)), number: None }
    }

    /// Tells all who wait.
    pub(crate) fn answer(self, answer: Decided) {
        // Whoever stopped waiting needs no answer.
        if Arc::strong_count(&self.0) > 1 {
            self.0.close(State::Answered(answer));
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.close(State::Lost);
    }
}

impl Note {
    /// Ends the waiting, unless it has ended.
    fn close(&self, end: State) {
        let mut state = self.0.lock();
        if let State::Open { wakers, .. } = &mut *state {
            let wakers = std::mem::take(wakers);
            *state = end;
            drop(state);
            wakers.into_iter().for_each(|(_, waker)| waker.wake());
        }
    }
}

impl Waiting {
    /// The answer, once it is there.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Result<Decided, NeverTold>> {
        let Some(note) = &self.note else { return Poll::Pending };
        if let State::Open { wakers, numbers } = &mut *note.0.lock() {
            register(wakers, numbers, &mut self.number, context.waker());
            return Poll::Pending;
        }
        Poll::Ready(self.note.take().map_or(Err(NeverTold), taken))
    }
}

/// Sees to it that the waiter of this number is woken through this waker.
fn register(
    wakers: &mut SmallVec<[(u32, Waker); 1]>,
    numbers: &mut u32,
    number: &mut Option<u32>,
    waker: &Waker,
) {
    match wakers.iter_mut().find(|(other, _)| Some(*other) == *number) {
        Some((_, mine)) => mine.clone_from(waker),
        None => {
            *number = Some(*numbers);
            wakers.push((*numbers, waker.clone()));
            *numbers = numbers.wrapping_add(1);
        }
    }
}

/// The answer on a note that has one: moved out for the last who asks.
fn taken(note: Arc<Note>) -> Result<Decided, NeverTold> {
    let state = match Arc::try_unwrap(note) {
        Ok(note) => note.0.into_inner(),
        Err(shared) => match &*shared.0.lock() {
            State::Answered(answer) => return Ok(answer.clone()),
            State::Open { .. } | State::Lost => return Err(NeverTold),
        },
    };
    match state {
        State::Answered(answer) => Ok(answer),
        State::Open { .. } | State::Lost => Err(NeverTold),
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some(note), Some(number)) = (&self.note, self.number) else { return };
        if let State::Open { wakers, .. } = &mut *note.0.lock() {
            wakers.retain(|(other, _)| *other != number);
        }
    }
}

#[cfg(test)]
mod tests;
