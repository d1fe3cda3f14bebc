//! What goes wrong with a key in a handler.

use std::fmt;
use std::ops::Deref;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use keycap_gate::Told;

use crate::response::{response, status};

/// Why a key cannot be had, a cost not be held, or not be recorded. As a response, it is what the
/// middleware would answer: the same document, the same settings, the application's own rendering.
///
/// `Display` is for the log, not for callers.
#[derive(Clone, Debug)]
pub struct Error(pub(crate) Told);

/// The error that an extractor without a middleware fails with.
pub(crate) fn missing(extractor: &'static str, request: &HttpRequest) -> Error {
    let method = request.method();
    let route = request.match_pattern().unwrap_or_else(|| request.path().to_owned());
    let why = format!("route {method} {route} uses {extractor} but no Keycap wraps it");
    Error(Told::misconfigured(why))
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status(self.answer())
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        response(self.answer().clone(), MessageBody::boxed)
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
