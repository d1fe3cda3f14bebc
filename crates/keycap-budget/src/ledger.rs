//! The ledger: where accounts, holds and charges live.

use std::error::Error;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use crate::{
    AccountId, Batch, Chain, Charge, ChargeId, Decided, Hold, HoldId, Operation, Snapshot, Standing,
};

/// The most charges one page holds.
pub const MAX_PAGE: usize = 1_000;

/// Applies batches of operations atomically and durably, by the rules of [`Books`](crate::Books).
///
/// # Contract
/// - A batch is applied in order and as a whole: after a crash all of it is there or none.
/// - `apply` returns `Ok` only when the batch is as durable as the ledger promises.
/// - An error may be ambiguous: the batch may have been applied. Every operation with an id can be
///   sent again; it counts once (P3).
/// - Dropping the future of `apply` does not undo the batch.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Applies a batch and answers each operation, in order.
    ///
    /// # Errors
    /// When the ledger could not answer. What it did not do can be sent again.
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError>;

    /// Applies a batch at once, where that needs no waiting; hands it back where it does.
    ///
    /// # Errors
    /// As [`Ledger::apply`].
    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        Err(NotNow::WouldWait(batch))
    }

    /// The account and its ancestors; none when it was never opened.
    ///
    /// # Errors
    /// When the ledger could not answer. The same goes for the other reads.
    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError>;

    /// How every limit of the account's chain stands now, leaf first; empty for an unknown account.
    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError>;

    /// One hold, by the account it was taken for.
    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError>;

    /// One charge, by the account it was made for.
    async fn charge(
        &self,
        account: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, LedgerError>;

    /// The account's own charges, newest id first, up to `most` (at most [`MAX_PAGE`]) that come
    /// after `before` in that order.
    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError>;

    /// Every row, for an [`audit`](crate::audit). Unbounded: not for the request path.
    async fn snapshot(&self) -> Result<Snapshot, LedgerError>;

    /// Tells `listener` whenever an account changes. A listener that was dropped is forgotten.
    fn watch(&self, listener: Weak<dyn AccountListener>);
}

#[async_trait]
impl<L: Ledger + ?Sized> Ledger for Arc<L> {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        (**self).apply(batch).await
    }

    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        (**self).apply_now(batch)
    }

    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError> {
        (**self).chain(account).await
    }

    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        (**self).standings(account).await
    }

    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError> {
        (**self).hold(account, id).await
    }

    async fn charge(
        &self,
        account: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, LedgerError> {
        (**self).charge(account, id).await
    }

    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        (**self).charges(account, before, most).await
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        (**self).snapshot().await
    }

    fn watch(&self, listener: Weak<dyn AccountListener>) {
        (**self).watch(listener);
    }
}

/// Hears that accounts changed. What it is told is a hint: it reads the ledger again.
pub trait AccountListener: Send + Sync {
    /// This account was amended. Called before the `apply` that amended it returns; must not block.
    fn account_changed(&self, account: &AccountId);

    /// Something may have come free that had been spent, or held by nobody alive: a refund, or holds
    /// that a sweep ended. Called before the `apply` that did it returns; must not block.
    fn money_returned(&self) {}
}

/// One operation, answered.
///
/// # Errors
/// As [`Ledger::apply`].
pub async fn apply_one(ledger: &dyn Ledger, operation: Operation) -> Result<Decided, LedgerError> {
    only(ledger.apply(Batch::of(operation)).await?)
}

/// The answer to a batch of one.
///
/// # Errors
/// When a ledger gave another number of answers.
pub fn only(answers: Vec<Decided>) -> Result<Decided, LedgerError> {
    let count = answers.len();
    let mut answers = answers.into_iter();
    match (answers.next(), count) {
        (Some(answer), 1) => Ok(answer),
        _ => Err(LedgerError::new(format!("{count} answers to one operation"))),
    }
}

/// Why [`Ledger::apply_now`] did not apply.
#[derive(Debug)]
pub enum NotNow {
    /// It would have to wait; here is the batch, untouched.
    WouldWait(Batch),
    /// The ledger could not answer.
    Broken(LedgerError),
}

/// A ledger that could not answer. Not a refusal: nobody knows what the answer would have been.
#[derive(Debug, thiserror::Error)]
#[error("the ledger could not answer")]
pub struct LedgerError {
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl LedgerError {
    /// An error of the ledger, for this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}
