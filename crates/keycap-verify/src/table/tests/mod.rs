use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keycap_base::{Clock, ManualClock};
use tokio::sync::Semaphore;

use super::*;
use crate::{Rejection, Secret};

mod believing;
mod bounds;
mod coalescing;
mod denying;
mod grace;
mod keeping;
mod revoking;

const START: Timestamp = Timestamp::from_millis(1_000_000);

/// A table whose payloads are texts.
type Table = KeyTable<&'static str, &'static str>;

fn clock() -> ManualClock {
    ManualClock::at(START)
}

fn digest(text: &str) -> Digest {
    Secret::parse(text).unwrap().digest()
}

fn numbered(number: usize) -> Digest {
    digest(&format!("k{number}"))
}

fn live(payload: &'static str) -> Loaded<&'static str> {
    Loaded::Live { payload, key_id: Some(payload.into()), expires_at: None, reading: None }
}

fn live_until(expiry: Timestamp) -> Loaded<&'static str> {
    Loaded::Live {
        payload: "key",
        key_id: Some("key".into()),
        expires_at: Some(expiry),
        reading: None,
    }
}

const UNKNOWN: Loaded<&'static str> = Loaded::Rejected(Rejection::Unknown);

/// Loads `digest` with a lookup that answers at once.
async fn put<X>(
    table: &KeyTable<&'static str, X>,
    clock: &ManualClock,
    digest: &Digest,
    loaded: Loaded<&'static str>,
) {
    let ask = || async { Ok(loaded.clone()) };
    assert!(table.load(digest, clock, ask).await.is_ok());
}

fn is_live<E, X>(table: &KeyTable<E, X>, digest: &Digest, now: Timestamp) -> bool {
    matches!(table.peek(digest, now), Peek::Live(_))
}

/// Lookups that wait for a permission each, and are counted.
#[derive(Default)]
struct Asking {
    asked: AtomicUsize,
    permits: Option<Semaphore>,
}

impl Asking {
    fn held_back() -> Arc<Self> {
        Arc::new(Self { permits: Some(Semaphore::new(0)), ..Self::default() })
    }

    async fn answer<X>(&self, loaded: Loaded<&'static str>) -> Result<Loaded<&'static str>, X> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(permits) = &self.permits {
            permits.acquire().await.unwrap().forget();
        }
        Ok(loaded)
    }

    fn let_one_answer(&self) {
        self.permits.as_ref().unwrap().add_permits(1);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Lets every task of a single-threaded runtime go on until it waits.
async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}
