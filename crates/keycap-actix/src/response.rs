//! From the gate's answers to responses of actix.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use keycap_gate::{Answer, Header};

/// An answer's status.
pub(crate) fn status(answer: &Answer) -> StatusCode {
    // An answer holds no status that is none; should one ever, then something is broken.
    StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The response that an answer is, with a body made of its bytes.
pub(crate) fn response<B: MessageBody>(
    answer: Answer,
    body: impl FnOnce(Bytes) -> B,
) -> HttpResponse<B> {
    let status = status(&answer);
    let (_, headers, bytes) = answer.into_parts();
    let mut response = HttpResponse::with_body(status, body(Bytes::from(bytes)));
    for (name, value) in headers.into_iter().flat_map(parse) {
        response.headers_mut().append(name, value);
    }
    response
}

/// Appends headers to an admitted response, but says nothing twice: what is refused further in may
/// carry the same lines.
pub(crate) fn add_headers(response: &mut HeaderMap, headers: Vec<Header>) {
    for (name, value) in headers.into_iter().flat_map(parse) {
        if !response.get_all(&name).any(|present| *present == value) {
            response.append(name, value);
        }
    }
}

/// A header of the gate's: valid on the wire, so that this always succeeds. What is not owned is a
/// word of the gate's own.
fn parse((name, value): Header) -> Option<(HeaderName, HeaderValue)> {
    let name = match name {
        Cow::Borrowed(name) => HeaderName::from_static(name),
        Cow::Owned(name) => HeaderName::try_from(name).ok()?,
    };
    let value = match value {
        Cow::Borrowed(value) => HeaderValue::from_static(value),
        Cow::Owned(value) => HeaderValue::try_from(value).ok()?,
    };
    Some((name, value))
}
