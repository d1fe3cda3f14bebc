//! Every way a request can end, on both adapters: what is left in the ledger must be the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

mod answers;
mod leaving;
mod left;
mod raising;
mod streams;
