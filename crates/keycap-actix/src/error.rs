//! What goes wrong with a key in a handler.

use std::fmt;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use keycap_gate::{Answer, AnswerSettings, Broken, Code, CredentialPlaces, Gate, Refusal, answer};

use crate::response::{response, status};

/// Why a key cannot be had, a cost not be held, or not be recorded. As a response, it is what the
/// middleware would answer: the same document, the same settings, the application's own rendering.
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
    /// A refusal, told as this gate tells it. What is broken is logged, because callers are not told.
    pub(crate) fn new(gate: &Gate, refusal: impl Into<Refusal>) -> Self {
        let refusal = refusal.into();
        if let Refusal::Broken(broken) = &refusal {
            let cause = broken as &dyn std::error::Error;
            tracing::error!(code = %broken.code(), cause, "a handler cannot go on");
        }
        Self(Box::new(Told { answer: gate.answer(&refusal), refusal }))
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

/// The error that an extractor without a middleware fails with. Callers learn that the application is
/// misconfigured; the log learns which route lacks which middleware.
pub(crate) fn missing(extractor: &'static str, request: &HttpRequest) -> Error {
    let method = request.method();
    let route = request.match_pattern().unwrap_or_else(|| request.path().to_owned());
    let why = format!("route {method} {route} uses {extractor} but no Keycap wraps it");
    tracing::error!(%method, route, "{why}");
    let refusal = Broken::misconfigured(why).into();
    // Without a middleware there is no gate whose settings could be used.
    let answer = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
    Error(Box::new(Told { refusal, answer }))
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status(&self.0.answer)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        response(self.0.answer.clone(), MessageBody::boxed)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.refusal.source()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.refusal.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0.refusal).finish()
    }
}
