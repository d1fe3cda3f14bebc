//! By turns: whatever several threads do one after the other, a purse gives what a plain sum gives.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use proptest::prelude::*;

use super::*;
use crate::lease::{Drawn, DrawnAll, PutBack, draw_all};

const THREADS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Deposit(u32),
    Draw(u32),
    DrawTwice(u32, u32),
    PutBack(u32),
    Overdraw(u32),
    Withdraw,
    Grow,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Drawn(Drawn),
    All(DrawnAll),
    Put(PutBack),
    Withdrawn(Amount),
    Done,
}

/// A purse that is a number.
#[derive(Debug, Default)]
struct Plain {
    free: i64,
    out: i64,
    mark: i64,
    told: bool,
    closed: bool,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        2 => (0..200_u32).prop_map(Step::Deposit),
        8 => (0..40_u32).prop_map(Step::Draw),
        2 => ((0..40_u32), (0..40_u32)).prop_map(|(one, two)| Step::DrawTwice(one, two)),
        5 => (0..40_u32).prop_map(Step::PutBack),
        1 => (0..60_u32).prop_map(Step::Overdraw),
        1 => Just(Step::Withdraw),
        1 => Just(Step::Grow),
    ];
    let open = prop::collection::vec((0..THREADS, step.clone()), 0..60);
    let closed = prop::collection::vec((0..THREADS, step), 0..8);
    (open, closed).prop_map(|(mut steps, closed)| {
        steps.push((0, Step::Close));
        steps.extend(closed);
        steps
    })
}

fn perform(purse: &Purse, step: Step) -> Answer {
    match step {
        Step::Deposit(count) => purse.deposit(units(count)),
        Step::Overdraw(count) => purse.overdraw(units(count)),
        Step::Grow => purse.grow(),
        Step::Close => purse.close(),
        Step::Draw(count) => return Answer::Drawn(purse.draw(units(count), NOW)),
        Step::DrawTwice(one, two) => {
            return Answer::All(draw_all(&[(purse, units(one)), (purse, units(two))], NOW));
        }
        Step::PutBack(count) => return Answer::Put(purse.put_back(units(count))),
        Step::Withdraw => return Answer::Withdrawn(purse.withdraw()),
    }
    Answer::Done
}

impl Plain {
    /// Nothing that is not out can be put back.
    fn possible(&self, step: Step) -> Step {
        match step {
            Step::PutBack(count) => {
                Step::PutBack(count.min(u32::try_from(self.out.max(0)).unwrap()))
            }
            other => other,
        }
    }

    fn draw(&mut self, count: u32) -> bool {
        let drawn = !self.closed && self.free.max(0) >= i64::from(count);
        if drawn {
            self.free -= i64::from(count);
            self.out += i64::from(count);
        }
        drawn
    }

    fn check_told(&mut self, low: bool) {
        assert!(!low || !self.told && self.free < self.mark, "told twice or too early: {self:?}");
        self.told |= low;
    }

    fn check(&mut self, step: Step, answer: Answer) {
        match (step, answer) {
            (Step::Deposit(count), Answer::Done) => {
                self.free += i64::from(count);
                (self.mark, self.told) = (self.free.max(0) / 2, false);
            }
            (Step::Overdraw(count), Answer::Done) => {
                self.free -= i64::from(count);
                self.out += i64::from(count);
            }
            (Step::Draw(count), Answer::Drawn(drawn)) => {
                assert_eq!(self.draw(count), drawn != Drawn::No);
                self.check_told(drawn == Drawn::Low);
            }
            (Step::DrawTwice(one, two), Answer::All(drawn)) => {
                let (free, out) = (self.free, self.out);
                let both = self.draw(one) && self.draw(two);
                if !both {
                    (self.free, self.out) = (free, out);
                }
                assert_eq!(both, matches!(drawn, DrawnAll::Yes { .. }));
                self.check_told(matches!(drawn, DrawnAll::Yes { low } if !low.is_empty()));
            }
            (Step::PutBack(count), Answer::Put(put)) => {
                self.free += i64::from(count);
                self.out -= i64::from(count);
                assert_eq!(put == PutBack::Closed, self.closed);
            }
            (Step::Withdraw, Answer::Withdrawn(amount)) => {
                assert_eq!(amount.units(), self.free.max(0));
                self.free -= amount.units();
            }
            (Step::Close, Answer::Done) => self.closed = true,
            (Step::Grow, Answer::Done) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Threads that do what they are told, one at a time.
struct Hands {
    orders: Vec<SyncSender<Step>>,
    answers: Receiver<Answer>,
}

impl Hands {
    fn of<'scope>(purse: &'scope Purse, scope: &'scope Scope<'scope, '_>) -> Self {
        let (answer, answers) = sync_channel(1);
        let orders = (0..THREADS).map(|_| {
            let (order, orders) = sync_channel::<Step>(1);
            let answer = answer.clone();
            scope.spawn(move || {
                for step in orders {
                    answer.send(perform(purse, step)).unwrap();
                }
            });
            order
        });
        Self { orders: orders.collect(), answers }
    }

    fn perform(&self, thread: usize, step: Step) -> Answer {
        self.orders[thread].send(step).unwrap();
        self.answers.recv().unwrap()
    }
}

proptest! {
    #[test]
    fn p1_by_turns_a_purse_is_a_sum(steps in steps()) {
        let purse = Purse::new(PurseId(1));
        purse.usable_until(END);
        std::thread::scope(|scope| {
            let hands = Hands::of(&purse, scope);
            let mut plain = Plain { told: true, ..Plain::default() };
            for (thread, step) in steps {
                let step = plain.possible(step);
                plain.check(step, hands.perform(thread, step));
                assert_eq!(purse.free().units(), plain.free.max(0), "after {step:?}");
            }
        });
    }
}
