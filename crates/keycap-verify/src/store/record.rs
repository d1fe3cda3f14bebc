//! One issued key, as it is stored.

use std::sync::Arc;

use keycap_base::{Labels, Scopes, Timestamp};

use crate::{Digest, DisplayPrefix, KeyId, Owner, Rejection};

/// One issued key, as it is stored. Holds its digest, never its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// The public id.
    pub id: KeyId,
    /// SHA-256 of the secret.
    pub digest: Digest,
    /// What may be shown of the secret; unknown for keys imported without it.
    pub display_prefix: Option<DisplayPrefix>,
    /// Whose key it is.
    pub owner: Owner,
    /// The account that pays for it.
    pub account: Arc<str>,
    /// What it grants.
    pub scopes: Scopes,
    /// The application's notes.
    pub labels: Labels,
    /// When it was minted or imported.
    pub created_at: Timestamp,
    /// When it stops being valid; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// About when it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Why the key is not valid at `now`, if it is not. A key is valid until the instant before its
    /// expiry; a revocation counts whatever time it carries.
    #[must_use]
    pub fn rejection(&self, now: Timestamp) -> Option<Rejection> {
        if self.revoked_at.is_some() {
            return Some(Rejection::Revoked);
        }
        self.expires_at.is_some_and(|expiry| expiry <= now).then_some(Rejection::Expired)
    }
}
