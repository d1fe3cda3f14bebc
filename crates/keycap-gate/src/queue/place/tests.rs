//! The bound of the queue: how many places there are, and who gets one that is given back.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;
use std::thread;

use futures_util::FutureExt;

use super::*;
use crate::queue::tests::poll;
use crate::queue::{MAX_PLACES, Queue};

/// A queue with so many lanes and places, whatever the machine.
fn queue_of(lanes: usize, places: usize) -> Queue {
    Queue::with_lanes(lanes, places)
}

fn all_places(queue: &Queue) -> Vec<Place> {
    std::iter::from_fn(|| queue.try_place()).collect()
}

#[test]
fn there_are_as_many_places_as_were_asked_for_and_not_one_more() {
    for lanes in [1, 2, 4, 8] {
        for places in (lanes..20).chain([1_000, 1_001, 1_007]) {
            let queue = queue_of(lanes, places);
            for _ in 0..2 {
                let taken = all_places(&queue);
                assert_eq!((taken.len(), queue.taken()), (places, places), "{lanes} lanes");
                assert!(queue.try_place().is_none());
                drop(taken);
                assert_eq!(queue.taken(), 0);
            }
        }
    }
}

#[test]
fn a_queue_of_few_places_has_no_lane_without_one() {
    for places in 1..=9 {
        let queue = Queue::new(places);
        assert!(queue.lanes.len() <= places);
        assert_eq!(all_places(&queue).len(), places);
    }
}

#[test]
fn no_queue_has_more_than_the_most_places() {
    for places in [MAX_PLACES, MAX_PLACES + 1] {
        let queue = Queue::new(places);
        let free: usize = queue.lanes.iter().map(|lane| Lane::free(lane.count())).sum();
        assert_eq!(free, MAX_PLACES);
    }
}

#[test]
fn a_place_goes_back_to_its_lane_whoever_drops_it() {
    let queue = queue_of(2, 4);
    let counts = || queue.lanes.iter().map(|lane| Lane::free(lane.count())).collect::<Vec<_>>();
    let taken = all_places(&queue);
    assert_eq!(counts(), [0, 0]);
    thread::scope(|scope| scope.spawn(|| drop(taken)).join().unwrap());
    assert_eq!(counts(), [2, 2]);
}

#[test]
fn one_who_left_a_place_takes_one_of_the_same_lane_or_of_another_that_is_free() {
    let queue = queue_of(2, 4);
    let place = queue.try_place().unwrap();
    let spot = place.leave();
    assert_eq!(queue.taken(), 0);
    let again = queue.try_place_at(spot).unwrap();
    assert_eq!(queue.taken(), 1);
    let spot = again.leave();
    let mut taken = all_places(&queue);
    assert_eq!(taken.len(), 4);
    let spot = spot.enter().map(drop).unwrap_err();
    drop(taken.pop());
    let other = queue.try_place_at(spot).unwrap();
    assert_eq!(queue.taken(), 4);
    drop((other, taken));
    assert_eq!(queue.taken(), 0);
}

#[tokio::test]
async fn who_waits_is_handed_a_place_before_newcomers_in_the_order_they_came() {
    let queue = queue_of(2, 2);
    let mut taken = all_places(&queue);
    let (mut first, mut second) = (pin!(queue.place()), pin!(queue.place()));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    drop(taken.pop());
    assert!(queue.try_place().is_none(), "a newcomer passed those who wait");
    assert!(poll(&mut second).is_pending());
    let Poll::Ready(one) = poll(&mut first) else { panic!("not handed over") };
    drop(one);
    assert!(second.now_or_never().is_some());
}

#[tokio::test]
async fn a_place_on_its_way_to_one_who_left_goes_to_the_next_and_then_back() {
    let queue = queue_of(1, 1);
    let taken = queue.try_place().unwrap();
    let mut given_up = Box::pin(queue.place());
    let mut next = Box::pin(queue.place());
    assert!(poll(&mut given_up).is_pending());
    assert!(poll(&mut next).is_pending());
    drop(taken);
    drop(given_up);
    let Poll::Ready(place) = poll(&mut next) else { panic!("not handed over") };
    drop(place);
    assert_eq!(queue.taken(), 0);
    assert!(queue.try_place().is_some());
}

#[tokio::test]
async fn those_who_left_the_line_leave_nothing_behind() {
    let queue = queue_of(1, 1);
    let taken = queue.try_place().unwrap();
    let mut kept = pin!(queue.place());
    assert!(poll(&mut kept).is_pending());
    for _ in 0..10_000 {
        assert!(queue.place().now_or_never().is_none());
    }
    assert!(queue.line.length.load(Ordering::SeqCst) <= 8);
    drop(taken);
    assert!(kept.now_or_never().is_some());
}

/// Threads take, give back, wait and give up, on a queue with fewer places than threads.
#[test]
fn however_threads_meet_never_more_have_a_place_than_there_are_and_none_is_lost() {
    const THREADS: usize = 8;
    const PLACES: usize = 3;
    let queue = queue_of(2, PLACES);
    let inside = AtomicUsize::new(0);
    let work = &|number: usize| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for round in 0..2_000 {
            let place = match (number + round) % 3 {
                0 => queue.try_place(),
                1 => Some(runtime.block_on(queue.place())),
                _ => queue.place().now_or_never(),
            };
            if let Some(place) = place {
                assert!(inside.fetch_add(1, Ordering::SeqCst) < PLACES);
                thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(place);
            }
        }
    };
    thread::scope(|scope| {
        (0..THREADS).for_each(|number| drop(scope.spawn(move || work(number))));
    });
    assert_eq!(queue.taken(), 0);
    assert_eq!(all_places(&queue).len(), PLACES);
}
