//! What must hold after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keycap_budget::{
    Amount, Charge, ChargeId, Claim, CounterKey, Decided, Hold, HoldState, Operation, Outcome,
    OwnerId, Snapshot, Sweep, audit,
};

use crate::drawer::Drawer;
use crate::node::{About, Held, Life, Node};
use crate::queue::{Owed, Source};
use crate::store::Store;
use crate::truth::{Broken, Lost, broken};
use crate::world::World;

impl<S: Store, P: Drawer> World<S, P> {
    /// Checks what must hold at every moment.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&mut self) -> Result<(), Broken> {
        let (snapshot, now) = (Arc::clone(&self.rows), self.ledger_now());
        self.truth.note_caps(&snapshot, now);
        if std::mem::take(&mut self.is_changed) {
            audit(&snapshot)?;
            self.check_caps(&snapshot)?;
            self.check_charges(&snapshot)?;
        }
        self.check_work()?;
        self.check_purses()?;
        self.check_leases(&snapshot)?;
        match &self.truth.stray {
            Some(stray) => broken("the manager's word", stray.clone()),
            None => Ok(()),
        }
    }

    /// I1: what is spent and held is within the cap, but for what was uncovered; and nothing is
    /// uncovered but what a request spent above what it had.
    fn check_caps(&self, snapshot: &Snapshot) -> Result<(), Broken> {
        for (key, counter) in &snapshot.counters {
            let cap = self.truth.caps.get(key).copied().unwrap_or_default();
            let used = counter.spent.units() + counter.held.units();
            if used > cap.units() + counter.uncovered.units() {
                return broken("I1", format!("{key:?} shows {counter:?}, its cap was {cap:?}"));
            }
            let overrun = self.truth.overrun.get(key).copied().unwrap_or(0);
            if counter.uncovered.units() > overrun && !self.truth.was_amended {
                let found = format!("{key:?} shows {counter:?}, but {overrun} was overrun");
                return broken("I1, covered", found);
            }
        }
        Ok(())
    }

    /// P1: the work that was really done within what was set aside is within the cap.
    fn check_work(&self) -> Result<(), Broken> {
        for (key, work) in &self.truth.work {
            let cap = self.truth.caps.get(key).copied().unwrap_or_default().units();
            if *work > cap {
                return broken("P1", format!("{work} of work on {key:?}, its cap was {cap}"));
            }
        }
        Ok(())
    }

    /// P2 and P3: what a node was told is on record is there, and what is on record was asked for.
    fn check_charges(&self, snapshot: &Snapshot) -> Result<(), Broken> {
        let on_record: BTreeMap<ChargeId, &Charge> =
            snapshot.charges.iter().map(|charge| (charge.id, charge)).collect();
        let is_there = |id: &&ChargeId| !on_record.contains_key(id);
        if let Some(id) = self.truth.acknowledged.iter().find(is_there) {
            return broken("P2", format!("charge {id} was acknowledged and is not on record"));
        }
        for (id, charge) in on_record {
            let wanted = self.truth.queued.get(&id);
            if wanted
                .is_none_or(|(account, cost)| charge.account != *account || charge.cost != *cost)
            {
                return broken("P3", format!("{charge:?} is on record, {wanted:?} was asked for"));
            }
        }
        Ok(())
    }

    /// What is in a purse and what was drawn from it and is not on record add up.
    fn check_purses(&self) -> Result<(), Broken> {
        for node in self.nodes.iter().filter(|node| node.life != Life::Down) {
            for (id, held) in &node.purses {
                let out = node.out(id);
                let free = held.drawer.free().units();
                if free != (held.credit - out).max(0) {
                    let credit = held.credit;
                    let found = format!("{id:?} of {credit} has {free} in it, {out} is out");
                    return broken("the purse's sum", found);
                }
            }
        }
        Ok(())
    }

    /// I6: what the ledger shows as leased, and as exposed, is at least what nodes have free, drawn, and
    /// settled and not yet durable. For a crashed node: what it had drawn.
    fn check_leases(&self, snapshot: &Snapshot) -> Result<(), Broken> {
        let on_record: BTreeSet<ChargeId> = snapshot.charges.iter().map(|it| it.id).collect();
        let exposed = exposed(snapshot);
        let is_enough = |owner: OwnerId, key: &CounterKey, needed: i64| {
            let exposed = exposed.get(&(owner, key.clone())).copied().unwrap_or(0);
            match exposed < needed {
                true => broken("I6", format!("{exposed} exposed, {needed} needed: {key:?}")),
                false => Ok(()),
            }
        };
        for node in self.nodes.iter().filter(|node| node.life != Life::Down) {
            for (key, needed) in node.needs(&on_record) {
                is_enough(node.owner, &key, needed)?;
            }
        }
        for (owner, lost) in &self.truth.lost {
            for (key, lost) in lost {
                is_enough(*owner, key, lost.still(&on_record))?;
            }
        }
        Ok(())
    }

    /// Notes what a node that crashes has drawn and not made durable.
    pub(crate) fn note_crash(&mut self, number: usize) {
        let snapshot = Arc::clone(&self.rows);
        let on_record: BTreeSet<ChargeId> = snapshot.charges.iter().map(|it| it.id).collect();
        let node = &self.nodes[number];
        let mut lost: BTreeMap<CounterKey, Lost> = BTreeMap::new();
        for (id, held) in &node.purses {
            let drawn = held.credit - held.drawer.free().units();
            let entry = lost.entry(held.counter()).or_default();
            let under_way = node.under_way().flat_map(|owed| owed.on(id));
            let (durable, open): (Vec<_>, Vec<_>) =
                under_way.partition(|(id, _)| on_record.contains(id));
            let durable: i64 = durable.iter().map(|(_, amount)| amount).sum();
            entry.drawn += (drawn - durable).max(0);
            entry.under_way.extend(open);
        }
        let owed = node.queue.iter().chain(node.under_way()).map(|owed| owed.id);
        self.truth.may_be_lost.extend(owed);
        self.truth.lost.insert(node.owner, lost);
    }

    /// The ledger ends holds, of which each is captured up to its exposure and no more.
    pub(crate) fn sweep(&mut self, sweep: Sweep) -> Result<(), Broken> {
        let before = Arc::clone(&self.rows);
        self.apply(&[Operation::Sweep(sweep)])?;
        let after = Arc::clone(&self.rows);
        let captured = after.holds.iter().filter(|hold| hold.state == HoldState::Captured);
        for hold in captured {
            let was = before.holds.iter().find(|was| was.id == hold.id && was.is_open());
            if let Some(was) = was.filter(|was| exposure(was) != exposure(hold)) {
                return broken("capture", format!("{was:?} became {hold:?}"));
            }
        }
        Ok(())
    }

    /// What is asked makes sense to the ledger.
    pub(crate) fn check_covered(
        &self,
        operation: &Operation,
        answer: &Decided,
    ) -> Result<(), Broken> {
        let makes_sense = match (operation, answer) {
            (Operation::Settle { .. } | Operation::Charge(_), answer) => {
                matches!(answer, Ok(Outcome::Recorded(_)))
            }
            (Operation::Hold(_), Err(_)) => self.truth.was_amended,
            (_, answer) => answer.is_ok(),
        };
        match makes_sense {
            true => Ok(()),
            false => broken("P2", format!("{operation:?} was answered {answer:?}")),
        }
    }
}

/// What expiry would capture of each owner's leases, or has captured, on each counter.
fn exposed(snapshot: &Snapshot) -> BTreeMap<(OwnerId, CounterKey), i64> {
    let mut exposed = BTreeMap::new();
    let leases = snapshot.holds.iter().filter(|hold| matches!(hold.claim, Claim::Limit(..)));
    for hold in leases {
        for leg in &hold.legs {
            *exposed.entry((hold.owner, leg.counter())).or_default() += exposure(hold);
        }
    }
    exposed
}

/// What expiry captures of a hold, or has captured.
fn exposure(hold: &Hold) -> i64 {
    let leg = |leg: &keycap_budget::Leg| {
        let open = hold.exposure.map_or(leg.amount, |most: Amount| most.min(leg.amount));
        open.units() + leg.captured.units()
    };
    hold.legs.iter().map(leg).sum()
}

impl Lost {
    /// What is not durable yet.
    fn still(&self, on_record: &BTreeSet<ChargeId>) -> i64 {
        let arrived = self.under_way.iter().filter(|(id, _)| on_record.contains(id));
        self.drawn - arrived.map(|(_, amount)| amount).sum::<i64>()
    }
}

impl Owed {
    /// What is owed of this purse.
    pub(crate) fn on(&self, purse: &keycap_budget::lease::PurseId) -> Option<(ChargeId, i64)> {
        let Source::Purses(purses) = &self.from else { return None };
        let (_, meter) = purses.iter().find(|(id, _)| id == purse)?;
        Some((self.id, self.cost.amount(meter).units()))
    }
}

impl<P> Held<P> {
    pub(crate) fn counter(&self) -> CounterKey {
        let (account, limit) = (self.limit.account.clone(), self.limit.limit.clone());
        CounterKey { account, limit, start: self.window.start }
    }
}

impl<P: Drawer> Node<P> {
    /// Charges in a batch that was sent.
    fn under_way(&self) -> impl Iterator<Item = &Owed> {
        self.askings.values().flat_map(|asking| match &asking.about {
            About::Batch(owed) => owed.as_slice(),
            About::Lease(_) | About::Hold(_) => &[],
        })
    }

    /// What was drawn from a purse and is not known to be on record.
    fn out(&self, id: &keycap_budget::lease::PurseId) -> i64 {
        let tabs = self.tabs.values().flat_map(|tab| {
            let own = tab.purses.iter().find(|(purse, _)| purse == id);
            own.map(|(_, meter)| tab.drawn.amount(meter).units())
        });
        let owed = self.queue.iter().chain(self.under_way());
        tabs.sum::<i64>() + owed.filter_map(|owed| owed.on(id)).map(|(_, units)| units).sum::<i64>()
    }

    /// What the ledger must have exposed for this node, on each counter.
    fn needs(&self, on_record: &BTreeSet<ChargeId>) -> BTreeMap<CounterKey, i64> {
        let mut needs = BTreeMap::new();
        for (id, held) in &self.purses {
            let owed = self.under_way().filter_map(|owed| owed.on(id));
            let durable = owed.filter(|(id, _)| on_record.contains(id));
            let needed = held.credit - durable.map(|(_, units)| units).sum::<i64>();
            *needs.entry(held.counter()).or_default() += needed.max(0);
        }
        needs
    }
}
