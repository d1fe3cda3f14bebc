//! Two ledgers, the same operations: they must answer alike and end alike.

use std::fmt::Debug;

use keycap_base::ManualClock;

use super::Failure;
use super::steps::Step;
use crate::{AccountId, Batch, Ledger, MAX_PAGE, Snapshot};

/// Sends every step to both ledgers as one batch, and compares each answer, and in the end every row
/// and every read.
///
/// Both ledgers must be fresh, and `clock` the clock of both, which is set to the
/// [start](Step::start).
///
/// # Errors
/// The first difference, and after which step.
pub async fn run_differential(
    clock: &ManualClock,
    one: &dyn Ledger,
    other: &dyn Ledger,
    steps: &[Step],
) -> Result<(), Failure> {
    clock.set(Step::start());
    for (place, step) in steps.iter().enumerate() {
        step.tick.turn(clock);
        let answers = one.apply(Batch::new(step.batch.clone())?).await?;
        let others = other.apply(Batch::new(step.batch.clone())?).await?;
        for ((operation, answer), other) in step.batch.iter().zip(&answers).zip(&others) {
            same(&format!("step {place}: {operation:?}"), answer, other)?;
        }
        same(&format!("step {place}: number of answers"), &answers.len(), &others.len())?;
    }
    let snapshot = one.snapshot().await?;
    compare_rows(&snapshot, &other.snapshot().await?)?;
    for account in &snapshot.accounts {
        compare_reads(one, other, &account.id, &snapshot).await?;
    }
    Ok(())
}

fn compare_rows(one: &Snapshot, other: &Snapshot) -> Result<(), Failure> {
    same("accounts", &one.accounts, &other.accounts)?;
    same("counters", &one.counters, &other.counters)?;
    same("holds", &one.holds, &other.holds)?;
    same("charges", &one.charges, &other.charges)?;
    same("refunds", &one.refunds, &other.refunds)?;
    same("rows", one, other)
}

async fn compare_reads(
    one: &dyn Ledger,
    other: &dyn Ledger,
    account: &AccountId,
    snapshot: &Snapshot,
) -> Result<(), Failure> {
    let name = |what: &str| format!("{what} of {account}");
    same(&name("chain"), &one.chain(account).await?, &other.chain(account).await?)?;
    same(&name("standings"), &one.standings(account).await?, &other.standings(account).await?)?;
    let charges = one.charges(account, None, MAX_PAGE).await?;
    same(&name("charges"), &charges, &other.charges(account, None, MAX_PAGE).await?)?;
    let before = charges.first().map(|charge| charge.id);
    let rest = one.charges(account, before, 1).await?;
    same(&name("next charge"), &rest, &other.charges(account, before, 1).await?)?;
    for charge in &charges {
        let found = other.charge(account, charge.id).await?;
        same(&name("charge"), &Some(charge), &found.as_ref())?;
    }
    for hold in snapshot.holds.iter().filter(|hold| hold.account == *account) {
        let found = other.hold(account, hold.id).await?;
        same(&name("hold"), &Some(hold), &found.as_ref())?;
    }
    Ok(())
}

fn same<T: PartialEq + Debug>(what: &str, one: &T, other: &T) -> Result<(), Failure> {
    if one == other {
        Ok(())
    } else {
        Err(format!("{what}: one says {one:?}, the other {other:?}").into())
    }
}
