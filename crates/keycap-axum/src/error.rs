//! What goes wrong with a key in a handler.

use std::fmt;
use std::ops::Deref;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use keycap_gate::Told;
use keycap_tower::into_response;

/// Why a key cannot be had, a cost not be held, or not be recorded. As a response, it is what the
/// layer would answer: the same document, the same settings, the application's own rendering.
///
/// `Display` is for the log, not for callers.
#[derive(Clone, Debug)]
pub struct Error(pub(crate) Told);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        into_response::<Body>(self.0.into_answer())
    }
}

impl Deref for Error {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
