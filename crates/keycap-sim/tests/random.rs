//! Random worlds.

#![allow(clippy::panic, reason = "how tests fail")]

use keycap_budget::lease::Purse;
use keycap_budget::{Books, MemoryShelf, Retention};
use keycap_sim::run;

/// How many steps the ordinary run takes.
const STEPS: usize = 10_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn books() -> Books<MemoryShelf> {
    Books::new(MemoryShelf::default(), Retention::default())
}

#[test]
fn i1_to_i7_hold_whatever_goes_wrong() {
    let steps = usize::try_from(number("KEYCAP_SIM_STEPS", STEPS as u64)).unwrap_or(STEPS);
    if let Err(failure) = run::<_, Purse>(steps, number("KEYCAP_SIM_SEED", 1), books) {
        panic!("{failure}");
    }
}
