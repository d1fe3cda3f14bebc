//! Waiting for a condition, for a bounded time.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The longest that anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(5);

/// Polls until `probe` gives what `wanted` accepts, and returns it.
///
/// # Panics
/// When it does not in time; the last value is in the message.
#[track_caller]
pub fn eventually<T, F>(
    what: &str,
    mut probe: impl FnMut() -> F,
    wanted: impl Fn(&T) -> bool,
) -> impl Future<Output = T>
where
    T: Debug,
    F: Future<Output = T>,
{
    let caller = std::panic::Location::caller();
    async move {
        let until = Instant::now() + PATIENCE;
        loop {
            let value = probe().await;
            if wanted(&value) {
                return value;
            }
            assert!(Instant::now() < until, "{caller}: {what} did not come about: {value:?}");
            sleep(POLL).await;
        }
    }
}
