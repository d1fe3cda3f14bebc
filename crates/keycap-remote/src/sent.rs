//! What was sent to a provider must not come back as what it says.
//!
//! It is told the caller's secret and shown our own credential. If it repeats them, by mistake or in
//! malice, a secret would name an account in the ledger or stand in the log (P9). What names somebody
//! and holds one makes the answer useless; what merely describes somebody is left out.

#[cfg(test)]
mod tests;

use keycap_base::Labels;
use keycap_verify::{Identity, Secret};
use serde_json::Value;

use crate::http::CallError;

/// The shortest text that is looked for, in bytes. A shorter one may stand in an answer by chance, and
/// is too short for a secret.
pub(crate) const SHORTEST_SOUGHT: usize = 8;

/// The secrets of one call.
#[derive(Clone)]
pub(crate) struct Sent<'a>(Vec<&'a str>);

impl<'a> Sent<'a> {
    /// The secret that was asked about.
    pub(crate) fn of(secret: &'a Secret) -> Self {
        Self(Vec::new()).and(secret.expose())
    }

    /// And what we have shown of our own.
    pub(crate) fn and(mut self, own: &'a str) -> Self {
        if own.len() >= SHORTEST_SOUGHT {
            self.0.push(own);
        }
        self
    }

    /// Whether a text holds one of them.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|sent| text.contains(sent))
    }

    /// The identity, without labels and claims that hold one of them.
    ///
    /// # Errors
    /// If a name does, or what is granted.
    pub(crate) fn clear(&self, mut identity: Identity) -> Result<Identity, CallError> {
        let subject = &identity.subject;
        let names = [
            ("subject", Some(subject.id())),
            ("issuer", subject.issuer()),
            ("key id", identity.key_id.as_deref()),
            ("organisation", identity.organisation.as_deref()),
        ];
        let holds = |(_, name): &(_, Option<&str>)| name.is_some_and(|name| self.is_in(name));
        if let Some((what, _)) = names.into_iter().find(holds) {
            return Err(repeats(what));
        }
        // As they are shown, all in one text: a secret with a space in it may be several scopes.
        if self.is_in(&identity.scopes.to_string()) {
            return Err(repeats("scopes"));
        }
        identity.claims.retain(|name, value| !self.is_in(name) && !self.is_in_value(value));
        let clear =
            identity.labels.iter().filter(|(name, value)| !self.is_in(name) && !self.is_in(value));
        // A part of a set that fits.
        identity.labels = Labels::of(clear).unwrap_or_default();
        Ok(identity)
    }

    fn is_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_in(text),
            Value::Array(values) => values.iter().any(|value| self.is_in_value(value)),
            Value::Object(members) => {
                members.iter().any(|(name, value)| self.is_in(name) || self.is_in_value(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

fn repeats(what: &'static str) -> CallError {
    CallError::Unreadable(format!("its {what} repeat a secret that it was sent"))
}
