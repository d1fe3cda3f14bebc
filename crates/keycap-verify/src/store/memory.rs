//! Keys in memory: for tests and toys.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;

use async_trait::async_trait;
use keycap_base::Timestamp;
use parking_lot::RwLock;

use super::{
    ExpirySetting, Insertion, KeyPage, KeyRecord, KeyStore, KeyStoreError, Page, Revocation,
};
use crate::{Digest, KeyAudience, KeyId, Owner};

/// Keys in memory, gone with the process. For tests and toys.
#[derive(Default)]
pub struct MemoryKeyStore {
    rows: RwLock<Rows>,
    audience: KeyAudience,
}

#[derive(Default)]
struct Rows {
    by_id: BTreeMap<KeyId, KeyRecord>,
    by_digest: HashMap<Digest, KeyId>,
}

impl MemoryKeyStore {
    /// A store without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl KeyStore for MemoryKeyStore {
    fn audience(&self) -> &KeyAudience {
        &self.audience
    }

    async fn insert(&self, record: KeyRecord) -> Result<Insertion, KeyStoreError> {
        let mut rows = self.rows.write();
        if rows.by_id.contains_key(&record.id) || rows.by_digest.contains_key(&record.digest) {
            return Ok(Insertion::Duplicate);
        }
        rows.by_digest.insert(record.digest, record.id);
        rows.by_id.insert(record.id, record);
        Ok(Insertion::Inserted)
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<KeyRecord>, KeyStoreError> {
        let rows = self.rows.read();
        Ok(rows.by_digest.get(digest).and_then(|id| rows.by_id.get(id)).cloned())
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        Ok(self.rows.read().by_id.get(id).cloned())
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<Revocation, KeyStoreError> {
        Ok(match self.rows.write().by_id.get_mut(id) {
            None => Revocation::Unknown,
            Some(record) if record.revoked_at.is_some() => Revocation::AlreadyRevoked,
            Some(record) => {
                record.revoked_at = Some(at);
                Revocation::Revoked
            }
        })
    }

    async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError> {
        Ok(match self.rows.write().by_id.get_mut(id) {
            None => ExpirySetting::Unknown,
            Some(record) => {
                record.expires_at = expires_at;
                ExpirySetting::Set
            }
        })
    }

    async fn list_by_owner(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError> {
        let beginning = page.begins_after().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows.read();
        let behind = rows.by_id.range((beginning, Bound::Unbounded)).map(|(_, record)| record);
        let theirs = behind.filter(|record| record.owner == *owner);
        Ok(KeyPage::cut(page, theirs.take(page.size() + 1).cloned().collect()))
    }

    async fn touch(&self, last_used: &[(KeyId, Timestamp)]) -> Result<(), KeyStoreError> {
        let mut rows = self.rows.write();
        for (id, at) in last_used {
            if let Some(record) = rows.by_id.get_mut(id) {
                record.last_used_at = record.last_used_at.max(Some(*at));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryKeyStore({} keys)", self.rows.read().by_id.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_what_every_key_store_must() {
        crate::conformance::check(async || Arc::new(MemoryKeyStore::new())).await;
    }
}
