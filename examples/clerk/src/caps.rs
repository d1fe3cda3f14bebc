//! Who pays, and how much at most.

use keycap::budget::{AccountSpec, ChainSpec};
use keycap::{
    AccountId, Identity, Limit, TemplateError, key_account, organisation_account, subject_account,
};

/// The plan that the key's claims tell. Clerk's backend writes them, so a customer cannot.
pub(crate) fn tier(identity: &Identity) -> &str {
    identity.claims.get("tier").and_then(|tier| tier.as_str()).unwrap_or("free")
}

/// A key has a cap of its own, under the cap of its organisation or, if it has none, its user. A
/// machine's token has no cap of its own: the next token would have a fresh one.
///
/// Every verification applies this anew, so a changed plan reaches the caps within a minute. All keys
/// of an organisation should tell the same plan: its cap is the one of the key verified last.
pub(crate) fn of(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    let (per_key, per_payer) = match tier(identity) {
        "pro" => ("$1 per day", "$20 per month"),
        _ => ("$0.03 per day", "$0.05 per month"),
    };
    let payer = match identity.organisation {
        Some(_) => organisation_account(identity)?,
        None => subject_account(identity)?,
    };
    let payer = capped(payer, per_payer)?;
    match identity.key_id {
        Some(_) => {
            let key = capped(key_account(identity)?, per_key)?;
            ChainSpec::of(key).under(payer).map_err(TemplateError::new)
        }
        None => Ok(ChainSpec::of(payer)),
    }
}

fn capped(account: AccountId, limit: &str) -> Result<AccountSpec, TemplateError> {
    let limit: Limit = limit.parse().map_err(TemplateError::new)?;
    AccountSpec::new(account).limit(limit).map_err(TemplateError::new)
}
