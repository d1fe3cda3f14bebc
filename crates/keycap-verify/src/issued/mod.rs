//! Keycap's own keys.

mod builder;
mod last_used;
mod new_key;

use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use keycap_base::{Clock, Timestamp};

use crate::{
    Answer, Digest, ExpirySetting, FormatCheck, Identity, IdentityProvider, Insertion, KeyAudience,
    KeyChange, KeyFormat, KeyId, KeyListener, KeyNews, KeyPage, KeyRecord, KeyStore, KeyStoreError,
    Owner, Page, Rejection, Revocation, Secret, Subject, Unavailable,
};

use builder::ForeignKeys;
use last_used::LastUsed;

pub use builder::{IssuedKeysBuilder, IssuedKeysError};
pub use last_used::{DEFAULT_DEBOUNCE, DEFAULT_PENDING_USES};
pub use new_key::{Import, MintError, MintedKey, NewKey, NewKeyError};

/// Keycap's own keys: mints, revokes and verifies them. Clones share everything.
///
/// ```
/// use std::sync::Arc;
/// use keycap_verify::{Answer, IdentityProvider, IssuedKeys, MemoryKeyStore, NewKey, Rejection};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build()?;
/// let minted = keys.mint(NewKey::for_owner("acme").scopes(["chat"])).await?;
/// println!("key: {}", minted.secret.expose()); // shown once, kept nowhere
///
/// assert!(matches!(keys.verify(&minted.secret).await, Answer::Known(_)));
/// keys.revoke(&minted.record.id).await?;
/// let answer = keys.verify(&minted.secret).await;
/// assert!(matches!(answer, Answer::Rejected(Rejection::Revoked)));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct IssuedKeys(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    format: KeyFormat,
    foreign: ForeignKeys,
    clock: Arc<dyn Clock>,
    store: Arc<dyn KeyStore>,
    last_used: LastUsed,
}

impl IssuedKeys {
    /// Begins to set up keys that are kept in `store`.
    pub fn builder(store: impl KeyStore + 'static) -> IssuedKeysBuilder {
        IssuedKeysBuilder::new(Arc::new(store))
    }

    /// Mints a key. Its secret is in the answer and nowhere else (P9).
    ///
    /// Once this has returned, the key works on this node, even if its digest was refused before.
    /// Dropping the future may leave a key behind whose secret nobody knows.
    ///
    /// # Errors
    /// [`MintError`] if `key` was described wrongly, or the store or the random generator fails.
    pub async fn mint(&self, key: NewKey) -> Result<MintedKey, MintError> {
        let secret = self.0.format.mint()?;
        let mut record = self.record(key, secret.digest())?;
        record.display_prefix = Some(self.0.format.display_prefix(&secret));
        match self.insert(record).await? {
            Import::Imported(record) => Ok(MintedKey { record, secret }),
            Import::Duplicate => Err(MintError::Collision),
        }
    }

    /// Adds a key whose secret was issued elsewhere, by the SHA-256 of that secret.
    ///
    /// Keys that are not of this format are looked up only with
    /// [`foreign_keys`](IssuedKeysBuilder::foreign_keys).
    ///
    /// # Errors
    /// [`MintError`] if `key` was described wrongly, or the store fails.
    pub async fn import(&self, digest: Digest, key: NewKey) -> Result<Import, MintError> {
        if matches!(self.0.foreign, ForeignKeys::Refused) {
            return Err(MintError::ForeignRefused);
        }
        self.insert(self.record(key, digest)?).await
    }

    /// Revokes a key for good. Once this has returned, this node refuses it (P7).
    ///
    /// Cancel safe: once polled it goes on in a task of its own, so a caller who leaves cannot stop it
    /// halfway. Listeners are told when the store has answered, whatever it answers: news only makes
    /// them look again. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store fails; the key may or may not be revoked then.
    pub async fn revoke(&self, id: &KeyId) -> Result<Revocation, KeyStoreError> {
        let (keys, id) = (self.clone(), *id);
        to_the_end("revoke a key", async move {
            let _told_in_any_case = keys.announce(&id, KeyChange::Revoked);
            keys.0.store.revoke(&id, keys.now()).await
        })
        .await
    }

    /// Sets when a key expires; `None` is never. Cancel safe and told as [`revoke`](Self::revoke)
    /// is, and within a tokio runtime.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store fails; the expiry may or may not be set then.
    pub async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError> {
        let (keys, id) = (self.clone(), *id);
        to_the_end("set the expiry of a key", async move {
            let _told_in_any_case = keys.announce(&id, KeyChange::ExpiryChanged);
            keys.0.store.set_expiry(&id, expires_at).await
        })
        .await
    }

    /// One page of an owner's keys, revoked and expired ones too, oldest first.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store fails.
    pub async fn list(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError> {
        self.0.store.list_by_owner(owner, page).await
    }

    /// The key with this id.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store fails.
    pub async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        self.0.store.by_id(id).await
    }

    /// The format of the keys that are minted.
    #[must_use]
    pub fn format(&self) -> &KeyFormat {
        &self.0.format
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn record(&self, key: NewKey, digest: Digest) -> Result<KeyRecord, MintError> {
        let now = self.now();
        Ok(key.into_record(&self.0.name, KeyId::new(now)?, digest, now)?)
    }

    async fn insert(&self, record: KeyRecord) -> Result<Import, MintError> {
        let _told_in_any_case = self.announce(&record.id, KeyChange::Minted);
        Ok(match self.0.store.insert(record.clone()).await? {
            Insertion::Inserted => Import::Imported(record),
            Insertion::Duplicate => Import::Duplicate,
        })
    }

    /// Tells the listeners when the guard is dropped: after the store has answered, or was left.
    fn announce(&self, id: &KeyId, change: KeyChange) -> Announcement<'_> {
        Announcement {
            audience: self.0.store.audience(),
            news: KeyNews::new(id.to_string(), change),
        }
    }

    /// What the record says about whoever presented its secret at `now`.
    fn answer(&self, record: KeyRecord, now: Timestamp) -> Answer {
        if let Some(rejection) = record.rejection(now) {
            return Answer::Rejected(rejection);
        }
        self.0.last_used.note(&record, now);
        let mut identity =
            Identity::new(Subject::of_owner(self.0.name.clone(), &record.owner), now);
        identity.key_id = Some(record.id.to_string().into());
        identity.scopes = record.scopes;
        identity.labels = record.labels;
        identity.account = Some(record.account);
        identity.expires_at = record.expires_at;
        Answer::Known(identity)
    }
}

/// Does what takes a key away to the end, even if whoever asked for it is dropped.
async fn to_the_end<T: Send + 'static>(
    doing: &'static str,
    work: impl Future<Output = Result<T, KeyStoreError>> + Send + 'static,
) -> Result<T, KeyStoreError> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(KeyStoreError::new(doing, error)))
}

struct Announcement<'a> {
    audience: &'a KeyAudience,
    news: KeyNews,
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        self.audience.tell(&self.news);
    }
}

#[async_trait]
impl IdentityProvider for IssuedKeys {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        match (self.0.format.check(secret.expose()), self.0.foreign) {
            (FormatCheck::Sound, _) | (FormatCheck::Foreign, ForeignKeys::LookedUp) => None,
            (FormatCheck::Foreign, ForeignKeys::Refused) => Some(Rejection::Unknown),
            (FormatCheck::Mistyped, _) => Some(Rejection::Malformed),
        }
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        if let Some(rejection) = self.screen(secret) {
            return Answer::Rejected(rejection);
        }
        let (digest, now) = (secret.digest(), self.now());
        match self.0.store.by_digest(&digest).await {
            Ok(Some(record)) if record.digest == digest => self.answer(record, now),
            Ok(_) => Answer::Rejected(Rejection::Unknown),
            Err(error) => Answer::Unavailable(Unavailable::because("the key store", error)),
        }
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        self.0.store.audience().add(listener);
    }

    async fn housekeep(&self) {
        self.0.last_used.write_down(&*self.0.store).await;
    }
}

impl fmt::Debug for IssuedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("IssuedKeys");
        shown.field("name", &self.0.name).field("format", &self.0.format).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
