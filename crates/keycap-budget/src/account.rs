//! Accounts: rows that can be capped, each with at most one parent.

use std::sync::Arc;

use keycap_base::{Labels, Networks, Resources, Scopes, Timestamp};

use crate::{AccountId, Limit, LimitError, Limits};

/// The most accounts in a chain, leaf and root included.
pub const MAX_CHAIN: usize = 8;

/// Whether an account takes requests.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// An operator stopped it.
    Suspended,
}

/// Who is shown an account's id and figures in a refusal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Figures {
    /// Callers whose own account (the leaf of their chain) it is.
    #[default]
    LeafOnly,
    /// Every caller below it.
    Shown,
    /// No caller.
    Hidden,
}

/// Everything about an account that can change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// How much may be spent.
    pub limits: Limits,
    /// What may be done; an empty set grants nothing.
    pub scopes: Scopes,
    /// Which models, tools and the like may be used.
    pub resources: Resources,
    /// Where requests may come from.
    pub networks: Networks,
    /// When the account ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// Whether it takes requests.
    pub status: Status,
    /// The application's own words.
    pub labels: Labels,
    /// Who is shown its figures.
    pub figures: Figures,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            limits: Limits::none(),
            scopes: Scopes::all(),
            resources: Resources::all(),
            networks: Networks::all(),
            expires_at: None,
            status: Status::Active,
            labels: Labels::default(),
            figures: Figures::LeafOnly,
        }
    }
}

impl Terms {
    /// These terms, as one with `other` where they are the same: most accounts stay on the terms that
    /// their template said.
    #[must_use]
    pub fn shared_with(self, other: &Arc<Self>) -> Arc<Self> {
        if self == **other { Arc::clone(other) } else { Arc::new(self) }
    }

    /// These terms after a template's word turned from `before` into `after`: what it changed
    /// changes, limit by limit; all else stays.
    ///
    /// # Errors
    /// When that would be too many limits.
    pub(crate) fn reworded(&self, before: &Self, after: &Self) -> Result<Self, LimitError> {
        let mut terms = self.clone();
        terms.limits = self.limits.reworded(&before.limits, &after.limits)?;
        reword(&mut terms.scopes, &before.scopes, &after.scopes);
        reword(&mut terms.resources, &before.resources, &after.resources);
        reword(&mut terms.networks, &before.networks, &after.networks);
        reword(&mut terms.expires_at, &before.expires_at, &after.expires_at);
        reword(&mut terms.status, &before.status, &after.status);
        reword(&mut terms.labels, &before.labels, &after.labels);
        reword(&mut terms.figures, &before.figures, &after.figures);
        Ok(terms)
    }
}

/// What a template last said about an account, so that a later word changes only what it changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    /// The terms it yielded.
    pub terms: Arc<Terms>,
    /// The parent it named.
    pub parent: Option<AccountId>,
    /// When the identity it was evaluated for was asserted.
    pub asserted_at: Timestamp,
}

/// An account as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// The account above it.
    pub parent: Option<AccountId>,
    /// The top of its chain; never changes.
    pub root: AccountId,
    /// The length of the longest chain ever hung below it.
    pub height: usize,
    /// What may be spent and done. Mostly what the template said last, and then shared with it.
    pub terms: Arc<Terms>,
    /// Raised by every change.
    pub version: u64,
    /// When it was first seen.
    pub opened_at: Timestamp,
    /// What the template last said.
    pub applied: Applied,
}

/// An account as an application asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct AccountSpec {
    pub(crate) id: AccountId,
    pub(crate) terms: Terms,
}

impl AccountSpec {
    /// An account of this name, without limits, that allows everything.
    pub fn new(id: AccountId) -> Self {
        Self { id, terms: Terms::default() }
    }

    /// The same account on these terms.
    pub fn on(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// Adds a limit.
    ///
    /// # Errors
    /// As [`Limits::with`].
    pub fn limit(mut self, limit: Limit) -> Result<Self, LimitError> {
        self.terms.limits = self.terms.limits.with(limit)?;
        Ok(self)
    }

    /// Allows only these scopes.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.terms.scopes = scopes;
        self
    }

    /// Allows only these resources.
    pub fn resources(mut self, resources: Resources) -> Self {
        self.terms.resources = resources;
        self
    }

    /// Takes requests only from these networks.
    pub fn networks(mut self, networks: Networks) -> Self {
        self.terms.networks = networks;
        self
    }

    /// Ends at this instant.
    pub fn expires_at(mut self, instant: Timestamp) -> Self {
        self.terms.expires_at = Some(instant);
        self
    }

    /// Carries these labels.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.terms.labels = labels;
        self
    }

    /// Shows its figures to these callers.
    pub fn figures(mut self, figures: Figures) -> Self {
        self.terms.figures = figures;
        self
    }

    /// The account's name.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// What may be spent and done.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// A leaf account and its ancestors, as an application asks for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct ChainSpec(Vec<AccountSpec>);

impl ChainSpec {
    /// A chain of one account.
    pub fn of(leaf: AccountSpec) -> Self {
        Self(vec![leaf])
    }

    /// Hangs the chain so far below one more account.
    ///
    /// # Errors
    /// When that would be more than [`MAX_CHAIN`] accounts, or the same account twice.
    pub fn under(mut self, parent: AccountSpec) -> Result<Self, ChainError> {
        if self.0.iter().any(|below| below.id == parent.id) {
            return Err(ChainError::Twice(parent.id));
        }
        if self.0.len() == MAX_CHAIN {
            return Err(ChainError::TooLong);
        }
        self.0.push(parent);
        Ok(self)
    }

    /// The leaf's name.
    ///
    /// # Panics
    /// Never: a chain is built from its leaf.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a chain is built from its leaf and only grows")]
    pub fn leaf(&self) -> &AccountId {
        &self.0.first().expect("a chain has a leaf").id
    }

    /// The accounts, leaf first.
    pub fn accounts(&self) -> impl DoubleEndedIterator<Item = &AccountSpec> {
        self.0.iter()
    }
}

/// A chain that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The same account twice.
    #[error("account {0} stands twice in one chain")]
    Twice(AccountId),
    /// More accounts than a chain has.
    #[error("a chain has at most {MAX_CHAIN} accounts")]
    TooLong,
}

/// A chain as the ledger has it: an account and its ancestors, leaf first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain(Vec<Arc<Account>>);

impl Chain {
    /// These accounts, leaf first; none when there are none.
    #[must_use]
    pub fn new(accounts: Vec<Arc<Account>>) -> Option<Self> {
        (!accounts.is_empty()).then_some(Self(accounts))
    }

    /// The account itself.
    ///
    /// # Panics
    /// Never: a chain is never empty.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a chain is never empty")]
    pub fn leaf(&self) -> &Arc<Account> {
        self.0.first().expect("a chain is never empty")
    }

    /// The name of the account at the top.
    #[must_use]
    pub fn root(&self) -> &AccountId {
        &self.leaf().root
    }

    /// The accounts, leaf first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Account>> {
        self.0.iter()
    }

    /// The accounts, leaf first, to keep.
    #[must_use]
    pub fn into_accounts(self) -> Vec<Arc<Account>> {
        self.0
    }

    /// How many accounts.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The accounts' names, leaf first.
    #[must_use]
    pub fn ids(&self) -> Vec<AccountId> {
        self.iter().map(|account| account.id.clone()).collect()
    }
}

/// A change to an account, made by an operator. Fields not named stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Amendment {
    pub(crate) limits: Option<Limits>,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) resources: Option<Resources>,
    pub(crate) networks: Option<Networks>,
    pub(crate) expires_at: Option<Option<Timestamp>>,
    pub(crate) status: Option<Status>,
    pub(crate) labels: Option<Labels>,
    pub(crate) figures: Option<Figures>,
    pub(crate) parent: Option<AccountId>,
}

macro_rules! amends {
    ($($(#[$doc:meta])* $field:ident: $type:ty),* $(,)?) => {
        $($(#[$doc])*
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = Some($field);
            self
        })*
    };
}

impl Amendment {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    amends! {
        /// These limits from now on; a window under way keeps what was spent.
        limits: Limits,
        /// These scopes.
        scopes: Scopes,
        /// These resources.
        resources: Resources,
        /// These networks.
        networks: Networks,
        /// This end, or none.
        expires_at: Option<Timestamp>,
        /// This status.
        status: Status,
        /// These labels.
        labels: Labels,
        /// These callers see figures.
        figures: Figures,
        /// This parent, which must have the same root.
        parent: AccountId,
    }

    /// The terms after this change.
    #[must_use]
    pub(crate) fn apply(&self, terms: &Terms) -> Terms {
        let mut after = terms.clone();
        replace(&mut after.limits, self.limits.as_ref());
        replace(&mut after.scopes, self.scopes.as_ref());
        replace(&mut after.resources, self.resources.as_ref());
        replace(&mut after.networks, self.networks.as_ref());
        replace(&mut after.expires_at, self.expires_at.as_ref());
        replace(&mut after.status, self.status.as_ref());
        replace(&mut after.labels, self.labels.as_ref());
        replace(&mut after.figures, self.figures.as_ref());
        after
    }
}

fn replace<T: Clone>(field: &mut T, with: Option<&T>) {
    if let Some(value) = with {
        field.clone_from(value);
    }
}

/// Takes `after` where it differs from `before`.
fn reword<T: Clone + PartialEq>(field: &mut T, before: &T, after: &T) {
    if before != after {
        field.clone_from(after);
    }
}
