//! How long ids are remembered (P3).

use std::time::Duration;

use keycap_base::Timestamp;

use super::Failure;
use super::trial::{Trial, same};
use super::words::{DAY, HOUR, account, cost, release};
use crate::{ChargeId, Fault, NewCharge, NewHold, Operation, Outcome, Rest, Retention};

const INSTANT: Duration = Duration::from_millis(1);

/// Every operation that brings an id, with one made at `instant`.
fn with_ids_of(
    trial: &Trial,
    instant: Timestamp,
    refunded: ChargeId,
) -> Result<[Operation; 4], Failure> {
    let charge = |what: &str| -> Result<_, Failure> {
        Ok(NewCharge { id: trial.charge_id_at(instant)?, ..trial.new_charge("key", what)? })
    };
    Ok([
        Operation::Hold(NewHold { id: trial.hold_id_at(instant)?, ..trial.hold("key", "$0.01")? }),
        Operation::Charge(charge("$0.01")?),
        Operation::Settle { charge: charge("$0.01")?, holds: vec![], rest: Rest::Release },
        Operation::Refund {
            id: trial.charge_id_at(instant)?,
            account: account("key")?,
            charge: refunded,
            cost: cost("$0.01")?,
        },
    ])
}

pub(super) async fn p3_an_id_older_than_the_memory_is_refused_not_counted(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per lifetime"])]).await?;
    let charge = trial.new_charge("key", "$0.50")?;
    trial.recorded(Operation::Charge(charge.clone())).await?;
    let oldest = trial.now().minus(Retention::MIN_IDS);
    for operation in with_ids_of(trial, oldest, charge.id)? {
        trial.outcome(operation).await?;
    }
    for operation in with_ids_of(trial, oldest.minus(INSTANT), charge.id)? {
        trial.too_old(operation).await?;
    }
    trial.shows("key", &["$0.51 + $0.01"]).await?;
    // Even where the charge itself is still on record.
    trial.clock.advance(DAY + INSTANT);
    trial.too_old(Operation::Charge(charge)).await
}

pub(super) async fn p3_a_forgotten_id_is_refused_after_the_clock_went_back(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per lifetime"])]).await?;
    let charge = trial.new_charge("key", "$0.50")?;
    trial.recorded(Operation::Charge(charge.clone())).await?;
    let began = trial.now();
    trial.clock.advance(3 * DAY);
    trial.outcome(Operation::Prune).await?;
    trial.clock.set(began.plus(HOUR));
    for operation in with_ids_of(trial, began.plus(2 * DAY).minus(INSTANT), charge.id)? {
        trial.too_old(operation).await?;
    }
    for operation in with_ids_of(trial, began.plus(2 * DAY), charge.id)? {
        trial.outcome(operation).await?;
    }
    trial.shows("key", &["$0.51 + $0.01"]).await
}

pub(super) async fn p3_an_id_from_beyond_the_memory_of_ids_is_a_fault(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per lifetime"])]).await?;
    let charge = trial.new_charge("key", "$0.50")?;
    trial.recorded(Operation::Charge(charge.clone())).await?;
    let latest = trial.now().plus(Retention::MIN_IDS);
    for operation in with_ids_of(trial, latest, charge.id)? {
        trial.outcome(operation).await?;
    }
    let made_at = latest.plus(INSTANT);
    for operation in with_ids_of(trial, made_at, charge.id)? {
        trial.faults(operation, Fault::FromTheFuture { made_at, latest }).await?;
    }
    Ok(())
}

/// A node whose clock was ahead ended a hold. The hold was forgotten a day later, while the ids it
/// stood for were still young enough to be accepted: a retry counted the request a second time.
pub(super) async fn p3_a_hold_is_remembered_as_long_as_its_ids_are_accepted(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["9 requests per lifetime"])]).await?;
    let ahead = trial.now().plus(12 * HOUR);
    let hold = NewHold { id: trial.hold_id_at(ahead)?, ..trial.hold("key", "1 requests")? };
    let id = trial.take(Ok(hold.clone())).await?;
    let charge = NewCharge { id: ChargeId::from(id), ..trial.new_charge("key", "1 requests")? };
    let settle = Operation::Settle { charge, holds: vec![id], rest: Rest::Release };
    trial.recorded(settle.clone()).await?;
    trial.clock.advance(30 * HOUR);
    trial.outcome(Operation::Prune).await?;
    trial.recorded_before(settle.clone()).await?;
    trial.held(Operation::Hold(hold.clone())).await?;
    trial.shows("key", &["1 + 0"]).await?;
    trial.clock.advance(6 * HOUR + INSTANT);
    let answer = trial.outcome(Operation::Prune).await?;
    same(&matches!(answer, Outcome::Pruned { rows: 1, .. }), &true)?;
    trial.too_old(settle).await?;
    trial.too_old(Operation::Hold(hold)).await?;
    trial.faults(release("key", id)?, Fault::UnknownHold(id)).await?;
    trial.shows("key", &["1 + 0"]).await
}
