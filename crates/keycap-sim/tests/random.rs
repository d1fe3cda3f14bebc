//! Random worlds.

#![allow(clippy::panic, reason = "how tests fail")]

use keycap_budget::lease::Purse;
use keycap_budget::{Books, MemoryShelf, Retention};
use keycap_sim::run;

/// How many steps the ordinary run takes.
const STEPS: u64 = 10_000;

fn number(name: &str, default: u64) -> u64 {
    let parsed = |text: String| text.parse().unwrap_or_else(|_| panic!("{name}={text}"));
    std::env::var(name).map_or(default, parsed)
}

fn books() -> Books<MemoryShelf> {
    Books::new(MemoryShelf::default(), Retention::default())
}

#[test]
fn i1_to_i7_hold_whatever_goes_wrong() {
    let (steps, seed) = (number("KEYCAP_SIM_STEPS", STEPS), number("KEYCAP_SIM_SEED", 1));
    println!("KEYCAP_SIM_SEED={seed} KEYCAP_SIM_STEPS={steps}");
    if let Err(failure) = run::<_, Purse>(usize::try_from(steps).unwrap_or(usize::MAX), seed, books)
    {
        panic!("{failure}");
    }
}
