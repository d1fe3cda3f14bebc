//! From the gate's answers to responses of actix.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpResponse, body::MessageBody};
use bytes::Bytes;
use keycap_gate::{Answer, Header};

/// The response that an answer is, with a body made of its bytes.
pub(crate) fn response<B: MessageBody>(
    answer: Answer,
    body: impl FnOnce(Bytes) -> B,
) -> HttpResponse<B> {
    let (status, headers, bytes) = answer.into_parts();
    // An answer's status is 200 to 599.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, body(Bytes::from(bytes)));
    append(response.headers_mut(), headers);
    response
}

/// Appends each header, in order.
pub(crate) fn append(map: &mut HeaderMap, headers: Vec<Header>) {
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        // What stands in an answer is valid on the wire.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            map.append(name, value);
        }
    }
}
