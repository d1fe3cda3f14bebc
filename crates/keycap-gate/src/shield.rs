//! Code that the gate was given (a ledger, a provider, closures): what it panics with must not take a
//! request's hold, or the gate's own tasks, along.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

/// Code that the gate was given panicked.
#[derive(Debug, thiserror::Error)]
#[error("{0} panicked")]
pub(crate) struct Panicked(&'static str);

/// Calls application code. `what` names it in the log.
pub(crate) fn shielded<T>(what: &'static str, code: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|_payload| Panicked::logged(what))
}

/// As [`shielded`], for code that waits.
pub(crate) async fn shielded_async<T>(
    what: &'static str,
    code: impl Future<Output = T>,
) -> Result<T, Panicked> {
    AssertUnwindSafe(code).catch_unwind().await.map_err(|_payload| Panicked::logged(what))
}

impl Panicked {
    fn logged(what: &'static str) -> Self {
        tracing::error!(what, "code that the gate was given panicked");
        Self(what)
    }
}
