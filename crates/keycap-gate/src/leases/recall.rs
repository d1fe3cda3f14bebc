//! A request that the ledger has too little for while this node has some of it leased: what is leased
//! is called back, and the ledger asked again (P4). A refusal stands only if the node had nothing there
//! while the ledger was asked.

use std::ops::ControlFlow;
use std::sync::Arc;

use keycap_base::Ticks;
use keycap_budget::{Cause, Shortfall};
use smallvec::SmallVec;

use super::Till;
use super::till::Before;
use crate::core::Core;
use crate::known_key::KnownKey;
use crate::{Denial, Refusal};

/// How often one request has leases called back: once for each limit in its way, and some more because
/// others put something back meanwhile.
pub(crate) const MAX_RECALLS: u32 = 16;

/// What the limits of a chain were like before the ledger was asked, and how often it was.
pub(crate) struct Recall<'a> {
    core: &'a Core,
    known: &'a KnownKey,
    before: SmallVec<[Before; 4]>,
    changes: u64,
    asked_at: Ticks,
    tries: u32,
}

impl<'a> Recall<'a> {
    /// Looks at the limits, before the ledger is asked.
    pub(crate) fn begin(core: &'a Core, known: &'a KnownKey) -> Self {
        let asked_at = core.clock.moment().ticks;
        let changes = core.leasing.tills.changes();
        let before = known.tills.iter().map(|till| till.before()).collect();
        Self { core, known, before, changes, asked_at, tries: 0 }
    }

    /// Looks anew, before the ledger is asked again.
    fn look_again(&mut self) {
        let tries = self.tries;
        *self = Self { tries, ..Self::begin(self.core, self.known) };
    }

    /// Whether a refusal may be due to what this node has leased.
    pub(crate) fn may_help(&self, refusal: &Refusal) -> bool {
        self.recallable(refusal).is_some()
    }

    /// Sees to it that nothing is leased in the way of what was refused; breaks where nothing was. Then
    /// the refusal stands.
    pub(crate) async fn after(&mut self, refusal: &Refusal) -> ControlFlow<()> {
        let Some(till) = self.recallable(refusal) else { return ControlFlow::Break(()) };
        self.tries += 1;
        let told = self.core.leasing.inbox.short(till);
        match tokio::time::timeout(self.core.ledger_timeout, told).await {
            Ok(_told) => self.look_again(),
            Err(_elapsed) => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Keeps a refusal that stands, for others: one that nothing leased on this node had a part in.
    pub(crate) fn remember(&self, refusal: &Refusal) {
        let Refusal::Denied(Denial::OverLimit(over)) = refusal else { return };
        if let Some((till, before)) = self.till_of(over.shortfall())
            && (over.shortfall().cause != Cause::Reserved || !till.had_money_since(before))
        {
            till.remember(over.shared(), before, self.changes, self.asked_at);
        }
    }

    fn recallable(&self, refusal: &Refusal) -> Option<&'a Arc<Till>> {
        let Refusal::Denied(Denial::OverLimit(over)) = refusal else { return None };
        let shortfall = over.shortfall();
        // What is leased is held; where the rest is spent, it would not help.
        let (till, before) = self.till_of(shortfall)?;
        let recalls = shortfall.cause == Cause::Reserved && self.tries < MAX_RECALLS;
        (recalls && till.had_money_since(before)).then_some(till)
    }

    fn till_of(&self, shortfall: &Shortfall) -> Option<(&'a Arc<Till>, Before)> {
        let standing = &shortfall.standing;
        let (account, limit) = (&standing.account, standing.limit.key());
        let mut all = self.known.tills.iter().zip(&self.before);
        let found = all.find(|(till, _)| till.at.account == *account && till.at.limit == *limit);
        found.map(|(till, before)| (till, *before))
    }
}
