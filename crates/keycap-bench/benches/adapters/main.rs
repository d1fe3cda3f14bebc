//! One request through each framework, in process and without a socket: bare, with a layer that does
//! nothing, and with Keycap. From the request's headers to the end of the response body; the same
//! chain, key and ledger as in `admission`.
//!
//! The first case of each table is the bare framework, which the others are compared with.

#![allow(missing_docs, clippy::expect_used, reason = "a program")]

mod actix;
mod axum;

use keycap_bench::run;

fn main() {
    run(&[&axum::CASES, &actix::CASES]);
}
