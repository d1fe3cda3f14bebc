//! What Unkey says about a key, and what that means.
//!
//! Only `valid` and `code` together make a key good; where they disagree, or the code is one that is
//! not known here, nothing was learned about the key (P6).

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use keycap_base::Timestamp;
use keycap_verify::Rejection;

use crate::http::CallError;
use crate::json;
use crate::sent::Sent;

/// The longest code that is named in an error, in bytes.
const MAX_CODE_BYTES: usize = 64;
/// Stands for a code that is not shown.
const UNSHOWN: &str = "…";

/// The body of an answer to `keys.verifyKey` (Unkey's OpenAPI, `V2KeysVerifyKeyResponseBody`). Fields
/// that are not read here may come and go.
#[derive(Deserialize)]
pub(super) struct VerifyKey {
    data: KeyData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyData {
    valid: bool,
    code: String,
    enabled: Option<bool>,
    expires: Option<i64>,
    ratelimits: Option<Vec<LimitData>>,
    pub(super) key_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) meta: Option<Map<String, Value>>,
    pub(super) credits: Option<i64>,
    pub(super) permissions: Option<Vec<String>>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) identity: Option<IdentityData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityData {
    pub(super) id: String,
    pub(super) external_id: String,
    pub(super) meta: Option<Map<String, Value>>,
}

/// A rate limit that the key applied by itself.
#[derive(Deserialize)]
struct LimitData {
    exceeded: bool,
    duration: i64,
    reset: i64,
}

/// What an answer means.
pub(super) enum Verdict {
    Valid(Box<KeyData>),
    Rejected(Rejection),
    Cannot(Trouble),
}

/// Unkey answered, and that says nothing about whether the key is good.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error(
        "it answered RATE_LIMITED: the key has used up a rate limit that it applies by itself; take \
         such limits off keys that Keycap verifies"
    )]
    RateLimited(Option<Duration>),
    #[error("it answered USAGE_EXCEEDED to a verification that costs nothing")]
    UsageExceeded,
    #[error(
        "it answered FORBIDDEN: the key is limited to addresses among which this server's is not, or \
         the workspace is disabled"
    )]
    Forbidden,
    #[error("it answered INSUFFICIENT_PERMISSIONS, though none were asked for")]
    InsufficientPermissions,
    #[error("it answered the code `{0}`, which is not known here")]
    UnknownCode(String),
    #[error("its answer contradicts itself: valid is {valid} and the code {code}")]
    Contradiction { valid: bool, code: &'static str },
    #[error("the answer's {0} cannot be used: {1}")]
    Unfit(&'static str, &'static str),
    #[error("the question cannot be written")]
    Question,
}

impl Trouble {
    /// The same, without a code that holds what Unkey was sent.
    pub(super) fn veiled(self, sent: &Sent<'_>) -> Self {
        match self {
            Self::UnknownCode(code) if sent.is_in(&code) => Self::UnknownCode(UNSHOWN.to_owned()),
            trouble => trouble,
        }
    }

    /// How long it is of no use to ask again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(wait) => *wait,
            _ => None,
        }
    }
}

/// Reads a reply of this status.
///
/// # Errors
/// [`CallError`] if it is no answer to `keys.verifyKey`. Its statuses are not told apart: a key that is
/// refused is answered 200 as well.
pub(super) fn read(status: u16, body: &[u8]) -> Result<VerifyKey, CallError> {
    match status {
        200 => serde_json::from_value(Value::Object(json::object(body)?))
            .map_err(|_| CallError::Unreadable("a field is missing or of another type".into())),
        status => Err(CallError::Status(status)),
    }
}

impl VerifyKey {
    /// What the answer means at `now`.
    pub(super) fn verdict(self, now: Timestamp) -> Verdict {
        let data = self.data;
        match (data.code.as_str(), data.valid) {
            ("VALID", true) if data.enabled == Some(false) => {
                Verdict::Cannot(Trouble::Contradiction { valid: true, code: "VALID, not enabled" })
            }
            ("VALID", true) if data.expires_at().is_some_and(|expiry| expiry <= now) => {
                Verdict::Rejected(Rejection::Expired)
            }
            ("VALID", true) => Verdict::Valid(Box::new(data)),
            ("VALID", false) => {
                Verdict::Cannot(Trouble::Contradiction { valid: false, code: "VALID" })
            }
            (_, true) => {
                Verdict::Cannot(Trouble::Contradiction { valid: true, code: "another than VALID" })
            }
            (_, false) => data.refusal(now),
        }
    }
}

impl KeyData {
    /// When the key expires.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.expires.map(Timestamp::from_millis)
    }

    fn refusal(&self, now: Timestamp) -> Verdict {
        match self.code.as_str() {
            "NOT_FOUND" => Verdict::Rejected(Rejection::Unknown),
            "EXPIRED" => Verdict::Rejected(Rejection::Expired),
            "DISABLED" => Verdict::Rejected(Rejection::Revoked),
            "RATE_LIMITED" => Verdict::Cannot(Trouble::RateLimited(self.wait(now))),
            "USAGE_EXCEEDED" => Verdict::Cannot(Trouble::UsageExceeded),
            "FORBIDDEN" => Verdict::Cannot(Trouble::Forbidden),
            "INSUFFICIENT_PERMISSIONS" => Verdict::Cannot(Trouble::InsufficientPermissions),
            unknown => Verdict::Cannot(Trouble::UnknownCode(code(unknown))),
        }
    }

    /// Until every exceeded limit has begun anew.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let limits = self.ratelimits.as_deref().unwrap_or_default();
        limits.iter().filter(|limit| limit.exceeded).map(|limit| limit.wait(now)).max()
    }
}

impl LimitData {
    /// `reset` is documented as a span and sent as an instant (both in milliseconds). No span is
    /// longer than the limit's window, no instant of our times is as small.
    fn wait(&self, now: Timestamp) -> Duration {
        match self.reset <= self.duration {
            true => Duration::from_millis(u64::try_from(self.reset).unwrap_or(0)),
            false => Timestamp::from_millis(self.reset).since(now),
        }
    }
}

/// A code as far as it is written like one: what is not may be anything, a secret too.
fn code(text: &str) -> String {
    let is_code = text.len() <= MAX_CODE_BYTES
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if is_code { text.to_owned() } else { UNSHOWN.to_owned() }
}
