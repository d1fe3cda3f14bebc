//! Holds that nobody ends: captured or released, and what a late settle makes of them.

use super::Failure;
use super::trial::{Trial, same};
use super::words::{MINUTE, account, cost, extend, limit, owner, release};
use crate::{
    Amount, Claim, DEFAULT_HOLD_LIFE, HoldId, HoldState, MAX_SWEEP, NewHold, OnExpiry, Operation,
    Outcome, Progress, Rest, Sweep,
};

const EXPIRED: Operation = Operation::Sweep(Sweep::Expired);

fn swept(holds: usize) -> Outcome {
    Outcome::Swept { holds, progress: Progress::Done }
}

/// A lease of $0.40 of the account's daily dollars.
fn lease(trial: &Trial, leaf: &str, exposure: Option<i64>) -> Result<NewHold, Failure> {
    let claim = Claim::Limit(limit("$1 per day")?.key().clone(), Amount::new(400_000_000)?);
    let exposure = exposure.map(Amount::new).transpose()?;
    Ok(NewHold { exposure, ..trial.claim(leaf, claim)? })
}

pub(super) async fn p1_a_late_settle_replaces_what_expiry_guessed(
    trial: &Trial,
) -> Result<(), Failure> {
    use OnExpiry::{Capture, Release};
    use Rest::{Keep, Release as Last};
    let table = [
        (Capture, Last, "$0.10", "$0.00", "$0.10 + $0.00"),
        (Capture, Last, "$0.40", "$0.00", "$0.40 + $0.00"),
        (Capture, Last, "$0.60", "$0.20", "$0.60 + $0.00"),
        (Capture, Last, "$0.00", "$0.00", "$0.00 + $0.00"),
        (Capture, Keep, "$0.10", "$0.00", "$0.40 + $0.00"),
        (Capture, Keep, "$0.40", "$0.00", "$0.40 + $0.00"),
        (Capture, Keep, "$0.60", "$0.20", "$0.60 + $0.00"),
        (Release, Last, "$0.10", "$0.10", "$0.10 + $0.00"),
        (Release, Last, "$0.60", "$0.60", "$0.60 + $0.00"),
        (Release, Keep, "$0.10", "$0.10", "$0.10 + $0.00"),
    ];
    for (row, (on_expiry, rest, real, uncovered, shown)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &["$1 per day"])]).await?;
        let hold = NewHold { on_expiry, ..trial.hold(&key, "$0.40")? };
        let hold = trial.take(Ok(hold)).await?;
        trial.clock.advance(DEFAULT_HOLD_LIFE);
        trial.gives(EXPIRED, swept(1)).await?;
        let guessed = if on_expiry == Capture { "$0.40 + $0.00" } else { "$0.00 + $0.00" };
        trial.shows(&key, &[guessed]).await?;
        let charge = trial.new_charge(&key, real)?;
        let settle = Operation::Settle { charge, holds: vec![hold], rest };
        let recorded = trial.recorded(settle.clone()).await?;
        same(&(row, recorded.uncovered), &(row, cost(uncovered)?))?;
        trial.recorded_before(settle).await?;
        trial.shows(&key, &[shown]).await?;
    }
    Ok(())
}

pub(super) async fn i3_a_capture_is_replaced_part_by_part_and_once(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "9 requests per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.40 + 1 requests")).await?;
    trial.recorded(trial.settle_part("key", hold, "$0.05")?).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    trial.gives(EXPIRED, swept(1)).await?;
    trial.shows("key", &["$0.40 + $0.00", "1 + 0"]).await?;
    trial.recorded(trial.settle_part("key", hold, "$0.10")?).await?;
    trial.gives(extend("key", hold, "$0.50")?, Outcome::Ended(HoldState::Captured)).await?;
    trial.recorded(trial.settle_part("key", hold, "$0.10")?).await?;
    trial.shows("key", &["$0.40 + $0.00", "1 + 0"]).await?;
    trial.recorded(trial.settle("key", hold, "$0.02 + 1 requests")?).await?;
    trial.shows("key", &["$0.27 + $0.00", "1 + 0"]).await?;
    // It has ended once and for all.
    trial.outcome(release("key", hold)?).await?;
    trial.recorded(trial.settle("key", hold, "$0.01")?).await?;
    trial.gives(EXPIRED, swept(0)).await?;
    trial.shows("key", &["$0.28 + $0.00", "1 + 0"]).await
}

pub(super) async fn i3_an_owner_that_is_back_may_give_a_capture_back(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.40")).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    trial.gives(EXPIRED, swept(1)).await?;
    trial.gives(release("key", hold)?, Outcome::Released).await?;
    trial.gives(release("key", hold)?, Outcome::Released).await?;
    trial.shows("key", &["$0.00 + $0.00"]).await
}

pub(super) async fn i3_a_sweep_ends_what_is_past_its_expiry(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    trial.take(trial.hold("key", "$0.10")).await?;
    let renewed = trial.take(trial.hold("key", "$0.20")).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE - std::time::Duration::from_millis(1));
    trial.gives(EXPIRED, swept(0)).await?;
    trial.held(extend("key", renewed, "$0.20")?).await?;
    trial.clock.advance(std::time::Duration::from_millis(1));
    trial.gives(EXPIRED, swept(1)).await?;
    trial.shows("key", &["$0.10 + $0.20"]).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    trial.gives(EXPIRED, swept(1)).await?;
    trial.shows("key", &["$0.30 + $0.00"]).await
}

pub(super) async fn i3_a_dead_owners_holds_end_at_once(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$1 per day"])]).await?;
    let of = |number: u64, on_expiry, what: &str| -> Result<_, Failure> {
        Ok(NewHold { owner: owner(number)?, on_expiry, ..trial.hold("key", what)? })
    };
    trial.take(of(1, OnExpiry::Capture, "$0.10")).await?;
    trial.take(of(1, OnExpiry::Release, "$0.20")).await?;
    trial.take(of(2, OnExpiry::Capture, "$0.03")).await?;
    trial.take(of(3, OnExpiry::Release, "$0.04")).await?;
    let living = |numbers: &[u64]| -> Result<_, Failure> {
        let owners = numbers.iter().map(|number| owner(*number)).collect::<Result<_, _>>()?;
        Ok(Operation::Sweep(Sweep::OwnersExcept(owners)))
    };
    for (owners, ended, shown) in [
        (&[1, 2, 3][..], 0, "$0.00 + $0.37"),
        (&[2, 3], 2, "$0.10 + $0.07"),
        (&[3], 1, "$0.13 + $0.04"),
        (&[], 1, "$0.13 + $0.00"),
    ] {
        trial.gives(living(owners)?, swept(ended)).await?;
        trial.shows("key", &[shown, shown]).await?;
    }
    Ok(())
}

pub(super) async fn i3_a_sweep_is_bounded_and_says_whether_more_is_left(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per day"])]).await?;
    let hold = || trial.attempt("key", "$0.001");
    trial.answers((0..MAX_SWEEP).map(|_| hold()).collect::<Result<_, _>>()?).await?;
    trial.take(trial.hold("key", "$0.001")).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    let more = Outcome::Swept { holds: MAX_SWEEP, progress: Progress::More };
    trial.gives(EXPIRED, more).await?;
    trial.gives(EXPIRED, swept(1)).await?;
    trial.shows("key", &["$1.025 + $0.00"]).await
}

/// A hold's id is unique under one root only. Two holds of one id and one expiry, under two roots,
/// stood in one place of the queue of holds to end, and one of them was held for ever.
pub(super) async fn i3_holds_of_one_id_under_two_roots_both_end(
    trial: &Trial,
) -> Result<(), Failure> {
    let id = trial.hold_id_at(trial.now())?;
    for key in ["one", "two"] {
        trial.open(&[(key, &["$1 per day"])]).await?;
        trial.take(Ok(NewHold { id, ..trial.hold(key, "$0.10")? })).await?;
    }
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    trial.gives(EXPIRED, swept(2)).await?;
    for key in ["one", "two"] {
        trial.shows(key, &["$0.10 + $0.00"]).await?;
    }
    trial.gives(release("one", id)?, Outcome::Released).await?;
    trial.shows("one", &["$0.00 + $0.00"]).await?;
    trial.shows("two", &["$0.10 + $0.00"]).await
}

pub(super) async fn i6_a_lease_is_captured_up_to_its_exposure(
    trial: &Trial,
) -> Result<(), Failure> {
    // Exposure at first, raised to, recorded meanwhile, and what is spent when the owner is dead.
    let table = [
        (Some(150_000_000), None, None, "$0.15 + $0.00"),
        (Some(0), None, None, "$0.00 + $0.00"),
        (Some(900_000_000), None, None, "$0.40 + $0.00"),
        (None, None, None, "$0.40 + $0.00"),
        (Some(150_000_000), Some(250_000_000), None, "$0.25 + $0.00"),
        (Some(150_000_000), Some(50_000_000), None, "$0.15 + $0.00"),
        // A lease that stated none may be spent as a whole, and no extension makes that less.
        (None, Some(50_000_000), None, "$0.40 + $0.00"),
        (Some(150_000_000), None, Some("$0.10"), "$0.15 + $0.00"),
        (Some(150_000_000), None, Some("$0.20"), "$0.20 + $0.00"),
        (None, None, Some("$0.10"), "$0.40 + $0.00"),
    ];
    for (row, (exposure, raised, recorded, shown)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &["$1 per day"])]).await?;
        let hold = trial.take(lease(trial, &key, exposure)).await?;
        if let Some(raised) = raised {
            trial.held(exposed(&key, hold, raised)?).await?;
        }
        if let Some(real) = recorded {
            trial.recorded(trial.settle_part(&key, hold, real)?).await?;
        }
        trial.gives(Operation::Sweep(Sweep::OwnersExcept(vec![])), swept(1)).await?;
        trial.shows(&key, &[shown]).await.map_err(|failure| format!("row {row}: {failure}"))?;
    }
    Ok(())
}

fn exposed(leaf: &str, hold: HoldId, units: i64) -> Result<Operation, Failure> {
    let exposure = Some(Amount::new(units)?);
    let (account, granted) = (account(leaf)?, cost("$0.00")?);
    Ok(Operation::Extend { account, hold, granted, exposure, life: MINUTE })
}

pub(super) async fn i6_a_late_settle_of_a_lease_replaces_its_capture(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let hold = trial.take(lease(trial, "key", Some(150_000_000))).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    trial.gives(EXPIRED, swept(1)).await?;
    trial.recorded(trial.settle_part("key", hold, "$0.10")?).await?;
    trial.shows("key", &["$0.15 + $0.00"]).await?;
    let recorded = trial.recorded(trial.settle_part("key", hold, "$0.10")?).await?;
    same(&recorded.uncovered, &cost("$0.05")?)?;
    trial.shows("key", &["$0.20 + $0.00"]).await
}
