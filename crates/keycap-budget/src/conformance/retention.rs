//! Forgetting rows without forgetting what they counted.

use std::time::Duration;

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{DAY, HOUR, START, account, cost, release};
use crate::{Amount, MAX_SWEEP, NewHold, Operation, Outcome, Progress, Retention, Sweep};

const INSTANT: Duration = Duration::from_millis(1);

fn pruned(rows: usize) -> Outcome {
    Outcome::Pruned { rows, progress: Progress::Done }
}

pub(super) async fn i2_what_retention_takes_away_is_carried(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per lifetime"]), ("org", &["$9 per lifetime"])]).await?;
    let charge = trial.new_charge("key", "$1")?;
    trial.recorded(Operation::Charge(charge.clone())).await?;
    let (id, account) = (trial.charge_id()?, account("key")?);
    let refund = Operation::Refund { id, account, charge: charge.id, cost: cost("$0.10")? };
    trial.outcome(refund).await?;
    trial.take(trial.hold("key", "$0.05")).await?;
    trial.clock.advance(DAY);
    trial.outcome(Operation::Sweep(Sweep::Expired)).await?;
    let shown = ["$0.95 + $0.00", "$0.95 + $0.00"];
    trial.shows("key", &shown).await?;

    // The captured hold goes when ids of its time are refused, the charge when its own time is up.
    trial.clock.advance(DAY);
    trial.gives(Operation::Prune, pruned(0)).await?;
    trial.clock.advance(INSTANT);
    trial.gives(Operation::Prune, pruned(1)).await?;
    trial.shows("key", &shown).await?;
    trial.clock.set(START.plus(Retention::DEFAULT_CHARGES));
    trial.gives(Operation::Prune, pruned(0)).await?;
    trial.clock.advance(INSTANT);
    trial.gives(Operation::Prune, pruned(1)).await?;
    trial.shows("key", &shown).await?;

    let rows = trial.snapshot().await?;
    holds_true("no rows are left", rows.holds.is_empty() && rows.charges.is_empty())?;
    holds_true("refunds go with their charges", rows.refunds.is_empty())?;
    for (_, counter) in &rows.counters {
        same(&counter.carried, &Amount::new(950_000_000)?)?;
    }
    Ok(())
}

pub(super) async fn i2_a_counter_is_kept_one_period_past_its_end(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per day", "$9 per month"])]).await?;
    trial.recorded(trial.charge("key", "$1")?).await?;
    // The day ends in 14 hours; a day later it may go.
    trial.clock.advance(14 * HOUR + DAY - INSTANT);
    trial.gives(Operation::Prune, pruned(0)).await?;
    trial.clock.advance(INSTANT);
    trial.gives(Operation::Prune, pruned(1)).await?;
    trial.gives(Operation::Prune, pruned(0)).await?;
    trial.shows("key", &["$0.00 + $0.00", "$1.00 + $0.00"]).await
}

pub(super) async fn i2_what_is_held_is_not_forgotten(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per day"])]).await?;
    let new = NewHold { life: 90 * DAY, ..trial.hold("key", "$1")? };
    let hold = trial.take(Ok(new)).await?;
    trial.recorded(trial.charge("key", "$2")?).await?;
    trial.clock.advance(60 * DAY);
    trial.gives(Operation::Prune, pruned(0)).await?;
    same(&trial.snapshot().await?.counters.len(), &1)?;
    trial.recorded(trial.settle("key", hold, "$1.50")?).await?;
    let spent: Vec<_> = trial.snapshot().await?.counters.iter().map(|(_, c)| c.spent).collect();
    same(&spent, &vec![Amount::new(3_500_000_000)?])?;
    trial.gives(Operation::Prune, pruned(1)).await
}

pub(super) async fn i2_pruning_is_bounded_and_says_whether_more_is_left(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per lifetime"])]).await?;
    let mut held = Vec::new();
    for _ in 0..=MAX_SWEEP {
        held.push(trial.hold("key", "$0.001")?);
    }
    let (more, all) = held.split_at(1);
    for holds in [more, all] {
        let ask = holds.iter().cloned().map(Operation::Hold).collect();
        trial.answers(ask).await?;
        let give = holds.iter().map(|hold| release("key", hold.id));
        trial.answers(give.collect::<Result<_, _>>()?).await?;
    }
    trial.clock.advance(DAY + INSTANT);
    let more = Outcome::Pruned { rows: MAX_SWEEP, progress: Progress::More };
    trial.gives(Operation::Prune, more).await?;
    trial.gives(Operation::Prune, pruned(1)).await?;
    trial.gives(Operation::Prune, pruned(0)).await
}
