//! What a provider says about a verified secret.

use std::fmt;
use std::sync::Arc;

use keycap_base::{Labels, Scopes, Timestamp};

use crate::Subject;

/// What a provider says about a verified secret: everything an application may want when it decides
/// which account pays.
///
/// An identity without scopes grants none. `Debug` shows the names of claims, not what they say.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// Who is calling.
    pub subject: Subject,
    /// The public id of the key, where the provider has one that outlives a single token.
    pub key_id: Option<Arc<str>>,
    /// The organisation the subject acts for.
    pub organisation: Option<Arc<str>>,
    /// What the key grants.
    pub scopes: Scopes,
    /// Everything else the provider said, as it said it.
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// The key's labels.
    pub labels: Labels,
    /// The account that the key's row names.
    pub account: Option<Arc<str>>,
    /// When the key stops being valid.
    pub expires_at: Option<Timestamp>,
    /// When the provider said all this.
    pub asserted_at: Timestamp,
}

impl Identity {
    /// An identity that says who is calling and nothing else: no scopes, no expiry.
    #[must_use]
    pub fn new(subject: Subject, asserted_at: Timestamp) -> Self {
        Self {
            subject,
            key_id: None,
            organisation: None,
            scopes: Scopes::none(),
            claims: serde_json::Map::new(),
            labels: Labels::new(),
            account: None,
            expires_at: None,
            asserted_at,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("subject", &self.subject)
            .field("key_id", &self.key_id)
            .field("organisation", &self.organisation)
            .field("scopes", &self.scopes)
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .field("labels", &self.labels)
            .field("account", &self.account)
            .field("expires_at", &self.expires_at)
            .field("asserted_at", &self.asserted_at)
            .finish()
    }
}
