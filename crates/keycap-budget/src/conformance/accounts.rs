//! Opening and amending accounts, and what a template's later word changes.

use std::sync::{Arc, Mutex, PoisonError};

use keycap_base::Timestamp;

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{MINUTE, START, account, chain, cost, limits};
use crate::{
    Account, AccountId, AccountListener, Amendment, Cause, Chain, ChainSpec, Fault, MAX_CHAIN,
    Operation, Outcome, Reapply, Status,
};

/// Opens a chain from a template for an identity asserted so many minutes after the start.
pub(super) fn opening(chain: ChainSpec, minutes: u32, reapply: Reapply) -> Operation {
    Operation::Open { chain, asserted_at: START.plus(minutes * MINUTE), reapply }
}

/// Amends an account whatever its version is.
pub(super) async fn amend(
    trial: &Trial,
    name: &str,
    amendment: Amendment,
) -> Result<Outcome, Failure> {
    let version = found(trial, name).await?.version;
    let operation = Operation::Amend { account: account(name)?, version, amendment };
    trial.outcome(operation).await
}

/// An amendment of an account that must leave no trace, whatever its version is.
async fn amending(trial: &Trial, name: &str, amendment: Amendment) -> Result<Operation, Failure> {
    let version = found(trial, name).await?.version;
    Ok(Operation::Amend { account: account(name)?, version, amendment })
}

async fn known_chain(trial: &Trial, name: &str) -> Result<Chain, Failure> {
    let chain = trial.ledger.chain(&account(name)?).await?;
    chain.ok_or_else(|| format!("{name} is not there").into())
}

pub(super) async fn found(trial: &Trial, name: &str) -> Result<Arc<Account>, Failure> {
    Ok(Arc::clone(known_chain(trial, name).await?.leaf()))
}

pub(super) async fn above(trial: &Trial, name: &str) -> Result<Vec<String>, Failure> {
    let chain = known_chain(trial, name).await?;
    Ok(chain.iter().map(|account| account.id.to_string()).collect())
}

pub(super) async fn p3_two_nodes_that_race_open_one_account(trial: &Trial) -> Result<(), Failure> {
    let one = chain(&[("key", &["$1 per day"]), ("org", &["$5 per day"])])?;
    let other = chain(&[("key", &["$2 per day"]), ("org", &["$9 per day"])])?;
    let race = vec![opening(one.clone(), 0, Reapply::Never), opening(other, 0, Reapply::Never)];
    let answers = trial.answers(race).await?;
    for answer in &answers {
        let Ok(Outcome::Opened { chain, changed }) = answer else {
            return Err(format!("not opened: {answer:?}").into());
        };
        same(chain, &known_chain(trial, "key").await?)?;
        holds_true("nothing was changed", changed.is_empty())?;
    }
    let snapshot = trial.snapshot().await?;
    same(&snapshot.accounts.len(), &2)?;
    let leaf = found(trial, "key").await?;
    same(&(leaf.version, leaf.opened_at, &leaf.root), &(1, START, &account("org")?))?;
    same(&leaf.terms.limits, &limits(&["$1 per day"])?)?;
    trial.outcome(opening(one, 0, Reapply::Never)).await?;
    same(&trial.snapshot().await?, &snapshot)
}

pub(super) async fn i4_an_account_joins_the_chain_that_is_there(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &[]), ("team", &["$1 per day"]), ("org", &[])]).await?;
    trial.open(&[("other", &["$2 per day"]), ("team", &["$7 per day"])]).await?;
    same(&above(trial, "other").await?, &["other", "team", "org"].map(String::from).to_vec())?;
    trial.recorded(trial.charge("other", "$0.30")?).await?;
    trial.shows("key", &["$0.30 + $0.00"]).await
}

pub(super) async fn i4_a_chain_has_a_bounded_length(trial: &Trial) -> Result<(), Failure> {
    let names: Vec<String> = (0..=MAX_CHAIN).map(|at| format!("a{at}")).collect();
    let (full, more) = names.split_at(MAX_CHAIN);
    let accounts: Vec<(&str, &[&str])> = full.iter().map(|name| (name.as_str(), &[][..])).collect();
    trial.open(&accounts).await?;
    same(&above(trial, "a0").await?.len(), &MAX_CHAIN)?;
    for name in more {
        let longer = chain(&[(name, &[]), ("a0", &[])])?;
        let fault = Fault::ChainTooLong(account(name)?);
        trial.faults(opening(longer, 0, Reapply::Never), fault).await?;
    }
    Ok(())
}

pub(super) async fn i4_an_account_hangs_only_where_it_can(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("x0", &[]), ("x1", &[]), ("x2", &[]), ("x3", &[]), ("org", &[])]).await?;
    trial.open(&[("y0", &[]), ("y1", &[]), ("y2", &[]), ("y3", &[]), ("org", &[])]).await?;
    trial.open(&[("z0", &[]), ("club", &[])]).await?;
    let other_root = |name: &str, asked: &str| -> Result<Fault, Failure> {
        let root = if name == "z0" || name == "club" { "club" } else { "org" };
        let (account, is, asked) = (account(name)?, account(root)?, account(asked)?);
        Ok(Fault::OtherRoot { account, is, asked })
    };
    let table = [
        ("x3", "y0", Fault::ChainTooLong(account("x3")?)),
        ("x3", "x0", Fault::Cycle(account("x3")?)),
        ("x3", "x3", Fault::Cycle(account("x3")?)),
        ("org", "x0", Fault::Cycle(account("org")?)),
        ("x0", "z0", other_root("x0", "club")?),
        ("club", "org", other_root("club", "org")?),
        ("x0", "nobody", Fault::UnknownAccount(account("nobody")?)),
    ];
    for (name, parent, fault) in table {
        let amendment = Amendment::new().parent(account(parent)?);
        trial.faults(amending(trial, name, amendment).await?, fault).await?;
    }
    amend(trial, "x3", Amendment::new().parent(account("y1")?)).await?;
    let expected = ["x0", "x1", "x2", "x3", "y1", "y2", "y3", "org"].map(String::from);
    same(&above(trial, "x0").await?, &expected.to_vec())?;
    // The chain below is as long as chains get, so what is above cannot move down.
    trial.open(&[("w0", &[]), ("org", &[])]).await?;
    let deeper = amending(trial, "y3", Amendment::new().parent(account("w0")?)).await?;
    trial.faults(deeper, Fault::ChainTooLong(account("y3")?)).await?;
    let longer = chain(&[("new", &[]), ("x0", &[])])?;
    let fault = Fault::ChainTooLong(account("new")?);
    trial.faults(opening(longer, 0, Reapply::Never), fault).await
}

pub(super) async fn p8_an_amendment_compares_the_version(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let amendment = Amendment::new().status(Status::Suspended);
    let amend = |version| -> Result<_, Failure> {
        let amendment = amendment.clone();
        Ok(Operation::Amend { account: account("key")?, version, amendment })
    };
    let before = found(trial, "key").await?;
    for version in [0, 2] {
        trial.gives(amend(version)?, Outcome::Stale(Arc::clone(&before))).await?;
    }
    let Outcome::Amended(after) = trial.outcome(amend(1)?).await? else {
        return Err("not amended".into());
    };
    same(&(after.version, after.terms.status), &(2, Status::Suspended))?;
    same(&after, &found(trial, "key").await?)?;
    // A retry is told that somebody changed it before: itself.
    trial.gives(amend(1)?, Outcome::Stale(after)).await?;
    let unknown = Operation::Amend { account: account("nobody")?, version: 1, amendment };
    trial.faults(unknown, Fault::UnknownAccount(account("nobody")?)).await
}

pub(super) async fn i1_a_cap_lowered_below_what_is_spent_refuses_until_it_fits(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "9 tokens per day"])]).await?;
    trial.recorded(trial.charge("key", "$0.50")?).await?;
    let open = trial.take(trial.hold("key", "$0.30")).await?;
    let lowered = Amendment::new().limits(limits(&["$0.60 per day"])?);
    amend(trial, "key", lowered).await?;
    trial.shows("key", &["$0.50 + $0.30"]).await?;
    same(&trial.refused(trial.attempt("key", "$0.01")?).await?.cause, &Cause::Reserved)?;
    // What was held is still paid for.
    let recorded = trial.recorded(trial.settle("key", open, "$0.05")?).await?;
    holds_true("it is covered", recorded.uncovered.is_nothing())?;
    trial.shows("key", &["$0.55 + $0.00"]).await?;
    trial.take(trial.hold("key", "$0.05")).await?;
    let lowered = Amendment::new().limits(limits(&["$0.10 per day"])?);
    amend(trial, "key", lowered).await?;
    same(&trial.refused(trial.attempt("key", "$0.01")?).await?.cause, &Cause::Spent)?;
    let raised = Amendment::new().limits(limits(&["$2 per day"])?);
    amend(trial, "key", raised).await?;
    trial.take(trial.hold("key", "$1.40")).await?;
    trial.shows("key", &["$0.55 + $1.45"]).await
}

pub(super) async fn i2_limits_may_come_and_go_while_holds_are_open(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let hold = trial.take(trial.hold("key", "$0.40")).await?;
    let other = Amendment::new().limits(limits(&["$5 per month"])?);
    amend(trial, "key", other).await?;
    trial.shows("key", &["$0.00 + $0.00"]).await?;
    // The new limit was not asked: what it counts is uncovered there.
    let recorded = trial.recorded(trial.settle("key", hold, "$0.25")?).await?;
    same(&recorded.uncovered, &cost("$0.25")?)?;
    trial.shows("key", &["$0.25 + $0.00"]).await?;
    // The old one counted on, and goes on from there when it comes back in its window.
    let both = Amendment::new().limits(limits(&["$1 per day", "$5 per month"])?);
    amend(trial, "key", both).await?;
    trial.shows("key", &["$0.25 + $0.00", "$0.25 + $0.00"]).await
}

pub(super) async fn i4_an_open_hold_settles_on_the_chain_it_was_taken_on(
    trial: &Trial,
) -> Result<(), Failure> {
    trial
        .open(&[("key", &["$1 per day"]), ("red", &["$2 per day"]), ("org", &["$9 per day"])])
        .await?;
    trial.open(&[("blue", &["$3 per day"]), ("org", &[])]).await?;
    let hold = trial.take(trial.hold("key", "$0.40")).await?;
    amend(trial, "key", Amendment::new().parent(account("blue")?)).await?;
    same(&above(trial, "key").await?, &["key", "blue", "org"].map(String::from).to_vec())?;
    let recorded = trial.recorded(trial.settle("key", hold, "$0.30")?).await?;
    holds_true("it is covered", recorded.uncovered.is_nothing())?;
    trial.shows("red", &["$0.30 + $0.00", "$0.30 + $0.00"]).await?;
    trial.shows("key", &["$0.30 + $0.00", "$0.00 + $0.00", "$0.30 + $0.00"]).await?;
    trial.recorded(trial.charge("key", "$0.10")?).await?;
    trial.shows("key", &["$0.40 + $0.00", "$0.10 + $0.00", "$0.40 + $0.00"]).await
}

#[derive(Default)]
struct Told(Mutex<Vec<AccountId>>);

impl AccountListener for Told {
    fn account_changed(&self, account: &AccountId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(account.clone());
    }
}

impl Told {
    fn so_far(&self) -> Vec<AccountId> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) async fn p7_listeners_hear_of_a_change_before_it_is_answered(
    trial: &Trial,
) -> Result<(), Failure> {
    let told = Arc::new(Told::default());
    let listener: Arc<dyn AccountListener> = told.clone();
    trial.ledger.watch(Arc::downgrade(&listener));
    trial.open(&[("key", &["$1 per day"]), ("org", &[])]).await?;
    trial.take(trial.hold("key", "$0.10")).await?;
    same(&told.so_far(), &vec![])?;
    amend(trial, "org", Amendment::new().expires_at(Some(Timestamp::EPOCH))).await?;
    same(&told.so_far(), &vec![account("org")?])?;
    let stale = Operation::Amend {
        account: account("org")?,
        version: 1,
        amendment: Amendment::new().status(Status::Suspended),
    };
    trial.outcome(stale).await?;
    same(&told.so_far(), &vec![])?;
    let word = chain(&[("key", &["$2 per day"]), ("org", &[])])?;
    trial.outcome(opening(word, 10, Reapply::Changes)).await?;
    same(&told.so_far(), &vec![account("key")?])
}
