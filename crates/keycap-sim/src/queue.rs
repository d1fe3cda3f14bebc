//! What a node owes the ledger: charges, sent together, one batch at a time, and again until answered.

use keycap_base::Labels;
use keycap_budget::lease::{Event, PurseId};
use keycap_budget::{
    AccountId, ChargeId, Cost, Decided, HoldId, Meter, NewCharge, Operation, Outcome, Rest,
};

use crate::drawer::Drawer;
use crate::node::{About, Fact, Node};

/// A charge, or a hold that is done with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owed {
    pub(crate) id: ChargeId,
    pub(crate) account: AccountId,
    pub(crate) cost: Cost,
    pub(crate) from: Source,
}

/// What pays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// The leases behind these purses, each of which counts one meter.
    Purses(Vec<(PurseId, Meter)>),
    /// A request's own hold.
    Hold(HoldId, Rest),
    /// Nothing: the hold is given back.
    Release(HoldId),
}

impl<P: Drawer> Node<P> {
    /// Sends all that is owed, unless a batch is on its way.
    pub(crate) fn flush(&mut self) {
        let is_on_its_way =
            self.askings.values().any(|asking| matches!(asking.about, About::Batch(_)));
        if is_on_its_way || self.queue.is_empty() {
            return;
        }
        let owed = self.folded();
        let operations = owed.iter().map(|owed| self.operation(owed)).collect();
        self.ask(About::Batch(owed), operations);
    }

    /// The queue, with those that only count requests and are paid from the same purses as one.
    fn folded(&mut self) -> Vec<Owed> {
        let mut folded: Vec<Owed> = Vec::new();
        for owed in std::mem::take(&mut self.queue) {
            let folds = |other: &&mut Owed| {
                other.is_only_requests()
                    && owed.is_only_requests()
                    && other.account == owed.account
                    && other.from == owed.from
            };
            match folded.iter_mut().find(folds) {
                Some(other) => {
                    other.cost = other.cost.plus(&owed.cost).expect("small");
                    let (account, cost) = (other.account.clone(), other.cost.clone());
                    self.facts.push(Fact::Folded(owed.id));
                    self.facts.push(Fact::Queued(other.id, account, cost));
                }
                None => folded.push(owed),
            }
        }
        folded
    }

    fn operation(&self, owed: &Owed) -> Operation {
        let (account, cost, tags) = (owed.account.clone(), owed.cost.clone(), Labels::new());
        let charge = NewCharge { id: owed.id, account, cost, tags };
        match &owed.from {
            Source::Purses(purses) => {
                let leases = |(id, _): &(PurseId, Meter)| {
                    self.purses.get(id).map(|held| held.drawer.leases()).unwrap_or_default()
                };
                let holds: Vec<HoldId> = purses.iter().flat_map(leases).collect();
                match holds.is_empty() {
                    true => Operation::Charge(charge),
                    false => Operation::Settle { charge, holds, rest: Rest::Keep },
                }
            }
            Source::Hold(hold, rest) => {
                Operation::Settle { charge, holds: vec![*hold], rest: *rest }
            }
            Source::Release(hold) => Operation::Release { account: charge.account, hold: *hold },
        }
    }

    /// A batch was answered.
    pub(crate) fn settled(&mut self, owed: Vec<Owed>, answers: &[Decided]) {
        for (owed, answer) in owed.into_iter().zip(answers) {
            if let Ok(Outcome::Recorded(_)) = answer {
                self.facts.push(Fact::Acknowledged(owed.id));
            }
            let Source::Purses(purses) = &owed.from else { continue };
            for (id, meter) in purses {
                let (purse, amount) = (*id, owed.cost.amount(meter));
                if let Some(held) = self.purses.get_mut(id) {
                    held.credit -= amount.units();
                }
                self.tell(Event::Settled { purse, amount });
            }
        }
    }
}

impl Owed {
    fn is_only_requests(&self) -> bool {
        let only = self.cost.iter().all(|(meter, _)| *meter == Meter::REQUESTS);
        only && matches!(self.from, Source::Purses(_))
    }
}
