//! The ledger.

use std::sync::Weak;

use async_trait::async_trait;
use keycap_budget::{
    AccountId, AccountListener, Batch, Books, Chain, Charge, ChargeId, Decided, Hold, HoldId,
    Ledger, LedgerError, MAX_PAGE, Shelf as _, Snapshot, Standing,
};

use crate::shelf::SqlShelf;
use crate::{SqliteStore, StoreError};

#[async_trait]
impl Ledger for SqliteStore {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        self.apply_batch(batch).await.map_err(LedgerError::new)
    }

    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError> {
        let account = account.clone();
        let read = self.read(move |books| books.chain(&account));
        read.await.map_err(LedgerError::new)
    }

    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        let (account, now) = (account.clone(), self.clock().now());
        let read = self.read(move |books| books.standings(&account, now));
        read.await.map_err(LedgerError::new)
    }

    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError> {
        let account = account.clone();
        let read = self.read(move |books| match root_of(books, &account)? {
            Some(root) => books.shelf_mut().rows_mut().hold(&root, id),
            None => Ok(None),
        });
        read.await.map_err(LedgerError::new)
    }

    async fn charge(
        &self,
        account: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, LedgerError> {
        let account = account.clone();
        let read = self.read(move |books| match root_of(books, &account)? {
            Some(root) => books.shelf_mut().rows_mut().charge(&root, id),
            None => Ok(None),
        });
        read.await.map_err(LedgerError::new)
    }

    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        let (account, most) = (account.clone(), most.min(MAX_PAGE));
        let read =
            self.read(move |books| books.shelf_mut().rows_mut().charges_of(&account, before, most));
        read.await.map_err(LedgerError::new)
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        self.read(|books| books.shelf_mut().snapshot()).await.map_err(LedgerError::new)
    }

    fn watch(&self, listener: Weak<dyn AccountListener>) {
        self.listeners().add(listener);
    }
}

/// The root that an account's rows lie under.
fn root_of(
    books: &mut Books<SqlShelf>,
    account: &AccountId,
) -> Result<Option<AccountId>, StoreError> {
    Ok(books.shelf_mut().account(account)?.map(|account| account.root.clone()))
}
