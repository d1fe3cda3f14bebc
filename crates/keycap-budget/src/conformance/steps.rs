//! Random operations over a small world.
//!
//! The world is small so that things meet: six accounts in chains of up to four, three meters, caps
//! of a few units, a handful of ids, and a clock that crosses windows, expiries and retention.

use std::time::Duration;

use keycap_base::{Clock, ManualClock};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::Failure;
use super::words::{DAY, HOUR, MINUTE, START};
use super::world::World;
use crate::Operation;

/// What the clock does before a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// It goes on.
    Forward(Duration),
    /// It is put back.
    Back(Duration),
}

/// One step: the clock moves, then these operations are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the clock does first.
    pub tick: Tick,
    /// What is asked, in this order.
    pub batch: Vec<Operation>,
}

impl Tick {
    /// Moves the clock.
    pub fn turn(self, clock: &ManualClock) {
        match self {
            Self::Forward(span) => clock.advance(span),
            Self::Back(span) => clock.set(clock.now().minus(span)),
        }
    }
}

/// Up to `most` random steps, after one that opens the accounts. They begin when a clock shows
/// [`Step::start`], and shrink.
///
/// # Errors
/// Never, unless the small world breaks a bound of the crate.
pub fn steps(most: usize) -> Result<BoxedStrategy<Vec<Step>>, Failure> {
    let world = World::new()?;
    let step = (tick(), vec(world.operation(), 1..4));
    let steps = vec(step.prop_map(|(tick, batch)| Step { tick, batch }), 0..=most);
    let all = (world.opening(), steps).prop_map(|(opening, steps)| {
        let first = Step { tick: Tick::Forward(Duration::ZERO), batch: opening };
        std::iter::once(first).chain(steps).collect()
    });
    Ok(all.boxed())
}

impl Step {
    /// Where the clock must stand before the first step.
    #[must_use]
    pub fn start() -> keycap_base::Timestamp {
        START
    }
}

fn tick() -> impl Strategy<Value = Tick> {
    prop_oneof![
        60 => Just(Tick::Forward(Duration::ZERO)),
        12 => select(vec![Duration::from_secs(10), MINUTE, 16 * MINUTE]).prop_map(Tick::Forward),
        4 => select(vec![HOUR, 5 * HOUR]).prop_map(Tick::Forward),
        1 => select(vec![DAY, 2 * DAY, 401 * DAY]).prop_map(Tick::Forward),
        1 => select(vec![MINUTE, HOUR, DAY]).prop_map(Tick::Back),
    ]
}
