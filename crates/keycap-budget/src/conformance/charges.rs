//! Charges and settles: recorded always, counted once.

use keycap_base::Labels;

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{account, cost, limit, release};
use crate::{Amount, Cause, Claim, Fault, Fit, Meter, NewCharge, Operation, Rest};

pub(super) async fn p2_a_charge_on_an_exhausted_account_is_recorded(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$5 per day"])]).await?;
    let table =
        [("$1", Fit::Within), ("$0.40", Fit::Over), ("$3.60", Fit::Over), ("$1", Fit::Over)];
    for (real, fit) in table {
        let recorded = trial.recorded(trial.charge("key", real)?).await?;
        same(&(recorded.fit, recorded.uncovered), &(fit, cost(real)?))?;
    }
    trial.shows("key", &["$6.00 + $0.00", "$6.00 + $0.00"]).await?;
    let refused = trial.refused(trial.attempt("key", "$0.01")?).await?;
    same(&(refused.cause, refused.standing.account), &(Cause::Spent, account("key")?))
}

pub(super) async fn p2_costs_below_a_cent_add_up_exactly(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let charges = (0..1_000).map(|_| trial.charge("key", "$0.00000015"));
    trial.answers(charges.collect::<Result<_, _>>()?).await?;
    trial.shows("key", &["$0.00015 + $0.00"]).await
}

pub(super) async fn p2_amounts_are_exact_up_to_their_bounds(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$9000000000 per lifetime"])]).await?;
    // Nine thousand of the largest operations fill the largest cap.
    for _ in 0..9 {
        let charges = (0..1_000).map(|_| trial.charge("key", "$1000000"));
        trial.answers(charges.collect::<Result<_, _>>()?).await?;
    }
    trial.shows("key", &["$9000000000.00 + $0.00"]).await?;
    let hold = || trial.attempt("key", "$0.000000001");
    same(&trial.refused(hold()?).await?.cause, &Cause::Spent)?;
    let charges = (0..223).map(|_| trial.charge("key", "$1000000"));
    trial.answers(charges.collect::<Result<_, Failure>>()?).await?;
    same(&trial.refused(hold()?).await?.cause, &Cause::Spent)?;
    // What would pass the largest number is broken, and says so.
    let overflow = Fault::Overflow { account: account("key")?, meter: Meter::USD };
    trial.faults(trial.charge("key", "$1000000")?, overflow.clone()).await?;
    trial.recorded(trial.charge("key", "$372036.854775807")?).await?;
    trial.shows("key", &["$9223372036.854775807 + $0.00"]).await?;
    trial.faults(trial.charge("key", "$0.000000001")?, overflow).await
}

pub(super) async fn p2_an_overflow_above_leaves_nothing_below(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("org", &["9000000000000000000 units per lifetime"])]).await?;
    trial.open(&[("key", &["5 units per day"]), ("org", &[])]).await?;
    for _ in 0..9 {
        let charges = (0..1_024).map(|_| trial.charge("org", "1000000000000000 units"));
        trial.answers(charges.collect::<Result<_, Failure>>()?).await?;
    }
    let charges = (0..7).map(|_| trial.charge("org", "1000000000000000 units"));
    trial.answers(charges.collect::<Result<_, Failure>>()?).await?;
    trial.recorded(trial.charge("key", "5 units")?).await?;
    let overflow = Fault::Overflow { account: account("org")?, meter: Meter::new("units")? };
    trial.faults(trial.charge("key", "1000000000000000 units")?, overflow).await?;
    trial.shows("key", &["5 + 0", "9223000000000000005 + 0"]).await
}

pub(super) async fn p3_a_retried_charge_counts_once(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$1 per day"])]).await?;
    trial.open(&[("other", &["$1 per day"]), ("org", &[])]).await?;
    let first = NewCharge {
        tags: Labels::of([("model", "small")])?,
        ..trial.new_charge("key", "$0.30 + 1 requests")?
    };
    trial.recorded(Operation::Charge(first.clone())).await?;
    let again = trial.recorded_before(Operation::Charge(first.clone())).await?;
    same(&(again.fit, again.uncovered), &(Fit::Within, cost("$0.30")?))?;
    let settle = Operation::Settle { charge: first.clone(), holds: vec![], rest: Rest::Release };
    trial.recorded_before(settle).await?;
    for other in [
        NewCharge { cost: cost("$0.31 + 1 requests")?, ..first.clone() },
        NewCharge { cost: cost("$0.30")?, ..first.clone() },
        NewCharge { cost: cost("$0.00")?, ..first.clone() },
        NewCharge { tags: Labels::new(), ..first.clone() },
        NewCharge { account: account("other")?, ..first.clone() },
    ] {
        let hold = trial.take(trial.hold("other", "$0.10")).await?;
        let settle =
            Operation::Settle { charge: other.clone(), holds: vec![hold], rest: Rest::Release };
        trial.conflicts(settle).await?;
        trial.conflicts(Operation::Charge(other)).await?;
        trial.outcome(release("other", hold)?).await?;
    }
    trial.shows("key", &["$0.30 + $0.00", "$0.30 + $0.00"]).await
}

pub(super) async fn i4_a_charge_counts_on_every_account_of_its_chain(
    trial: &Trial,
) -> Result<(), Failure> {
    trial
        .open(&[
            ("key", &["$1 per day"]),
            ("team", &["9 tokens per day"]),
            ("org", &["$1 per month", "9 tokens per month"]),
        ])
        .await?;
    trial.open(&[("other", &["$1 per day"]), ("org", &[])]).await?;
    trial.recorded(trial.charge("key", "$0.30 + 2 tokens")?).await?;
    trial.recorded(trial.charge("other", "$0.20")?).await?;
    trial.recorded(trial.charge("team", "$0.10 + 1 tokens")?).await?;
    trial.shows("key", &["$0.30 + $0.00", "3 + 0", "$0.60 + $0.00", "3 + 0"]).await?;
    trial.shows("other", &["$0.20 + $0.00", "$0.60 + $0.00", "3 + 0"]).await
}

pub(super) async fn i6_one_charge_is_paid_from_a_lease_for_each_limit(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$9 per month"])]).await?;
    let lease = |leaf: &str, text: &str, amount: i64| {
        let claim = Claim::Limit(limit(text)?.key().clone(), Amount::new(amount)?);
        trial.claim(leaf, claim)
    };
    let near = trial.take(lease("key", "$1 per day", 300_000_000)).await?;
    let far = trial.take(lease("org", "$9 per month", 500_000_000)).await?;
    let charge = trial.new_charge("key", "$0.20")?;
    let settle = Operation::Settle { charge, holds: vec![near, far], rest: Rest::Keep };
    let recorded = trial.recorded(settle).await?;
    holds_true("both cover it", recorded.uncovered.is_nothing())?;
    trial.shows("key", &["$0.20 + $0.10", "$0.20 + $0.30"]).await?;
    // One lease is used up, the other covers all of it.
    let charge = trial.new_charge("key", "$0.25")?;
    let settle = Operation::Settle { charge, holds: vec![far, near, near], rest: Rest::Release };
    same(&trial.recorded(settle).await?.uncovered, &cost("$0.15")?)?;
    trial.shows("key", &["$0.45 + $0.00", "$0.45 + $0.00"]).await
}
