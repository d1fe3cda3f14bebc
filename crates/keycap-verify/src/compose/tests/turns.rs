//! First-of: who is asked, and what the answer of all is.

use super::*;

const ALL: [Does; 9] = [
    Knows,
    Rejects(Rejection::Unknown),
    Rejects(Rejection::Malformed),
    Rejects(Rejection::Expired),
    Rejects(Rejection::Revoked),
    ScreensOut(Rejection::Unknown),
    ScreensOut(Rejection::Malformed),
    CannotTell,
    Panics,
];

fn first_of(doubles: &[Arc<Double>]) -> FirstOf {
    let each = |builder: FirstOfBuilder, double: &Arc<Double>| builder.provider(Arc::clone(double));
    doubles.iter().fold(FirstOf::builder(), each).build().unwrap()
}

/// What is promised, said in another way than it is done.
fn expected(does: &[Does]) -> &'static str {
    let said = |what: &[Does]| does.iter().any(|does| what.contains(does));
    match () {
        () if said(&[Knows]) => "known",
        () if said(&[CannotTell, Panics, PanicsAtOnce]) => "unavailable",
        () if said(&[Rejects(Rejection::Revoked)]) => "revoked",
        () if said(&[Rejects(Rejection::Expired)]) => "expired",
        () if said(&[Rejects(Rejection::Malformed), ScreensOut(Rejection::Malformed)]) => {
            "malformed"
        }
        () => "unknown",
    }
}

fn told(answer: &Answer) -> &'static str {
    match answer {
        Answer::Known(_) => "known",
        Answer::Unavailable(_) => "unavailable",
        Answer::Rejected(Rejection::Revoked) => "revoked",
        Answer::Rejected(Rejection::Expired) => "expired",
        Answer::Rejected(Rejection::Malformed) => "malformed",
        Answer::Rejected(Rejection::Unknown) => "unknown",
    }
}

#[tokio::test]
async fn p6_three_in_every_mood_answer_as_is_promised_and_see_what_they_must() {
    let secret = secret("key");
    for first in ALL {
        for second in ALL {
            for third in ALL {
                let moods = [first, second, third];
                let doubles = [("a", first), ("b", second), ("c", third)]
                    .map(|(name, does)| Double::new(name, does));
                let all = first_of(&doubles);
                assert_eq!(told(&all.verify(&secret).await), expected(&moods), "{moods:?}");

                let may_be_asked =
                    doubles.iter().filter(|double| !matches!(double.does, ScreensOut(_)));
                let may_be_asked: Vec<_> = may_be_asked.map(|double| &*double.name).collect();
                assert_eq!(all.names_for(&secret), may_be_asked, "{moods:?}");

                let knows = moods.iter().position(|does| *does == Knows).unwrap_or(2);
                for (place, double) in doubles.iter().enumerate() {
                    let screened = matches!(double.does, ScreensOut(_));
                    let asked = usize::from(place <= knows && !screened);
                    assert_eq!(double.sent().len(), asked, "{moods:?}: {place}");
                }
                let screens = moods.iter().all(|does| matches!(does, ScreensOut(_)));
                let screened = all.screen(&secret).map(Answer::Rejected);
                let screened = screened.as_ref().map(told);
                assert_eq!(screened, screens.then(|| expected(&moods)), "{moods:?}");
            }
        }
    }
}

#[tokio::test]
async fn p6_one_that_panics_when_it_screens_is_not_sent_the_secret_and_hides_no_other() {
    let doubles = [Double::new("a", PanicsAtOnce), Double::new("b", Knows)];
    let all = first_of(&doubles);
    assert_eq!(all.screen(&secret("key")), None);
    assert_eq!(all.names_for(&secret("key")), ["a", "b"]);
    assert_eq!(knew(&all.verify(&secret("key")).await), Some("b"));
    assert!(doubles[0].sent().is_empty());
    let doubles = [Double::new("a", PanicsAtOnce), Double::new("b", Rejects(Rejection::Revoked))];
    assert!(matches!(first_of(&doubles).verify(&secret("key")).await, Answer::Unavailable(_)));
}

#[tokio::test(start_paused = true)]
async fn p6_one_that_hangs_costs_its_turn_and_hides_no_other() {
    let clock = tokio::time::Instant::now();
    let doubles = [Double::new("a", Hangs), Double::new("b", Knows)];
    assert_eq!(knew(&first_of(&doubles).verify(&secret("key")).await), Some("b"));
    assert_eq!(clock.elapsed(), DEFAULT_TURN);
    let doubles = [Double::new("a", Hangs), Double::new("b", Rejects(Rejection::Unknown))];
    let Answer::Unavailable(why) = first_of(&doubles).verify(&secret("key")).await else {
        panic!("a rejection, although one could not tell");
    };
    let cause = std::error::Error::source(&why).unwrap().to_string();
    assert_eq!(why.to_string(), "the provider `a` cannot answer");
    assert_eq!(cause, "it took longer than its turn of 5s");
}

#[tokio::test]
async fn of_several_that_cannot_tell_the_one_that_may_be_back_soonest_is_told() {
    let waiting = |name: &str, seconds: Option<u64>| {
        let wait = seconds.map(Duration::from_secs);
        Arc::new(Double { wait, ..Double::bare(name, CannotTell) })
    };
    for (waits, soonest) in [
        ([Some(9), Some(3), Some(5)], Some(3)),
        ([Some(9), None, Some(5)], None),
        ([Some(2), Some(2), Some(2)], Some(2)),
    ] {
        let [a, b, c] = waits;
        let all = first_of(&[waiting("a", a), waiting("b", b), waiting("c", c)]);
        let Answer::Unavailable(told) = all.verify(&secret("key")).await else { panic!("told") };
        assert_eq!(told.retry_after(), soonest.map(Duration::from_secs), "{waits:?}");
    }
}

#[test]
fn turns_that_make_no_sense_are_refused_when_built() {
    let many = |count: usize| {
        let name = |number: usize| format!("p{number}");
        let each =
            |builder: FirstOfBuilder, number| builder.provider(Double::bare(&name(number), Knows));
        (0..count).fold(FirstOf::builder(), each)
    };
    let error = |builder: FirstOfBuilder| builder.build().err();
    assert_eq!(error(many(0)), Some(ComposeError::Empty));
    assert_eq!(error(many(1)), None);
    assert_eq!(error(many(MAX_TURNS)), None);
    assert_eq!(error(many(MAX_TURNS + 1)), Some(ComposeError::TooManyTurns(MAX_TURNS + 1)));
    let again = many(1).provider(Double::bare("p0", Knows));
    assert_eq!(error(again), Some(ComposeError::SameName("p0".into())));
    assert_eq!(error(many(1).turn(MAX_TURN)), None);
    for wrong in [Duration::ZERO, MAX_TURN + Duration::from_nanos(1)] {
        assert_eq!(error(many(1).turn(wrong)), Some(ComposeError::Turn(wrong)));
    }
}
