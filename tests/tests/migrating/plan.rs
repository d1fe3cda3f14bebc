//! `onFirstSeen` as a template, as `docs/migrating.md` shows it.

use keycap::{AccountSpec, ChainSpec, GateBuilder, Identity, TemplateError, subject_account};

/// What a customer's account opens with: by the plan in the claims of the key.
pub(crate) fn plan(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    let limit = match identity.claims.get("tier").and_then(|tier| tier.as_str()) {
        Some("pro") => "$200 per month",
        _ => "$20 per month",
    };
    let limit = limit.parse().map_err(TemplateError::new)?;
    let customer = AccountSpec::new(subject_account(identity)?);
    Ok(ChainSpec::of(customer.limit(limit).map_err(TemplateError::new)?))
}

/// A changed plan reaches the account at the next verification; what an operator amended stays.
pub(crate) fn with_plans(gate: GateBuilder) -> GateBuilder {
    gate.template_fn(|identity| std::future::ready(plan(&identity))).reapply_template()
}
