//! What threads share without a lock, checked in every order in which they can meet.
//!
//! The sources under test are those of the library, compiled here once more with the atomics, the lock
//! and the threads of loom in place of the real ones. loom runs each little world again and again, with
//! every order of its threads' steps and every value that a load may return. Where that is too much, it
//! is bounded by how often a thread is interrupted: `KEYCAP_LOOM_PREEMPTIONS` sets another bound.
//! Each test prints how many orders it went through (`-- --nocapture` shows it).

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "this is how a world says what does not hold")]
mod lease;

// What the sources under test expect at the root of their crate.
#[cfg(test)]
use keycap_budget::{Amount, HoldId, MAX_CHAIN, MAX_LIMITS};
