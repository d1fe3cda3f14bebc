//! Clerk's keys and machine tokens through both adapters, against a stand-in whose contract is held
//! against Clerk's official client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "how tests fail"
)]

mod budgets;
mod changes;
mod contract;
mod example;
mod first_requests;
mod outages;
mod scenarios;
mod secrecy;
mod world;
