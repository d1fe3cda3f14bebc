//! Reads, pages and batches.

use super::Failure;
use super::trial::{Trial, same};
use super::words::{MINUTE, account, chain, cost, release};
use crate::{
    Batch, BatchError, ChargeId, Fault, Fit, HoldState, MAX_BATCH, MAX_PAGE, NewCharge, Operation,
    Outcome, Reapply, Rest,
};

pub(super) async fn p8_an_unknown_account_has_nothing_to_show(
    trial: &Trial,
) -> Result<(), Failure> {
    let nobody = account("nobody")?;
    let ledger = &trial.ledger;
    same(&ledger.chain(&nobody).await?, &None)?;
    same(&ledger.standings(&nobody).await?, &vec![])?;
    same(&ledger.hold(&nobody, trial.hold_id_at(trial.now())?).await?, &None)?;
    same(&ledger.charge(&nobody, trial.charge_id()?).await?, &None)?;
    same(&ledger.charges(&nobody, None, MAX_PAGE).await?, &vec![])?;
    let unknown = Fault::UnknownAccount(nobody);
    trial.faults(trial.charge("nobody", "$1")?, unknown).await
}

pub(super) async fn p2_a_hold_and_a_charge_are_read_as_they_were_written(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$1 per day"])]).await?;
    let key = account("key")?;
    let new = trial.hold("key", "$0.50")?;
    let id = trial.take(Ok(new.clone())).await?;
    let hold = trial.ledger.hold(&key, id).await?.ok_or("no such hold")?;
    same(&(hold.id, &hold.account, &hold.claim), &(id, &key, &new.claim))?;
    same(&(hold.owner, hold.on_expiry, hold.state), &(new.owner, new.on_expiry, HoldState::Open))?;
    same(&(hold.opened_at, hold.expires_at), &(trial.now(), trial.now().plus(new.life)))?;
    same(&(hold.legs.len(), hold.chain), &(2, vec![key.clone(), account("org")?]))?;

    let tags = keycap_base::Labels::of([("model", "small"), ("route", "/chat")])?;
    let charge = NewCharge { tags, ..trial.new_charge("key", "$0.60 + 3 tokens")? };
    let settle = Operation::Settle { charge: charge.clone(), holds: vec![id], rest: Rest::Release };
    trial.recorded(settle).await?;
    let found = trial.ledger.charge(&key, charge.id).await?.ok_or("no such charge")?;
    same(&(&found.cost, &found.tags, found.at), &(&charge.cost, &charge.tags, trial.now()))?;
    same(&(found.fit, found.refunded), &(Fit::Within, cost("$0.00")?))?;
    let counted: Vec<_> =
        found.legs.iter().map(|leg| (leg.amount.units(), leg.uncovered.units())).collect();
    same(&counted, &vec![(600_000_000, 100_000_000); 2])?;
    let hold = trial.ledger.hold(&key, id).await?.ok_or("no such hold")?;
    same(&hold.ended_by().map(|(by, _)| by), &Some(charge.id))?;
    let snapshot = trial.snapshot().await?;
    same(&(&snapshot.holds, snapshot.charges.len()), &(&vec![hold], 1))
}

pub(super) async fn p8_charges_are_paged_newest_first(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per day"]), ("org", &[])]).await?;
    trial.open(&[("other", &[]), ("org", &[])]).await?;
    let mut ids = Vec::new();
    let mut batch = Vec::new();
    for at in 0..=MAX_PAGE {
        let charge = trial.new_charge("key", "$0.001")?;
        ids.push(charge.id);
        batch.push(Operation::Charge(charge));
        if at % 100 == 0 {
            trial.recorded(trial.charge("other", "$0.001")?).await?;
            trial.clock.advance(MINUTE);
        }
    }
    // The order they are recorded in is not the order of their ids.
    batch.reverse();
    trial.answers(batch).await?;
    ids.reverse();
    let page = async |before: Option<ChargeId>, most: usize| -> Result<Vec<ChargeId>, Failure> {
        let charges = trial.ledger.charges(&account("key")?, before, most).await?;
        Ok(charges.iter().map(|charge| charge.id).collect())
    };
    let (first, rest) = ids.split_at(MAX_PAGE);
    same(&page(None, 0).await?, &vec![])?;
    same(&page(None, 3).await?, &first.iter().take(3).copied().collect())?;
    same(&page(None, MAX_PAGE).await?, &first.to_vec())?;
    same(&page(None, MAX_PAGE + 1).await?, &first.to_vec())?;
    same(&page(None, usize::MAX).await?, &first.to_vec())?;
    same(&page(first.last().copied(), MAX_PAGE).await?, &rest.to_vec())?;
    same(&page(rest.last().copied(), MAX_PAGE).await?, &vec![])?;
    same(&page(first.get(9).copied(), 2).await?, &first.iter().skip(10).take(2).copied().collect())
}

pub(super) async fn p2_a_batch_is_applied_in_order(trial: &Trial) -> Result<(), Failure> {
    let chain = chain(&[("key", &["$1 per day"])])?;
    let asserted_at = trial.now();
    let hold = trial.hold("key", "$0.60")?;
    let id = hold.id;
    let batch = vec![
        trial.attempt("key", "$0.10")?,
        Operation::Open { chain, asserted_at, reapply: Reapply::Never },
        Operation::Hold(hold),
        trial.attempt("key", "$0.50")?,
        release("key", trial.hold_id_at(trial.now())?)?,
        trial.settle("key", id, "$0.20")?,
        trial.attempt("key", "$0.50")?,
    ];
    let answers = trial.answers(batch).await?;
    let kinds: Vec<&str> = answers
        .iter()
        .map(|answer| match answer {
            Ok(Outcome::Opened { .. }) => "opened",
            Ok(Outcome::Held(_)) => "held",
            Ok(Outcome::Refused(_)) => "refused",
            Ok(Outcome::Recorded(_)) => "recorded",
            Err(Fault::UnknownAccount(_)) => "no account",
            Err(Fault::UnknownHold(_)) => "no hold",
            _ => "something else",
        })
        .collect();
    let expected =
        ["no account", "opened", "held", "refused", "no hold", "recorded", "held"].to_vec();
    same(&kinds, &expected)?;
    trial.shows("key", &["$0.20 + $0.50"]).await
}

pub(super) async fn p2_a_batch_is_bounded(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$9 per day"])]).await?;
    let charges = |count: usize| -> Result<Vec<Operation>, Failure> {
        (0..count).map(|_| trial.charge("key", "$0.001")).collect()
    };
    same(&Batch::new(vec![]), &Err(BatchError::Empty))?;
    let long = MAX_BATCH + 1;
    same(&Batch::new(charges(long)?), &Err(BatchError::TooLong(long)))?;
    for (count, shown) in [(1, "$0.001 + $0.00"), (MAX_BATCH, "$1.025 + $0.00")] {
        same(&trial.answers(charges(count)?).await?.len(), &count)?;
        trial.shows("key", &[shown]).await?;
    }
    Ok(())
}
