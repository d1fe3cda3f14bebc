//! Who is calling: what it costs to verify a token, to admit one that is known, to find the provider
//! whose a secret is, and to refuse what is nobody's. Nothing here crosses a network.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a program"
)]

mod garbage;
mod miss;
mod routed;
mod tokens;
mod verify;
mod warm;

fn main() {
    keycap_bench::run(&[
        &verify::CASES,
        &verify::RS256,
        &verify::PS256,
        &verify::ES256,
        &verify::EDDSA,
        &warm::CASES,
        &warm::PARTS,
        &miss::CASES,
        &garbage::CASES,
    ]);
}
