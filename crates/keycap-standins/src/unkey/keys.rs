//! The rows and what becomes of a verification. In the order of the real service: found, enabled, not
//! expired, from an allowed address, within its rate limits, with credits.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::CreatedKey;
use super::bodies::{CreateKey, LimitRow, UpdateKey};

#[derive(Default)]
pub(super) struct Keys {
    rows: Vec<Row>,
    created: u32,
}

pub(super) struct Row {
    key_id: String,
    secret: String,
    name: Option<String>,
    external_id: Option<String>,
    meta: Option<Map<String, Value>>,
    roles: Vec<String>,
    permissions: Vec<String>,
    expires: Option<i64>,
    limits: Vec<LimitRow>,
    /// How often a limit was counted in its window, by name and the window's start.
    counted: HashMap<(String, i64), i64>,
    pub(super) credits: Option<i64>,
    pub(super) enabled: bool,
    pub(super) forbidden: bool,
}

impl Keys {
    pub(super) fn create(&mut self, key: CreateKey) -> CreatedKey {
        self.created += 1;
        let number = self.created;
        let key_id = format!("key_standin{number:04}");
        let random = format!("3ZstandinKey{number:010}");
        let secret = match key.prefix {
            Some(prefix) => format!("{prefix}_{random}"),
            None => random,
        };
        self.rows.push(Row {
            key_id: key_id.clone(),
            secret: secret.clone(),
            name: key.name,
            external_id: key.external_id,
            meta: key.meta,
            roles: key.roles,
            permissions: key.permissions,
            expires: key.expires,
            limits: key.ratelimits,
            counted: HashMap::new(),
            credits: key.credits.and_then(|credits| credits.remaining),
            enabled: key.enabled.unwrap_or(true),
            forbidden: false,
        });
        CreatedKey { key_id, secret }
    }

    pub(super) fn row_mut(&mut self, key_id: &str) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.key_id == key_id)
    }

    /// Whether there was such a key.
    pub(super) fn delete(&mut self, key_id: &str) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| row.key_id != key_id);
        self.rows.len() < before
    }

    /// The `data` of an answer to a verification at `now_ms`.
    pub(super) fn verify(&mut self, secret: &str, cost: i64, now_ms: i64) -> Value {
        match self.rows.iter_mut().find(|row| row.secret == secret) {
            Some(row) => row.verify(cost, now_ms),
            None => json!({ "valid": false, "code": "NOT_FOUND" }),
        }
    }
}

impl Row {
    pub(super) fn update(&mut self, to: UpdateKey) {
        let Self { name, external_id, meta, expires, credits, .. } = self;
        replace(name, to.name);
        replace(external_id, to.external_id);
        replace(meta, to.meta);
        replace(expires, to.expires);
        replace(credits, to.credits.map(|given| given.and_then(|credits| credits.remaining)));
        replace(&mut self.limits, to.ratelimits);
        replace(&mut self.enabled, to.enabled);
        replace(&mut self.roles, to.roles);
        replace(&mut self.permissions, to.permissions);
    }

    fn verify(&mut self, cost: i64, now_ms: i64) -> Value {
        let mut limits = Vec::new();
        let code = if !self.enabled {
            "DISABLED"
        } else if self.expires.is_some_and(|expiry| expiry < now_ms) {
            "EXPIRED"
        } else if self.forbidden {
            "FORBIDDEN"
        } else {
            limits = self.count(now_ms);
            match limits.iter().any(|limit| limit["exceeded"] == true) {
                true => "RATE_LIMITED",
                false => self.spend(cost),
            }
        };
        self.shown(code, limits)
    }

    /// Counts the limits that the key applies by itself.
    fn count(&mut self, now_ms: i64) -> Vec<Value> {
        let applied = self.limits.iter().enumerate().filter(|(_, limit)| limit.auto_apply);
        let mut results = Vec::new();
        for (place, limit) in applied {
            let start = now_ms - now_ms.rem_euclid(limit.duration);
            let count = self.counted.entry((limit.name.clone(), start)).or_default();
            let exceeded = *count >= limit.limit;
            if !exceeded {
                *count += 1;
            }
            results.push(json!({
                "exceeded": exceeded,
                "id": format!("rl_{}_{place}", self.key_id),
                "name": limit.name,
                "limit": limit.limit,
                "duration": limit.duration,
                "reset": start + limit.duration,
                "remaining": limit.limit - *count,
                "autoApply": true,
            }));
        }
        results
    }

    fn spend(&mut self, cost: i64) -> &'static str {
        match &mut self.credits {
            Some(credits) if cost > 0 && *credits < cost => {
                *credits = 0;
                "USAGE_EXCEEDED"
            }
            Some(credits) => {
                *credits -= cost;
                "VALID"
            }
            None => "VALID",
        }
    }

    fn shown(&self, code: &str, limits: Vec<Value>) -> Value {
        let identity = self.external_id.as_ref().map(
            |external_id| json!({ "id": format!("id_{external_id}"), "externalId": external_id }),
        );
        let limits = (!limits.is_empty()).then_some(limits);
        let always = json!({
            "valid": code == "VALID",
            "code": code,
            "keyId": self.key_id,
            "enabled": self.enabled,
            "permissions": self.permissions,
            "roles": self.roles,
        });
        let where_set = [
            ("name", self.name.clone().map(Value::from)),
            ("meta", self.meta.clone().map(Value::from)),
            ("expires", self.expires.map(Value::from)),
            ("credits", self.credits.map(Value::from)),
            ("identity", identity),
            ("ratelimits", limits.map(Value::from)),
        ];
        let mut shown = always;
        for (name, value) in where_set {
            if let Some(value) = value {
                shown[name] = value;
            }
        }
        shown
    }
}

fn replace<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}
