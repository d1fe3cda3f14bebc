#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use keycap_budget::Outcome;

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(waiting: &mut Waiting, woken: &Arc<Woken>) -> Poll<Result<Decided, NeverTold>> {
    waiting.poll(&Context::from_waker(&Waker::from(Arc::clone(woken))))
}

fn wakers(owed: &Owed) -> usize {
    match &*owed.0.0.lock() {
        State::Open { wakers, .. } => wakers.len(),
        State::Answered(_) | State::Lost => 0,
    }
}

#[test]
fn all_who_wait_are_woken_once_and_told() {
    let (owed, woken) = (Owed::new(), Arc::new(Woken::default()));
    let mut all: Vec<_> = (0..3).map(|_| owed.waiting()).collect();
    for waiting in all.iter_mut().chain([&mut owed.waiting()]) {
        assert!(poll(waiting, &woken).is_pending());
        assert!(poll(waiting, &woken).is_pending());
    }
    owed.answer(Ok(Outcome::Released));
    assert_eq!(woken.0.load(Ordering::SeqCst), 3);
    for mut waiting in all {
        assert!(matches!(poll(&mut waiting, &woken), Poll::Ready(Ok(Ok(Outcome::Released)))));
    }
}

#[test]
fn one_who_was_never_polled_before_the_answer_is_told_too() {
    let (owed, woken) = (Owed::new(), Arc::new(Woken::default()));
    let mut waiting = owed.waiting();
    owed.answer(Ok(Outcome::Released));
    assert!(matches!(poll(&mut waiting, &woken), Poll::Ready(Ok(Ok(Outcome::Released)))));
}

#[test]
fn an_answer_that_will_never_come_is_told_as_that() {
    let (owed, woken) = (Owed::new(), Arc::new(Woken::default()));
    let (mut polled, mut fresh) = (owed.waiting(), owed.waiting());
    assert!(poll(&mut polled, &woken).is_pending());
    drop(owed);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(matches!(poll(&mut polled, &woken), Poll::Ready(Err(NeverTold))));
    assert!(matches!(poll(&mut fresh, &woken), Poll::Ready(Err(NeverTold))));
}

/// A handler that streams while the ledger is away may report a million costs, look whether each is
/// recorded, and give up.
#[test]
fn those_who_gave_up_waiting_leave_nothing_behind() {
    let (owed, woken) = (Owed::new(), Arc::new(Woken::default()));
    let mut kept = owed.waiting();
    assert!(poll(&mut kept, &woken).is_pending());
    for _ in 0..10_000 {
        let mut waiting = owed.waiting();
        assert!(poll(&mut waiting, &woken).is_pending());
    }
    assert_eq!(wakers(&owed), 1);
    assert_eq!(Arc::strong_count(&owed.0), 2);
    owed.answer(Ok(Outcome::Released));
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
}
