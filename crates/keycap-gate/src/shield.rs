//! Application code that the gate calls: what it panics with must not take a request's hold, or the
//! gate's own tasks, along.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Code of the application panicked.
#[derive(Debug, thiserror::Error)]
#[error("{0} panicked")]
pub(crate) struct Panicked(&'static str);

/// Calls application code. `what` names it in the log.
pub(crate) fn shielded<T>(what: &'static str, code: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|_payload| {
        tracing::error!(what, "application code panicked");
        Panicked(what)
    })
}
