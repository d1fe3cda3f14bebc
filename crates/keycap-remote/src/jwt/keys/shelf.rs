//! When keys are fetched. Pure: it is handed the time.
//!
//! What must not change: keys that are too old, or from a time to come, are never handed out; a fetch
//! counts from when it began, whatever came of it.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;
use keycap_verify::Unavailable;

use super::{Timing, broken_off};
use crate::jose::KeySet;

/// How soon keys may be looked for again after a fetch that failed, so that an issuer that is back is
/// found soon. One that stays away is left alone by the client's circuit.
pub(super) const FAILED_FETCH_PAUSE: Duration = Duration::from_secs(1);

/// The keys that were fetched last.
pub(super) struct Shelf {
    timing: Timing,
    held: Option<Held>,
    /// How many fetches have come to an end.
    fetches: u64,
    last: Option<Last>,
}

/// Keys, as they were published at one time.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) keys: Arc<KeySet>,
    /// Which fetch brought them.
    pub(super) fetch: u64,
    asked_at: Timestamp,
}

/// The fetch that began last.
struct Last {
    began_at: Timestamp,
    end: End,
}

enum End {
    /// It goes on, or was broken off.
    Open,
    Good,
    Failed(Unavailable),
}

/// What somebody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Keys that are not too old.
    Fresh,
    /// Keys that a later fetch than this one brought.
    NewerThan(u64),
    /// Keys whose time is not half over, unless they were asked for just now.
    Ahead,
}

/// What is to be done for them.
#[derive(Debug)]
pub(super) enum Next {
    Have(Held),
    Nothing,
    Failed(Unavailable),
    /// Wait for the fetch that goes on. If none does, the last was broken off, and this is the answer.
    Wait(Unavailable),
    Fetch,
}

impl Shelf {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, held: None, fetches: 0, last: None }
    }

    /// How many fetches have come to an end.
    pub(super) fn fetches(&self) -> u64 {
        self.fetches
    }

    /// What came of the fetch that ended after so many had, if one has.
    pub(super) fn outcome_after(&self, fetches: u64) -> Option<Result<Held, Unavailable>> {
        if self.fetches == fetches {
            return None;
        }
        match self.last.as_ref().map(|last| &last.end) {
            Some(End::Failed(failure)) => Some(Err(failure.clone())),
            Some(End::Good) => self.held.clone().map(Ok),
            Some(End::Open) | None => None,
        }
    }

    pub(super) fn next(&self, wanted: Wanted, now: Timestamp) -> Next {
        match (wanted, &self.held) {
            (Wanted::Fresh, Some(held)) if self.is_younger(held, now, 1) => {
                Next::Have(held.clone())
            }
            (Wanted::Fresh, _) => Next::Fetch,
            (Wanted::NewerThan(fetch), Some(held)) if held.fetch != fetch => {
                Next::Have(held.clone())
            }
            (Wanted::NewerThan(_), _) => self.next_in_interval(now),
            (Wanted::Ahead, Some(held)) if self.is_younger(held, now, 2) => Next::Nothing,
            (Wanted::Ahead, _) => match self.next_in_interval(now) {
                Next::Fetch => Next::Fetch,
                _ => Next::Nothing,
            },
        }
    }

    /// Somebody begins to fetch.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.last = Some(Last { began_at: now, end: End::Open });
    }

    /// What came of the fetch that began at this time.
    pub(super) fn end(
        &mut self,
        asked_at: Timestamp,
        outcome: Result<KeySet, Unavailable>,
    ) -> Result<Held, Unavailable> {
        self.fetches = self.fetches.wrapping_add(1);
        let end = outcome.as_ref().err().cloned().map_or(End::Good, End::Failed);
        self.last = Some(Last { began_at: asked_at, end });
        let held = Held { keys: Arc::new(outcome?), fetch: self.fetches, asked_at };
        self.held = Some(held.clone());
        Ok(held)
    }

    /// Whether not more than a `part` of the keys' time is over.
    fn is_younger(&self, held: &Held, now: Timestamp, part: u32) -> bool {
        let end = held.asked_at.plus(self.timing.ttl.checked_div(part).unwrap_or_default());
        (held.asked_at..end).contains(&now)
    }

    fn next_in_interval(&self, now: Timestamp) -> Next {
        let Some(last) = &self.last else { return Next::Fetch };
        let wait = match last.end {
            End::Failed(_) => self.timing.interval.min(FAILED_FETCH_PAUSE),
            End::Good | End::Open => self.timing.interval,
        };
        let end = last.began_at.plus(wait);
        if !(last.began_at..end).contains(&now) {
            return Next::Fetch;
        }
        match &last.end {
            End::Good => Next::Nothing,
            End::Failed(failure) => Next::Failed(failure.clone().with_retry_after(end.since(now))),
            End::Open => Next::Wait(broken_off().with_retry_after(end.since(now))),
        }
    }
}
