//! The circuit's rules, by cases and against a model.

use std::time::Duration;

use keycap_base::Timestamp;
use proptest::prelude::*;

use crate::http::breaker::{
    Breaker, End, Entry, Limits, MAX_CIRCUIT_REST, PROBE_WAIT, Part, Ticket, Turn,
};

const OPEN: Duration = Duration::from_secs(5);
const PROBE: Duration = Duration::from_secs(7);
const LIMITS: Limits = Limits { failures: 2, open_for: OPEN, probe_for: PROBE };
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn pass(breaker: &mut Breaker, now: Timestamp) -> Ticket {
    match breaker.enter(now) {
        Entry::Pass(ticket) => ticket,
        Entry::Refuse(wait) => panic!("refused for {wait:?}"),
    }
}

fn opened() -> Breaker {
    let mut breaker = Breaker::new(LIMITS);
    for turn in [Turn::None, Turn::Opened(OPEN)] {
        let ticket = pass(&mut breaker, START);
        assert_eq!(breaker.end(ticket, End::Failed, START), turn);
    }
    breaker
}

#[test]
fn it_opens_at_the_number_of_failures_and_not_one_before() {
    let mut breaker = Breaker::new(LIMITS);
    let ticket = pass(&mut breaker, START);
    assert_eq!(breaker.end(ticket, End::Failed, START), Turn::None);
    assert_eq!(breaker.refusal(START), None);
    assert_eq!(opened().refusal(START), Some(OPEN));
}

#[test]
fn calls_from_before_the_opening_change_nothing() {
    let mut breaker = Breaker::new(LIMITS);
    let old: Vec<_> = (0..6).map(|_| pass(&mut breaker, START)).collect();
    breaker.end(old[0], End::Failed, START);
    breaker.end(old[1], End::Failed, START);
    let later = START.plus(OPEN / 2);
    for (ticket, end) in [(old[2], End::Succeeded), (old[3], End::Failed), (old[4], End::Neither)] {
        assert_eq!(breaker.end(ticket, end, later), Turn::None);
        assert_eq!(breaker.refusal(later), Some(OPEN / 2));
    }
    let now = START.plus(OPEN);
    let probe = pass(&mut breaker, now);
    breaker.end(old[5], End::Succeeded, now);
    assert_eq!(breaker.refusal(now), Some(PROBE_WAIT), "only the probe decides");
    assert_eq!(breaker.end(probe, End::Succeeded, now), Turn::Closed);
}

#[test]
fn a_clock_set_back_keeps_it_open_for_one_more_rest_at_most() {
    let mut breaker = opened();
    let past = START.minus(Duration::from_secs(86_400));
    assert_eq!(breaker.refusal(past), Some(OPEN));
    assert_eq!(pass(&mut breaker, past.plus(OPEN)).part, Part::Probe);
}

#[test]
fn an_abandoned_probe_frees_its_place_at_once() {
    let mut breaker = opened();
    let now = START.plus(OPEN);
    let probe = pass(&mut breaker, now);
    assert_eq!(breaker.enter(now), Entry::Refuse(PROBE_WAIT));
    assert_eq!(breaker.end(probe, End::Neither, now), Turn::None);
    let probe = pass(&mut breaker, now);
    assert_eq!(probe.part, Part::Probe);
    assert_eq!(breaker.end(probe, End::Failed, now), Turn::Opened(2 * OPEN), "still counted");
}

/// The future of a probe is kept and never polled again, and never dropped. That is no reason to leave
/// the provider alone for good.
#[test]
fn p6_a_probe_that_never_ends_is_given_up() {
    let mut breaker = opened();
    let mut now = START.plus(OPEN);
    let lost = pass(&mut breaker, now);
    now = now.plus(PROBE - Duration::from_millis(1));
    assert_eq!(breaker.enter(now), Entry::Refuse(Duration::from_millis(1)));
    now = now.plus(Duration::from_millis(1));
    let next = pass(&mut breaker, now);
    assert_eq!(next.part, Part::Probe);
    assert_eq!(breaker.end(lost, End::Failed, now), Turn::None, "it comes too late");
    assert_eq!(breaker.refusal(now), Some(PROBE_WAIT));
    assert_eq!(breaker.end(next, End::Succeeded, now), Turn::Closed);
}

#[test]
fn the_rest_grows_to_its_bound() {
    let seconds: Vec<_> = [0, 1, 2, 3, 4, u32::MAX].map(|n| LIMITS.rest(n).as_secs()).into();
    assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
}

/// The rules once more, told differently: a list of what is on its way, each with whether it still
/// counts.
struct Model {
    failures: u32,
    /// When the circuit opened, for how long, and how many probes failed.
    open: Option<(Timestamp, Duration, u32)>,
    /// Which call is the probe, and since when.
    probe: Option<(usize, Timestamp)>,
    counts: Vec<bool>,
}

/// What is left of a span; one from a time to come begins anew.
fn left(since: &mut Timestamp, span: Duration, now: Timestamp) -> Option<Duration> {
    *since = now.min(*since);
    let over = since.plus(span);
    (now < over).then(|| over.since(now))
}

impl Model {
    fn refusal(&mut self, now: Timestamp) -> Option<Duration> {
        if let Some((_, since)) = self.probe.as_mut() {
            return left(since, PROBE, now).map(|left| left.min(PROBE_WAIT));
        }
        let (since, span, _) = self.open.as_mut()?;
        left(since, *span, now)
    }

    fn pass(&mut self, now: Timestamp) {
        if self.open.is_some() {
            self.counts.fill(false);
            self.probe = Some((self.counts.len(), now));
        }
        self.counts.push(true);
    }

    fn end(&mut self, call: usize, end: End, now: Timestamp) {
        if !std::mem::replace(&mut self.counts[call], false) {
            return;
        }
        let probe = self.probe.take_if(|(probe, _)| *probe == call).is_some();
        let probes_failed = self.open.map_or(0, |(.., failed)| failed + u32::from(probe));
        match end {
            End::Neither if probe => self.open = Some((now, Duration::ZERO, probes_failed - 1)),
            End::Neither => {}
            End::Succeeded => (self.failures, self.open) = (0, None),
            End::Failed => {
                self.failures += 1;
                if probe || self.failures >= LIMITS.failures {
                    let span = (0..probes_failed).fold(OPEN, |span, _| span * 2);
                    self.open = Some((now, span.min(MAX_CIRCUIT_REST), probes_failed));
                    self.failures = 0;
                    self.counts.fill(false);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter,
    End(prop::sample::Index, End),
    Advance(u32),
    SetBack(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let end =
        prop_oneof![Just(End::Succeeded), Just(End::Failed), Just(End::Failed), Just(End::Neither)];
    prop_oneof![
        4 => Just(Step::Enter),
        4 => (any::<prop::sample::Index>(), end).prop_map(|(which, end)| Step::End(which, end)),
        2 => (0..70_000_u32).prop_map(Step::Advance),
        1 => (0..100_000_u32).prop_map(Step::SetBack),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(steps in prop::collection::vec(step(), 0..200)) {
        let mut breaker = Breaker::new(LIMITS);
        let mut model = Model { failures: 0, open: None, probe: None, counts: Vec::new() };
        let mut under_way: Vec<(usize, Ticket)> = Vec::new();
        let mut now = START;
        for step in steps {
            match step {
                Step::Advance(ms) => now = now.plus(Duration::from_millis(ms.into())),
                Step::SetBack(ms) => now = now.minus(Duration::from_millis(ms.into())),
                Step::End(which, end) if !under_way.is_empty() => {
                    let (call, ticket) = under_way.swap_remove(which.index(under_way.len()));
                    breaker.end(ticket, end, now);
                    model.end(call, end, now);
                }
                Step::End(..) => {}
                Step::Enter => match (model.refusal(now), breaker.enter(now)) {
                    (None, Entry::Pass(ticket)) => {
                        prop_assert_eq!(ticket.part == Part::Probe, model.open.is_some());
                        under_way.push((model.counts.len(), ticket));
                        model.pass(now);
                    }
                    (Some(wait), entry) => prop_assert_eq!(entry, Entry::Refuse(wait)),
                    (None, entry) => prop_assert!(false, "should pass: {:?}", entry),
                },
            }
            prop_assert_eq!(breaker.refusal(now), model.refusal(now));
        }
    }

    /// Whatever happened, a circuit without a probe under way lets a call pass within the bound.
    #[test]
    fn it_is_never_open_for_ever(steps in prop::collection::vec(step(), 0..100), back in 0..u32::MAX) {
        let mut breaker = Breaker::new(LIMITS);
        let mut under_way = Vec::new();
        let mut now = START;
        for step in steps {
            match step {
                Step::Advance(ms) => now = now.plus(Duration::from_millis(ms.into())),
                Step::SetBack(ms) => now = now.minus(Duration::from_millis(ms.into())),
                Step::Enter => {
                    if let Entry::Pass(ticket) = breaker.enter(now) {
                        under_way.push(ticket);
                    }
                }
                Step::End(which, end) if !under_way.is_empty() => {
                    breaker.end(under_way.swap_remove(which.index(under_way.len())), end, now);
                }
                Step::End(..) => {}
            }
        }
        for ticket in under_way {
            breaker.end(ticket, End::Neither, now);
        }
        now = now.minus(Duration::from_millis(back.into()));
        let wait = breaker.refusal(now).unwrap_or_default();
        prop_assert!(wait <= MAX_CIRCUIT_REST);
        prop_assert_eq!(breaker.refusal(now.plus(wait)), None);
    }
}
