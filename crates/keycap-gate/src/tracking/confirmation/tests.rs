//! How long an answer is waited for, and what each answer becomes.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use keycap_base::Timestamp;
use keycap_budget::{Cost, Fault, Fit, HoldId, Recorded};
use tokio::time::{Instant, sleep};

use super::*;
use crate::queue::Owed;

const PATIENCE: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(1);

/// Whether an error is the one that an answer should become.
type Expected = fn(&TrackError) -> bool;

fn recorded() -> Recorded {
    Recorded { fit: Fit::Within, uncovered: Cost::none(), standings: Vec::new() }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_until_the_time_is_over() {
    for (after, confirmed) in
        [(Duration::ZERO, true), (PATIENCE - TICK, true), (PATIENCE + TICK, false)]
    {
        let owed = Owed::new();
        let confirmation = Confirmation::within(PATIENCE, owed.waiting());
        let answer = async {
            sleep(after).await;
            owed.answer(Ok(Outcome::Recorded(recorded())));
        };
        let begun = Instant::now();
        let (told, ()) = tokio::join!(confirmation, answer);
        assert_eq!(begun.elapsed(), after);
        match confirmed {
            true => assert_eq!(told.unwrap(), recorded()),
            false => assert!(matches!(told, Err(TrackError::Unconfirmed))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_begins_when_the_answer_is_first_asked_for() {
    let owed = Owed::new();
    let confirmation = Confirmation::within(PATIENCE, owed.waiting());
    sleep(10 * PATIENCE).await;
    let begun = Instant::now();
    assert!(matches!(confirmation.await, Err(TrackError::Unconfirmed)));
    assert_eq!(begun.elapsed(), PATIENCE);
}

/// Outside a runtime there is no timer, and where the answer is there none is needed.
#[test]
fn an_answer_that_is_there_needs_no_timer() {
    let owed = Owed::new();
    let confirmation = Confirmation::within(PATIENCE, owed.waiting());
    owed.answer(Ok(Outcome::Recorded(recorded())));
    assert_eq!(futures_util::FutureExt::now_or_never(confirmation).unwrap().unwrap(), recorded());
}

#[tokio::test(start_paused = true)]
async fn every_other_answer_is_an_error_that_names_it() {
    let unknown = Fault::UnknownHold(HoldId::generate(Timestamp::EPOCH));
    let answers: [(Decided, Expected); 4] = [
        (Ok(Outcome::Conflict(Box::new(Outcome::Released))), |e| matches!(e, TrackError::Conflict)),
        (Ok(Outcome::TooOld { oldest: Timestamp::EPOCH }), |e| matches!(e, TrackError::TooOld)),
        (Ok(Outcome::Released), |e| matches!(e, TrackError::Misanswered(_))),
        (Err(unknown), |e| matches!(e, TrackError::Fault(Fault::UnknownHold(_)))),
    ];
    for (answer, is_right) in answers {
        let owed = Owed::new();
        let confirmation = Confirmation::within(PATIENCE, owed.waiting());
        owed.answer(answer);
        let error = confirmation.await.unwrap_err();
        assert!(is_right(&error), "{error:?}");
    }
    let lost = Confirmation::within(PATIENCE, Owed::new().waiting());
    assert!(matches!(lost.await, Err(TrackError::ShutDown)));
}
