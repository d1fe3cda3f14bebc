//! What goes wrong with a key in a handler.

use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use keycap_gate::{Answer, Code, Gate, Refusal};
use keycap_tower::into_response;

/// Why a key cannot be had, a cost not be held, or not be recorded. As a response, it is what the
/// layer would answer: the same document, the same settings, the application's own rendering.
///
/// `Display` is for the log, not for callers.
#[derive(Clone)]
pub struct Error(Box<Told>);

/// A refusal, and how callers are told.
#[derive(Clone)]
struct Told {
    refusal: Refusal,
    answer: Answer,
}

impl Error {
    pub(crate) fn new(refusal: impl Into<Refusal>, gate: &Gate) -> Self {
        let refusal = refusal.into();
        let answer = gate.answer(&refusal);
        Self::told(refusal, answer)
    }

    pub(crate) fn told(refusal: Refusal, answer: Answer) -> Self {
        Self(Box::new(Told { refusal, answer }))
    }

    /// Why.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    /// The code that callers see.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.refusal.code()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        into_response::<Body>(self.0.answer)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0.refusal).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.refusal.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.refusal.source()
    }
}
