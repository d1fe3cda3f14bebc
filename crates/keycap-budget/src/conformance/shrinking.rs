//! Leases that give back what they do not need.

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{account, cost, extend, limit, release, shrink};
use crate::{
    Amount, Claim, DEFAULT_HOLD_LIFE, Fault, HoldId, HoldState, NewHold, Operation, Outcome, Sweep,
};

const CENT: i64 = 10_000_000;

/// A lease of $0.40 of the account's daily dollars.
fn lease(trial: &Trial, leaf: &str, exposure: Option<i64>) -> Result<NewHold, Failure> {
    let claim = Claim::Limit(limit("$1 per day")?.key().clone(), Amount::new(40 * CENT)?);
    let exposure = exposure.map(|cents| Amount::new(cents * CENT)).transpose()?;
    Ok(NewHold { exposure, ..trial.claim(leaf, claim)? })
}

fn shrunk(cents: i64) -> Result<Outcome, Failure> {
    Ok(Outcome::Shrunk { left: Amount::new(cents * CENT)? })
}

/// Sends an operation that must be answered so, and must not change anything.
async fn changes_nothing(
    trial: &Trial,
    operation: Operation,
    expected: Outcome,
) -> Result<(), Failure> {
    let before = trial.snapshot().await?;
    trial.gives(operation, expected).await?;
    same(&trial.snapshot().await?, &before)
}

pub(super) async fn i6_a_lease_gives_back_all_but_what_is_kept(
    trial: &Trial,
) -> Result<(), Failure> {
    // What settles took, what is kept, what is then left, and how the account stands.
    let table = [
        ("$0.00", 40, 40, "$0.00 + $0.40"),
        ("$0.00", 39, 39, "$0.00 + $0.39"),
        ("$0.00", 0, 0, "$0.00 + $0.00"),
        ("$0.10", 50, 30, "$0.10 + $0.30"),
        ("$0.10", 30, 30, "$0.10 + $0.30"),
        ("$0.10", 5, 5, "$0.10 + $0.05"),
        ("$0.40", 5, 0, "$0.40 + $0.00"),
    ];
    for (row, (settled, keep, left, shown)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &["$1 per day"])]).await?;
        let id = trial.take(lease(trial, &key, None)).await?;
        trial.recorded(trial.settle_part(&key, id, settled)?).await?;
        let ask = shrink(&key, id, keep * CENT)?;
        trial.gives(ask.clone(), shrunk(left)?).await?;
        trial.shows(&key, &[shown]).await.map_err(|failure| format!("row {row}: {failure}"))?;
        // Sent again, or late with another word on how much is kept.
        changes_nothing(trial, ask, shrunk(left)?).await?;
        changes_nothing(trial, shrink(&key, id, left * CENT + 1)?, shrunk(left)?).await?;
    }
    Ok(())
}

pub(super) async fn i1_what_a_lease_gives_back_fits_again(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "9 tokens per day"])]).await?;
    let id = trial.take(lease(trial, "key", None)).await?;
    trial.take(trial.hold("key", "$0.50 + 3 tokens")).await?;
    trial.refused(trial.attempt("key", "$0.41")?).await?;
    trial.gives(shrink("key", id, 9 * CENT)?, shrunk(9)?).await?;
    trial.take(trial.hold("key", "$0.41")).await?;
    trial.refused(trial.attempt("key", "$0.01")?).await?;
    trial.shows("key", &["$0.00 + $1.00", "0 + 3"]).await
}

pub(super) async fn i2_a_shrink_and_a_settle_may_come_in_any_order(
    trial: &Trial,
) -> Result<(), Failure> {
    for (key, settles_before, shown) in
        [("none", 0, "$0.20 + $0.05"), ("one", 1, "$0.20 + $0.15"), ("both", 2, "$0.20 + $0.20")]
    {
        trial.open(&[(key, &["$1 per day"])]).await?;
        let id = trial.take(lease(trial, key, None)).await?;
        let settles = [trial.settle_part(key, id, "$0.10")?, trial.settle_part(key, id, "$0.10")?];
        for (place, settle) in settles.into_iter().enumerate() {
            if place == settles_before {
                trial.gives(shrink(key, id, 25 * CENT)?, shrunk(25)?).await?;
            }
            holds_true("covered", trial.recorded(settle).await?.uncovered.is_nothing())?;
        }
        trial.outcome(shrink(key, id, 25 * CENT)?).await?;
        trial.shows(key, &[shown]).await?;
    }
    Ok(())
}

pub(super) async fn i6_a_shrunk_lease_is_captured_up_to_what_is_left(
    trial: &Trial,
) -> Result<(), Failure> {
    // Exposure at first, what is kept, and what is spent when the owner is dead.
    let table = [
        (Some(30), 10, "$0.10 + $0.00"),
        (Some(5), 10, "$0.05 + $0.00"),
        (Some(30), 0, "$0.00 + $0.00"),
        (None, 10, "$0.10 + $0.00"),
    ];
    for (row, (exposure, keep, shown)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &["$1 per day"])]).await?;
        let id = trial.take(lease(trial, &key, exposure)).await?;
        trial.gives(shrink(&key, id, keep * CENT)?, shrunk(keep)?).await?;
        let stated = trial.ledger.hold(&account(&key)?, id).await?.and_then(|hold| hold.exposure);
        let lowered = exposure.map(|cents| cents.min(keep) * CENT);
        same(&stated.map(Amount::units), &lowered)?;
        let ended = Outcome::Swept { holds: 1, progress: crate::Progress::Done };
        trial.gives(Operation::Sweep(Sweep::OwnersExcept(vec![])), ended).await?;
        trial.shows(&key, &[shown]).await.map_err(|failure| format!("row {row}: {failure}"))?;
    }
    Ok(())
}

pub(super) async fn i3_a_lease_that_ended_is_not_shrunk(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let released = trial.take(lease(trial, "key", None)).await?;
    trial.gives(release("key", released)?, Outcome::Released).await?;
    let captured = trial.take(lease(trial, "key", None)).await?;
    trial.clock.advance(DEFAULT_HOLD_LIFE);
    // Past its expiry, and not yet swept.
    trial.gives(shrink("key", captured, 20 * CENT)?, shrunk(20)?).await?;
    trial.outcome(Operation::Sweep(Sweep::Expired)).await?;
    for (id, state) in [(released, HoldState::Released), (captured, HoldState::Captured)] {
        changes_nothing(trial, shrink("key", id, 0)?, Outcome::Ended(state)).await?;
    }
    trial.shows("key", &["$0.20 + $0.00"]).await
}

pub(super) async fn i3_a_lease_shrunk_to_nothing_is_open_until_it_is_given_back(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let id = trial.take(lease(trial, "key", Some(40))).await?;
    trial.gives(shrink("key", id, 0)?, shrunk(0)?).await?;
    same(&trial.held(extend("key", id, "$0.00")?).await?.expires_in, &DEFAULT_HOLD_LIFE)?;
    let recorded = trial.recorded(trial.settle_part("key", id, "$0.10")?).await?;
    same(&recorded.uncovered, &cost("$0.10")?)?;
    trial.gives(release("key", id)?, Outcome::Released).await?;
    let ended = Outcome::Ended(HoldState::Released);
    changes_nothing(trial, shrink("key", id, 0)?, ended).await?;
    trial.shows("key", &["$0.10 + $0.00"]).await
}

pub(super) async fn i3_only_a_lease_is_shrunk_and_by_its_own_account_only(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$1 per day"])]).await?;
    let chain = trial.take(trial.hold("key", "$0.10")).await?;
    let room = trial.take(trial.claim("key", Claim::Room(cost("$0.10")?))).await?;
    for id in [chain, room] {
        trial.faults(shrink("key", id, 0)?, Fault::NotALease(id)).await?;
    }
    trial.gives(release("key", chain)?, Outcome::Released).await?;
    trial.faults(shrink("key", chain, 0)?, Fault::NotALease(chain)).await?;
    let id = trial.take(lease(trial, "key", None)).await?;
    trial.faults(shrink("org", id, 0)?, Fault::UnknownHold(id)).await?;
    trial.faults(shrink("nobody", id, 0)?, Fault::UnknownAccount(account("nobody")?)).await?;
    let never: HoldId = trial.hold_id_at(trial.now())?;
    trial.faults(shrink("key", never, 0)?, Fault::UnknownHold(never)).await?;
    trial.shows("key", &["$0.00 + $0.50", "$0.00 + $0.10"]).await
}
