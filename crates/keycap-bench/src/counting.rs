//! A ledger that counts what it is asked.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use keycap::budget::{AccountListener, Batch, Decided, Hold, HoldId, NotNow, Snapshot};
use keycap::{AccountId, Chain, Charge, ChargeId, Ledger, LedgerError, Operation, Standing};

thread_local! {
    static FROM_HERE: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has asked a [`Counting`] ledger to apply something: what an admission that
/// needs no ledger does not do.
#[must_use]
pub fn asked_from_here() -> u64 {
    FROM_HERE.get()
}

/// Passes everything on to `L`, and counts the calls of `apply`.
#[derive(Debug)]
pub struct Counting<L> {
    inner: L,
    counts: Arc<Counts>,
}

/// The counters of a [`Counting`] ledger.
#[derive(Debug, Default)]
pub struct Counts {
    /// Calls in which something was charged.
    with_charges: AtomicU64,
    /// All other calls.
    others: AtomicU64,
    /// Holds that were asked for.
    holds: AtomicU64,
    /// Charges that were sent.
    charges: AtomicU64,
    /// Accounts that were opened, or found open.
    openings: AtomicU64,
}

/// What the counters showed at one moment, or between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls in which something was charged.
    pub with_charges: u64,
    /// All other calls.
    pub others: u64,
    /// Operations that took a hold.
    pub holds: u64,
    /// Operations that recorded a charge.
    pub charges: u64,
    /// Operations that opened a chain.
    pub openings: u64,
}

impl Tally {
    /// One call with this batch.
    fn of(batch: &Batch) -> Self {
        let count = |which: fn(&Operation) -> bool| {
            batch.operations().iter().filter(|&operation| which(operation)).count() as u64
        };
        let charges = count(|it| matches!(it, Operation::Settle { .. } | Operation::Charge(_)));
        Self {
            with_charges: u64::from(charges > 0),
            others: u64::from(charges == 0),
            holds: count(|it| matches!(it, Operation::Hold(_))),
            charges,
            openings: count(|it| matches!(it, Operation::Open { .. })),
        }
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            with_charges: self.with_charges - earlier.with_charges,
            others: self.others - earlier.others,
            holds: self.holds - earlier.holds,
            charges: self.charges - earlier.charges,
            openings: self.openings - earlier.openings,
        }
    }
}

impl<L> Counting<L> {
    /// Counts what `inner` is asked.
    pub fn new(inner: L) -> (Self, Arc<Counts>) {
        let counts = Arc::<Counts>::default();
        (Self { inner, counts: Arc::clone(&counts) }, counts)
    }
}

impl Counts {
    /// What has been counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Tally {
            with_charges: read(&self.with_charges),
            others: read(&self.others),
            holds: read(&self.holds),
            charges: read(&self.charges),
            openings: read(&self.openings),
        }
    }

    /// Counts a call that did so much.
    fn add(&self, call: Tally) {
        FROM_HERE.set(FROM_HERE.get() + 1);
        self.with_charges.fetch_add(call.with_charges, Ordering::SeqCst);
        self.others.fetch_add(call.others, Ordering::SeqCst);
        self.holds.fetch_add(call.holds, Ordering::SeqCst);
        self.charges.fetch_add(call.charges, Ordering::SeqCst);
        self.openings.fetch_add(call.openings, Ordering::SeqCst);
    }
}

#[async_trait]
impl<L: Ledger> Ledger for Counting<L> {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        self.counts.add(Tally::of(&batch));
        self.inner.apply(batch).await
    }

    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        let call = Tally::of(&batch);
        let answer = self.inner.apply_now(batch);
        // One that would wait is asked again, and counted then.
        if !matches!(answer, Err(NotNow::WouldWait(_))) {
            self.counts.add(call);
        }
        answer
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
