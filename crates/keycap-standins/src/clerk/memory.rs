//! Keys, tokens and machines, and what happens to them. Knows no HTTP.

use std::collections::BTreeMap;

use serde_json::Value;

use super::requests::{NewApiKey, NewToken, Update};
use super::rows::{ApiKey, Life, Revoked, Token, millis};

/// How keys and tokens that were revoked or have expired are answered when they are verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// With 200, and `revoked` or `expired` set.
    #[default]
    Shown,
    /// With 404, like those that never were.
    NotFound,
}

#[derive(Debug)]
pub(super) struct Memory {
    ended: Ended,
    next: u64,
    keys: BTreeMap<String, ApiKey>,
    tokens: BTreeMap<String, Token>,
    machines: BTreeMap<String, Machine>,
}

#[derive(Debug)]
struct Machine {
    secret_key: String,
    may_call: Vec<String>,
}

impl Memory {
    pub(super) fn new(ended: Ended, first: u64) -> Self {
        let (keys, tokens, machines) = Default::default();
        Self { ended, next: first, keys, tokens, machines }
    }

    pub(super) fn add_machine(&mut self, id: &str, may_call: &[&str]) -> String {
        let secret_key = format!("ak_test_of_{id}");
        let may_call = may_call.iter().map(ToString::to_string).collect();
        self.machines.insert(id.to_owned(), Machine { secret_key: secret_key.clone(), may_call });
        secret_key
    }

    /// The machine whose secret key this is.
    pub(super) fn machine_of(&self, secret_key: &str) -> Option<&str> {
        let known = |(_, machine): &(&String, &Machine)| machine.secret_key == secret_key;
        self.machines.iter().find(known).map(|(id, _)| id.as_str())
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn create_key(&mut self, new: NewApiKey, now_ms: i64) -> ApiKey {
        let number = self.number();
        let key = ApiKey {
            id: format!("ak_{:032x}", number),
            secret: format!("ak_test_secret_{:04}", number),
            life: Life::new(now_ms, new.seconds_until_expiration),
            name: new.name,
            subject: new.subject,
            description: new.description,
            claims: new.claims,
            scopes: new.scopes,
            created_by: new.created_by,
            last_used_ms: None,
        };
        self.keys.insert(key.id.clone(), key.clone());
        key
    }

    pub(super) fn create_token(&mut self, machine: &str, new: NewToken, now_ms: i64) -> Token {
        let number = self.number();
        let scopes = self.machines.get(machine).expect("a known machine").may_call.clone();
        let token = Token {
            id: format!("mt_{:032x}", number),
            secret: format!("mt_test_secret_{:04}", number),
            life: Life::new(now_ms, new.seconds_until_expiration),
            machine: machine.to_owned(),
            claims: new.claims,
            scopes,
            last_used_ms: None,
        };
        self.tokens.insert(token.id.clone(), token.clone());
        token
    }

    /// A subject's keys, newest first; those that ended only if `ended`.
    pub(super) fn keys_of(&self, subject: &str, ended: bool, now_ms: i64) -> Vec<&ApiKey> {
        let listed =
            |key: &&ApiKey| key.subject == subject && (ended || !key.life.has_ended(now_ms));
        self.keys.values().rev().filter(listed).collect()
    }

    pub(super) fn key(&self, id: &str) -> Option<&ApiKey> {
        self.keys.get(id)
    }

    pub(super) fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id)
    }

    pub(super) fn verify_key(&mut self, secret: &str, now_ms: i64) -> Option<&ApiKey> {
        let key = self.keys.values_mut().find(|key| key.secret == secret)?;
        if key.life.has_ended(now_ms) {
            return (self.ended == Ended::Shown).then_some(key);
        }
        key.last_used_ms = Some(now_ms);
        Some(key)
    }

    /// The token, if it is meant for `machine`; where none is named, whomever it is meant for.
    pub(super) fn verify_token(
        &mut self,
        secret: &str,
        machine: Option<&str>,
        now_ms: i64,
    ) -> Option<&Token> {
        let token = self.tokens.values_mut().find(|token| token.secret == secret)?;
        if !machine.is_none_or(|machine| token.scopes.iter().any(|scope| scope == machine)) {
            return None;
        }
        if token.life.has_ended(now_ms) {
            return (self.ended == Ended::Shown).then_some(token);
        }
        token.last_used_ms = Some(now_ms);
        Some(token)
    }

    /// Whether there is one with this id.
    pub(super) fn revoke(&mut self, id: &str, reason: Option<String>, now_ms: i64) -> bool {
        let key = self.keys.get_mut(id).map(|key| &mut key.life);
        let life = key.or_else(|| self.tokens.get_mut(id).map(|token| &mut token.life));
        life.map(|life| {
            life.revoked = Some(Revoked { reason });
            life.updated_ms = now_ms;
        })
        .is_some()
    }

    /// Whether there is a key with this id.
    pub(super) fn set_claims(&mut self, id: &str, claims: Value, now_ms: i64) -> bool {
        let key = self.keys.get_mut(id);
        key.map(|key| {
            key.claims = Some(claims).filter(|claims| !claims.is_null());
            key.life.updated_ms = now_ms;
        })
        .is_some()
    }

    pub(super) fn update(&mut self, id: &str, update: Update, now_ms: i64) -> Option<&ApiKey> {
        let key = self.keys.get_mut(id)?;
        key.life.updated_ms = now_ms;
        if let Some(claims) = update.claims {
            key.claims = Some(claims).filter(|claims| !claims.is_null());
        }
        if let Some(scopes) = update.scopes {
            key.scopes = scopes;
        }
        if let Some(subject) = update.subject {
            key.subject = subject;
        }
        if update.description.is_some() {
            key.description = update.description;
        }
        if let Some(seconds) = update.seconds_until_expiration {
            key.life.expires_ms = Some(now_ms + millis(seconds));
        }
        Some(key)
    }
}
