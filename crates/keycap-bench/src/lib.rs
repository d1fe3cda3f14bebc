//! What Keycap costs, measured. `BENCHMARKS.md` keeps the results and says how to read them.
//!
//! `admission`, `adapters` and `providers` under `benches` are lists of [`Case`]s, handed to [`run`]:
//! - without arguments it times them: interleaved rounds, processor time of the one thread that all
//!   of it runs on, medians; a number as argument makes it so many rounds;
//! - with `instructions` it counts them: each case runs twice under callgrind, once with more
//!   requests than the other, and the difference is what requests cost.
//!
//! `path` and the programs of `peers` are lists of contenders, handed to [`contest`]: they are made
//! once and stay, so that a gate has its leases, and their instructions are counted one by one on the
//! real processor, SHA-256 included. A number as argument or `instructions` works there too.
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
mod contest;
mod counting;
mod instructions;
mod node;
mod program;
mod random;
mod reference;
mod rereading;
mod rounds;
mod steps;
mod world;

pub use case::{BURST, Case, Load, drive, tokio_runtime};
pub use clock::{now, process_time, thread_time};
pub use contest::{Contender, Entry, contest};
pub use counting::{Counting, Counts, Tally, asked_from_here};
pub use node::{
    KEYS_A_USER, KEYS_AN_ORGANISATION, Node, ROOMY, account, admit, background, finish, key_chain,
    released, secret, until_steady,
};
pub use program::run;
pub use random::Random;
pub use reference::{Counter, Entry as ReferenceEntry, Reference, Shared, digest};
pub use rereading::Rereading;
pub use rounds::{median, quartiles};
pub use world::{Sent, World, chain, issued, price};
