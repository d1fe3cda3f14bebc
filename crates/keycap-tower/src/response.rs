//! The gate's answers and headers, as tower's.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use keycap_gate::{Answer, Header};

use crate::GuardedBody;

/// An answer of the gate as a response with any body that is made of bytes.
///
/// ```
/// use bytes::Bytes;
/// use keycap_gate::{AnswerSettings, CredentialPlaces, Denial, answer};
/// use keycap_tower::into_response;
///
/// let refusal = Denial::MissingKey.into();
/// let told = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
/// let response: http::Response<Bytes> = into_response(told);
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], "Bearer");
/// ```
pub fn into_response<B: From<Bytes>>(answer: Answer) -> Response<B> {
    let (status, headers, body) = answer.into_parts();
    let mut response = Response::new(B::from(Bytes::from(body)));
    // An answer holds no status that is none; should one ever, then something is broken.
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers.into_iter().flat_map(parse) {
        response.headers_mut().append(name, value);
    }
    response
}

/// A refusal, as the response of a guarded service.
pub(crate) fn refused<B>(answer: Answer) -> Response<GuardedBody<B>>
where
    B: http_body::Body,
{
    into_response::<Bytes>(answer).map(GuardedBody::document)
}

/// Appends headers to an admitted response, but says nothing twice: what is refused further in may
/// carry the same lines.
pub(crate) fn add_headers(response: &mut HeaderMap, headers: Vec<Header>) {
    for (name, value) in headers.into_iter().flat_map(parse) {
        if !response.get_all(&name).iter().any(|present| *present == value) {
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
