//! What a handler answers, before a framework makes a response of it.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

/// A piece of a streamed body.
pub(crate) type Piece = Result<Bytes, io::Error>;

/// An answer, free of any framework's types.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content: Content,
}

/// A body.
pub(crate) enum Content {
    Json(String),
    Stream(Pin<Box<dyn Stream<Item = Piece> + Send>>),
}

impl Reply {
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self { status: 200, content: Content::Json(value.to_string()) }
    }

    /// What a handler says that was given no key.
    pub(crate) fn no_key() -> Self {
        Self::json(&serde_json::json!({ "key": null }))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, content: Content::Json("{}".to_owned()) }
    }

    pub(crate) fn stream(stream: impl Stream<Item = Piece> + Send + 'static) -> Self {
        Self { status: 200, content: Content::Stream(Box::pin(stream)) }
    }
}
