//! Leases: how a node admits requests without asking the ledger for each.
//!
//! A lease is a long hold on one limit of one account. A node takes it with the ledger's ordinary
//! operations, puts what it may use into a [`Purse`], and lets requests draw from that with atomic
//! operations alone. What must not change: a purse never has more in it than the ledger has set aside
//! for it, durably and in the purse's own window (I6); and a purse that cannot give is never a
//! refusal, only a reason to ask the ledger.
//!
//! - [`Purse`] is what requests touch: one limit, one window. What a draw finds at hand it takes with
//!   atomics alone.
//! - [`Leases`] decides when to take, raise, renew, shrink and release leases. It is pure: an event and
//!   the time go in, actions come out. It speaks of purses by number and of holds by id.
//! - [`LeaseSettings`] bounds both.
//!
//! Whoever drives it owns a task, the ledger and the purses; it does what the actions say, in order,
//! and brings back what came of them.

mod demand;
mod event;
mod leases;
mod purse;
mod purse_state;
mod settings;
mod sync;

pub use event::{Action, Event, LimitAt, PurseId, Ticket, Use};
pub use leases::{Leases, MAX_LEASES_A_PURSE};
pub use purse::{
    Drawn, DrawnAll, MAX_DRAWS, MAX_STRIPES, PayingLeases, Places, Purse, PutBack, draw_all,
};
pub use settings::{
    DEFAULT_LEASE_LIFE, DEFAULT_LEASED_LIMITS, DEFAULT_LEAST_DRAWS, DEFAULT_SHARE, DEFAULT_STEADY,
    LeaseSettings, LeaseSettingsError, MAX_LEASED_LIMITS, MIN_LEASE_LIFE,
};

#[cfg(test)]
mod purse_tests;
#[cfg(test)]
mod tests;
