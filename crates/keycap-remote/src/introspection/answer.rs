//! What the server says of a token (RFC 7662 §2.2, §2.3). Pure: bytes in, [`Said`] out.
//!
//! Only `active`, a boolean of a JSON object in a 200, says anything about a token. Nothing that is not
//! exactly that may become a "no", and nothing else of an inactive token is read.

use serde_json::{Map, Value};

use crate::http::CallError;
use crate::json;

/// What the server says of a token.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// It is active, and this is what the server says of it.
    Active(Map<String, Value>),
    /// It is not active: unknown, expired, revoked, or none of ours to know.
    Inactive,
    /// The server does not introspect tokens of this kind, so it is none that its callers present.
    NotOfItsKind,
    /// Nothing: it would not take the question. It may have stumbled over this very token, so this is
    /// not held against the server as a failure, or a caller could have it left alone.
    Nothing(CallError),
}

/// Reads an answer.
///
/// # Errors
/// [`CallError`] for everything that is no answer about the token.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Said, CallError> {
    match status {
        200 => introspection(body),
        400..=499 => complaint(status, body),
        other => Err(CallError::Status(other)),
    }
}

fn introspection(body: &[u8]) -> Result<Said, CallError> {
    let claims = json::object(body)?;
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(Said::Active(claims)),
        Some(Value::Bool(false)) => Ok(Said::Inactive),
        Some(_) => Err(unreadable("`active` is no boolean")),
        None => Err(unreadable("it has no `active`; is this an introspection endpoint?")),
    }
}

/// What a server says instead (RFC 6749 §5.2). It is about us, but for the one code that is about the
/// token: servers that only know opaque tokens say so when they are shown another.
fn complaint(status: u16, body: &[u8]) -> Result<Said, CallError> {
    let error = json::object(body).ok().and_then(|mut complaint| complaint.remove("error"));
    match (status, error.as_ref().and_then(Value::as_str)) {
        (400, Some("unsupported_token_type")) => Ok(Said::NotOfItsKind),
        (_, Some("invalid_client" | "unauthorized_client")) => Err(CallError::RefusesUs(status)),
        _ => Ok(Said::Nothing(CallError::Status(status))),
    }
}

pub(super) fn unreadable(what: impl Into<String>) -> CallError {
    CallError::Unreadable(what.into())
}
