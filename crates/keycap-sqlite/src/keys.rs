//! The key store. Looking a key up reads; everything else goes through the writer.

use async_trait::async_trait;
use keycap_base::Timestamp;
use keycap_verify::{
    Digest, ExpirySetting, Insertion, KeyAudience, KeyId, KeyPage, KeyRecord, KeyStore,
    KeyStoreError, MAX_TOUCHES, Owner, Page, Revocation,
};

use crate::SqliteStore;
use crate::rows::keys;

#[async_trait]
impl KeyStore for SqliteStore {
    fn audience(&self) -> &KeyAudience {
        self.key_audience()
    }

    async fn insert(&self, record: KeyRecord) -> Result<Insertion, KeyStoreError> {
        let inserted = self.change(move |connection| keys::insert(connection, &record)).await;
        inserted.map_err(|error| KeyStoreError::new("insert a key", error))
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<KeyRecord>, KeyStoreError> {
        let digest = *digest;
        let found = self.read_rows(move |connection| keys::by_digest(connection, &digest)).await;
        found.map_err(|error| KeyStoreError::new("find a key by its digest", error))
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        let id = *id;
        let found = self.read_rows(move |connection| keys::by_id(connection, &id)).await;
        found.map_err(|error| KeyStoreError::new("find a key by its id", error))
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<Revocation, KeyStoreError> {
        let id = *id;
        let revoked = self.change(move |connection| keys::revoke(connection, &id, at)).await;
        revoked.map_err(|error| KeyStoreError::new("revoke a key", error))
    }

    async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError> {
        let id = *id;
        let set =
            self.change(move |connection| keys::set_expiry(connection, &id, expires_at)).await;
        set.map_err(|error| KeyStoreError::new("set the expiry of a key", error))
    }

    async fn list_by_owner(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError> {
        let owner = owner.clone();
        let found =
            self.read_rows(move |connection| keys::of_owner(connection, &owner, page)).await;
        found.map_err(|error| KeyStoreError::new("list the keys of an owner", error))
    }

    async fn touch(&self, last_used: &[(KeyId, Timestamp)]) -> Result<(), KeyStoreError> {
        let doing = "note when keys were last used";
        if last_used.len() > MAX_TOUCHES {
            let most = format!("{} keys at once; the most is {MAX_TOUCHES}", last_used.len());
            return Err(KeyStoreError::new(doing, most));
        }
        let last_used = last_used.to_vec();
        let touched = self.change(move |connection| keys::touch(connection, &last_used)).await;
        touched.map_err(|error| KeyStoreError::new(doing, error))
    }
}
