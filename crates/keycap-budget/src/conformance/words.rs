//! Short words for what a case speaks of: instants, ids, accounts, costs and limits.

use std::time::Duration;

use keycap_base::Timestamp;
use uuid::Builder;

use super::Failure;
use crate::{
    AccountId, AccountSpec, Amount, ChainSpec, Cost, DEFAULT_HOLD_LIFE, HoldId, Limit, Limits,
    Meter, Operation, OwnerId,
};

/// When every trial begins: 2026-03-02 10:00 UTC, a Monday.
pub(super) const START: Timestamp = Timestamp::from_millis(1_772_445_600_000);

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Raises a hold to a total.
pub(super) fn extend(leaf: &str, hold: HoldId, granted: &str) -> Result<Operation, Failure> {
    Ok(Operation::Extend {
        account: account(leaf)?,
        hold,
        granted: cost(granted)?,
        exposure: None,
        life: DEFAULT_HOLD_LIFE,
    })
}

/// Gives a hold back.
pub(super) fn release(leaf: &str, hold: HoldId) -> Result<Operation, Failure> {
    Ok(Operation::Release { account: account(leaf)?, hold })
}

/// Gives back all of a lease but `keep` units.
pub(super) fn shrink(leaf: &str, hold: HoldId, keep: i64) -> Result<Operation, Failure> {
    Ok(Operation::Shrink { account: account(leaf)?, hold, keep: Amount::new(keep)? })
}

/// The id of this number, made at `instant`.
pub(super) fn timed(instant: Timestamp, number: u64) -> Result<HoldId, Failure> {
    let millis = u64::try_from(instant.as_millis()).unwrap_or(0);
    let mut random = [0; 10];
    for (byte, of) in random.iter_mut().rev().zip(number.to_le_bytes()) {
        *byte = of;
    }
    Ok(HoldId::try_from(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())?)
}

/// The owner of this number.
pub(super) fn owner(number: u64) -> Result<OwnerId, Failure> {
    Ok(OwnerId::from_bytes(*timed(START, number)?.as_bytes())?)
}

pub(super) fn account(name: &str) -> Result<AccountId, Failure> {
    Ok(AccountId::new(name)?)
}

pub(super) fn cost(text: &str) -> Result<Cost, Failure> {
    Ok(text.parse()?)
}

pub(super) fn limit(text: &str) -> Result<Limit, Failure> {
    Ok(text.parse()?)
}

pub(super) fn limits(texts: &[&str]) -> Result<Limits, Failure> {
    let limits = texts.iter().map(|text| limit(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(Limits::of(limits)?)
}

/// A chain of accounts with limits, leaf first.
pub(super) fn chain(accounts: &[(&str, &[&str])]) -> Result<ChainSpec, Failure> {
    let spec = |(name, texts): &(&str, &[&str])| -> Result<AccountSpec, Failure> {
        let spec = AccountSpec::new(account(name)?);
        let limits = limits(texts)?;
        limits.iter().cloned().try_fold(spec, |spec, limit| Ok(spec.limit(limit)?))
    };
    let mut specs = accounts.iter().map(spec);
    let leaf = specs.next().ok_or("a chain has a leaf")??;
    specs.try_fold(ChainSpec::of(leaf), |chain, parent| Ok(chain.under(parent?)?))
}

/// What a limit shows: `spent + held`.
pub(super) fn figures(meter: &Meter, spent: Amount, held: Amount) -> String {
    format!("{} + {}", short(meter, spent), short(meter, held))
}

fn short(meter: &Meter, amount: Amount) -> String {
    if *meter == Meter::USD { meter.format(amount) } else { amount.units().to_string() }
}
