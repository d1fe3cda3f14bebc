//! Holds that are raised, renewed, retried and ended.

use std::time::Duration;

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{DAY, MINUTE, account, cost, extend, owner, release};
use crate::{Claim, Fault, HoldState, NewHold, Operation, Outcome};

pub(super) async fn p8_a_holder_is_told_what_is_its_own(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    trial.recorded(trial.charge("key", "$0.20")?).await?;
    trial.take(trial.hold("key", "$0.30")).await?;
    let hold = trial.take(trial.hold("key", "$0.10")).await?;
    let told = async |operation: Operation| -> Result<[i64; 3], Failure> {
        let standings = match trial.outcome(operation).await? {
            Outcome::Held(held) => held.standings,
            Outcome::Recorded(recorded) => recorded.standings,
            other => return Err(format!("neither held nor recorded: {other:?}").into()),
        };
        let standing = standings.first().ok_or("nothing was told")?;
        let figures = [standing.own, standing.remaining(), standing.available()];
        Ok(figures.map(|amount| amount.units() / 10_000_000))
    };
    same(&told(extend("key", hold, "$0.15")?).await?, &[15, 35, 50])?;
    same(&told(trial.settle_part("key", hold, "$0.05")?).await?, &[10, 35, 45])?;
    let refused = trial.refused(extend("key", hold, "$0.60")?).await?.standing;
    same(&(refused.own.units(), refused.held.units()), &(100_000_000, 400_000_000))?;
    same(&told(trial.settle("key", hold, "$0.05")?).await?, &[0, 40, 40])
}

pub(super) async fn p1_a_room_is_raised_within_the_cap(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let hold = trial.take(trial.claim("key", Claim::Room(cost("$0.00")?))).await?;
    trial.held(extend("key", hold, "$0.80")?).await?;
    trial.refused(extend("key", hold, "$1.01")?).await?;
    trial.shows("key", &["$0.00 + $0.80"]).await?;
    let recorded = trial.recorded(trial.settle("key", hold, "$0.75")?).await?;
    holds_true("all of it is covered", recorded.uncovered.is_nothing())?;
    trial.shows("key", &["$0.75 + $0.00"]).await
}

pub(super) async fn p3_an_extension_names_the_total_so_a_retry_adds_nothing(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "9 tokens per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.10")).await?;
    for (granted, shown) in [
        ("$0.30", ["$0.00 + $0.30", "0 + 0"]),
        ("$0.30", ["$0.00 + $0.30", "0 + 0"]),
        ("$0.20", ["$0.00 + $0.30", "0 + 0"]),
        ("5 tokens", ["$0.00 + $0.30", "0 + 5"]),
        ("$0.40 + 5 tokens", ["$0.00 + $0.40", "0 + 5"]),
    ] {
        trial.held(extend("key", hold, granted)?).await?;
        trial.shows("key", &shown).await?;
    }
    // What a part of the work cost does not make room for more.
    trial.recorded(trial.settle_part("key", hold, "$0.25")?).await?;
    trial.held(extend("key", hold, "$0.40")?).await?;
    trial.shows("key", &["$0.25 + $0.15", "0 + 5"]).await?;
    trial.refused(extend("key", hold, "$1.01")?).await?;
    trial.refused(extend("key", hold, "$0.40 + 10 tokens")?).await?;
    trial.held(extend("key", hold, "$1")?).await?;
    trial.shows("key", &["$0.25 + $0.75", "0 + 5"]).await
}

pub(super) async fn p3_an_extension_keeps_count_of_every_meter(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["10 m0 per day"])]).await?;
    let eight = "1 m0 + 1 m1 + 1 m2 + 1 m3 + 1 m4 + 1 m5 + 1 m6 + 1 m7";
    let hold = trial.take(trial.hold("key", eight)).await?;
    trial.faults(extend("key", hold, "1 m8")?, Fault::TooManyMeters(hold)).await?;
    trial.held(extend("key", hold, eight)?).await?;
    trial.shows("key", &["0 + 1"]).await
}

pub(super) async fn i3_a_hold_that_ended_is_not_extended(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.10")).await?;
    trial.gives(release("key", hold)?, Outcome::Released).await?;
    trial.gives(extend("key", hold, "$0.30")?, Outcome::Ended(HoldState::Released)).await?;
    trial.gives(release("key", hold)?, Outcome::Released).await?;
    trial.shows("key", &["$0.00 + $0.00"]).await
}

pub(super) async fn p3_a_retried_hold_is_taken_once(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &[])]).await?;
    trial.open(&[("other", &[]), ("org", &[])]).await?;
    let first = trial.hold("key", "$0.60")?;
    let id = trial.take(Ok(first.clone())).await?;
    let again = async || trial.held(Operation::Hold(first.clone())).await;
    again().await?;
    trial.shows("key", &["$0.00 + $0.60"]).await?;
    for other in [
        NewHold { claim: Claim::Chain(cost("$0.10")?), ..first.clone() },
        NewHold { claim: Claim::Room(cost("$0.60")?), ..first.clone() },
        NewHold { owner: owner(2)?, ..first.clone() },
        NewHold { on_expiry: crate::OnExpiry::Release, ..first.clone() },
        NewHold { account: account("other")?, ..first.clone() },
    ] {
        trial.conflicts(Operation::Hold(other)).await?;
    }
    trial.recorded(trial.settle("key", id, "$0.20")?).await?;
    again().await?;
    trial.shows("key", &["$0.20 + $0.00"]).await
}

pub(super) async fn i3_a_hold_is_ended_by_its_own_account_only(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &[])]).await?;
    trial.open(&[("other", &["$1 per day"]), ("org", &[])]).await?;
    let hold = trial.take(trial.hold("key", "$0.60")).await?;
    for stranger in ["other", "org"] {
        trial.faults(release(stranger, hold)?, Fault::UnknownHold(hold)).await?;
        trial.faults(extend(stranger, hold, "$0.70")?, Fault::UnknownHold(hold)).await?;
    }
    let unknown = Fault::UnknownAccount(account("nobody")?);
    trial.faults(release("nobody", hold)?, unknown.clone()).await?;
    trial.faults(trial.attempt("nobody", "$0.01")?, unknown).await?;
    trial.shows("key", &["$0.00 + $0.60"]).await
}

pub(super) async fn p4_a_living_owner_renews_its_hold(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.10")).await?;
    trial.clock.advance(10 * MINUTE);
    let renewed = trial.held(extend("key", hold, "$0.10")?).await?;
    same(&(renewed.expires_in, renewed.at), &(15 * MINUTE, trial.now()))?;
    // A shorter life does not take away what was promised.
    let Operation::Extend { account, granted, exposure, .. } = extend("key", hold, "$0.10")? else {
        return Err("not an extension".into());
    };
    let short = Operation::Extend { account, hold, granted, exposure, life: MINUTE };
    same(&trial.held(short).await?.expires_in, &(15 * MINUTE))?;
    let for_ever = NewHold { life: Duration::MAX, ..trial.hold("key", "$0.10")? };
    holds_true("it saturates", trial.held(Operation::Hold(for_ever)).await?.expires_in > DAY)
}
