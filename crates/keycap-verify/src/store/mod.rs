//! Where issued keys are kept.

mod memory;
mod page;
mod record;
#[cfg(test)]
mod wayward;

pub mod conformance;

use std::error::Error;

use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::Timestamp;

use crate::{Digest, KeyAudience, KeyId, Owner};

pub use memory::MemoryKeyStore;
pub use page::{KeyPage, MAX_PAGE, Page, PageError};
pub use record::KeyRecord;
#[cfg(test)]
pub(crate) use wayward::WaywardStore;

/// The most keys one [`KeyStore::touch`] takes.
pub const MAX_TOUCHES: usize = 1_000;

/// Keeps issued keys.
///
/// A store decides nothing: whether a key is valid is read off its record by [`IssuedKeys`]. Every
/// method is atomic, and what it acknowledged is seen by every later call. Dropping a future may or
/// may not do what it was asked, but never half of it.
///
/// Every store must pass [`conformance`](crate::conformance).
///
/// [`IssuedKeys`]: crate::IssuedKeys
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Adds a key. Never changes one: if its id or digest is taken, nothing happens.
    async fn insert(&self, record: KeyRecord) -> Result<Insertion, KeyStoreError>;

    /// The key with this digest.
    async fn by_digest(&self, digest: &Digest) -> Result<Option<KeyRecord>, KeyStoreError>;

    /// The key with this id.
    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError>;

    /// Revokes a key for good. The first revocation's time stays.
    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<Revocation, KeyStoreError>;

    /// Sets when a key expires; `None` is never. A revoked key stays revoked.
    async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError>;

    /// One page of an owner's keys, revoked and expired ones too, sorted by id (oldest first).
    async fn list_by_owner(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError>;

    /// Notes when keys were last used, at most [`MAX_TOUCHES`] of them. Never moves a time back;
    /// keys that are not there are passed over.
    async fn touch(&self, last_used: &[(KeyId, Timestamp)]) -> Result<(), KeyStoreError>;

    /// Those on this node who want to hear of changed keys: the same for every handle on this store,
    /// whichever of them changes a key (P7).
    fn audience(&self) -> &KeyAudience;
}

#[async_trait]
impl<S: KeyStore + ?Sized> KeyStore for Arc<S> {
    async fn insert(&self, record: KeyRecord) -> Result<Insertion, KeyStoreError> {
        (**self).insert(record).await
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<KeyRecord>, KeyStoreError> {
        (**self).by_digest(digest).await
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        (**self).by_id(id).await
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<Revocation, KeyStoreError> {
        (**self).revoke(id, at).await
    }

    async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError> {
        (**self).set_expiry(id, expires_at).await
    }

    async fn list_by_owner(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError> {
        (**self).list_by_owner(owner, page).await
    }

    async fn touch(&self, last_used: &[(KeyId, Timestamp)]) -> Result<(), KeyStoreError> {
        (**self).touch(last_used).await
    }

    fn audience(&self) -> &KeyAudience {
        (**self).audience()
    }
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insertion {
    /// The key is there.
    Inserted,
    /// A key with the same id or digest was there already, and is as it was.
    Duplicate,
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Revocation {
    /// The key is revoked now.
    Revoked,
    /// It had been revoked before.
    AlreadyRevoked,
    /// No key has this id.
    Unknown,
}

/// What became of a new expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ExpirySetting {
    /// The key has it.
    Set,
    /// No key has this id.
    Unknown,
}

/// A key store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the key store cannot {doing}")]
pub struct KeyStoreError {
    doing: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl KeyStoreError {
    /// The store could not do `doing` (a verb and its object: `"insert a key"`) because of `source`.
    #[must_use]
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, source: source.into() }
    }
}
