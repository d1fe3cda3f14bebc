//! Charges: costs on record. Written once.

use keycap_base::{Labels, Timestamp};

use crate::{AccountId, Amount, ChargeId, Cost, CounterKey, LimitKey, Meter};

/// A cost to record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewCharge {
    /// Its id. The same id and content counts once, whoever sends it again (P3).
    pub id: ChargeId,
    /// Whose chain it counts on.
    pub account: AccountId,
    /// How much.
    pub cost: Cost,
    /// The application's own words, such as the model or the route.
    pub tags: Labels,
}

/// The part of a charge that lies on one limit in one window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ChargeLeg {
    /// Whose limit.
    pub account: AccountId,
    /// Which limit.
    pub limit: LimitKey,
    /// When its window starts.
    pub start: Timestamp,
    /// What was added to the window's spend.
    pub amount: Amount,
    /// The part of it that no hold covered: an overrun, on record.
    pub uncovered: Amount,
    /// The part of it that was refunded since.
    pub refunded: Amount,
}

/// Whether an account of the chain is above a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Every limit it touched is within its cap.
    Within,
    /// A limit it touched is above its cap.
    Over,
}

impl ChargeLeg {
    /// The counter it lies on.
    #[must_use]
    pub fn counter(&self) -> CounterKey {
        let (account, limit) = (self.account.clone(), self.limit.clone());
        CounterKey { account, limit, start: self.start }
    }

    /// Whether it lies on this counter.
    pub(crate) fn is_on(&self, key: &CounterKey) -> bool {
        self.account == key.account && self.limit == key.limit && self.start == key.start
    }
}

/// A charge as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Charge {
    /// Its id, unique under its root (I5).
    pub id: ChargeId,
    /// The account it was made for.
    pub account: AccountId,
    /// The top of that account's chain.
    pub root: AccountId,
    /// The chain it counts on, leaf first.
    pub chain: Vec<AccountId>,
    /// How much.
    pub cost: Cost,
    /// The application's own words.
    pub tags: Labels,
    /// When it was recorded.
    pub at: Timestamp,
    /// Where it counts.
    pub legs: Vec<ChargeLeg>,
    /// The part of the cost that was refunded since.
    pub refunded: Cost,
    /// Whether it left a limit above its cap.
    pub fit: Fit,
    /// The requests counted along with it, but without a row; they are not part of `cost`. `None`
    /// where requests are a meter like any other.
    pub folded: Option<Amount>,
}

impl Charge {
    /// From when its retention counts: when it was recorded or, if that is later, when its id says it
    /// was made.
    #[must_use]
    pub fn kept_from(&self) -> Timestamp {
        self.at.max(self.id.made_at())
    }

    /// Whether `new` asks for this very charge.
    #[must_use]
    pub fn is(&self, new: &NewCharge) -> bool {
        let same_cost = match self.folded {
            Some(requests) => {
                new.cost.amount(&Meter::REQUESTS) == requests
                    && new.cost.clone().without(&Meter::REQUESTS) == self.cost
            }
            None => new.cost == self.cost,
        };
        same_cost && self.account == new.account && self.tags == new.tags
    }

    /// The part of the cost that no hold covered: the largest over its limits, for each meter.
    #[must_use]
    pub fn uncovered(&self, meter: &Meter) -> Amount {
        let on = |leg: &&ChargeLeg| leg.limit.meter == *meter;
        self.legs.iter().filter(on).map(|leg| leg.uncovered).max().unwrap_or(Amount::ZERO)
    }
}

/// A refund as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Refund {
    /// Its id, of the same kind as a charge's.
    pub id: ChargeId,
    /// What it gives back part of.
    pub charge: ChargeId,
    /// The account the charge was made for.
    pub account: AccountId,
    /// How much.
    pub cost: Cost,
    /// When it was recorded.
    pub at: Timestamp,
}
