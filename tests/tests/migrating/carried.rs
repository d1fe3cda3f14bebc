//! Rows of the old table carried over, as `docs/migrating.md` shows it.

use keycap::budget::NewCharge;
use keycap::{
    Amendment, ChainSpec, ChargeId, Labels, Ledger, Limits, Operation, Outcome, Reapply, Timestamp,
    Usd, apply_one,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A row of `sdk_api_keys`, read after the old service was stopped.
pub(crate) struct OldRow {
    pub(crate) id: u32,
    pub(crate) budget_cents: Option<u32>,
    pub(crate) budget_used_cents: u32,
    pub(crate) budget_period: Option<String>, // `day` or `month`
}

fn dollars(cents: u32) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// Opens a customer's account as the template does, gives it the limit of its row, and charges what
/// its row had spent in the period under way. To be called again, with the same `stopped_at`, until
/// it succeeds.
pub(crate) async fn carry_over(
    ledger: &dyn Ledger,
    row: &OldRow,
    chain: ChainSpec,
    stopped_at: Timestamp,
) -> Result<(), Failure> {
    let account = chain.leaf().clone();
    let open = Operation::Open { chain, asserted_at: stopped_at, reapply: Reapply::Never };
    let Outcome::Opened { chain, .. } = apply_one(ledger, open).await?? else {
        return Err("not opened".into());
    };
    let limits = match row.budget_cents {
        Some(cents) => {
            let period = row.budget_period.as_deref().unwrap_or("lifetime");
            Limits::of([format!("{} per {period}", dollars(cents)).parse()?])?
        }
        None => Limits::none(),
    };
    if chain.leaf().terms.limits != limits {
        let (version, amendment) = (chain.leaf().version, Amendment::new().limits(limits));
        let amend = Operation::Amend { account: account.clone(), version, amendment };
        let Outcome::Amended(_) = apply_one(ledger, amend).await?? else {
            return Err("somebody else amends this account; try again".into());
        };
    }
    if row.budget_used_cents > 0 {
        let cost = dollars(row.budget_used_cents).parse::<Usd>()?.into();
        let tags = Labels::of([("carried", "over")])?;
        let charge = NewCharge { id: charge_of(row, stopped_at)?, account, cost, tags };
        let Outcome::Recorded(_) = apply_one(ledger, Operation::Charge(charge)).await?? else {
            return Err("not recorded".into());
        };
    }
    Ok(())
}

/// The same id whenever it is asked for, so that a row carried twice is charged once. It is dated, as
/// every charge id is: a UUID version 7 of the instant the old service stopped, and the row.
fn charge_of(row: &OldRow, stopped_at: Timestamp) -> Result<ChargeId, Failure> {
    let [_, _, a, b, c, d, e, f] = stopped_at.as_millis().to_be_bytes();
    let [w, x, y, z] = row.id.to_be_bytes();
    Ok(ChargeId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, w, x, y, z])?)
}
