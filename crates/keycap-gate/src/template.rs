//! Which account pays: from an identity to a chain of accounts.

use std::error::Error;
use std::future::Future;

use async_trait::async_trait;
use keycap_budget::{AccountSpec, ChainSpec, Limit, LimitError, Limits};
use keycap_verify::Identity;

use crate::default_account;

/// Yields the chain of accounts that an identity spends from. Evaluated at first sight, and again
/// at every verification if the gate is built so.
///
/// [`key_account`](crate::key_account), [`subject_account`](crate::subject_account) and
/// [`organisation_account`](crate::organisation_account) name accounts that do not meet. Here every key
/// has a cap of its own under its organisation, whose cap goes by the plan that the provider tells; with
/// [`reapply_template`](crate::GateBuilder::reapply_template), a changed plan reaches the account at the
/// next verification.
///
/// ```
/// use keycap_budget::{AccountSpec, ChainSpec, Limit, MemoryLedger};
/// use keycap_gate::{Gate, TemplateError, key_account, organisation_account};
/// use keycap_verify::Identity;
///
/// fn plan(identity: &Identity) -> &str {
///     identity.claims.get("plan").and_then(|plan| plan.as_str()).unwrap_or("free")
/// }
///
/// fn caps(identity: &Identity) -> Result<ChainSpec, TemplateError> {
///     let (of_key, of_organisation) = match plan(identity) {
///         "pro" => ("$20 per day", "$500 per month"),
///         _ => ("$1 per day", "$5 per month"),
///     };
///     let capped = |account, limit: &str| {
///         let limit: Limit = limit.parse().map_err(TemplateError::new)?;
///         AccountSpec::new(account).limit(limit).map_err(TemplateError::new)
///     };
///     let key = capped(key_account(identity)?, of_key)?;
///     let organisation = capped(organisation_account(identity)?, of_organisation)?;
///     ChainSpec::of(key).under(organisation).map_err(TemplateError::new)
/// }
///
/// # use keycap_base::Timestamp;
/// # use keycap_verify::{IssuedKeys, MemoryKeyStore, Subject};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let provider = IssuedKeys::builder(MemoryKeyStore::new()).build()?;
/// let gate = Gate::builder()
///     .ledger(MemoryLedger::new())
///     .provider(provider)
///     .template_fn(|identity| async move { caps(&identity) })
///     .reapply_template()
///     .build()?;
/// # drop(gate);
///
/// let mut identity = Identity::new(Subject::new("clerk", "user_1")?, Timestamp::EPOCH);
/// assert!(caps(&identity).is_err(), "no key id, no account by key");
/// identity.key_id = Some("ak_1".into());
/// identity.organisation = Some("org_9".into());
/// identity.claims.insert("plan".into(), "pro".into());
/// let chain = format!("{:?}", caps(&identity)?);
/// assert!(chain.contains("key:clerk//ak_1") && chain.contains("org:clerk//org_9"));
/// assert_ne!(caps(&identity)?, {
///     identity.claims.clear();
///     caps(&identity)?
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Template: Send + Sync + 'static {
    /// The chain, leaf first. Runs within the provider's time-out.
    ///
    /// # Errors
    /// Any: the request is answered `misconfigured` and the error is logged.
    async fn chain(&self, identity: &Identity) -> Result<ChainSpec, TemplateError>;

    /// The limits that every account opens with, where that is known without an identity: a gate then
    /// warns of a guard that holds what no limit counts.
    fn default_limits(&self) -> Option<&Limits> {
        None
    }
}

/// A template that could not say which account pays.
#[derive(Debug, thiserror::Error)]
#[error("the account template failed")]
pub struct TemplateError {
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl TemplateError {
    /// For this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// The same limits for everyone: one account for each subject, or the account a key's row names.
#[derive(Clone, Debug, Default)]
pub struct DefaultTemplate {
    limits: Limits,
}

impl DefaultTemplate {
    /// Accounts without limits; add some.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a limit to every account.
    ///
    /// # Errors
    /// As [`Limits::with`].
    pub fn limit(self, limit: Limit) -> Result<Self, LimitError> {
        Ok(Self { limits: self.limits.with(limit)? })
    }
}

#[async_trait]
impl Template for DefaultTemplate {
    async fn chain(&self, identity: &Identity) -> Result<ChainSpec, TemplateError> {
        let mut leaf = AccountSpec::new(default_account(identity)?);
        for limit in self.limits.iter() {
            leaf = leaf.limit(limit.clone()).map_err(TemplateError::new)?;
        }
        Ok(ChainSpec::of(leaf))
    }

    fn default_limits(&self) -> Option<&Limits> {
        Some(&self.limits)
    }
}

/// A closure as a template.
pub(crate) struct Closure<F>(pub(crate) F);

#[async_trait]
impl<F, Fut> Template for Closure<F>
where
    F: Fn(Identity) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<ChainSpec, TemplateError>> + Send,
{
    async fn chain(&self, identity: &Identity) -> Result<ChainSpec, TemplateError> {
        (self.0)(identity.clone()).await
    }
}
