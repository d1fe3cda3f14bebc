//! What must hold whatever bytes others send.
//!
//! Each [`Target`] is a function of bytes that panics where something does not hold. The programs in
//! `fuzz/` hand them to libFuzzer; the tests of this crate run the same functions over the inputs in
//! `fuzz/corpus`, and over mutations of them. A new reader of foreign bytes gets a target, a corpus and
//! a program there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is how a target says that something does not hold"
)]

mod answers;
mod credential;
mod key_format;
mod mutation;
mod tokens;

pub use answers::{clerk_answer, introspection_answer, unkey_answer};
pub use credential::credential;
pub use key_format::key_format;
pub use mutation::{MAX_INPUT_BYTES, Mutator};
pub use tokens::{jwks, jwt_claims, jwt_header};

/// A function that takes any bytes, and its name: that of its program and of its corpus.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "clerk_answer", run: clerk_answer },
    Target { name: "credential", run: credential },
    Target { name: "introspection_answer", run: introspection_answer },
    Target { name: "jwks", run: jwks },
    Target { name: "jwt_claims", run: jwt_claims },
    Target { name: "jwt_header", run: jwt_header },
    Target { name: "key_format", run: key_format },
    Target { name: "unkey_answer", run: unkey_answer },
];
