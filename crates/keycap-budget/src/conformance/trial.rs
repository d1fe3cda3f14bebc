//! One ledger on trial: short ways to ask it something and to say what is expected.

use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keycap_base::{Clock, Labels, ManualClock, Timestamp};

use super::words::{START, account, chain, cost, figures, owner, timed};
use super::{Failure, Store};
use crate::{
    Batch, ChargeId, Claim, DEFAULT_HOLD_LIFE, Decided, Fault, Held, HoldId, Ledger, NewCharge,
    NewHold, OnExpiry, Operation, Outcome, Reapply, Recorded, Rest, Retention, Shortfall, Snapshot,
    apply_one, audit,
};

/// A fresh ledger and its clock.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: ManualClock,
    made: Arc<AtomicU64>,
}

impl Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Trial {
    /// A trial of a fresh ledger with the default retention.
    pub(super) async fn on(store: &dyn Store) -> Result<Self, Failure> {
        let clock = ManualClock::at(START);
        let ledger = store.fresh(clock.clone(), Retention::default()).await?;
        Ok(Self { ledger, clock, made: Arc::default() })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Opens a chain, leaf first, and expects it to be opened.
    #[track_caller]
    pub(super) fn open(
        &self,
        accounts: &[(&str, &[&str])],
    ) -> impl Future<Output = Result<(), Failure>> {
        let (chain, here) = (chain(accounts), Location::caller());
        async move {
            let operation =
                Operation::Open { chain: chain?, asserted_at: self.now(), reapply: Reapply::Never };
            match self.answer(operation).await? {
                Ok(Outcome::Opened { .. }) => Ok(()),
                other => Err(unexpected(here, "an opened chain", &other)),
            }
        }
    }

    /// Applies one operation; audits the ledger.
    pub(super) async fn answer(&self, operation: Operation) -> Result<Decided, Failure> {
        let answer = apply_one(&*self.ledger, operation).await?;
        audit(&self.snapshot().await?)?;
        Ok(answer)
    }

    /// Applies a batch; audits the ledger.
    pub(super) async fn answers(&self, batch: Vec<Operation>) -> Result<Vec<Decided>, Failure> {
        let answers = self.ledger.apply(Batch::new(batch)?).await?;
        audit(&self.snapshot().await?)?;
        Ok(answers)
    }

    pub(super) async fn snapshot(&self) -> Result<Snapshot, Failure> {
        Ok(self.ledger.snapshot().await?)
    }

    /// Expects an outcome, not a fault.
    #[track_caller]
    pub(super) fn outcome(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Outcome, Failure>> {
        let here = Location::caller();
        async move {
            self.answer(operation).await?.map_err(|fault| unexpected(here, "an outcome", &fault))
        }
    }

    /// Expects this very outcome.
    #[track_caller]
    pub(super) fn gives(
        &self,
        operation: Operation,
        expected: Outcome,
    ) -> impl Future<Output = Result<(), Failure>> {
        let here = Location::caller();
        async move { same_at(here, &self.answer(operation).await?, &Ok(expected)) }
    }

    /// Expects this fault, and that it leaves no trace.
    #[track_caller]
    pub(super) fn faults(
        &self,
        operation: Operation,
        expected: Fault,
    ) -> impl Future<Output = Result<(), Failure>> {
        let here = Location::caller();
        async move { same_at(here, &self.traceless(here, operation).await?, &Err(expected)) }
    }

    /// Expects a hold that is taken or extended.
    #[track_caller]
    pub(super) fn held(&self, operation: Operation) -> impl Future<Output = Result<Held, Failure>> {
        let here = Location::caller();
        async move {
            match self.answer(operation).await? {
                Ok(Outcome::Held(held)) => Ok(held),
                other => Err(unexpected(here, "a hold", &other)),
            }
        }
    }

    /// Expects a refusal, and that it leaves no trace.
    #[track_caller]
    pub(super) fn refused(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Shortfall, Failure>> {
        let here = Location::caller();
        async move {
            match self.traceless(here, operation).await? {
                Ok(Outcome::Refused(shortfall)) => Ok(*shortfall),
                other => Err(unexpected(here, "a refusal", &other)),
            }
        }
    }

    /// Expects a charge that is recorded.
    #[track_caller]
    pub(super) fn recorded(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Recorded, Failure>> {
        let here = Location::caller();
        async move {
            match self.answer(operation).await? {
                Ok(Outcome::Recorded(recorded)) => Ok(recorded),
                other => Err(unexpected(here, "a recorded charge", &other)),
            }
        }
    }

    /// Expects the first outcome again, and that nothing changes.
    #[track_caller]
    pub(super) fn recorded_before(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Recorded, Failure>> {
        let here = Location::caller();
        async move {
            match self.traceless(here, operation).await? {
                Ok(Outcome::Recorded(recorded)) => Ok(recorded),
                other => Err(unexpected(here, "the first record again", &other)),
            }
        }
    }

    /// Expects that the id stands for something else, and that nothing changes.
    #[track_caller]
    pub(super) fn conflicts(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Outcome, Failure>> {
        let here = Location::caller();
        async move {
            match self.traceless(here, operation).await? {
                Ok(Outcome::Conflict(first)) => Ok(*first),
                other => Err(unexpected(here, "a conflict", &other)),
            }
        }
    }

    /// Expects that the id is refused for its age, and that nothing changes.
    #[track_caller]
    pub(super) fn too_old(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<(), Failure>> {
        let here = Location::caller();
        async move {
            match self.traceless(here, operation).await? {
                Ok(Outcome::TooOld { .. }) => Ok(()),
                other => Err(unexpected(here, "an id that is too old", &other)),
            }
        }
    }

    /// Applies an operation that must not change anything.
    async fn traceless(
        &self,
        here: &'static Location<'static>,
        operation: Operation,
    ) -> Result<Decided, Failure> {
        let before = self.snapshot().await?;
        let answer = self.answer(operation).await?;
        if self.snapshot().await? == before {
            Ok(answer)
        } else {
            Err(format!("{here}: it left a trace, and answered {answer:?}").into())
        }
    }

    /// Expects what was spent and held on each limit of a chain, leaf first: `"$1 + $0.50"`.
    #[track_caller]
    pub(super) fn shows(
        &self,
        leaf: &str,
        expected: &[&str],
    ) -> impl Future<Output = Result<(), Failure>> {
        let (leaf, here) = (account(leaf), Location::caller());
        let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        async move {
            let standings = self.ledger.standings(&leaf?).await?;
            let shown: Vec<String> = standings
                .iter()
                .map(|shown| figures(&shown.limit.key().meter, shown.spent, shown.held))
                .collect();
            same_at(here, &shown, &expected)
        }
    }

    /// A fresh charge id, made now.
    pub(super) fn charge_id(&self) -> Result<ChargeId, Failure> {
        self.charge_id_at(self.now())
    }

    /// A fresh charge id that says it was made at `instant`.
    pub(super) fn charge_id_at(&self, instant: Timestamp) -> Result<ChargeId, Failure> {
        Ok(ChargeId::from(self.hold_id_at(instant)?))
    }

    /// A fresh hold id that says it was made at `instant`.
    pub(super) fn hold_id_at(&self, instant: Timestamp) -> Result<HoldId, Failure> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        timed(instant, number)
    }

    /// A hold of a cost for an account, by owner 1, captured when it expires.
    pub(super) fn hold(&self, leaf: &str, what: &str) -> Result<NewHold, Failure> {
        self.claim(leaf, Claim::Chain(cost(what)?))
    }

    /// The same, as an operation.
    pub(super) fn attempt(&self, leaf: &str, what: &str) -> Result<Operation, Failure> {
        Ok(Operation::Hold(self.hold(leaf, what)?))
    }

    /// A hold of this claim.
    pub(super) fn claim(&self, leaf: &str, claim: Claim) -> Result<NewHold, Failure> {
        Ok(NewHold {
            id: self.hold_id_at(self.now())?,
            account: account(leaf)?,
            claim,
            owner: owner(1)?,
            life: DEFAULT_HOLD_LIFE,
            on_expiry: OnExpiry::Capture,
            exposure: None,
        })
    }

    /// Takes a hold that must fit; its id.
    #[track_caller]
    pub(super) fn take(
        &self,
        new: Result<NewHold, Failure>,
    ) -> impl Future<Output = Result<HoldId, Failure>> {
        let here = Location::caller();
        async move {
            let new = new?;
            let id = new.id;
            match self.answer(Operation::Hold(new)).await? {
                Ok(Outcome::Held(_)) => Ok(id),
                other => Err(unexpected(here, "a hold", &other)),
            }
        }
    }

    /// A charge with a fresh id.
    pub(super) fn new_charge(&self, leaf: &str, what: &str) -> Result<NewCharge, Failure> {
        let (account, cost) = (account(leaf)?, cost(what)?);
        Ok(NewCharge { id: self.charge_id()?, account, cost, tags: Labels::new() })
    }

    /// A charge that no hold was taken for.
    pub(super) fn charge(&self, leaf: &str, what: &str) -> Result<Operation, Failure> {
        Ok(Operation::Charge(self.new_charge(leaf, what)?))
    }

    /// A settle from one hold, which ends it.
    pub(super) fn settle(
        &self,
        leaf: &str,
        hold: HoldId,
        what: &str,
    ) -> Result<Operation, Failure> {
        let charge = self.new_charge(leaf, what)?;
        Ok(Operation::Settle { charge, holds: vec![hold], rest: Rest::Release })
    }

    /// A settle from one hold, with more to come.
    pub(super) fn settle_part(
        &self,
        leaf: &str,
        hold: HoldId,
        what: &str,
    ) -> Result<Operation, Failure> {
        let charge = self.new_charge(leaf, what)?;
        Ok(Operation::Settle { charge, holds: vec![hold], rest: Rest::Keep })
    }
}

/// Expects two things to be the same.
#[track_caller]
pub(super) fn same<T: PartialEq + Debug>(found: &T, expected: &T) -> Result<(), Failure> {
    same_at(Location::caller(), found, expected)
}

/// Expects something to hold.
#[track_caller]
pub(super) fn holds_true(claim: &str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("{}: not so: {claim}", Location::caller()).into()) }
}

fn same_at<T: PartialEq + Debug>(
    here: &Location<'_>,
    found: &T,
    expected: &T,
) -> Result<(), Failure> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{here}: expected {expected:?}, found {found:?}").into())
    }
}

fn unexpected(here: &Location<'_>, expected: &str, found: &dyn Debug) -> Failure {
    format!("{here}: expected {expected}, found {found:?}").into()
}
