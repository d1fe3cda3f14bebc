//! What a tab says to the ledger, when its batch is built, and what it makes of the answer.

use std::sync::Arc;

use keycap_base::Labels;
use keycap_budget::{ChargeId, Cost, HoldId, Meter, NewCharge, Operation, Outcome, Rest, Standing};

use super::Tab;
use super::drawn::{Drawn, Fate};
use super::words::Told;
use crate::queue::{Draft, Fold, Heard, Speaker};

impl Speaker for Tab {
    /// The costs since the last time, and the end if it has come.
    fn speak(self: Arc<Self>, draft: &mut Draft) {
        let state = &mut *self.state.lock();
        let end = state.bill.end(&self, state.hold, state.drawn.as_ref());
        let (drawn, hold) = (&mut state.drawn, state.hold);
        let told = state.said.tell(&end, |words| {
            let operation = match (drawn.as_mut(), words.operation) {
                (Some(drawn), Operation::Charge(charge)) => drawn.pay(charge, hold, &self.known),
                (_, operation) => operation,
            };
            draft.say(Arc::<Self>::clone(&self), operation, words.told, words.place);
        });
        if let (Some(drawn), Told::All { requests }) = (drawn, told) {
            self.end_drawn(drawn, requests, hold, draft);
        }
    }

    /// Learns how limits stand, and what became of what it drew.
    fn hear(&self, heard: Heard<'_>) {
        let mut state = self.state.lock();
        if let (Some(drawn), Some(charge)) = (&mut state.drawn, charge_of(heard.operation)) {
            let fate = match heard.answer {
                Ok(Outcome::Recorded(_)) => Fate::OnRecord,
                _ => Fate::Lost,
            };
            drawn.hear(heard.share, charge.id, fate, (&self.known, &self.core));
        }
        if gives_back(heard.operation) {
            self.known.tills.iter().for_each(|till| till.note_relief());
        }
        let Ok(Outcome::Recorded(recorded)) = heard.answer else { return };
        for new in &recorded.standings {
            self.learn(&mut state.standings, new);
        }
    }
}

impl Tab {
    /// The end of a request that drew: the request itself is counted with others, and a hold of its own
    /// given back.
    fn end_drawn(
        self: &Arc<Self>,
        drawn: &mut Drawn,
        requests: Cost,
        hold: Option<HoldId>,
        draft: &mut Draft,
    ) {
        let (account, now) = (self.known.account().clone(), self.core.clock.now());
        let speaker = || Arc::<Self>::clone(self);
        if !drawn.own(&Meter::REQUESTS).is_zero() && !requests.is_nothing() {
            let (id, tags) = (ChargeId::generate(now), Labels::new());
            let charge = NewCharge { id, account: account.clone(), cost: requests, tags };
            draft.say(speaker(), drawn.pay(charge, hold, &self.known), None, None);
        } else if !requests.is_nothing() {
            let holds = drawn.send(&requests, &self.known);
            draft.fold(speaker(), Fold { account: account.clone(), holds, requests, now });
        }
        if let Some(hold) = hold {
            draft.say(speaker(), Operation::Release { account, hold }, None, None);
        }
    }

    fn learn(&self, standings: &mut [Standing], new: &Standing) {
        let Some(till) = self.known.till(&new.account, new.limit.key()) else { return };
        till.see(new);
        let same = |old: &&mut Standing| {
            old.account == new.account
                && old.limit.key() == new.limit.key()
                && old.window == new.window
        };
        if let Some(old) = standings.iter_mut().find(same) {
            *old = till.shown(new.clone());
        }
    }
}

/// The charge that an operation makes, if it does.
fn charge_of(operation: &Operation) -> Option<&NewCharge> {
    match operation {
        Operation::Settle { charge, .. } | Operation::Charge(charge) => Some(charge),
        _ => None,
    }
}

/// Whether an operation may give something back to others.
fn gives_back(operation: &Operation) -> bool {
    matches!(operation, Operation::Release { .. } | Operation::Settle { rest: Rest::Release, .. })
}
