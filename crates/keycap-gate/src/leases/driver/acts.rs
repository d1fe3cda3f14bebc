//! Doing what the lease manager says, and learning from what the ledger answers.

use std::sync::Arc;

use keycap_budget::lease::{Action, Event, LimitAt, Purse, PurseId};
use keycap_budget::{Claim, Decided, NewHold, Operation, Outcome};

use super::Driver;
use crate::leases::Till;

/// A purse, and the limit it is for.
pub(super) struct Kept {
    pub(super) purse: Arc<Purse>,
    pub(super) till: Arc<Till>,
}

impl Kept {
    pub(super) fn withdraw(&self, purse: PurseId) -> Event {
        Event::Withdrawn { purse, amount: self.purse.withdraw() }
    }
}

impl Driver {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Ask { ticket, operation } => {
                self.expect_lease(&operation);
                self.asks.push((ticket, operation));
            }
            Action::Open { purse: id, limit, window } => {
                let (purse, till) = (Arc::new(Purse::new(id)), self.tills.at(&limit));
                till.set_leased(true);
                till.open(Arc::clone(&purse), window);
                self.purses.insert(id, Kept { purse, till });
            }
            Action::Forget(purse) => self.forget(purse),
            Action::PayFrom { purse, leases } => {
                let unexposed = self.leases.unexposed(purse);
                self.with(purse, |kept| {
                    kept.purse.pay_from(leases);
                    kept.till.note_unexposed(unexposed);
                });
            }
            Action::Deposit { purse, amount } => {
                self.with(purse, |kept| kept.purse.deposit(amount));
            }
            Action::UsableUntil { purse, until } => {
                self.with(purse, |kept| kept.purse.usable_until(until));
            }
            Action::Close(purse) => {
                self.with(purse, |kept| {
                    kept.till.shut(&kept.purse);
                    kept.purse.close();
                });
                self.withdraw(purse);
            }
            Action::Withdraw(purse) => self.withdraw(purse),
            Action::Look(purse) => {
                if let Some(kept) = self.purses.get(&purse) {
                    let seen = kept.purse.look();
                    self.events.push_back(Event::Looked { purse, seen });
                }
            }
        }
    }

    fn with(&self, purse: PurseId, act: impl FnOnce(&Kept)) {
        if let Some(kept) = self.purses.get(&purse) {
            act(kept);
        }
    }

    pub(super) fn withdraw(&mut self, purse: PurseId) {
        if let Some(kept) = self.purses.get(&purse) {
            let withdrawn = kept.withdraw(purse);
            self.events.push_back(withdrawn);
        }
    }

    /// Before a lease is asked for: whoever is refused from now on may be refused because of it.
    fn expect_lease(&self, operation: &Operation) {
        let Operation::Hold(NewHold { account, claim: Claim::Limit(limit, _), .. }) = operation
        else {
            return;
        };
        let at = LimitAt { account: account.clone(), limit: limit.clone() };
        self.tills.at(&at).set_leased(true);
    }

    fn forget(&mut self, purse: PurseId) {
        let Some(kept) = self.purses.remove(&purse) else { return };
        if !self.leases.is_busy(&kept.till.at) {
            kept.till.set_leased(false);
        }
    }

    /// Learns how limits stand.
    pub(super) fn learn(&self, answer: &Decided) {
        let Ok(Outcome::Held(held)) = answer else { return };
        for standing in &held.standings {
            if let Some(till) = self.tills.find(&standing.account, standing.limit.key()) {
                till.see(standing);
            }
        }
    }
}
