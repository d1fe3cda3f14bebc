//! Real providers, stores and ledgers that can be told to misbehave.

use std::future::pending;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use keycap::budget::{
    AccountListener, Batch, Decided, Hold, HoldId, LedgerError, NotNow, Snapshot,
};
use keycap::verify::{
    Answer, ExpirySetting, Insertion, KeyAudience, KeyListener, KeyPage, KeyStoreError, Page,
    Rejection, Revocation, Unavailable,
};
use keycap::{
    AccountId, Chain, Charge, ChargeId, Digest, IdentityProvider, KeyId, KeyRecord, KeyStore,
    Ledger, Owner, Secret, Standing, Timestamp,
};
use tokio::sync::watch;

/// What a double does instead of what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// What it is asked.
    Well,
    /// It says that it cannot.
    Failing,
    /// It does not answer until its mood changes, and then never answers what it was asked.
    Hanging,
    /// It does not answer until its mood changes, and then does what it was asked.
    Stalled,
    /// It panics.
    Panicking,
    /// It panics where it is asked to look without asking anybody, and all the same elsewhere.
    PanickingAtOnce,
    /// It does what it is asked, and says that it failed.
    Mumbling,
}

/// The switch of a double. Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Switch(Arc<watch::Sender<Mood>>);

impl Default for Switch {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Mood::Well)))
    }
}

/// What a double should do: fail, or go on.
struct Fail;

impl Switch {
    /// Changes the mood.
    pub fn set(&self, mood: Mood) {
        self.0.send_replace(mood);
    }

    fn is(&self, mood: Mood) -> bool {
        *self.0.borrow() == mood
    }

    /// Misbehaves as the mood says; returns where the real thing is to be asked.
    async fn pass(&self) -> Result<(), Fail> {
        let mood = *self.0.borrow();
        match mood {
            Mood::Well | Mood::Mumbling => Ok(()),
            Mood::Failing => Err(Fail),
            Mood::Panicking | Mood::PanickingAtOnce => panic!("a double was told to panic"),
            Mood::Hanging => pending().await,
            Mood::Stalled => {
                let mut moods = self.0.subscribe();
                let _ = moods.wait_for(|mood| *mood != Mood::Stalled).await;
                Ok(())
            }
        }
    }
}

/// A provider with a switch.
pub struct WaywardProvider<P> {
    /// The real one.
    pub inner: P,
    /// Its switch.
    pub switch: Switch,
}

#[async_trait]
impl<P: IdentityProvider> IdentityProvider for WaywardProvider<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn names(&self) -> Vec<&str> {
        self.inner.names()
    }

    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        self.inner.names_for(secret)
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        assert!(!self.switch.is(Mood::PanickingAtOnce), "a double was told to panic");
        self.inner.screen(secret)
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        match self.switch.pass().await {
            Ok(()) => self.inner.verify(secret).await,
            Err(Fail) => Answer::Unavailable(Unavailable::new("the wayward provider")),
        }
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        self.inner.subscribe(listener);
    }

    async fn housekeep(&self) {
        self.inner.housekeep().await;
    }
}

/// A ledger with a switch for what it is asked to do; what it is asked to show is always shown.
pub struct WaywardLedger {
    /// The real one.
    pub inner: Arc<dyn Ledger>,
    /// Its switch.
    pub switch: Switch,
}

fn broken() -> LedgerError {
    LedgerError::new("the wayward ledger was told to fail")
}

#[async_trait]
impl Ledger for WaywardLedger {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        self.switch.pass().await.map_err(|Fail| broken())?;
        let answers = self.inner.apply(batch).await;
        if self.switch.is(Mood::Mumbling) { Err(broken()) } else { answers }
    }

    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        let mood = *self.switch.0.borrow();
        match mood {
            Mood::Well => self.inner.apply_now(batch),
            Mood::Failing => Err(NotNow::Broken(broken())),
            Mood::Hanging | Mood::Stalled => Err(NotNow::WouldWait(batch)),
            Mood::Panicking | Mood::PanickingAtOnce => panic!("a double was told to panic"),
            Mood::Mumbling => Err(match self.inner.apply_now(batch) {
                Err(not_now) => not_now,
                Ok(_lost) => NotNow::Broken(broken()),
            }),
        }
    }

    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError> {
        self.inner.chain(account).await
    }

    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        self.inner.standings(account).await
    }

    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError> {
        self.inner.hold(account, id).await
    }

    async fn charge(
        &self,
        account: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, LedgerError> {
        self.inner.charge(account, id).await
    }

    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        self.inner.charges(account, before, most).await
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        self.inner.snapshot().await
    }

    fn watch(&self, listener: Weak<dyn AccountListener>) {
        self.inner.watch(listener);
    }
}

/// A key store whose look-ups read the row at once and then wait, while its switch says
/// [`Mood::Stalled`], before they answer with what they read: a slow network, or a replica.
pub struct SlowAnswers<S> {
    /// The real one.
    pub inner: S,
    /// Its switch.
    pub switch: Switch,
    reading: watch::Sender<usize>,
}

impl<S> SlowAnswers<S> {
    /// Round this store.
    pub fn new(inner: S) -> Self {
        Self { inner, switch: Switch::default(), reading: watch::Sender::new(0) }
    }

    /// Waits until so many look-ups have read their row.
    pub async fn looked_up(&self, count: usize) {
        let mut reading = self.reading.subscribe();
        let waited = reading.wait_for(|done| *done >= count);
        tokio::time::timeout(crate::wait::PATIENCE, waited).await.expect("a look-up").unwrap();
    }
}

#[async_trait]
impl<S: KeyStore> KeyStore for SlowAnswers<S> {
    fn audience(&self) -> &KeyAudience {
        self.inner.audience()
    }

    async fn insert(&self, record: KeyRecord) -> Result<Insertion, KeyStoreError> {
        self.inner.insert(record).await
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<KeyRecord>, KeyStoreError> {
        let read = self.inner.by_digest(digest).await;
        self.reading.send_modify(|count| *count += 1);
        let failed = |Fail| KeyStoreError::new("look up a key", "it was told to fail");
        self.switch.pass().await.map_err(failed)?;
        read
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        self.inner.by_id(id).await
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<Revocation, KeyStoreError> {
        self.inner.revoke(id, at).await
    }

    async fn set_expiry(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
    ) -> Result<ExpirySetting, KeyStoreError> {
        self.inner.set_expiry(id, expires_at).await
    }

    async fn list_by_owner(&self, owner: &Owner, page: Page) -> Result<KeyPage, KeyStoreError> {
        self.inner.list_by_owner(owner, page).await
    }

    async fn touch(&self, last_used: &[(KeyId, Timestamp)]) -> Result<(), KeyStoreError> {
        self.inner.touch(last_used).await
    }
}
