use std::time::Duration;

use super::*;
use crate::jose::vectors::EDDSA_KEY;

const TTL: Duration = Duration::from_secs(300);
const INTERVAL: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);
const TICK: Duration = Duration::from_millis(1);

fn shelf() -> Shelf {
    Shelf::new(Timing { ttl: TTL, interval: INTERVAL })
}

fn keys() -> KeySet {
    KeySet::read(format!(r#"{{"keys":[{EDDSA_KEY}]}}"#).as_bytes()).unwrap()
}

/// A shelf whose keys were fetched at `NOW`.
fn filled() -> (Shelf, Held) {
    let mut shelf = shelf();
    shelf.begin(NOW);
    let held = shelf.end(NOW, Ok(keys())).unwrap();
    (shelf, held)
}

fn fail(shelf: &mut Shelf, at: Timestamp) {
    shelf.begin(at);
    assert!(shelf.end(at, Err(Unavailable::new("the issuer"))).is_err());
}

fn word(next: &Next) -> &'static str {
    match next {
        Next::Have(_) => "have",
        Next::Nothing => "nothing",
        Next::Failed(_) => "failed",
        Next::Wait(_) => "wait",
        Next::Fetch => "fetch",
    }
}

#[test]
fn an_empty_shelf_is_filled_whatever_is_wanted() {
    for wanted in [Wanted::Fresh, Wanted::NewerThan(0), Wanted::Ahead] {
        assert_eq!(word(&shelf().next(wanted, NOW)), "fetch", "{wanted:?}");
    }
}

#[test]
fn p6_keys_are_handed_out_for_their_time_and_not_a_moment_longer() {
    let (shelf, _) = filled();
    let fresh = |now| word(&shelf.next(Wanted::Fresh, now));
    assert_eq!(fresh(NOW), "have");
    assert_eq!(fresh(NOW.plus(TTL - TICK)), "have");
    assert_eq!(fresh(NOW.plus(TTL)), "fetch");
    assert_eq!(fresh(NOW.minus(TICK)), "fetch", "keys from a time to come");
}

#[test]
fn an_unknown_key_is_looked_for_once_in_an_interval() {
    let (shelf, held) = filled();
    let newer = |now| word(&shelf.next(Wanted::NewerThan(held.fetch), now));
    assert_eq!(newer(NOW), "nothing");
    assert_eq!(newer(NOW.plus(INTERVAL - TICK)), "nothing");
    assert_eq!(newer(NOW.plus(INTERVAL)), "fetch");
    assert_eq!(newer(NOW.minus(TICK)), "fetch", "the clock was set back");
    assert_eq!(word(&shelf.next(Wanted::NewerThan(held.fetch + 7), NOW)), "have");
}

#[test]
fn p6_a_look_that_failed_is_no_answer_until_the_next() {
    let (mut shelf, held) = filled();
    let late = NOW.plus(INTERVAL);
    fail(&mut shelf, late);
    let Next::Failed(failed) = shelf.next(Wanted::NewerThan(held.fetch), late.plus(TICK)) else {
        panic!("the new key may be there")
    };
    assert_eq!(failed.retry_after(), Some(FAILED_FETCH_PAUSE - TICK));
    let next = |after| word(&shelf.next(Wanted::NewerThan(held.fetch), late.plus(after)));
    assert_eq!(next(FAILED_FETCH_PAUSE - TICK), "failed");
    assert_eq!(next(FAILED_FETCH_PAUSE), "fetch");
    assert_eq!(word(&shelf.next(Wanted::Fresh, late)), "have", "what is known stays known");
    assert_eq!(
        word(&shelf.next(Wanted::Fresh, NOW.plus(TTL))),
        "fetch",
        "and is asked for at once"
    );
}

#[test]
fn p6_a_look_that_goes_on_is_waited_for_and_one_broken_off_is_no_answer() {
    let (mut shelf, held) = filled();
    let late = NOW.plus(INTERVAL);
    shelf.begin(late);
    assert_eq!(word(&shelf.next(Wanted::NewerThan(held.fetch), late)), "wait");
    assert_eq!(word(&shelf.next(Wanted::Ahead, NOW.plus(TTL / 2))), "fetch");
    assert!(shelf.outcome_after(shelf.fetches()).is_none(), "who waits for it asks anew");
}

#[test]
fn keys_are_fetched_ahead_when_half_their_time_is_over() {
    let (mut shelf, _) = filled();
    let half = NOW.plus(TTL / 2);
    assert_eq!(word(&shelf.next(Wanted::Ahead, half.minus(TICK))), "nothing");
    assert_eq!(word(&shelf.next(Wanted::Ahead, half)), "fetch");
    fail(&mut shelf, half);
    assert_eq!(word(&shelf.next(Wanted::Ahead, half.plus(FAILED_FETCH_PAUSE - TICK))), "nothing");
    assert_eq!(word(&shelf.next(Wanted::Ahead, half.plus(FAILED_FETCH_PAUSE))), "fetch");
}

#[test]
fn who_waited_gets_what_came_of_it() {
    let (mut shelf, held) = filled();
    assert!(shelf.outcome_after(1).is_none());
    assert_eq!(shelf.outcome_after(0).unwrap().unwrap().fetch, held.fetch);
    fail(&mut shelf, NOW);
    assert!(shelf.outcome_after(1).unwrap().is_err());
    shelf.begin(NOW);
    assert_eq!(shelf.end(NOW, Ok(keys())).unwrap().fetch, 3);
    assert_eq!(shelf.outcome_after(2).unwrap().unwrap().fetch, 3);
}
