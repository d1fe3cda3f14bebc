//! The issuer's keys: a fixed set, or what it publishes, kept for a while.
//!
//! When keys are fetched is decided in `shelf`, which is pure; where from is in `source`. What must not
//! change: one fetch is for all who wait, and what comes of it is the answer to all of them; it goes on
//! to its end whoever leaves; keys past their time verify nothing; tokens that name unknown keys make at
//! most one fetch in an interval.

mod shelf;
mod source;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Clock;
use keycap_verify::Unavailable;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tracing::Instrument as _;

use super::JwtError;
use super::builder::{MAX_KEYS_TTL, MAX_REFETCH_INTERVAL, MIN_SPAN};
use crate::http::Client;
use crate::jose::{Compact, KeySet, Verdict};

use shelf::{Held, Next, Shelf, Wanted};
pub(super) use source::{Metadata, Source};

/// Whose signatures are believed.
pub(super) enum Keys {
    Fixed(KeySet),
    Published(Arc<Published>),
}

/// The keys that the issuer publishes.
pub(super) struct Published {
    client: Client,
    source: Source,
    clock: Arc<dyn Clock>,
    shelf: Mutex<Shelf>,
    /// Held by whoever fetches.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// How long keys are kept, and how often unknown ones are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) ttl: Duration,
    pub(super) interval: Duration,
}

impl Keys {
    /// Whether one of the issuer's keys has signed the token.
    pub(super) async fn judge(&self, token: &Compact<'_>) -> Result<Verdict, Unavailable> {
        match self {
            Self::Fixed(keys) => Ok(keys.judge(token)),
            Self::Published(published) => published.judge(token).await,
        }
    }

    /// Fetches keys whose time is half over.
    pub(super) async fn renew_ahead(&self) {
        let Self::Published(published) = self else { return };
        if let Err(unavailable) = published.have(Wanted::Ahead).await {
            let cause = &unavailable as &dyn std::error::Error;
            tracing::warn!(cause, "the issuer's keys were not fetched ahead");
        }
    }
}

impl Published {
    pub(super) fn new(
        client: Client,
        source: Source,
        timing: Timing,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shelf = Mutex::new(Shelf::new(timing));
        Self { client, source, clock, shelf, turn: Arc::default() }
    }

    async fn judge(self: &Arc<Self>, token: &Compact<'_>) -> Result<Verdict, Unavailable> {
        let Some(held) = self.have(Wanted::Fresh).await? else { return Ok(Verdict::NoKey) };
        match held.keys.judge(token) {
            Verdict::NoKey => {}
            verdict => return Ok(verdict),
        }
        match self.have(Wanted::NewerThan(held.fetch)).await? {
            Some(newer) => Ok(newer.keys.judge(token)),
            None => Ok(Verdict::NoKey),
        }
    }

    /// What is wanted of the keys, from the shelf or from the issuer; `None` if there is no such thing
    /// now and the issuer is not asked.
    ///
    /// Cancel safe: a fetch goes on when those who wait for it are dropped.
    async fn have(self: &Arc<Self>, wanted: Wanted) -> Result<Option<Held>, Unavailable> {
        let (next, before) = self.next(wanted);
        match next {
            Next::Have(held) => return Ok(Some(held)),
            Next::Nothing => return Ok(None),
            Next::Failed(unavailable) => return Err(unavailable),
            Next::Wait(_) | Next::Fetch => {}
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(outcome) = self.shelf.lock().outcome_after(before) {
            return outcome.map(Some);
        }
        match self.next(wanted).0 {
            Next::Have(held) => Ok(Some(held)),
            Next::Nothing => Ok(None),
            Next::Failed(unavailable) | Next::Wait(unavailable) => Err(unavailable),
            Next::Fetch => self.fetch(turn).await.map(Some),
        }
    }

    fn next(&self, wanted: Wanted) -> (Next, u64) {
        let now = self.clock.now();
        let shelf = self.shelf.lock();
        (shelf.next(wanted, now), shelf.fetches())
    }

    /// For who has the turn, in a task of its own: if whoever presents a token could break a fetch off
    /// by leaving, one who does so again and again would keep a new key unknown. There is one such task
    /// at a time, and the client's total time bounds it.
    async fn fetch(self: &Arc<Self>, turn: OwnedMutexGuard<()>) -> Result<Held, Unavailable> {
        let published = Arc::clone(self);
        let fetch = async move {
            let outcome = published.fetch_now().await;
            drop(turn);
            outcome
        };
        let fetch = tokio::spawn(fetch.in_current_span());
        fetch.await.unwrap_or_else(|_broken_off| Err(broken_off()))
    }

    async fn fetch_now(&self) -> Result<Held, Unavailable> {
        let asked_at = self.clock.now();
        self.shelf.lock().begin(asked_at);
        let outcome = self.source.fetch(&self.client, asked_at).await;
        let outcome = outcome.map_err(|error| self.client.unavailable(error));
        self.shelf.lock().end(asked_at, outcome)
    }
}

/// The runtime in which it was going on has ended.
fn broken_off() -> Unavailable {
    Unavailable::because("the issuer of tokens", "a fetch was broken off")
}

impl Timing {
    pub(super) fn check(self) -> Result<(), JwtError> {
        let check = |what, span, most| match (MIN_SPAN..=most).contains(&span) {
            true => Ok(()),
            false => Err(JwtError::Span { what, span, least: MIN_SPAN, most }),
        };
        check("`keys_ttl`", self.ttl, MAX_KEYS_TTL)?;
        check("`refetch_at_most_every`", self.interval, MAX_REFETCH_INTERVAL)
    }
}
