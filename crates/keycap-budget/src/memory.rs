//! The memory ledger: the books behind a lock. For tests and toys: nothing survives the process.

mod shelf;

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use keycap_base::{Clock, SystemClock};
use parking_lot::Mutex;

pub use self::shelf::MemoryShelf;
use crate::{
    AccountId, AccountListener, Batch, Books, Chain, Charge, ChargeId, Decided, Hold, HoldId,
    Ledger, LedgerError, Listeners, MAX_PAGE, NotNow, Retention, Snapshot, Standing,
};

/// A ledger that lives in memory.
///
/// ```
/// use keycap_budget::{
///     AccountId, AccountSpec, Amount, ChainSpec, Ledger, Limit, MemoryLedger, Meter, Operation,
///     Period, Reapply, apply_one,
/// };
/// use keycap_base::Timestamp;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let ledger = MemoryLedger::new();
/// let alice = AccountId::new("user:alice")?;
/// let cap = Limit::new(Meter::USD, Meter::USD.parse_amount("$5")?, Period::day())?;
/// let chain = ChainSpec::of(AccountSpec::new(alice.clone()).limit(cap)?);
/// let asserted_at = Timestamp::EPOCH;
/// apply_one(&ledger, Operation::Open { chain, asserted_at, reapply: Reapply::Never }).await??;
/// let standing = &ledger.standings(&alice).await?[0];
/// assert_eq!(standing.remaining(), Amount::new(5_000_000_000)?);
/// # Ok(()) }) }
/// ```
pub struct MemoryLedger {
    books: Mutex<Books<MemoryShelf>>,
    clock: Arc<dyn Clock>,
    listeners: Listeners,
}

impl MemoryLedger {
    /// An empty ledger on the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock, Retention::default())
    }

    /// An empty ledger on this clock, with this retention.
    pub fn with_clock(clock: impl Clock, retention: Retention) -> Self {
        Self {
            books: Mutex::new(Books::new(MemoryShelf::default(), retention)),
            clock: Arc::new(clock),
            listeners: Listeners::default(),
        }
    }

    /// Applies a batch, at one instant.
    fn decide(&self, batch: &Batch) -> Vec<Decided> {
        let answers = {
            let mut books = self.books.lock();
            let now = self.clock.now();
            let decide = |operation| sound(books.apply(operation, now));
            batch.operations().iter().map(decide).collect::<Vec<_>>()
        };
        self.listeners.tell(&answers);
        answers
    }
}

/// Takes the answer of a shelf that cannot fail.
fn sound<T>(answer: Result<T, std::convert::Infallible>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLedger").finish_non_exhaustive()
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        Ok(self.decide(&batch))
    }

    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        Ok(self.decide(&batch))
    }

    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError> {
        Ok(sound(self.books.lock().chain(account)))
    }

    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        let mut books = self.books.lock();
        Ok(sound(books.standings(account, self.clock.now())))
    }

    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError> {
        Ok(self.books.lock().shelf().find_hold(account, id))
    }

    async fn charge(
        &self,
        account: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, LedgerError> {
        Ok(self.books.lock().shelf().find_charge(account, id))
    }

    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        Ok(self.books.lock().shelf().charges_of(account, before, most.min(MAX_PAGE)))
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        Ok(self.books.lock().shelf().snapshot())
    }

    fn watch(&self, listener: Weak<dyn AccountListener>) {
        self.listeners.add(listener);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keycap_base::{Labels, ManualClock, Timestamp};

    use super::*;
    use crate::{AccountSpec, ChainSpec, Cost, NewCharge, Operation, Outcome, Reapply};

    /// Ids were remembered for a day, and forgotten. Then an operator had them remembered for three:
    /// what was forgotten by then must not be counted again.
    #[test]
    fn p3_a_longer_memory_does_not_bring_forgotten_ids_back() {
        let day = Duration::from_secs(24 * 60 * 60);
        let start = Timestamp::from_millis(1_772_445_600_000);
        let clock = ManualClock::at(start);
        let ledger = MemoryLedger::with_clock(clock.clone(), Retention::default());
        let account = AccountId::new("key").unwrap();
        let chain = ChainSpec::of(AccountSpec::new(account.clone()));
        let open = Operation::Open { chain, asserted_at: start, reapply: Reapply::Never };
        let charge = |id| {
            let (account, tags) = (account.clone(), Labels::new());
            Operation::Charge(NewCharge { id, account, cost: Cost::tokens(1), tags })
        };
        clock.advance(2 * day);
        let pruned = ledger.decide(&Batch::new(vec![open, Operation::Prune]).unwrap());
        assert!(pruned.iter().all(Result::is_ok), "{pruned:?}");

        let MemoryLedger { books, clock, listeners } = ledger;
        let retention = Retention::new(3 * day, Retention::DEFAULT_CHARGES).unwrap();
        let books = Mutex::new(Books::new(books.into_inner().into_shelf(), retention));
        let ledger = MemoryLedger { books, clock, listeners };
        let answer = |made_at| ledger.decide(&Batch::of(charge(ChargeId::generate(made_at))));
        let oldest = start.plus(day);
        let before = answer(oldest.minus(Duration::from_millis(1)));
        assert_eq!(before, [Ok(Outcome::TooOld { oldest })]);
        assert!(matches!(answer(oldest)[..], [Ok(Outcome::Recorded(_))]));
    }
}
