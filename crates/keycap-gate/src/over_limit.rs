//! A limit without room: what kind of refusal that is, and who sees how much of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{AccountId, Cause, Chain, Figures, Shortfall};

use crate::Code;

/// How long who meets a reserved budget is told to wait: requests in flight settle within moments.
pub const RESERVED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A limit that has no room, and how much of it the caller may see.
///
/// What the ledger said may be told to many: a clone shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverLimit {
    shortfall: Arc<Shortfall>,
    /// How long ago the ledger said so.
    age: Duration,
    disclosure: Disclosure,
}

/// Whether an account's id and figures are shown to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// They are.
    Shown,
    /// Only meter, period and reset time are.
    Withheld,
}

impl OverLimit {
    /// A refusal by `shortfall`, of which so much is shown.
    #[must_use]
    pub fn new(shortfall: impl Into<Arc<Shortfall>>, disclosure: Disclosure) -> Self {
        Self { shortfall: shortfall.into(), age: Duration::ZERO, disclosure }
    }

    /// The same, told so long after the ledger said it: the window ends that much sooner.
    #[must_use]
    pub fn after(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    /// Which limit refused, and how it stands.
    #[must_use]
    pub fn shortfall(&self) -> &Shortfall {
        &self.shortfall
    }

    /// The same, to be kept for others who are refused for it.
    pub(crate) fn shared(&self) -> &Arc<Shortfall> {
        &self.shortfall
    }

    /// How much of it the caller may see.
    #[must_use]
    pub fn disclosure(&self) -> Disclosure {
        self.disclosure
    }

    /// What kind of refusal it is. The only place that tells them apart.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.shortfall.cause {
            Cause::LargerThanCap => Code::HoldExceedsCap,
            _ if self.shortfall.is_rate() => Code::RateLimited,
            Cause::Spent => Code::BudgetExceeded,
            Cause::Reserved => Code::BudgetReserved,
        }
    }

    /// How long to wait: to the end of the window where it is spent, a moment where it is reserved.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.code() {
            Code::HoldExceedsCap => None,
            Code::BudgetReserved => Some(RESERVED_RETRY_AFTER),
            _ => self.shortfall.ends_in.map(|left| left.saturating_sub(self.age)),
        }
    }
}

impl Disclosure {
    /// Whether who calls with `chain` is shown `account`'s figures. An account that is not in the
    /// chain is nobody's to see.
    #[must_use]
    pub fn of(account: &AccountId, chain: &Chain) -> Self {
        let is_leaf = chain.leaf().id == *account;
        let found = chain.iter().find(|known| known.id == *account);
        match found.map(|account| account.terms.figures) {
            Some(Figures::Shown) => Self::Shown,
            Some(Figures::LeafOnly) if is_leaf => Self::Shown,
            Some(Figures::LeafOnly | Figures::Hidden) | None => Self::Withheld,
        }
    }
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = &self.shortfall.standing;
        let key = standing.limit.key();
        let written = |amount| key.meter.written(amount);
        write!(
            f,
            "{} wanted, {} spent and {} held of {} per {}, account {}",
            written(self.shortfall.wanted),
            written(standing.spent),
            written(standing.held),
            written(standing.limit.cap()),
            key.period,
            standing.account,
        )
    }
}
