//! Order, batches, company and the end, on paused time.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_util::FutureExt;
use keycap_base::Timestamp;
use keycap_budget::{AccountId, ChargeId, HoldId, MAX_BATCH, Operation};
use tokio::time::{Instant, sleep};

use super::pace::{LONGEST_WAIT, LOOK_STEP};
use super::*;

/// The smallest step of the runtime's timer.
const TICK: Duration = Duration::from_millis(1);

/// A release that says who queued it, as which.
fn release(thread: usize, number: usize) -> Operation {
    let account = AccountId::new(format!("{thread}/{number}")).unwrap();
    Operation::Release { account, hold: HoldId::generate(Timestamp::EPOCH) }
}

fn named(job: &Job) -> (usize, usize) {
    let Operation::Release { account, .. } = &job.operation else { panic!("not a release") };
    let (thread, number) = account.as_str().split_once('/').unwrap();
    (thread.parse().unwrap(), number.parse().unwrap())
}

fn push(queue: &Queue, number: usize) {
    queue.push_job(Job::before_another(release(0, number)));
}

fn push_many(queue: &Queue, count: usize) {
    (0..count).for_each(|number| push(queue, number));
}

/// Polls once.
pub(super) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

/// Takes a batch, says that it is settled, and how many there were and how long it took.
async fn settled(queue: &Queue) -> (usize, Duration) {
    let begun = Instant::now();
    let jobs = queue.take(MAX_BATCH).await.unwrap();
    queue.note_settled();
    (jobs.len(), begun.elapsed())
}

/// A queue to which so many came just now, all settled.
async fn queue_after(arrivals: usize) -> Queue {
    let queue = Queue::with_lanes(2, 8);
    for _ in 0..arrivals {
        push(&queue, 0);
        assert_eq!(settled(&queue).await, (1, Duration::ZERO));
    }
    queue
}

/// As many in a tenth of a second as a thousand a second are.
const AT_THE_BOUND: usize = 100;

#[test]
fn what_one_thread_queues_is_sent_in_its_order() {
    const THREADS: usize = 4;
    const EACH: usize = 3_000;
    let queue = Queue::with_lanes(4, 16);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let queue = &queue;
            scope.spawn(move || {
                for number in 0..EACH {
                    queue.push_job(Job::before_another(release(thread, number)));
                }
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut next = [0; THREADS];
        while next != [EACH; THREADS] {
            for job in runtime.block_on(queue.take(MAX_BATCH)).unwrap() {
                let (thread, number) = named(&job);
                assert_eq!(number, next[thread], "of thread {thread}");
                next[thread] += 1;
            }
            queue.note_settled();
        }
    });
    assert!(queue.is_empty() && queue.behind().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lone_request_does_not_wait_for_company() {
    let queue = Queue::with_lanes(2, 8);
    for pause in [Duration::ZERO, TICK, Duration::from_secs(3_600)] {
        sleep(pause).await;
        push(&queue, 0);
        assert_eq!(settled(&queue).await, (1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn batches_wait_for_company_above_a_thousand_a_second_and_not_at_it() {
    for (arrivals, waits) in [(AT_THE_BOUND, false), (AT_THE_BOUND + 1, true)] {
        let queue = queue_after(arrivals).await;
        push(&queue, 0);
        let (_, waited) = settled(&queue).await;
        assert_eq!(waited > Duration::ZERO, waits, "after {arrivals} in a tenth of a second");
    }
}

#[tokio::test(start_paused = true)]
async fn no_batch_waits_longer_than_the_longest_wait_however_much_company_comes() {
    let queue = Arc::new(queue_after(AT_THE_BOUND + 1).await);
    let more = Arc::clone(&queue);
    let company = tokio::spawn(async move {
        loop {
            push(&more, 0);
            sleep(TICK).await;
        }
    });
    push(&queue, 0);
    for _ in 0..20 {
        let (together, waited) = settled(&queue).await;
        assert!(together > 1);
        assert_eq!(waited, LONGEST_WAIT);
    }
    company.abort();
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_when_a_whole_step_brought_nobody() {
    let queue = Arc::new(queue_after(AT_THE_BOUND + 1).await);
    let more = Arc::clone(&queue);
    push(&queue, 0);
    let company = tokio::spawn(async move {
        sleep(TICK).await;
        push(&more, 1);
    });
    assert_eq!(settled(&queue).await, (2, 2 * LOOK_STEP));
    company.await.unwrap();
}

/// However fast a client sends one request after the other, nobody else comes while it waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_each_of_its_costs_is_hardly_kept_waiting() {
    let queue = queue_after(AT_THE_BOUND + 1).await;
    let begun = Instant::now();
    let mut waits = 0;
    while begun.elapsed() < Duration::from_secs(1) {
        for _ in 0..20 {
            push(&queue, 0);
            let (together, waited) = settled(&queue).await;
            assert_eq!(together, 1);
            assert!(waited <= LOOK_STEP);
            waits += u32::from(waited > Duration::ZERO);
        }
        sleep(TICK).await;
    }
    assert!(waits > 0);
    assert!(waits <= 10, "it waited {waits} times in a second");
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_company_enough_goes_at_once_and_one_with_one_less_does_not() {
    for (count, waits) in [(ENOUGH - 1, true), (ENOUGH, false), (MAX_BATCH + 1, false)] {
        let queue = queue_after(AT_THE_BOUND + 1).await;
        push_many(&queue, count);
        let (together, waited) = settled(&queue).await;
        assert_eq!((together, waited > Duration::ZERO), (count.min(MAX_BATCH), waits), "{count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_has_company_enough_while_it_waits_goes_at_once() {
    let queue = queue_after(AT_THE_BOUND + 1).await;
    push(&queue, 0);
    let mut waiting = pin!(settled(&queue));
    assert!(poll(&mut waiting).is_pending());
    push_many(&queue, ENOUGH - 2);
    assert!(poll(&mut waiting).is_pending());
    push(&queue, 0);
    assert_eq!(poll(&mut waiting), Poll::Ready((ENOUGH, Duration::ZERO)));
}

#[tokio::test(start_paused = true)]
async fn who_hurries_or_closes_the_queue_ends_the_wait_at_once() {
    for end in [Queue::hurry, Queue::close] {
        let queue = queue_after(AT_THE_BOUND + 1).await;
        push(&queue, 0);
        let mut waiting = pin!(settled(&queue));
        assert!(poll(&mut waiting).is_pending());
        end(&queue);
        assert_eq!(poll(&mut waiting), Poll::Ready((1, Duration::ZERO)));
        push(&queue, 0);
        assert_eq!(settled(&queue).await, (1, Duration::ZERO), "nor does the next wait");
    }
}

/// 20,000 a second are at most 200 batches a second: one for a hundred.
#[tokio::test(start_paused = true)]
async fn a_busy_gate_sends_few_large_batches() {
    const SECONDS: usize = 5;
    let queue = Arc::new(queue_after(AT_THE_BOUND + 1).await);
    let more = Arc::clone(&queue);
    let arrivals = tokio::spawn(async move {
        for _ in 0..SECONDS * 1_000 {
            push_many(&more, 20);
            sleep(TICK).await;
        }
        more.close();
    });
    let (mut batches, mut sent) = (0, 0);
    while let Some(jobs) = queue.take(MAX_BATCH).await {
        (batches, sent) = (batches + 1, sent + jobs.len());
        queue.note_settled();
    }
    arrivals.await.unwrap();
    assert_eq!(sent, SECONDS * 20_000);
    assert!(batches <= SECONDS * 200, "{batches} batches");
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_while_the_settler_sleeps_wakes_it_and_a_closed_queue_ends() {
    let queue = Queue::with_lanes(2, 8);
    let mut taking = pin!(queue.take(MAX_BATCH));
    assert!(poll(&mut taking).is_pending());
    push(&queue, 7);
    let Poll::Ready(Some(jobs)) = poll(&mut taking) else { panic!("not woken") };
    assert_eq!(jobs.iter().map(named).collect::<Vec<_>>(), [(0, 7)]);
    let mut taking = pin!(queue.take(MAX_BATCH));
    assert!(poll(&mut taking).is_pending());
    push(&queue, 8);
    queue.close();
    let Poll::Ready(Some(jobs)) = poll(&mut taking) else { panic!("not woken") };
    assert_eq!(jobs.len(), 1, "what was queued before the end is sent");
    assert!(queue.take(MAX_BATCH).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn more_than_a_batch_is_sent_as_several() {
    let queue = Queue::with_lanes(2, 8);
    push_many(&queue, 2 * MAX_BATCH + 1);
    for together in [MAX_BATCH, MAX_BATCH, 1] {
        assert_eq!(settled(&queue).await, (together, Duration::ZERO));
    }
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_good_until_all_that_was_queued_before_is_settled() {
    let queue = Queue::with_lanes(2, 8);
    assert!(queue.behind().is_none());
    push_many(&queue, MAX_BATCH + 1);
    let early = queue.behind().unwrap();
    assert_eq!(queue.take(MAX_BATCH).await.unwrap().len(), MAX_BATCH);
    push(&queue, 0);
    let late = queue.behind().unwrap();
    let caught_up = async |ticket| {
        let begun = Instant::now();
        queue.caught_up_within(ticket, TICK).await;
        begun.elapsed() < TICK
    };
    assert!(!caught_up(early).await);
    queue.note_settled();
    assert!(!caught_up(early).await, "one of the round is still on its way");
    assert_eq!(queue.take(MAX_BATCH).await.unwrap().len(), 1);
    assert!(!caught_up(early).await);
    queue.note_settled();
    assert!(caught_up(early).await && !caught_up(late).await);
    assert_eq!(settled(&queue).await.0, 1);
    assert!(caught_up(late).await && queue.behind().is_none());
}

/// In the steady state a push takes no memory.
#[tokio::test(start_paused = true)]
async fn lists_that_have_grown_are_used_again() {
    let queue = Queue::with_lanes(2, 8);
    let room = || {
        let lanes: usize = queue.lanes.iter().map(|lane| lane.room()).sum();
        lanes + queue.intake.lock().spare.capacity()
    };
    let round = async || {
        push_many(&queue, 500);
        assert_eq!(settled(&queue).await.0, 500);
        room()
    };
    let grown = [round().await, round().await, round().await];
    for _ in 0..20 {
        assert_eq!(round().await, grown[2]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_queue_keeps_nothing_that_is_or_was_queued() {
    let queue = Queue::with_lanes(2, 8);
    let lose = |id: ChargeId| {
        let (told, place) = (Owed::new(), queue.try_place().unwrap());
        let account = AccountId::new("acme").unwrap();
        let release = Operation::Release { account, hold: id.to_string().parse().unwrap() };
        queue.push_job(Job::loose(release, Some(told), place));
    };
    let id = ChargeId::generate(Timestamp::EPOCH);
    lose(id);
    assert_eq!(queue.taken(), 1);
    queue.abandon();
    assert_eq!(queue.taken(), 0);
    lose(id);
    assert_eq!(queue.taken(), 0);
}
