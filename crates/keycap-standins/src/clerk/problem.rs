//! How Clerk says no.
//!
//! Codes and messages of 401 and 429 are Clerk's own. The contract publishes the shape of 400 and 404,
//! `bad_request`, and no code for "there is no such key": `resource_not_found` is what Clerk says
//! elsewhere.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoSecretKey,
    WrongSecretKey,
    WrongMachineSecretKey,
    BadRequest(String),
    NotFound(&'static str),
    TooMany(Duration),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSecretKey | Self::WrongSecretKey | Self::WrongMachineSecretKey => {
                StatusCode::UNAUTHORIZED
            }
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoSecretKey => "authorization_header_format_invalid",
            Self::WrongSecretKey => "clerk_key_invalid",
            Self::WrongMachineSecretKey => "machine_secret_key_invalid",
            Self::BadRequest(_) => "bad_request",
            Self::NotFound(_) => "resource_not_found",
            Self::TooMany(_) => "too_many_requests",
        }
    }

    fn messages(&self) -> (String, String) {
        let same = |text: &str| (text.to_owned(), text.to_owned());
        match self {
            Self::NoSecretKey => (
                "Invalid Authorization header format".into(),
                "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'".into(),
            ),
            Self::WrongSecretKey => same(
                "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is \
                 correct.",
            ),
            Self::WrongMachineSecretKey => same(
                "The provided Machine Secret Key is invalid. Make sure that your Machine Secret Key \
                 is correct.",
            ),
            Self::BadRequest(what) => ("Bad Request".into(), what.clone()),
            Self::NotFound(what) => same(what),
            Self::TooMany(_) => (
                "Too many requests. Please try again in a bit.".into(),
                "You have been rate limited.".into(),
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (message, long_message) = self.messages();
        let error =
            json!({ "message": message, "long_message": long_message, "code": self.code() });
        let body = json!({ "errors": [error], "clerk_trace_id": "trace_of_the_standin" });
        let mut response = (self.status(), Json(body)).into_response();
        if let Self::TooMany(wait) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}
