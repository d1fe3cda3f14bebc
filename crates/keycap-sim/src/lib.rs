//! A world in which everything goes wrong, to hold the ledger and the leases against their promises.
//!
//! Nodes with real lease managers and real purses draw from one real ledger. Messages are late, lost,
//! repeated and overtaken; nodes are killed and started again; windows end, clocks jump, operators
//! change limits under way. After every step, and whenever the world has come to rest, the invariants
//! of the ledger are checked. Everything follows from a seed.
//!
//! - [`World`] is the state, [`Move`] all that can happen to it.
//! - [`search`] goes through every state of a small world.
//! - [`run`] goes through many random [`Script`]s, and makes the first that fails small.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is test code"
)]

mod check;
mod drawer;
mod ids;
mod node;
mod queue;
mod requests;
mod rest;
mod script;
mod search;
mod shape;
mod store;
mod truth;
mod world;

pub use drawer::{Drawer, Pocket};
pub use requests::End;
pub use script::{Failure, Script, run};
pub use search::{Covered, Mishaps, SmallWorld, Way, search};
pub use shape::{Change, Row, account, limit, organisation};
pub use store::Store;
pub use truth::Broken;
pub use world::{Claim, Move, Plan, START, World};
