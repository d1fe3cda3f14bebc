//! What the middleware promises, over a memory ledger; over real sockets where clients leave.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "how tests fail"
)]

mod disconnects;
mod errors;
mod exactness;
mod fixtures;
mod nesting;
mod observing;
mod settling;
mod streaming;
mod wrapping;
