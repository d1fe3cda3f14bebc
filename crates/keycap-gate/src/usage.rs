//! What a handler reports: a cost, and what to remember with it.

use keycap_base::Labels;
use keycap_budget::{ChargeId, Cost, Fault, Recorded, Usd};

use crate::Broken;

/// A cost to record, with tags and, for retries, an id of the application's own.
///
/// ```
/// use keycap_base::Labels;
/// use keycap_budget::usd;
/// use keycap_gate::Usage;
///
/// let usage = Usage::of(usd!(0.01)).tagged(Labels::of([("model", "gpt-4o")])?);
/// # let _ = usage;
/// # Ok::<(), keycap_base::LabelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Usage {
    pub(crate) cost: Cost,
    pub(crate) tags: Labels,
    pub(crate) id: Option<ChargeId>,
}

impl Usage {
    /// This cost, without tags.
    pub fn of(cost: impl Into<Cost>) -> Self {
        Self { cost: cost.into(), tags: Labels::new(), id: None }
    }

    /// With these tags.
    pub fn tagged(mut self, tags: Labels) -> Self {
        self.tags = tags;
        self
    }

    /// With an id of the application's own: reported again with the same id and content, it counts
    /// once (P3). Do not take it from a caller's header, unless the stored answer is replayed too:
    /// that would be free work for one charge.
    pub fn once(mut self, id: ChargeId) -> Self {
        self.id = Some(id);
        self
    }
}

impl From<Cost> for Usage {
    fn from(cost: Cost) -> Self {
        Self::of(cost)
    }
}

impl From<Usd> for Usage {
    fn from(cost: Usd) -> Self {
        Self::of(cost)
    }
}

/// A cost that is on record.
pub type Receipt = Recorded;

/// A cost that is not known to be on record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// The ledger did not confirm in time. The cost is queued and will be recorded; it is not known
    /// to be durable yet.
    #[error("the ledger has not confirmed the cost yet; it stays queued")]
    Unconfirmed,
    /// The queue was full, and stayed so. The cost is not queued: report it again.
    #[error("no place in the queue for the cost; it is not recorded")]
    NoPlace,
    /// The id stands for another cost already. Nothing was recorded.
    #[error("the charge id stands for another cost already")]
    Conflict,
    /// The id is older than the ledger remembers. Nothing was recorded.
    #[error("the charge id is older than the ledger remembers ids")]
    TooOld,
    /// The cost makes no sense against the books. Nothing was recorded.
    #[error("the cost cannot be recorded")]
    Fault(#[source] Fault),
    /// The ledger gave an answer that does not fit. Whether the cost is recorded is not known.
    #[error("the ledger's answer does not fit: {0}")]
    Misanswered(String),
    /// The payer's name cannot be an account's. Nothing was recorded.
    #[error("the payer has no account")]
    BadAccount(#[source] keycap_budget::BadId),
    /// The gate has been shut down.
    #[error("the gate is shut down")]
    ShutDown,
}

impl TrackError {
    /// The refusal a caller is shown: the application's fault, or the ledger's.
    #[must_use]
    pub fn into_broken(self) -> Broken {
        match self {
            Self::Unconfirmed | Self::NoPlace | Self::ShutDown | Self::Misanswered(_) => {
                Broken::ledger_unavailable(self)
            }
            Self::Conflict | Self::TooOld | Self::Fault(_) | Self::BadAccount(_) => {
                Broken::misconfigured(self)
            }
        }
    }
}
