//! Charges that are paid from holds, with a row or without.

use keycap_base::Labels;

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{MINUTE, account, cost, extend, release};
use crate::{ChargeId, Fault, Fit, HoldId, MAX_SETTLE_HOLDS, Meter, NewCharge, Operation, Rest};

pub(super) async fn p2_a_cost_above_its_hold_is_recorded_and_marked(
    trial: &Trial,
) -> Result<(), Failure> {
    let table = [
        ("$0.10", "$0.10", Fit::Within, "$0.00", "$0.10 + $0.00"),
        ("$0.10", "$0.04", Fit::Within, "$0.00", "$0.04 + $0.00"),
        ("$0.10", "$0.00", Fit::Within, "$0.00", "$0.00 + $0.00"),
        ("$0.10", "$0.25", Fit::Within, "$0.15", "$0.25 + $0.00"),
        ("$0.10", "$1.00", Fit::Within, "$0.90", "$1.00 + $0.00"),
        ("$0.10", "$1.000000001", Fit::Over, "$0.900000001", "$1.000000001 + $0.00"),
        ("$1.00", "$3.00", Fit::Over, "$2.00", "$3.00 + $0.00"),
    ];
    for (row, (hold, real, fit, uncovered, shown)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &["$1 per day"])]).await?;
        let hold = trial.take(trial.hold(&key, hold)).await?;
        let recorded = trial.recorded(trial.settle(&key, hold, real)?).await?;
        same(&(recorded.fit, recorded.uncovered), &(fit, cost(uncovered)?))?;
        trial.shows(&key, &[shown]).await?;
    }
    Ok(())
}

pub(super) async fn p3_a_retried_settle_counts_once(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "9 requests per minute"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.50 + 1 requests")).await?;
    let part = trial.settle_part("key", hold, "$0.10")?;
    let last = trial.settle("key", hold, "$0.20 + 1 requests")?;
    trial.recorded(part.clone()).await?;
    trial.recorded_before(part.clone()).await?;
    trial.recorded(last.clone()).await?;
    trial.shows("key", &["$0.30 + $0.00", "1 + 0"]).await?;
    trial.recorded_before(part).await?;
    trial.recorded_before(last.clone()).await?;
    let Operation::Settle { charge, holds, rest } = last else {
        return Err("not a settle".into());
    };
    for text in ["$0.21 + 1 requests", "$0.20 + 2 requests", "$0.20", "1 requests"] {
        let charge = NewCharge { cost: cost(text)?, ..charge.clone() };
        trial.conflicts(Operation::Settle { charge, holds: holds.clone(), rest }).await?;
    }
    Ok(())
}

/// A settle of requests only, which bears its hold's id and needs no row.
fn folded(trial: &Trial, leaf: &str, hold: HoldId, what: &str) -> Result<NewCharge, Failure> {
    Ok(NewCharge { id: ChargeId::from(hold), ..trial.new_charge(leaf, what)? })
}

pub(super) async fn p3_a_settle_without_a_row_is_remembered_by_its_hold(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["9 requests per minute"]), ("org", &["9 requests per day"])]).await?;
    trial.open(&[("other", &[]), ("org", &[])]).await?;
    let hold = trial.take(trial.hold("key", "2 requests")).await?;
    let first = folded(trial, "key", hold, "1 requests")?;
    let settle = |charge: &NewCharge, holds: Vec<HoldId>| Operation::Settle {
        charge: charge.clone(),
        holds,
        rest: Rest::Release,
    };
    trial.recorded(settle(&first, vec![hold])).await?;
    trial.shows("key", &["1 + 0", "1 + 0"]).await?;
    holds_true("it has no row", trial.snapshot().await?.charges.is_empty())?;

    // Whoever retries it, and however.
    let second = trial.take(trial.hold("key", "1 requests")).await?;
    trial.recorded_before(settle(&first, vec![hold])).await?;
    trial.recorded_before(settle(&first, vec![second])).await?;
    trial.recorded_before(settle(&first, vec![])).await?;
    trial.recorded_before(Operation::Charge(first.clone())).await?;
    for other in [
        NewCharge { cost: cost("2 requests")?, ..first.clone() },
        NewCharge { cost: cost("$0.01 + 1 requests")?, ..first.clone() },
        NewCharge { cost: cost("$0.00")?, ..first.clone() },
        NewCharge { tags: Labels::of([("model", "small")])?, ..first.clone() },
        NewCharge { account: account("other")?, ..first.clone() },
    ] {
        trial.conflicts(settle(&other, vec![hold])).await?;
        trial.conflicts(Operation::Charge(other)).await?;
    }
    trial.shows("key", &["1 + 1", "1 + 1"]).await
}

pub(super) async fn i5_only_what_a_hold_can_remember_needs_no_row(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["1 requests per minute"])]).await?;
    // Each would be counted again, or lose something, if only its hold remembered it.
    let another_id = |_: HoldId| trial.new_charge("key", "1 requests");
    let tagged = |hold: HoldId| -> Result<_, Failure> {
        let tags = Labels::of([("model", "small")])?;
        Ok(NewCharge { tags, ..folded(trial, "key", hold, "1 requests")? })
    };
    let over = |hold: HoldId| folded(trial, "key", hold, "2 requests");
    let charges: [&(dyn Fn(HoldId) -> Result<NewCharge, Failure> + Sync); 3] =
        [&another_id, &tagged, &over];
    for charge in charges {
        let hold = trial.take(trial.hold("key", "1 requests")).await?;
        let settle =
            Operation::Settle { charge: charge(hold)?, holds: vec![hold], rest: Rest::Release };
        let first = trial.recorded(settle.clone()).await?;
        let again = trial.recorded_before(settle).await?;
        same(&again.fit, &first.fit)?;
        trial.clock.advance(MINUTE);
    }
    same(&trial.snapshot().await?.charges.len(), &3)
}

pub(super) async fn p2_a_settle_of_an_ended_hold_is_recorded_as_uncovered(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    trial.open(&[("stranger", &["$1 per day"])]).await?;
    let released = trial.take(trial.hold("key", "$0.50")).await?;
    trial.outcome(release("key", released)?).await?;
    let settled = trial.take(trial.hold("key", "$0.50")).await?;
    trial.recorded(trial.settle("key", settled, "$0.10")?).await?;
    let foreign = trial.take(trial.hold("stranger", "$0.50")).await?;
    let unknown = trial.hold_id_at(trial.now())?;
    for (hold, shown) in [
        (released, "$0.20 + $0.00"),
        (settled, "$0.30 + $0.00"),
        (foreign, "$0.40 + $0.00"),
        (unknown, "$0.50 + $0.00"),
    ] {
        let recorded = trial.recorded(trial.settle("key", hold, "$0.10")?).await?;
        same(&recorded.uncovered, &cost("$0.10")?)?;
        trial.shows("key", &[shown]).await?;
    }
    trial.shows("stranger", &["$0.00 + $0.50"]).await
}

pub(super) async fn i2_parts_of_a_work_add_up_to_it(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$2 per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.50")).await?;
    for (part, shown) in [
        ("$0.10", "$0.10 + $0.40"),
        ("$0.00", "$0.10 + $0.40"),
        ("$0.35", "$0.45 + $0.05"),
        ("$0.15", "$0.60 + $0.00"),
    ] {
        trial.recorded(trial.settle_part("key", hold, part)?).await?;
        trial.shows("key", &[shown, shown]).await?;
    }
    trial.held(extend("key", hold, "$0.80")?).await?;
    trial.shows("key", &["$0.60 + $0.30", "$0.60 + $0.30"]).await?;
    trial.recorded(trial.settle("key", hold, "$0.05")?).await?;
    trial.shows("key", &["$0.65 + $0.00", "$0.65 + $0.00"]).await
}

pub(super) async fn p2_a_settle_names_a_bounded_number_of_holds(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let mut holds = Vec::new();
    for _ in 0..=MAX_SETTLE_HOLDS {
        holds.push(trial.take(trial.hold("key", "$0.01")).await?);
    }
    let charge = trial.new_charge("key", "$0.64")?;
    let fault = Fault::TooManyHolds(holds.len());
    let settle = |holds| Operation::Settle { charge: charge.clone(), holds, rest: Rest::Release };
    trial.faults(settle(holds.clone()), fault).await?;
    holds.pop();
    let recorded = trial.recorded(settle(holds)).await?;
    holds_true("they cover it", recorded.uncovered.is_nothing())?;
    trial.shows("key", &["$0.64 + $0.01"]).await
}

pub(super) async fn i2_requests_are_counted_without_rows(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["9 requests per minute", "$1 per day"])]).await?;
    for _ in 0..3 {
        let hold = trial.take(trial.hold("key", "$0.10 + 1 requests")).await?;
        trial.recorded(trial.settle("key", hold, "$0.10 + 1 requests")?).await?;
    }
    trial.shows("key", &["3 + 0", "$0.30 + $0.00"]).await?;
    let snapshot = trial.snapshot().await?;
    let legs = || snapshot.charges.iter().flat_map(|charge| &charge.legs);
    holds_true("no leg counts requests", legs().all(|leg| leg.limit.meter == Meter::USD))?;
    let carried: i64 = snapshot.counters.iter().map(|(_, counter)| counter.carried.units()).sum();
    same(&carried, &3)?;
    // A part of the work, and a charge without a hold, count like any other meter.
    trial.recorded(trial.charge("key", "1 requests")?).await?;
    let hold = trial.take(trial.hold("key", "2 requests")).await?;
    trial.recorded(trial.settle_part("key", hold, "1 requests")?).await?;
    trial.shows("key", &["5 + 1", "$0.30 + $0.00"]).await?;
    same(&trial.snapshot().await?.charges.len(), &5)
}
