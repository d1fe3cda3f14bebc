//! What a purse promises, by itself: one by one, by turns against a plain model, and all at once.

mod crowd;
mod model;
mod plain;

use std::time::Duration;

use keycap_base::Ticks;

use super::{Purse, PurseId};
use crate::Amount;

const NOW: Ticks = Ticks::from_nanos(1_000);
const END: Ticks = Ticks::from_nanos(1_000_000);

fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

/// A purse with so much in it that can be drawn from now.
fn purse_with(count: u32) -> Purse {
    let purse = Purse::new(PurseId(1));
    purse.deposit(units(count));
    purse.usable_until(END);
    purse
}

/// The same with stripes, as after threads were in each other's way.
fn striped_with(count: u32) -> Purse {
    let purse = purse_with(count);
    purse.grow();
    purse
}
