//! Refunds: at most the charge, in the charge's own windows.

use super::Failure;
use super::trial::{Trial, same};
use super::words::{DAY, account, cost};
use crate::{ChargeId, Fault, Operation, Outcome, Retention};

fn refund(trial: &Trial, leaf: &str, charge: ChargeId, what: &str) -> Result<Operation, Failure> {
    let (account, cost) = (account(leaf)?, cost(what)?);
    Ok(Operation::Refund { id: trial.charge_id()?, account, charge, cost })
}

/// A recorded charge; its id.
async fn charged(trial: &Trial, leaf: &str, what: &str) -> Result<ChargeId, Failure> {
    let charge = trial.new_charge(leaf, what)?;
    let id = charge.id;
    trial.recorded(Operation::Charge(charge)).await?;
    Ok(id)
}

pub(super) async fn i2_a_refund_is_at_most_its_charge_in_total(
    trial: &Trial,
) -> Result<(), Failure> {
    trial
        .open(&[("key", &["$2 per day", "99 tokens per day"]), ("org", &["$5 per month"])])
        .await?;
    charged(trial, "key", "$0.50").await?;
    let charge = charged(trial, "key", "$1 + 10 tokens").await?;
    let refunded = |text: &str| Ok::<_, Failure>(Outcome::Refunded(cost(text)?));
    let too_large = |left: &str| Ok::<_, Failure>(Outcome::RefundTooLarge { left: cost(left)? });
    let table = [
        ("$0.30", refunded("$0.30")?, "$1.20 + $0.00", "10 + 0"),
        ("$0.70 + 11 tokens", too_large("$0.70 + 10 tokens")?, "$1.20 + $0.00", "10 + 0"),
        ("$0.700000001", too_large("$0.70 + 10 tokens")?, "$1.20 + $0.00", "10 + 0"),
        ("1 credits", too_large("$0.70 + 10 tokens")?, "$1.20 + $0.00", "10 + 0"),
        ("$0.00", refunded("$0.30")?, "$1.20 + $0.00", "10 + 0"),
        ("4 tokens", refunded("$0.30 + 4 tokens")?, "$1.20 + $0.00", "6 + 0"),
        ("$0.70 + 6 tokens", refunded("$1 + 10 tokens")?, "$0.50 + $0.00", "0 + 0"),
        ("$0.000000001", too_large("$0.00")?, "$0.50 + $0.00", "0 + 0"),
    ];
    for (what, expected, dollars, tokens) in table {
        trial.gives(refund(trial, "key", charge, what)?, expected).await?;
        trial.shows("key", &[dollars, tokens, dollars]).await?;
    }
    Ok(())
}

pub(super) async fn p3_a_retried_refund_counts_once(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$2 per day"])]).await?;
    let charge = charged(trial, "key", "$1").await?;
    let other = charged(trial, "key", "$0.50").await?;
    let first = refund(trial, "key", charge, "$0.30")?;
    let answer = Outcome::Refunded(cost("$0.30")?);
    trial.gives(first.clone(), answer.clone()).await?;
    let before = trial.snapshot().await?;
    trial.gives(first.clone(), answer).await?;
    same(&trial.snapshot().await?, &before)?;
    let Operation::Refund { id, account, .. } = first else {
        return Err("not a refund".into());
    };
    for (charge, what) in [(charge, "$0.20"), (other, "$0.30")] {
        let (account, cost) = (account.clone(), cost(what)?);
        trial.conflicts(Operation::Refund { id, account, charge, cost }).await?;
    }
    trial.shows("key", &["$1.20 + $0.00"]).await
}

pub(super) async fn p2_a_refund_names_a_charge_of_the_same_account(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$2 per day"]), ("org", &[])]).await?;
    trial.open(&[("other", &[]), ("org", &[])]).await?;
    let charge = charged(trial, "key", "$1").await?;
    for (leaf, charge) in [("other", charge), ("org", charge), ("key", trial.charge_id()?)] {
        let fault = Fault::UnknownCharge(charge);
        trial.faults(refund(trial, leaf, charge, "$0.10")?, fault).await?;
    }
    trial.shows("key", &["$1.00 + $0.00"]).await
}

pub(super) async fn p4_what_is_refunded_can_be_held_again(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let charge = charged(trial, "key", "$1.50").await?;
    trial.refused(trial.attempt("key", "$0.20")?).await?;
    trial.outcome(refund(trial, "key", charge, "$0.70")?).await?;
    trial.take(trial.hold("key", "$0.20")).await?;
    trial.shows("key", &["$0.80 + $0.20"]).await
}

pub(super) async fn i2_a_refund_counts_in_its_charges_windows_and_gives_nothing_back_today(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "$5 per month"])]).await?;
    let charge = charged(trial, "key", "$0.80").await?;
    trial.clock.advance(DAY);
    charged(trial, "key", "$0.90").await?;
    trial.outcome(refund(trial, "key", charge, "$0.50")?).await?;
    trial.shows("key", &["$0.90 + $0.00", "$1.20 + $0.00"]).await?;
    trial.refused(trial.attempt("key", "$0.20")?).await?;
    trial.clock.set(trial.now().minus(DAY));
    trial.shows("key", &["$0.30 + $0.00", "$1.20 + $0.00"]).await?;
    // A day further on, the charge's own day is no longer kept; the month still is.
    trial.clock.advance(3 * DAY);
    trial.outcome(Operation::Prune).await?;
    trial.outcome(refund(trial, "key", charge, "$0.30")?).await?;
    trial.shows("key", &["$0.00 + $0.00", "$0.90 + $0.00"]).await
}

pub(super) async fn i2_requests_counted_without_a_row_are_not_refunded(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["9 requests per day", "$1 per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.10 + 1 requests")).await?;
    let settle = trial.settle("key", hold, "$0.10 + 1 requests")?;
    let Operation::Settle { charge, .. } = &settle else {
        return Err("not a settle".into());
    };
    let id = charge.id;
    trial.recorded(settle).await?;
    let left = Outcome::RefundTooLarge { left: cost("$0.10")? };
    trial.gives(refund(trial, "key", id, "1 requests")?, left).await?;
    trial.gives(refund(trial, "key", id, "$0.10")?, Outcome::Refunded(cost("$0.10")?)).await?;
    trial.shows("key", &["1 + 0", "$0.00 + $0.00"]).await
}

pub(super) async fn p2_a_refund_past_retention_is_refused(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per lifetime"])]).await?;
    let charge = charged(trial, "key", "$0.80").await?;
    trial.clock.advance(Retention::DEFAULT_CHARGES);
    trial.outcome(Operation::Prune).await?;
    trial.outcome(refund(trial, "key", charge, "$0.10")?).await?;
    trial.clock.advance(DAY);
    trial.outcome(Operation::Prune).await?;
    let late = refund(trial, "key", charge, "$0.10")?;
    trial.faults(late, Fault::UnknownCharge(charge)).await?;
    trial.shows("key", &["$0.70 + $0.00"]).await
}
