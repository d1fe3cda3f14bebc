//! A key store for tests that counts, fails and waits as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use keycap_base::Timestamp;
use tokio::sync::Semaphore;

use super::{
    ExpirySetting, Insertion, KeyPage, KeyRecord, KeyStore, KeyStoreError, MemoryKeyStore, Page,
    Revocation,
};
use crate::{Digest, KeyAudience, KeyId, Owner};

/// What a lookup passes: it has read, tells so, and waits before it answers.
pub(crate) struct Checkpoint {
    pub(crate) reached: Semaphore,
    pub(crate) pass: Semaphore,
}

#[derive(Default)]
pub(crate) struct WaywardStore {
    inner: MemoryKeyStore,
    pub(crate) lookups: AtomicUsize,
    pub(crate) touches: AtomicUsize,
    pub(crate) broken: AtomicBool,
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl WaywardStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A store whose lookups stop at a checkpoint.
    pub(crate) fn with_checkpoint() -> Arc<Self> {
        let checkpoint = Checkpoint { reached: Semaphore::new(0), pass: Semaphore::new(0) };
        Arc::new(Self { checkpoint: Some(checkpoint), ..Self::default() })
    }

    /// Waits until a lookup has read and stands at the checkpoint.
    pub(crate) async fn a_lookup_has_read(&self) {
        let reached = &self.checkpoint.as_ref().unwrap().reached;
        reached.acquire().await.unwrap().forget();
    }

    /// Lets that many lookups go on.
    pub(crate) fn let_pass(&self, lookups: usize) {
        self.checkpoint.as_ref().unwrap().pass.add_permits(lookups);
    }

    fn answers(&self) -> Result<(), KeyStoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(KeyStoreError::new("do anything", "it was told to fail"));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyStore for WaywardStore {
    fn audience(&self) -> &KeyAudience {
        self.inner.audience()
    }

    async fn insert(&self, record: KeyRecord) -> Result<Insertion, KeyStoreError> {
        self.answers()?;
        self.inner.insert(record).await
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<KeyRecord>, KeyStoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.answers()?;
        let found = self.inner.by_digest(digest).await;
        if let Some(checkpoint) = &self.checkpoint {
            checkpoint.reached.add_permits(1);
            checkpoint.pass.acquire().await.unwrap().forget();
        }
        found
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        self.answers()?;
        self.inner.by_id(id).await
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<Revocation, KeyStoreError> {
        self.answers()?;
        tokio::task::yield_now().await;
        self.inner.revoke(id, at).await
    }

    async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError> {
        self.answers()?;
        self.inner.set_expiry(id, expires_at).await
    }

    async fn list_by_owner(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError> {
        self.answers()?;
        self.inner.list_by_owner(owner, page).await
    }

    async fn touch(&self, last_used: &[(KeyId, Timestamp)]) -> Result<(), KeyStoreError> {
        self.touches.fetch_add(1, Ordering::SeqCst);
        self.answers()?;
        self.inner.touch(last_used).await
    }
}
