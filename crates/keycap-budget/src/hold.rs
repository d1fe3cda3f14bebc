//! Holds: amounts set aside before work.

use std::time::Duration;

use keycap_base::Timestamp;

use crate::{AccountId, Amount, ChargeId, Cost, CounterKey, HoldId, LimitKey, OwnerId};

/// How long a hold lives unless its owner renews it.
pub const DEFAULT_HOLD_LIFE: Duration = Duration::from_secs(15 * 60);

/// What a hold sets aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// A cost, on every limit of the account's chain that counts one of its meters: a request's hold.
    Chain(Cost),
    /// A cost as above, and on every other limit of the chain nothing yet, but only while it has
    /// something left. Extended once the cost is known.
    Room(Cost),
    /// An amount on one limit of the account itself: a lease.
    Limit(LimitKey, Amount),
}

/// What becomes of a hold that nobody ended.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// It counts as spent, because the work may have been done, until a late settle says better.
    #[default]
    Capture,
    /// It is given back. The work may have been done: this gives up P1 for crashed requests.
    Release,
}

/// Where a hold is in its life. It leaves [`HoldState::Open`] once (I3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Set aside.
    Open,
    /// Ended by a settle.
    Settled {
        /// The settle's charge.
        by: ChargeId,
        /// The requests that it counted without a row.
        folded: Amount,
    },
    /// Given back.
    Released,
    /// Counted as spent for want of a better word.
    Captured,
    /// Captured, and then replaced by what a late settle said.
    Replaced {
        /// The settle's charge.
        by: ChargeId,
        /// The requests that it counted without a row.
        folded: Amount,
    },
}

/// The part of a hold that lies on one limit in one window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Leg {
    /// Whose limit.
    pub account: AccountId,
    /// Which limit.
    pub limit: LimitKey,
    /// When its window starts.
    pub start: Timestamp,
    /// What is still set aside; zero once the hold has ended.
    pub amount: Amount,
    /// What expiry counted as spent and no settle has replaced.
    pub captured: Amount,
}

/// A hold as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The account it was taken for.
    pub account: AccountId,
    /// The top of that account's chain.
    pub root: AccountId,
    /// The chain it was taken on, leaf first; it settles there whatever moves meanwhile.
    pub chain: Vec<AccountId>,
    /// What was asked for first.
    pub claim: Claim,
    /// All that was ever granted, extensions included.
    pub granted: Cost,
    /// Who holds.
    pub owner: OwnerId,
    /// When it was taken.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// How it then ends.
    pub on_expiry: OnExpiry,
    /// The most of it that may be spent and not yet recorded; all of it when not stated.
    pub exposure: Option<Amount>,
    /// Where it lies, oldest window first.
    pub legs: Vec<Leg>,
    /// Where it is in its life.
    pub state: HoldState,
    /// When it left the open state.
    pub ended_at: Option<Timestamp>,
}

impl Leg {
    /// The counter it lies on.
    #[must_use]
    pub fn counter(&self) -> CounterKey {
        let (account, limit) = (self.account.clone(), self.limit.clone());
        CounterKey { account, limit, start: self.start }
    }

    /// Whether it lies on this limit, in any window.
    pub(crate) fn is_on(&self, account: &AccountId, limit: &LimitKey) -> bool {
        self.account == *account && self.limit == *limit
    }
}

impl Hold {
    /// Whether it still sets something aside.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == HoldState::Open
    }

    /// From when its retention counts: when it ended or, if that is later, when its id or that of the
    /// charge that ended it says it was made. `None` while it is open.
    #[must_use]
    pub fn kept_from(&self) -> Option<Timestamp> {
        let ended_at = self.ended_at?.max(self.id.made_at());
        Some(self.ended_by().map_or(ended_at, |(by, _)| ended_at.max(by.made_at())))
    }

    /// The charge that ended it, and the requests counted with it.
    #[must_use]
    pub fn ended_by(&self) -> Option<(ChargeId, Amount)> {
        match self.state {
            HoldState::Settled { by, folded } | HoldState::Replaced { by, folded } => {
                Some((by, folded))
            }
            HoldState::Open | HoldState::Released | HoldState::Captured => None,
        }
    }
}
