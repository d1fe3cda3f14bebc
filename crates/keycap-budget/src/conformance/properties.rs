//! What must hold after every operation, whatever was asked.

use std::collections::BTreeMap;

use keycap_base::{Clock, ManualClock, Timestamp};

use super::Failure;
use super::grants::{check_grant, counter_of, wide};
use super::steps::Step;
use super::tally::Tally;
use crate::{Amount, CounterKey, Decided, Ledger, Operation, Outcome, Snapshot, apply_one, audit};

/// Applies the steps one operation at a time, and checks after each:
/// - I2 to I5 by the [audit](crate::audit), I2 also by a naive account of the suite's own;
/// - I1: a hold that was granted was asked of every limit it applies to and fitted each; nothing
///   stands above the highest cap in force in its window, but for what is marked as uncovered;
/// - I7: what was refused did not fit, for the cause that was told;
/// - P3: an operation that was done changes nothing when it is sent again, at once and at the end;
/// - a refusal, a conflict and a fault leave no trace.
///
/// The ledger must be fresh, and `clock` its clock, which is set to the [start](Step::start).
///
/// # Errors
/// What did not hold, and after which operation.
pub async fn check(
    ledger: &dyn Ledger,
    clock: &ManualClock,
    steps: &[Step],
) -> Result<(), Failure> {
    let mut run =
        Run { ledger, clock, tally: Tally::default(), caps: BTreeMap::new(), done: vec![] };
    clock.set(Step::start());
    for (place, step) in steps.iter().enumerate() {
        step.tick.turn(clock);
        for operation in &step.batch {
            let checked = run.ask(operation).await;
            checked.map_err(|failure| format!("step {place}: {operation:?}: {failure}"))?;
        }
    }
    run.ask_all_again().await
}

struct Run<'a> {
    ledger: &'a dyn Ledger,
    clock: &'a ManualClock,
    tally: Tally,
    /// The highest cap that was ever in force in a window.
    caps: BTreeMap<CounterKey, Amount>,
    /// What was done and is done once.
    done: Vec<Operation>,
}

impl Run<'_> {
    async fn ask(&mut self, operation: &Operation) -> Result<(), Failure> {
        let before = self.ledger.snapshot().await?;
        let answer = apply_one(self.ledger, operation.clone()).await?;
        let after = self.ledger.snapshot().await?;
        audit(&after)?;
        let now = self.clock.now().max(before.horizon.pruned_at);
        if leaves_no_trace(&answer) && before != after {
            return Err(format!("it left a trace, and answered {answer:?}").into());
        }
        self.tally.note(operation, &answer, &before, &after)?;
        self.note_caps(&before, now);
        self.note_caps(&after, now);
        self.check_caps(&after)?;
        check_grant(operation, &answer, &before, &after, now)?;
        if is_done_once(operation, &answer) {
            self.ask_again(operation, &after).await?;
            self.done.push(operation.clone());
        }
        Ok(())
    }

    /// P3: an operation that was done changes nothing when it is sent again.
    async fn ask_again(&self, operation: &Operation, before: &Snapshot) -> Result<(), Failure> {
        let answer = apply_one(self.ledger, operation.clone()).await?;
        if self.ledger.snapshot().await? == *before {
            Ok(())
        } else {
            Err(format!("P3: sent again, it changed something, and answered {answer:?}").into())
        }
    }

    async fn ask_all_again(&self) -> Result<(), Failure> {
        let before = self.ledger.snapshot().await?;
        for operation in &self.done {
            let asked = self.ask_again(operation, &before).await;
            asked.map_err(|failure| format!("at the end: {operation:?}: {failure}"))?;
        }
        Ok(())
    }

    fn note_caps(&mut self, snapshot: &Snapshot, now: Timestamp) {
        for account in &snapshot.accounts {
            for limit in account.terms.limits.iter() {
                let highest = self.caps.entry(counter_of(account, limit, now)).or_default();
                *highest = (*highest).max(limit.cap());
            }
        }
    }

    /// I1, over the life of a window.
    fn check_caps(&self, after: &Snapshot) -> Result<(), Failure> {
        for (key, counter) in &after.counters {
            let cap = self.caps.get(key).copied().unwrap_or_default();
            let used = wide(counter.spent) + wide(counter.held);
            if used > wide(cap) + wide(counter.uncovered) {
                return Err(
                    format!("I1: {key:?} shows {counter:?}, and its cap was {cap:?}").into()
                );
            }
        }
        Ok(())
    }
}

/// Whether nothing may have changed.
fn leaves_no_trace(answer: &Decided) -> bool {
    matches!(
        answer,
        Err(_)
            | Ok(Outcome::Refused(_)
                | Outcome::Conflict(_)
                | Outcome::TooOld { .. }
                | Outcome::Stale(_)
                | Outcome::Ended(_)
                | Outcome::RefundTooLarge { .. }
                | Outcome::Swept { holds: 0, .. })
    )
}

/// Whether it was done, and must not be done again by another try.
fn is_done_once(operation: &Operation, answer: &Decided) -> bool {
    matches!(
        (operation, answer),
        (Operation::Hold(_), Ok(Outcome::Held(_)))
            | (Operation::Settle { .. } | Operation::Charge(_), Ok(Outcome::Recorded(_)))
            | (Operation::Refund { .. }, Ok(Outcome::Refunded(_)))
            | (Operation::Release { .. }, Ok(Outcome::Released))
            | (Operation::Shrink { .. }, Ok(Outcome::Shrunk { .. }))
            | (Operation::Amend { .. }, Ok(Outcome::Amended(_)))
    )
}
