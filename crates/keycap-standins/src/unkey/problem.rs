//! Unkey's errors (RFC 7807, in an envelope with a request id).

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Problem {
    NoCredential,
    NotBearer,
    UnknownRootKey,
    Body(String),
    NoSuchApi,
    NoSuchKey,
    NoSuchPath,
    Ordered(u16),
}

/// How long an ordered 429 says to wait, in seconds.
const ORDERED_WAIT: &str = "7";

impl Problem {
    /// Status, title, path of the type under `https://unkey.com/docs/errors/`, and detail.
    fn told(&self) -> (u16, &'static str, &'static str, &str) {
        match self {
            Self::NoCredential => (
                400,
                "Bad Request",
                "unkey/authentication/missing",
                "Authorization header for root key is missing.",
            ),
            Self::NotBearer => (
                400,
                "Bad Request",
                "unkey/authentication/malformed",
                "Your authorization header is missing the 'Bearer ' prefix.",
            ),
            Self::UnknownRootKey => (
                401,
                "Unauthorized",
                "unkey/authentication/key_not_found",
                "The provided root key is invalid.",
            ),
            Self::Body(_) => (
                400,
                "Bad Request",
                "unkey/application/invalid_input",
                "POST request body failed to validate schema",
            ),
            Self::NoSuchApi => {
                (404, "Not Found", "unkey/data/api_not_found", "The specified API was not found.")
            }
            Self::NoSuchKey => {
                (404, "Not Found", "unkey/data/key_not_found", "The specified key was not found.")
            }
            Self::NoSuchPath => (404, "Not Found", "user/not_found", "There is nothing here."),
            Self::Ordered(429) => (
                429,
                "Too Many Requests",
                "user/too_many_requests/workspace_rate_limited",
                "This workspace has exceeded its API rate limit.",
            ),
            Self::Ordered(status) => (
                *status,
                "Ordered",
                "unkey/application/unexpected_error",
                "An unexpected error occurred.",
            ),
        }
    }

    pub(super) fn response(&self, request_id: &str) -> Response {
        let (status, title, kind, detail) = self.told();
        let mut error = json!({
            "title": title,
            "detail": detail,
            "status": status,
            "type": format!("https://unkey.com/docs/errors/{kind}"),
        });
        if status == 400 {
            error["errors"] = match self {
                Self::Body(wrong) => json!([{ "location": "body", "message": wrong }]),
                _ => json!([]),
            };
        }
        let body = json!({ "meta": { "requestId": request_id }, "error": error }).to_string();
        let status = StatusCode::from_u16(status).expect("a status");
        let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = ORDERED_WAIT.parse().expect("a header's value");
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        response
    }
}
