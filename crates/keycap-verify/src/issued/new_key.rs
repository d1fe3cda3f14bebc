//! The key that is wanted, and the key that was made.

use std::convert::Infallible;
use std::sync::Arc;

use keycap_base::{LabelError, Labels, ScopeError, Scopes, Timestamp};

use crate::subject::OWN_ACCOUNT;
use crate::{
    Digest, DisplayPrefix, DisplayPrefixError, KeyId, KeyRecord, KeyStoreError, NameError, Owner,
    RandomnessError, Secret, Subject,
};

/// A key that is wanted. The first thing that does not fit is reported when it is minted.
///
/// Without scopes it grants none, without expiry it never expires, and its owner's account pays.
///
/// ```
/// use keycap_verify::NewKey;
///
/// let key = NewKey::for_owner("acme").scopes(["chat", "proxy.*"]).label("team", "search");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NewKey {
    owner: Result<Owner, NameError>,
    account: Payer,
    scopes: Scopes,
    labels: Labels,
    display_prefix: Option<DisplayPrefix>,
    expires_at: Option<Timestamp>,
    problem: Option<NewKeyError>,
}

/// Whose account pays for a key.
#[derive(Clone, Copy, Debug)]
enum Payer {
    Owner,
    Key,
}

/// A new key was described wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NewKeyError {
    /// Its owner does not fit.
    #[error(transparent)]
    Owner(#[from] NameError),
    /// A scope does not fit.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A label does not fit.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// Its display prefix does not fit.
    #[error(transparent)]
    DisplayPrefix(#[from] DisplayPrefixError),
}

impl From<Infallible> for NewKeyError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl NewKey {
    /// A key for `owner`, which must be what [`Owner::new`] accepts.
    pub fn for_owner(owner: impl AsRef<str>) -> Self {
        Self {
            owner: Owner::new(owner),
            account: Payer::Owner,
            scopes: Scopes::none(),
            labels: Labels::new(),
            display_prefix: None,
            expires_at: None,
            problem: None,
        }
    }

    /// What it grants: a list of patterns, a text of them separated by spaces, or [`Scopes`].
    pub fn scopes<S>(mut self, scopes: S) -> Self
    where
        S: TryInto<Scopes>,
        NewKeyError: From<S::Error>,
    {
        match scopes.try_into() {
            Ok(scopes) => self.scopes = scopes,
            Err(error) => self.note(error),
        }
        self
    }

    /// Adds a label, or replaces the value of one.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        if let Err(error) = self.labels.insert(key, value) {
            self.note(error);
        }
        self
    }

    /// When it stops being valid.
    pub fn expires_at(mut self, expiry: Timestamp) -> Self {
        self.expires_at = Some(expiry);
        self
    }

    /// Gives the key an account of its own, `key:<id>`, in place of its owner's.
    pub fn own_account(mut self) -> Self {
        self.account = Payer::Key;
        self
    }

    /// What may be shown of an imported key to recognise it by. Minted keys show their own beginning.
    pub fn display_prefix(mut self, text: &str) -> Self {
        match DisplayPrefix::new(text) {
            Ok(prefix) => self.display_prefix = Some(prefix),
            Err(error) => self.note(error),
        }
        self
    }

    /// Keeps the first problem.
    fn note(&mut self, problem: impl Into<NewKeyError>) {
        self.problem.get_or_insert(problem.into());
    }

    pub(super) fn into_record(
        self,
        provider: &Arc<str>,
        id: KeyId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<KeyRecord, NewKeyError> {
        let owner = self.owner?;
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let account = match self.account {
            Payer::Owner => Subject::of_owner(Arc::clone(provider), &owner).to_string().into(),
            Payer::Key => format!("{OWN_ACCOUNT}{id}").into(),
        };
        Ok(KeyRecord {
            id,
            digest,
            display_prefix: self.display_prefix,
            owner,
            account,
            scopes: self.scopes,
            labels: self.labels,
            created_at: now,
            expires_at: self.expires_at,
            revoked_at: None,
            last_used_at: None,
        })
    }
}

/// A key that was minted.
#[derive(Debug)]
#[must_use = "the secret is nowhere else"]
pub struct MintedKey {
    /// What is stored.
    pub record: KeyRecord,
    /// What the caller presents. Shown once, stored nowhere.
    pub secret: Secret,
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Import {
    /// The key is there.
    Imported(KeyRecord),
    /// A key with this digest was there already, and is as it was.
    Duplicate,
}

/// A key could not be minted or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The key was described wrongly.
    #[error(transparent)]
    Key(#[from] NewKeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// The random generator failed.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// 178 random bits were drawn twice.
    #[error("a new key equals an old one; the system's random generator cannot be trusted")]
    Collision,
    /// Foreign keys would never be looked up.
    #[error("imported keys would be refused unread; build the issued keys with `.foreign_keys()`")]
    ForeignRefused,
}
