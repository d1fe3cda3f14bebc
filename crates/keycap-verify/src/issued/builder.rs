//! Setting up issued keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Clock, SystemClock};

use super::last_used::{DEFAULT_DEBOUNCE, DEFAULT_PENDING_USES, LastUsed};
use super::{IssuedKeys, Shared};
use crate::subject::{NameError, check_name};
use crate::{KeyFormat, KeyStore};

/// Sets up [`IssuedKeys`]; nothing is checked before [`build`](Self::build).
#[must_use]
pub struct IssuedKeysBuilder {
    store: Arc<dyn KeyStore>,
    name: String,
    format: KeyFormat,
    foreign: ForeignKeys,
    clock: Arc<dyn Clock>,
    debounce: Duration,
    pending_uses: usize,
}

/// What becomes of secrets that are not of our format.
#[derive(Clone, Copy, Debug)]
pub(super) enum ForeignKeys {
    Refused,
    LookedUp,
}

/// Issued keys were set up wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuedKeysError {
    /// The provider's name does not fit.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No place for pending uses.
    #[error("room for 0 pending uses records none; give it at least 1")]
    NoPendingUses,
}

impl IssuedKeysBuilder {
    pub(super) fn new(store: Arc<dyn KeyStore>) -> Self {
        Self {
            store,
            name: "keycap".into(),
            format: KeyFormat::default(),
            foreign: ForeignKeys::Refused,
            clock: Arc::new(SystemClock),
            debounce: DEFAULT_DEBOUNCE,
            pending_uses: DEFAULT_PENDING_USES,
        }
    }

    /// The provider's name, the first part of every subject (default `keycap`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How minted keys are written (default: prefix `keycap`).
    pub fn format(mut self, format: KeyFormat) -> Self {
        self.format = format;
        self
    }

    /// Also looks up secrets that are not of our format, for keys that are [imported]. Without this
    /// they are refused with no I/O.
    ///
    /// A secret of our prefix and shape with wrong check characters is refused all the same, so give
    /// minted keys a prefix that imported ones do not have.
    ///
    /// [imported]: IssuedKeys::import
    pub fn foreign_keys(mut self) -> Self {
        self.foreign = ForeignKeys::LookedUp;
        self
    }

    /// The clock that times are read from (default: the system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How far apart two recorded uses of a key are at least (default 5 minutes; zero records every
    /// verification).
    pub fn last_used_debounce(mut self, debounce: Duration) -> Self {
        self.debounce = debounce;
        self
    }

    /// How many keys' uses may wait to be written down (default 10,000). Further ones are left for
    /// the key's next verification.
    pub fn pending_uses(mut self, most: usize) -> Self {
        self.pending_uses = most;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`IssuedKeysError`] says what does not fit.
    pub fn build(self) -> Result<IssuedKeys, IssuedKeysError> {
        if self.pending_uses == 0 {
            return Err(IssuedKeysError::NoPendingUses);
        }
        Ok(IssuedKeys(Arc::new(Shared {
            name: check_name("provider name", &self.name)?,
            format: self.format,
            foreign: self.foreign,
            clock: self.clock,
            store: self.store,
            last_used: LastUsed::new(self.debounce, self.pending_uses),
        })))
    }
}

impl fmt::Debug for IssuedKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("IssuedKeysBuilder");
        shown.field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}
