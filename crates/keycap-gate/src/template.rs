//! Which account pays: from an identity to a chain of accounts.

use std::error::Error;
use std::future::Future;

use async_trait::async_trait;
use keycap_budget::{AccountId, AccountSpec, ChainSpec, Limit, LimitError, Limits};
use keycap_verify::Identity;

/// Yields the chain of accounts that an identity spends from. Evaluated at first sight, and again
/// at every verification if the gate is built so.
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

/// The account an identity spends from unless the application says otherwise: the one its key's row
/// names, else its subject's.
///
/// # Errors
/// When neither can be an account's name.
pub fn default_account(identity: &Identity) -> Result<AccountId, TemplateError> {
    match &identity.account {
        Some(account) => AccountId::new(account).map_err(TemplateError::new),
        None => AccountId::new(identity.subject.to_string()).map_err(TemplateError::new),
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
