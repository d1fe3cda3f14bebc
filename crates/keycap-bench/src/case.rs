//! What is measured: requests, many of them, on one thread.

use std::future::Future;

/// So many requests come one after the other before the tasks behind them run: the settler gets that
/// many to settle together, as on a server under load.
pub const BURST: usize = 32;

/// One thing to measure.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name in the table.
    pub name: &'static str,
    /// Makes everything anew that its requests need.
    pub prepare: fn() -> Load,
}

/// Does so many bursts of requests.
pub type Load = Box<dyn FnMut(usize)>;

/// A runtime of one thread, as a server's: with timers and I/O.
///
/// # Panics
/// When the system has none to give.
#[must_use]
pub fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Does `bursts` bursts; after each, everything else on the runtime gets its turn.
pub async fn drive<F, Fut>(bursts: usize, mut burst: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    for _ in 0..bursts {
        burst().await;
        tokio::task::yield_now().await;
    }
}
