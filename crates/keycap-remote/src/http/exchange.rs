//! One request and its whole answer, within bounds.

use std::error::Error;

use bytes::{Bytes, BytesMut};

use keycap_base::Timestamp;

use super::retry_after::{self, DEFAULT_THROTTLE};
use super::{CallError, Reply};

/// Refuses an answer that says nothing about a key: redirects, refusals of *us*, trouble.
///
/// A 503 that says when to come back (RFC 9110 §15.6.4) is believed like a 429 (RFC 6585 §4).
pub(super) fn judge(response: &reqwest::Response, now: Timestamp) -> Result<(), CallError> {
    let status = response.status().as_u16();
    let asked = || retry_after::asked(response.headers(), now);
    match status {
        300..=399 => Err(CallError::Redirected(status)),
        401 | 403 => Err(CallError::RefusesUs(status)),
        429 => Err(CallError::Throttled(asked().unwrap_or(DEFAULT_THROTTLE))),
        503 => Err(asked().map_or(CallError::Status(status), CallError::Throttled)),
        408 | 500.. | ..200 => Err(CallError::Status(status)),
        _ => Ok(()),
    }
}

/// Reads a body of at most `limit` bytes. One that announces more is not read at all.
pub(super) async fn whole(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Reply, CallError> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(CallError::TooLarge(limit));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(cut)? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    let status = response.status().as_u16();
    Ok(Reply { status, body: Bytes::from(body) })
}

/// The request found no answer.
pub(super) fn unanswered(error: reqwest::Error) -> CallError {
    match error.is_connect() {
        true => CallError::Unreachable(reason(error)),
        false => cut(error),
    }
}

fn cut(error: reqwest::Error) -> CallError {
    CallError::Broken(reason(error))
}

/// The innermost reason, without the URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
