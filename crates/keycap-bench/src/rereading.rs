//! A ledger whose rows are read anew each time, as those of a database are.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use keycap::budget::{
    Account, AccountListener, Applied, Batch, Decided, Hold, HoldId, NotNow, Outcome, Snapshot,
    Terms,
};
use keycap::{AccountId, Chain, Charge, ChargeId, Ledger, LedgerError, MemoryLedger, Standing};

/// A memory ledger that answers an opening with rows of its own for each caller.
#[derive(Debug)]
pub struct Rereading(MemoryLedger);

impl Rereading {
    /// The same ledger, with rows that nobody else has.
    #[must_use]
    pub fn new(ledger: MemoryLedger) -> Self {
        Self(ledger)
    }
}

/// The same answer, whose rows share nothing.
fn reread(answer: Decided) -> Decided {
    answer.map(|outcome| match outcome {
        Outcome::Opened { chain, changed } => {
            let rows = chain.iter().map(|row| read(row).into()).collect();
            Outcome::Opened { chain: Chain::new(rows).unwrap_or(chain), changed }
        }
        other => other,
    })
}

fn read(row: &Account) -> Account {
    let terms = |terms: &Terms| Arc::new(terms.clone());
    Account {
        id: name(&row.id),
        parent: row.parent.as_ref().map(name),
        root: name(&row.root),
        terms: terms(&row.terms),
        applied: Applied {
            terms: terms(&row.applied.terms),
            parent: row.applied.parent.as_ref().map(name),
            asserted_at: row.applied.asserted_at,
        },
        height: row.height,
        version: row.version,
        opened_at: row.opened_at,
    }
}

fn name(of: &AccountId) -> AccountId {
    of.as_str().parse().unwrap_or_else(|_| of.clone())
}

#[async_trait]
impl Ledger for Rereading {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        Ok(self.0.apply(batch).await?.into_iter().map(reread).collect())
    }

    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        Ok(self.0.apply_now(batch)?.into_iter().map(reread).collect())
    }

    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError> {
        self.0.chain(account).await
    }

    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        self.0.standings(account).await
    }

    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError> {
        self.0.hold(account, id).await
    }

    async fn charge(
        &self,
        account: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, LedgerError> {
        self.0.charge(account, id).await
    }

    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        self.0.charges(account, before, most).await
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        self.0.snapshot().await
    }

    fn watch(&self, listener: Weak<dyn AccountListener>) {
        self.0.watch(listener);
    }
}
