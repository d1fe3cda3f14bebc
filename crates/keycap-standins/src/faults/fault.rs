//! The ways to misbehave.

use super::{Canned, Door};

/// What the server does to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing bad: answers and keeps the connection. A refusal, a redirect, a status of 500 or a body
    /// that makes no sense are answers too.
    Answer(Canned),
    /// Answers when the door is opened.
    Slow(Canned, Door),
    /// Reads the request and never answers.
    Hang,
    /// Accepts the connection and does not even read; with TLS, there is no handshake.
    Deaf,
    /// Answers with bytes that are not HTTP.
    Garbage,
    /// Reads the request and closes the connection.
    Close,
    /// Closes the connection in the middle of the answer's headers.
    CloseInHead(Canned),
    /// Says how long the whole body is, sends half of it and closes the connection.
    Truncated(Canned),
    /// Sends a body of so many bytes in chunks, without saying how long it will be.
    Chunked(usize),
    /// Sends headers without end.
    EndlessHeaders,
}
