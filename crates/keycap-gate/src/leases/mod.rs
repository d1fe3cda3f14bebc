//! Leases between the gate and its ledger: requests draw from purses, one task sees to what is in them.
//!
//! What must not change: nothing here refuses. A request that finds nothing to draw from asks the
//! ledger, and what the ledger said is repeated for a moment at most. What was drawn is put back, or
//! told as settled once its charge is on record: every unit, once.
//!
//! - [`Till`] is one limit of one account on this node, shared by all keys that spend from it.
//! - [`Inbox`] is what requests tell the task; what says the same is merged there.
//! - [`driver`] is the task: it asks the manager what to do, and does it.
//! - [`Evidence`](evidence::Evidence) is a refusal of the ledger, kept for those who ask for the same.
//! - [`Recall`] gets back what is leased on a limit that the ledger has no more of.

mod drawing;
pub(crate) mod driver;
mod evidence;
mod inbox;
mod recall;
mod register;
mod till;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;
use keycap_budget::lease::PurseId;
use keycap_budget::{AccountId, Amount, Claim, Held, Standing};

pub(crate) use self::drawing::{Draw, Drawing, MAX_PURSES_A_REQUEST, Untouched};
pub(crate) use self::evidence::Hearsay;
pub(crate) use self::inbox::Inbox;
pub(crate) use self::recall::Recall;
pub(crate) use self::register::Tills;
pub(crate) use self::till::Till;
use crate::known_key::KnownKey;

/// A lease is safe from a sweep for as long as it was looked at so often in its life.
const LOOKS_A_LIFE: u32 = 3;

/// What the parts of a gate share of its leases.
pub(crate) struct Leasing {
    pub(crate) tills: Arc<Tills>,
    pub(crate) inbox: Arc<Inbox>,
    switch: Switch,
    /// How long leases live.
    pub(crate) life: Duration,
}

/// Whether anything is ever leased.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Leasing {
    pub(crate) fn new(switch: Switch, life: Duration) -> Self {
        let (tills, inbox) = (Arc::new(Tills::default()), Arc::new(Inbox::default()));
        Self { tills, inbox, switch, life }
    }

    /// A standing as it is shown: what this node has leased and nobody has drawn is nobody's.
    pub(crate) fn shown(&self, standing: Standing) -> Standing {
        match self.tills.find(&standing.account, standing.limit.key()) {
            Some(till) => till.shown(standing),
            None => standing,
        }
    }

    /// How limits stand by the ledger's own word just now: learnt, and as it is shown.
    pub(crate) fn learnt_all(&self, standings: Vec<Standing>) -> Vec<Standing> {
        for standing in &standings {
            if let Some(till) = self.tills.find(&standing.account, standing.limit.key()) {
                till.see(standing);
            }
        }
        self.shown_all(standings)
    }

    /// See [`shown`](Self::shown).
    pub(crate) fn shown_all(&self, standings: Vec<Standing>) -> Vec<Standing> {
        standings.into_iter().map(|standing| self.shown(standing)).collect()
    }

    /// Tells how the limits of a hold stand that a request took by itself, and that it had to.
    pub(crate) fn note_held(&self, known: &KnownKey, claim: &Claim, held: &Held) {
        for standing in &held.standings {
            let Some(till) = known.till(&standing.account, standing.limit.key()) else { continue };
            till.see(standing);
            till.forget_refusal();
            if self.switch == Switch::On
                && let Some(amount) = wanted(claim, till)
            {
                self.inbox.asked(till, amount, standing.remaining());
            }
        }
    }

    /// An account was amended, before the amendment is answered: nobody draws from what is leased on
    /// it any more.
    pub(crate) fn amended(&self, account: &AccountId) {
        self.tills.note_change();
        let tills = self.tills.of(account);
        tills.iter().for_each(|till| till.close());
        if !tills.is_empty() {
            self.inbox.amended(account.clone());
        }
    }

    /// A key was met. A lease counts on the chain it was taken on: where an account above was moved
    /// since, what is leased below goes back.
    pub(crate) fn note_chain(&self, known: &KnownKey) {
        let names = known.chain.ids();
        for till in &known.tills {
            let at = names.iter().position(|name| *name == till.at.account);
            let above = at.and_then(|at| names.get(at..)).unwrap_or_default();
            if till.moved_to(self.tills.chain_hash(above)) {
                self.amended(&till.at.account);
            }
        }
    }

    /// A charge that was drawn from a purse is on record.
    pub(crate) fn settled(&self, till: &Till, purse: PurseId, amount: Amount) {
        if !amount.is_zero() {
            self.inbox.settled(purse, amount, till.has_open(purse));
        }
    }

    /// Renews all leases where the last look at them, by the clock that the ledger may sweep by, was so
    /// long ago that some may seem to be a dead node's; within this span.
    pub(crate) async fn outlive_sweep(&self, looked_at: Timestamp, now: Timestamp, span: Duration) {
        if now < looked_at || now.since(looked_at) >= self.life / LOOKS_A_LIFE {
            // Without an answer the sweep comes first, as without a renewal.
            let _ = tokio::time::timeout(span, self.inbox.renew()).await;
        }
    }

    /// Gives everything back, within this span if the ledger answers.
    pub(crate) async fn give_all_back(&self, span: Duration) {
        self.inbox.shut_down();
        if tokio::time::timeout(span, self.inbox.until_quiet()).await.is_err() {
            tracing::warn!("leases could not be given back in time; they end with their lives");
        }
    }
}

/// What a claim asks of a limit: nothing yet where it only must have something left; none where the
/// claim does not concern it.
fn wanted(claim: &Claim, till: &Till) -> Option<Amount> {
    match claim {
        Claim::Chain(cost) => {
            Some(cost.amount(&till.at.limit.meter)).filter(|amount| !amount.is_zero())
        }
        Claim::Room(cost) => Some(cost.amount(&till.at.limit.meter)),
        Claim::Limit(..) => None,
    }
}

#[cfg(test)]
mod tests;
