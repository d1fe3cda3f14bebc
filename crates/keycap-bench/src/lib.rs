//! What Keycap costs, measured. `BENCHMARKS.md` keeps the results and says how to read them.
//!
//! `admission`, `adapters` and `providers` under `benches` are lists of [`Case`]s, handed to [`run`]:
//! - without arguments it times them: interleaved rounds, processor time of the one thread that all
//!   of it runs on, medians; a number as argument makes it so many rounds;
//! - with `instructions` it counts them: each case runs twice under callgrind, once with more
//!   requests than the other, and the difference is what requests cost.
//!
//! `charges` measures wall time, because several threads and a disk take part, and beside it the
//! processor time of all threads. `first_sight` measures wall time, because sockets take part.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "programs, not a library: they stop at what they did not expect"
)]

mod case;
mod clock;
mod instructions;
mod program;
mod rounds;
mod world;

pub use case::{BURST, Case, Load, drive, tokio_runtime};
pub use clock::{now, process_time};
pub use program::run;
pub use rounds::median;
pub use world::{Sent, World, chain, issued, price};
