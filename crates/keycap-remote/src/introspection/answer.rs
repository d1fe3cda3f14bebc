//! What the server says of a token (RFC 7662 §2.2, §2.3). Pure: bytes in, [`Said`] out.
//!
//! Only `active`, a boolean of a JSON object in a 200, says anything about a token. Nothing that is not
//! exactly that may become a "no", and nothing else of an inactive token is read.

use serde_json::Value;

use crate::claims::{Claims, ClaimsError};
use crate::http::CallError;

/// What the server says of a token.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// It is active, and this is what the server says of it.
    Active(Claims),
    /// It is not active: unknown, expired, revoked, or none of ours to know.
    Inactive,
    /// The server does not introspect tokens of this kind, so it is none that its callers present.
    NotOfItsKind,
}

/// Reads an answer.
///
/// # Errors
/// [`CallError`] for everything that is no answer about the token.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Said, CallError> {
    match status {
        200 => introspection(body),
        400 => complaint(body),
        other => Err(CallError::Status(other)),
    }
}

fn introspection(body: &[u8]) -> Result<Said, CallError> {
    let claims = Claims::read(body).map_err(|error| unfit(&error))?;
    match claims.value("active") {
        Some(Value::Bool(true)) => Ok(Said::Active(claims)),
        Some(Value::Bool(false)) => Ok(Said::Inactive),
        Some(_) => Err(CallError::Unreadable("`active` is no boolean".into())),
        None => {
            Err(CallError::Unreadable("no `active`; is this an introspection endpoint?".into()))
        }
    }
}

/// What a server says instead (RFC 6749 §5.2). It is about us, but for the one code that is about the
/// token: servers that only know opaque tokens say so when they are shown another.
fn complaint(body: &[u8]) -> Result<Said, CallError> {
    let complaint = Claims::read(body).ok();
    let code = complaint.as_ref().and_then(|complaint| complaint.value("error")?.as_str());
    match code {
        Some("unsupported_token_type") => Ok(Said::NotOfItsKind),
        Some("invalid_client" | "unauthorized_client") => Err(CallError::RefusesUs(400)),
        _ => Err(CallError::Status(400)),
    }
}

/// An answer that does not say what the standard has it say, or so much of one token that it is not
/// read. A server that answers JSON at all is not in trouble.
pub(super) fn unfit(error: &ClaimsError) -> CallError {
    match error {
        ClaimsError::NoObject(_) => CallError::Unreadable(error.to_string()),
        _ => CallError::Unfit(error.to_string()),
    }
}
