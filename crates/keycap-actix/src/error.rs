//! The error of extractors and of a key's methods: a refusal, and the answer that tells it.

use std::fmt;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use keycap_gate::{Answer, AnswerSettings, Broken, CredentialPlaces, Gate, Refusal, answer};

use crate::response::response;

/// Why a handler cannot go on: a refusal, with the answer that tells it.
///
/// Returned from a handler by `?`, it is answered in the bytes the middleware would have used, the
/// application's own rendering included. If something is broken, the cause goes to the log.
pub struct Error(Box<Told>);

struct Told {
    refusal: Refusal,
    answer: Answer,
}

impl Error {
    /// A refusal, told as this gate tells it.
    pub(crate) fn new(gate: &Gate, refusal: impl Into<Refusal>) -> Self {
        let refusal = refusal.into();
        Self(Box::new(Told { answer: gate.answer(&refusal), refusal }))
    }

    /// The refusal.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }
}

/// An error in how the application is put together, where no gate is at hand to tell it.
pub(crate) fn misconfigured(cause: &'static str) -> Error {
    let refusal = Refusal::from(Broken::misconfigured(cause));
    let answer = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
    Error(Box::new(Told { refusal, answer }))
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        if let Refusal::Broken(broken) = self.refusal() {
            let cause = broken as &dyn std::error::Error;
            tracing::error!(code = %broken.code(), cause, "a handler could not go on");
        }
        response(self.0.answer.clone(), MessageBody::boxed)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.refusal().source()
    }
}

impl fmt::Display for Error {
    /// For the log, not for callers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal().fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(self.refusal()).finish()
    }
}
