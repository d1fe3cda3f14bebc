//! What a caller is told: a refusal as status, headers and body.
//!
//! One table, [`Code`](crate::Code), says how each refusal is told; both adapters send what stands
//! here, byte for byte.

mod headers;
mod problem;
mod rate_limit;
mod settings;

use std::borrow::Cow;
use std::sync::Arc;

pub use headers::{SOON, admitted_headers};
pub use rate_limit::rate_limit_headers;
pub use settings::{
    AnswerSettings, AnswerSettingsError, BudgetStatus, DEFAULT_UNAVAILABLE_RETRY_AFTER,
    MAX_REALM_BYTES, MAX_TYPE_BASE_BYTES, MAX_UNAVAILABLE_RETRY_AFTER, RateLimitHeaders,
};

use crate::credential::is_token_byte;
use crate::{CredentialPlaces, Refusal};

/// The media type of a rendered refusal (RFC 9457 §3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A name and a value.
pub type Header = (Cow<'static, str>, Cow<'static, str>);

/// Replaces how refusals are rendered: is given the refusal and the answer as it would be, and
/// returns the answer that is sent. Must not block.
pub type Rendering = Arc<dyn Fn(&Refusal, Answer) -> Answer + Send + Sync>;

/// A response, ready to be sent: what stands in it is valid on the wire.
///
/// Header names are lower case and may repeat; an adapter appends each, in order.
///
/// ```
/// use keycap_gate::{Answer, AnswerSettings, CredentialPlaces, Denial, answer};
///
/// let refusal = Denial::MissingKey.into();
/// let told = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
/// assert_eq!(told.status(), 401);
/// assert_eq!(told.header("www-authenticate"), Some("Bearer"));
///
/// // What a custom rendering may do.
/// let page = told.with_header("content-type", "text/plain")?.with_body("No key.");
/// assert_eq!(page.body(), b"No key.");
/// # Ok::<(), keycap_gate::AnswerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    status: u16,
    headers: Vec<Header>,
    body: Vec<u8>,
}

/// Something that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not a final status.
    #[error("{0} is not the status of a finished response; use 200 to 599")]
    Status(u16),
    /// Not a header's name.
    #[error("{0:?} is not a header's name; use letters, digits and `-`")]
    Name(String),
    /// A control character or one outside ASCII.
    #[error("the value of the header `{0}` has a character that is not visible ASCII or a space")]
    Value(String),
}

/// How `refusal` is told.
pub fn answer(refusal: &Refusal, settings: &AnswerSettings, places: &CredentialPlaces) -> Answer {
    Answer {
        status: settings.status(refusal.code()),
        headers: headers::of(refusal, settings, places),
        body: problem::body(refusal, settings),
    }
}

impl Answer {
    /// An answer without headers or body.
    ///
    /// # Errors
    /// [`AnswerError`] if `status` is not 200 to 599.
    pub fn new(status: u16) -> Result<Self, AnswerError> {
        if !(200..=599).contains(&status) {
            return Err(AnswerError::Status(status));
        }
        Ok(Self { status, headers: Vec::new(), body: Vec::new() })
    }

    /// The same answer with another status.
    ///
    /// # Errors
    /// [`AnswerError`] if `status` is not 200 to 599.
    pub fn with_status(self, status: u16) -> Result<Self, AnswerError> {
        Ok(Self { headers: self.headers, body: self.body, ..Self::new(status)? })
    }

    /// The same answer with this header in place of any of that name.
    ///
    /// # Errors
    /// [`AnswerError`] if the name is no token (RFC 9110 §5.6.2), or the value not of visible ASCII
    /// and spaces.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, AnswerError> {
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(AnswerError::Name(name.chars().take(80).collect()));
        }
        let name = name.to_ascii_lowercase();
        if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(AnswerError::Value(name));
        }
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name.into(), value.to_owned().into()));
        Ok(self)
    }

    /// The same answer without the headers of that name.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// The same answer with this body.
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers, in order; names are lower case and may repeat.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The first value of the header `name`, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Status, headers and body, for an adapter to send.
    #[must_use]
    pub fn into_parts(self) -> (u16, Vec<Header>, Vec<u8>) {
        (self.status, self.headers, self.body)
    }
}
