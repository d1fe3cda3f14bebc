//! Local stand-ins for services that verify keys.
//!
//! Each listens on a port of the loopback address that the operating system chooses and speaks the
//! contract of the real service as its official client does. Tests drive them; examples run against
//! them unless they are given the address of the real one. Nothing here is for production.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests and examples, which may fail loudly"
)]

pub mod clerk;
pub mod faults;
pub mod issuer;
pub mod recording;
pub mod unkey;
