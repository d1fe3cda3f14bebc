//! The purse, and what it expects around it.

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a library's; here only its tests are"
)]
#[path = "../../../keycap-budget/src/lease/purse/mod.rs"]
mod purse;

mod chains;
mod closing;
mod debts;
mod draws;
mod sync;
mod world;

use keycap_budget::lease::{MAX_LEASES_A_PURSE, Use};

/// The number of a purse.
#[derive(Clone, Copy, Debug)]
struct PurseId;
