//! How long a request waits, on paused time.

use tokio::time::Instant;

use super::*;
use crate::queue::Job;

const TICK: Duration = Duration::from_millis(1);

fn behind(queue: &Queue) {
    let account = "acme".parse::<keycap_budget::AccountId>();
    let hold = keycap_budget::HoldId::generate(keycap_base::Timestamp::EPOCH);
    let release = account.map(|account| keycap_budget::Operation::Release { account, hold });
    queue.push_job(Job::before_another(release.unwrap()));
}

async fn waited(patience: &mut Patience, queue: &Queue) -> (ControlFlow<()>, Duration) {
    let begun = Instant::now();
    (patience.wait(queue).await, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_and_with_nothing_owed_nobody_waits() {
    let queue = Queue::new(8);
    for mut patience in [Patience::least(&queue), Patience::of(&Guard::free(), &queue)] {
        assert!(!patience.is_left());
        assert_eq!(waited(&mut patience, &queue).await, (ControlFlow::Break(()), Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_is_waited_for_until_it_is_settled_and_no_longer_than_the_bound() {
    for settled_after in [Duration::ZERO, CATCH_UP - TICK, CATCH_UP, CATCH_UP + TICK] {
        let queue = Queue::new(8);
        behind(&queue);
        let mut patience = Patience::least(&queue);
        assert!(patience.is_left());
        let settle = async {
            let _taken = queue.take(1).await;
            tokio::time::sleep(settled_after).await;
            queue.note_settled();
        };
        let (_, (flow, waited_for)) = tokio::join!(settle, waited(&mut patience, &queue));
        assert_eq!((flow, waited_for), (ControlFlow::Continue(()), settled_after.min(CATCH_UP)));
        assert_eq!(waited(&mut patience, &queue).await.0, ControlFlow::Break(()), "waits once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guards_wait_is_cut_into_steps_and_ends_when_it_is_over() {
    let queue = Queue::new(8);
    let guard = Guard::free().wait_up_to(2 * WAIT_STEP + TICK);
    let mut patience = Patience::of(&guard, &queue);
    for _ in 0..2 {
        let step = (ControlFlow::Continue(()), WAIT_STEP);
        assert_eq!(waited(&mut patience, &queue).await, step);
    }
    assert_eq!(waited(&mut patience, &queue).await, (ControlFlow::Break(()), TICK));
}

#[tokio::test(start_paused = true)]
async fn a_step_ends_when_something_was_settled() {
    let queue = Queue::new(8);
    let mut patience = Patience::of(&Guard::free().wait_up_to(WAIT_STEP), &queue);
    let settle = async {
        tokio::time::sleep(TICK).await;
        queue.note_settled();
    };
    let (_, told) = tokio::join!(settle, waited(&mut patience, &queue));
    assert_eq!(told, (ControlFlow::Continue(()), TICK));
}
