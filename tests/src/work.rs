//! What handlers do, written once for both frameworks.

use std::future::Future;

use futures_util::stream;
use keycap::{KeyState, LimitReport, Usage, Usd};
use serde_json::json;

use crate::Latch;
use crate::reply::{Piece, Reply};

/// What a handler does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Shows who is calling, and the credential headers that the handler saw.
    Show,
    /// Shows how every limit stands.
    Limits,
    /// Shows the refusal that observe mode did not carry out.
    Observed,
    /// Tracks a cost and says so when it is durable.
    Track(Usd),
    /// Tracks a cost, does not wait for it, and answers with this status.
    TrackThenStatus(Usd, u16),
    /// Reserves the first amount, then tracks the second.
    Reserve(Usd, Usd),
    /// Extends its hold by the first amount, then tracks the second.
    Extend(Usd, Usd),
    /// Answers with this status and does nothing else.
    Status(u16),
    /// Panics.
    Panic,
    /// Stops at a door, then does its work.
    Wait(Latch, Box<Work>),
    /// Streams three lines, tracking this cost with each, and stops at the door after the first.
    Stream(Option<Usd>, Latch, StreamEnd),
    /// Hands the key to a task that stops at a door and then tracks this cost; answers at once.
    LeaveBehind(Usd, Latch),
}

/// How a stream ends after its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// In order.
    Whole,
    /// With a panic.
    Panics,
    /// With an error.
    Fails,
}

/// A framework's key: what an extractor gave, with that framework's error.
pub(crate) trait Caller: Clone + Send + Sync + 'static {
    type Error;
    fn state(&self) -> &KeyState;
    fn track(&self, usage: Usage) -> impl Future<Output = Result<(), Self::Error>> + Send;
    fn reserve(&self, cost: Usd) -> impl Future<Output = Result<(), Self::Error>> + Send;
    fn extend(&self, cost: Usd) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The credential headers that the handler saw.
pub(crate) type Seen = Vec<(String, String)>;

pub(crate) const CREDENTIAL_HEADERS: [&str; 2] = ["authorization", "x-api-key"];

/// Does the work, with what both frameworks' extractors gave.
pub(crate) async fn perform<K: Caller>(work: Work, key: K, seen: Seen) -> Result<Reply, K::Error> {
    let mut work = work;
    while let Work::Wait(latch, then) = work {
        latch.pass().await;
        work = *then;
    }
    match work {
        Work::Wait(..) => unreachable!("the loop has passed every door"),
        Work::Show => {
            let identity = key.state().identity();
            let subject = identity.subject.to_string();
            let account = key.state().account().as_str();
            Ok(Reply::json(&json!({"subject": subject, "account": account, "seen": seen})))
        }
        Work::Limits => {
            let limits = key.state().limits();
            let reports: Vec<_> = limits.iter().map(LimitReport::from).collect();
            Ok(Reply::json(&json!({ "limits": reports })))
        }
        Work::Observed => {
            let code = key.state().would_refuse().map(|refusal| refusal.code().as_str());
            Ok(Reply::json(&json!({ "would_refuse": code })))
        }
        Work::Track(cost) => {
            key.track(cost.into()).await?;
            Ok(Reply::json(&json!({ "cost": cost.to_string() })))
        }
        Work::TrackThenStatus(cost, status) => {
            drop(key.state().track(cost));
            Ok(Reply::status(status))
        }
        Work::Reserve(reserved, cost) => {
            key.reserve(reserved).await?;
            key.track(cost.into()).await?;
            Ok(Reply::json(&json!({ "cost": cost.to_string() })))
        }
        Work::Extend(more, cost) => {
            key.extend(more).await?;
            key.track(cost.into()).await?;
            Ok(Reply::json(&json!({ "cost": cost.to_string() })))
        }
        Work::Status(status) => Ok(Reply::status(status)),
        Work::Panic => panic!("this handler was told to panic"),
        Work::Stream(cost, latch, end) => Ok(Reply::stream(lines(key, cost, latch, end))),
        Work::LeaveBehind(cost, latch) => {
            let state = key.state().clone();
            tokio::spawn(async move {
                latch.pass().await;
                state.track(cost).await
            });
            Ok(Reply::json(&json!({ "left": "behind" })))
        }
    }
}

const LINES: usize = 3;

fn lines<K: Caller>(
    key: K,
    cost: Option<Usd>,
    latch: Latch,
    end: StreamEnd,
) -> impl futures_util::Stream<Item = Piece> + Send {
    stream::unfold((key, 0), move |(key, line)| {
        let latch = latch.clone();
        async move {
            if line == 1 {
                latch.pass().await;
            }
            if line >= LINES {
                return match end {
                    StreamEnd::Panics => panic!("this stream was told to panic"),
                    StreamEnd::Fails if line == LINES => {
                        Some((Err(std::io::Error::other("told to fail")), (key, line + 1)))
                    }
                    StreamEnd::Whole | StreamEnd::Fails => None,
                };
            }
            if let Some(cost) = cost {
                // Queued at once: a stream need not wait for the disk.
                drop(key.state().track(cost));
            }
            Some((Ok(format!("line {line}\n").into()), (key, line + 1)))
        }
    })
}
