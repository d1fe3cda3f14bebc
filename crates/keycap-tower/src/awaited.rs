//! What must still be taken of a response body before it counts as complete.

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame};

/// What a server will still take of a body. Servers do not always ask a body for its end: nothing is
/// sent in answer to HEAD, to a CONNECT that succeeds, or with a 1xx, 204 or 304 (RFC 9110 §6.4.1), and
/// where the length was announced, nothing is read beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Nothing: dropped now, the body is complete.
    Nothing,
    /// So many bytes, at least one.
    Bytes(u64),
    /// The body's own end.
    End,
}

/// What matters of a request's method when its answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HEAD.
    ForTheHead,
    /// CONNECT.
    ToConnect,
    /// Any other.
    ForAll,
}

impl Asked {
    pub(crate) fn of(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::ForTheHead,
            Method::CONNECT => Self::ToConnect,
            _ => Self::ForAll,
        }
    }
}

impl Awaited {
    pub(crate) fn of<B: Body>(asked: Asked, response: &Response<B>) -> Self {
        let status = response.status();
        let unsent = match asked {
            Asked::ForTheHead => true,
            Asked::ToConnect if status.is_success() => true,
            _ => [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status),
        };
        if unsent || status.is_informational() {
            return Self::Nothing;
        }
        let announced = response.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        match announced.or_else(|| response.body().size_hint().exact()) {
            Some(0) => Self::Nothing,
            Some(bytes) => Self::Bytes(bytes),
            None => Self::End,
        }
    }

    /// Notes what was taken.
    pub(crate) fn take<D: Buf>(&mut self, frame: &Frame<D>) {
        let (Self::Bytes(awaited), Some(data)) = (*self, frame.data_ref()) else { return };
        let taken = u64::try_from(data.remaining()).unwrap_or(u64::MAX);
        *self = match awaited.saturating_sub(taken) {
            0 => Self::Nothing,
            left => Self::Bytes(left),
        };
    }
}
