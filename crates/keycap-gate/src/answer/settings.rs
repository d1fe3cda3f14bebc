//! What an application may choose about its answers.

use std::time::Duration;

use crate::Code;

/// How long who meets an outage is told to wait, unless the application says otherwise.
pub const DEFAULT_UNAVAILABLE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest that who meets an outage may be told to wait.
pub const MAX_UNAVAILABLE_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// The longest base of problem types, in bytes.
pub const MAX_TYPE_BASE_BYTES: usize = 1_024;

/// The longest realm, in bytes.
pub const MAX_REALM_BYTES: usize = 128;

/// What an application may choose about its answers.
///
/// ```
/// use keycap_gate::{AnswerSettings, BudgetStatus};
///
/// let settings = AnswerSettings::default()
///     .types_under("https://docs.example.com/errors/")?
///     .budget_status(BudgetStatus::PaymentRequired);
/// # Ok::<(), keycap_gate::AnswerSettingsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct AnswerSettings {
    type_base: Option<Box<str>>,
    budget_status: BudgetStatus,
    realm: Option<Box<str>>,
    unavailable_retry_after: Duration,
    rate_limit_headers: RateLimitHeaders,
}

/// The status of `budget_exceeded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetStatus {
    /// 429, which common API clients know.
    #[default]
    TooManyRequests,
    /// 402, which tells a spent budget from a rate at a glance.
    PaymentRequired,
}

/// Whether `RateLimit` and `RateLimit-Policy` stand on admitted responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimitHeaders {
    /// They do not.
    #[default]
    Off,
    /// They do, for limits on `requests`; see [`rate_limit_headers`](crate::rate_limit_headers).
    On,
}

/// A choice that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerSettingsError {
    /// Not the beginning of a URI.
    #[error(
        "{0:?} is not a base for problem types; write 1 to {MAX_TYPE_BASE_BYTES} characters of an absolute URI, such as `https://docs.example.com/errors/`"
    )]
    TypeBase(String),
    /// Code and base would run together.
    #[error("a code cannot follow `{0}`; end it in `/`, `#`, `=` or `:`")]
    TypeBaseEnd(String),
    /// Not a realm.
    #[error(
        "{0:?} is not a realm; write 1 to {MAX_REALM_BYTES} visible ASCII characters or spaces, without `\"` and `\\`"
    )]
    Realm(String),
    /// Over [`MAX_UNAVAILABLE_RETRY_AFTER`].
    #[error("{0:?} is too long to be told to wait; the longest is {MAX_UNAVAILABLE_RETRY_AFTER:?}")]
    RetryAfter(Duration),
}

impl Default for AnswerSettings {
    /// Problems of type `about:blank`, 429 for a spent budget, no realm, a second's wait in an
    /// outage, no rate limit headers.
    fn default() -> Self {
        Self {
            type_base: None,
            budget_status: BudgetStatus::default(),
            realm: None,
            unavailable_retry_after: DEFAULT_UNAVAILABLE_RETRY_AFTER,
            rate_limit_headers: RateLimitHeaders::default(),
        }
    }
}

impl AnswerSettings {
    /// Makes `base` followed by the code the type of every problem. It should lead to documentation.
    ///
    /// Without a base the type is `about:blank`, and the title then is the status phrase, as RFC 9457
    /// §4.2.1 asks for; `error` and `detail` say the same either way.
    ///
    /// # Errors
    /// [`AnswerSettingsError`] if `base` is not an absolute URI (RFC 3986 §4.3), is longer than
    /// [`MAX_TYPE_BASE_BYTES`], or does not end where a code can follow.
    pub fn types_under(self, base: &str) -> Result<Self, AnswerSettingsError> {
        if base.len() > MAX_TYPE_BASE_BYTES || !is_absolute(base) {
            return Err(AnswerSettingsError::TypeBase(base.chars().take(80).collect()));
        }
        if !base.ends_with(['/', '#', '=', ':']) {
            return Err(AnswerSettingsError::TypeBaseEnd(base.to_owned()));
        }
        Ok(Self { type_base: Some(base.into()), ..self })
    }

    /// Answers `budget_exceeded` with this status.
    pub fn budget_status(self, status: BudgetStatus) -> Self {
        Self { budget_status: status, ..self }
    }

    /// Names `realm` in challenges (RFC 9110 §11.5).
    ///
    /// # Errors
    /// [`AnswerSettingsError`] if it is empty, longer than [`MAX_REALM_BYTES`], or needs escaping.
    pub fn realm(self, realm: &str) -> Result<Self, AnswerSettingsError> {
        let plain = |byte| byte == b' ' || u8::is_ascii_graphic(&byte) && !b"\"\\".contains(&byte);
        if !(1..=MAX_REALM_BYTES).contains(&realm.len()) || !realm.bytes().all(plain) {
            return Err(AnswerSettingsError::Realm(realm.chars().take(80).collect()));
        }
        Ok(Self { realm: Some(realm.into()), ..self })
    }

    /// Tells who meets an outage to wait this long, in whole seconds rounded up, at least 1. Where a
    /// provider asks for a longer wait, callers are told of that one, up to
    /// [`MAX_PROVIDER_RETRY_AFTER`](crate::MAX_PROVIDER_RETRY_AFTER).
    ///
    /// # Errors
    /// [`AnswerSettingsError`] if it is over [`MAX_UNAVAILABLE_RETRY_AFTER`].
    pub fn unavailable_retry_after(self, wait: Duration) -> Result<Self, AnswerSettingsError> {
        if wait > MAX_UNAVAILABLE_RETRY_AFTER {
            return Err(AnswerSettingsError::RetryAfter(wait));
        }
        Ok(Self { unavailable_retry_after: wait, ..self })
    }

    /// Says on admitted responses how limits on `requests` stand, or does not.
    pub fn rate_limit_headers(self, headers: RateLimitHeaders) -> Self {
        Self { rate_limit_headers: headers, ..self }
    }

    pub(crate) fn status(&self, code: Code) -> u16 {
        match (code, self.budget_status) {
            (Code::BudgetExceeded, BudgetStatus::PaymentRequired) => 402,
            _ => code.status(),
        }
    }

    pub(super) fn type_base(&self) -> Option<&str> {
        self.type_base.as_deref()
    }

    pub(super) fn challenge_realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    pub(super) fn outage_wait(&self) -> Duration {
        self.unavailable_retry_after
    }

    /// Whether rate limit headers are sent.
    pub(crate) fn sends_rate_limits(&self) -> bool {
        self.rate_limit_headers == RateLimitHeaders::On
    }
}

/// A scheme, a colon, and nothing that a URI may not have (RFC 3986 §2).
fn is_absolute(base: &str) -> bool {
    let Some((scheme, _)) = base.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && base.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}
