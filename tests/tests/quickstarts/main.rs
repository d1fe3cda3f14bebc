//! The quickstarts as a newcomer meets them: real processes, real signals, real crashes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "how tests fail"
)]

mod contract;
mod crashes;
mod database;
mod failed_starts;
mod load;
mod restarts;
mod secrecy;
mod signals;
mod talk;
