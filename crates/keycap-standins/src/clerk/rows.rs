//! What is kept of a key or a token, and how it is shown.

use serde_json::{Value, json};

/// An API key.
#[derive(Clone, Debug)]
pub(super) struct ApiKey {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) description: Option<String>,
    pub(super) claims: Option<Value>,
    pub(super) scopes: Vec<String>,
    pub(super) created_by: Option<String>,
    pub(super) last_used_ms: Option<i64>,
    pub(super) life: Life,
}

/// A machine token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) machine: String,
    pub(super) claims: Option<Value>,
    pub(super) scopes: Vec<String>,
    pub(super) last_used_ms: Option<i64>,
    pub(super) life: Life,
}

/// From when to when, and why no longer.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) expires_ms: Option<i64>,
    pub(super) revoked: Option<Revoked>,
}

#[derive(Clone, Debug)]
pub(super) struct Revoked {
    pub(super) reason: Option<String>,
}

impl Life {
    pub(super) fn new(now_ms: i64, seconds: Option<f64>) -> Self {
        let expires_ms = seconds.map(|seconds| now_ms + millis(seconds));
        Self { created_ms: now_ms, updated_ms: now_ms, expires_ms, revoked: None }
    }

    pub(super) fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|expires| expires <= now_ms)
    }

    pub(super) fn has_ended(&self, now_ms: i64) -> bool {
        self.revoked.is_some() || self.is_expired(now_ms)
    }

    fn reason(&self) -> Option<&str> {
        self.revoked.as_ref()?.reason.as_deref()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "lives are short")]
pub(super) fn millis(seconds: f64) -> i64 {
    std::time::Duration::from_secs_f64(seconds).as_millis() as i64
}

impl ApiKey {
    /// As it is shown, without its secret.
    pub(super) fn json(&self, now_ms: i64) -> Value {
        json!({
            "object": "api_key",
            "id": self.id,
            "type": "api_key",
            "subject": self.subject,
            "name": self.name,
            "description": self.description,
            "claims": self.claims,
            "scopes": self.scopes,
            "revoked": self.life.revoked.is_some(),
            "revocation_reason": self.life.reason(),
            "expired": self.life.is_expired(now_ms),
            "expiration": self.life.expires_ms,
            "created_by": self.created_by,
            "last_used_at": self.last_used_ms,
            "created_at": self.life.created_ms,
            "updated_at": self.life.updated_ms,
        })
    }
}

impl Token {
    /// As it is shown, without its secret.
    pub(super) fn json(&self, now_ms: i64) -> Value {
        json!({
            "object": "machine_to_machine_token",
            "id": self.id,
            "subject": self.machine,
            "claims": self.claims,
            "scopes": self.scopes,
            "revoked": self.life.revoked.is_some(),
            "revocation_reason": self.life.reason(),
            "expired": self.life.is_expired(now_ms),
            "expiration": self.life.expires_ms,
            "last_used_at": self.last_used_ms,
            "created_at": self.life.created_ms,
            "updated_at": self.life.updated_ms,
        })
    }
}
