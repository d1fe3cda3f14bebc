//! A little world: a few purses, and threads that do one thing or two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keycap_base::Ticks;
use loom::thread::{JoinHandle, spawn};

use super::purse::{Drawn, Purse};
use super::{PurseId, sync};
use crate::Amount;

pub(super) const NOW: Ticks = Ticks::from_nanos(1);
const END: Ticks = Ticks::from_nanos(2);

/// How often threads are interrupted: as often as can be, or so often at most where three meet.
pub(super) const ALL: Option<usize> = None;
pub(super) const SOME: Option<usize> = Some(3);

/// Runs a world in all its orders.
pub(super) fn explore(name: &str, preemptions: Option<usize>, world: fn()) {
    let orders = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound().or(preemptions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        world();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{name}: {orders} orders, at most {:?} interruptions", builder.preemption_bound);
    assert!(orders > 1, "threads that meet in one order only do not meet");
}

fn bound() -> Option<usize> {
    let text = std::env::var("KEYCAP_LOOM_PREEMPTIONS").ok()?;
    Some(text.parse().unwrap())
}

pub(super) fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

/// An open purse of one word with so much in it.
pub(super) fn purse_with(count: u32) -> Arc<Purse> {
    let purse = Purse::new(PurseId);
    purse.usable_until(END);
    purse.deposit(units(count));
    Arc::new(purse)
}

/// The same, of two stripes.
pub(super) fn striped_with(count: u32) -> Arc<Purse> {
    let purse = purse_with(count);
    purse.grow();
    purse
}

/// A thread with a number, and a purse.
pub(super) fn thread<T: 'static>(
    number: usize,
    purse: &Arc<Purse>,
    work: impl FnOnce(&Purse) -> T + 'static,
) -> JoinHandle<T> {
    let purse = Arc::clone(purse);
    spawn(move || {
        sync::set_thread_number(number);
        work(&purse)
    })
}

/// Draws, and says how much it has then.
pub(super) fn draw(purse: &Purse, count: u32) -> i64 {
    match purse.draw(units(count), NOW) {
        Drawn::Yes | Drawn::Low => i64::from(count),
        Drawn::No => 0,
    }
}

/// At rest: what was deposited is there, less what is out, to the unit; and all of it can be drawn, and
/// no more.
pub(super) fn check_rest(purse: &Purse, deposited: i64, out: i64) {
    let rest = deposited - out;
    assert_eq!(purse.free().units(), rest.max(0), "{deposited} deposited, {out} out");
    let there = u32::try_from(rest.max(0)).unwrap();
    assert_eq!(draw(purse, there + 1), 0, "more than there is");
    assert_eq!(draw(purse, there), i64::from(there), "no unit lies where it cannot be drawn");
    let debt = u32::try_from((-rest).max(0)).unwrap();
    purse.deposit(units(debt + 1));
    assert_eq!(purse.withdraw(), units(1), "what was owed was {debt}");
}
