//! Coming to rest: what must hold when nothing is on its way.

use std::time::Duration;

use keycap_budget::lease::LimitAt;
use keycap_budget::{
    AccountId, Amount, Claim, CounterKey, DEFAULT_HOLD_LIFE, Hold, Meter, Operation, Snapshot,
};

use crate::drawer::Drawer;
use crate::node::{Life, Node};
use crate::requests::{End, Stage, cost};
use crate::store::Store;
use crate::truth::{Broken, broken};
use crate::world::World;

/// A world that is not at rest after so many rounds never will be.
const MOST_ROUNDS: usize = 2_000;

/// How much time passes between two rounds.
const ROUND: Duration = Duration::from_millis(100);

/// The largest amount that is asked for to see whether it is admitted.
const MOST_PROBED: i64 = 1_000_000;

/// After so many rounds in which nobody asked for anything but renewals, nobody waits to ask again.
const QUIET_ROUNDS: usize = 8;

impl<S: Store, P: Drawer> World<S, P> {
    /// Lets everything arrive, asks each node whether it knows of all it has leased, ends all requests,
    /// and waits until nothing is leased any more. The world goes on from there.
    ///
    /// # Errors
    /// What does not hold.
    pub fn come_to_rest(&mut self) -> Result<(), Broken> {
        let nodes = u8::try_from(self.nodes.len()).unwrap_or(u8::MAX);
        for node in 0..nodes {
            self.step(crate::Move::Restart { node, sweeps: true })?;
            self.step(crate::Move::Hear { node })?;
        }
        self.let_arrive()?;
        self.check_all_known()?;
        self.probe()?;
        self.end_all();
        self.let_return()?;
        self.check_living_hold_nothing()?;
        // What a node asked for before it crashed may have come after it was started again.
        self.pass(DEFAULT_HOLD_LIFE);
        self.step(crate::Move::Sweep)?;
        self.check_nothing_held()?;
        self.check_nothing_owed()
    }

    /// Lets all that is on its way arrive, until nothing more comes of it.
    pub(crate) fn let_arrive(&mut self) -> Result<(), Broken> {
        let mut quiet = 0;
        for _ in 0..MOST_ROUNDS {
            quiet += 1;
            while self.messages() > 0 {
                if (0..self.nodes.len()).any(|node| self.has_work(node)) {
                    quiet = 0;
                }
                self.step(crate::Move::Deliver { message: 0 })?;
            }
            if (0..self.nodes.len()).any(|node| self.has_work(node)) {
                quiet = 0;
            }
            if quiet == QUIET_ROUNDS {
                return Ok(());
            }
            self.tick_all()?;
            self.pass(ROUND);
        }
        let stuck: Vec<_> =
            self.nodes.iter().map(|node| (&node.askings, &node.tabs, &node.leases)).collect();
        broken("rest", format!("something is always on its way: {stuck:?}"))
    }

    fn has_work(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        let waits = node.tabs.values().any(|tab| tab.stage != Stage::Working);
        let renews = |it: &Operation| matches!(it, Operation::Extend { .. });
        let asks = node.askings.values().any(|asking| !asking.operations.iter().all(renews));
        asks || !node.queue.is_empty() || waits
    }

    fn tick_all(&mut self) -> Result<(), Broken> {
        for node in 0..self.nodes.len() {
            // What was asked and got lost is asked again.
            let lost: Vec<u32> = self.nodes[node].askings.keys().copied().collect();
            if self.messages() == 0 {
                lost.into_iter().for_each(|asking| self.nodes[node].give_up(asking));
            }
            let node = u8::try_from(node).unwrap_or(u8::MAX);
            self.step(crate::Move::Flush { node })?;
            self.step(crate::Move::Tick { node })?;
        }
        Ok(())
    }

    /// I6: every lease that the ledger has for a living node is one that the node knows.
    fn check_all_known(&self) -> Result<(), Broken> {
        let snapshot = &self.rows;
        for node in self.nodes.iter().filter(|node| node.life != Life::Down) {
            let known: Vec<_> =
                node.purses.values().flat_map(|held| held.drawer.leases()).collect();
            let is_lost = |hold: &&Hold| {
                let lease = matches!(hold.claim, Claim::Limit(..));
                lease
                    && hold.is_open()
                    && hold.owner == node.owner
                    && !known.contains(&hold.id)
                    && !self.costs_nothing(hold)
            };
            if let Some(hold) = snapshot.holds.iter().find(is_lost) {
                return broken("I6, equal", format!("nobody knows of {hold:?}"));
            }
        }
        self.check_closed(snapshot)
    }

    /// A lease that came when nobody waited for it any more: it expires, and nothing of it is captured.
    fn costs_nothing(&self, hold: &Hold) -> bool {
        hold.exposure.is_some_and(Amount::is_zero) && self.truth.late.contains(&hold.id)
    }

    /// I6: behind a closed purse the ledger has no more than what was drawn from it.
    fn check_closed(&self, snapshot: &Snapshot) -> Result<(), Broken> {
        for node in self.nodes.iter().filter(|node| node.life != Life::Down) {
            for (id, held) in node.purses.iter().filter(|(_, held)| held.is_closed) {
                let leases = held.drawer.leases();
                let behind = snapshot.holds.iter().filter(|hold| leases.contains(&hold.id));
                let leased: i64 =
                    behind.flat_map(|hold| &hold.legs).map(|leg| leg.amount.units()).sum();
                if leased > held.credit.max(0) {
                    let found = format!("{id:?} has {leased} leased, {} is out", held.credit);
                    return broken("I6, equal", found);
                }
            }
        }
        Ok(())
    }

    /// I7: for each account a request of half of what is left for it is admitted, and one of a little
    /// more than that is refused. What nodes have free counts as left.
    fn probe(&mut self) -> Result<(), Broken> {
        // What expired under a living node counts as spent and as drawn until that settles.
        let captured = |hold: &Hold| {
            hold.legs.iter().any(|leg| !leg.captured.is_zero()) && !self.is_gone(hold)
        };
        let unclear = |hold: &Hold| captured(hold) || (hold.is_open() && self.is_orphan(hold));
        if self.rows.holds.iter().any(unclear) {
            return Ok(());
        }
        for row in 0..self.plan.rows.len() {
            let account = self.plan.rows[row].id.clone();
            let node = row % self.nodes.len();
            let minute = self.minute();
            let Some(left) = self.left_for(&account, node) else { continue };
            for (units, fits) in [(left.min(MOST_PROBED) / 2, true), (left + 1, false)] {
                let Ok(units) = u32::try_from(units) else { continue };
                let claim = cost(&Meter::USD, units);
                let before = self.truth.refusals;
                self.nodes[node].start(&account, claim);
                self.work_off();
                self.let_arrive()?;
                let was_refused = self.truth.refusals > before;
                if was_refused == fits && self.minute() == minute {
                    let found = format!("{units} for {account} with {left} left, fits: {fits}");
                    return broken("I7", found);
                }
            }
        }
        Ok(())
    }

    /// Which minute the ledger's clock shows: no window ends within it.
    fn minute(&self) -> i64 {
        self.ledger_now().as_millis() / 60_000
    }

    /// A hold of a node that is gone, or one that nobody knows of.
    fn is_orphan(&self, hold: &Hold) -> bool {
        self.is_gone(hold) || self.costs_nothing(hold)
    }

    fn is_gone(&self, hold: &Hold) -> bool {
        let living = |node: &Node<P>| node.life == Life::Up && node.owner == hold.owner;
        !self.nodes.iter().any(living)
    }

    /// What is left for an account on its tightest limit of money, were all that is free returned.
    fn left_for(&self, account: &AccountId, node: usize) -> Option<i64> {
        let node = &self.nodes[node];
        let limits = node.limits(account, &cost(&Meter::USD, 1));
        let now = self.ledger_now();
        let left = |at: &LimitAt| {
            let start = at.limit.period.window(now).start;
            let (account, limit) = (at.account.clone(), at.limit.clone());
            let row = self.rows.accounts.iter().find(|row| row.id == account)?;
            let cap = row.terms.limits.find(&limit)?.cap().units();
            let key = CounterKey { account, limit, start };
            let spent = self.rows.counters.iter().find(|(other, _)| *other == key);
            let spent = spent.map_or(0, |(_, counter)| counter.spent.units());
            Some(cap - spent - self.used(&key))
        };
        (node.life == Life::Up).then_some(())?;
        limits.iter().filter_map(left).min().map(|left| left.max(0))
    }

    /// What requests have drawn and hold on a counter.
    fn used(&self, key: &CounterKey) -> i64 {
        let own = self.rows.holds.iter().filter(|hold| !matches!(hold.claim, Claim::Limit(..)));
        let legs = own.flat_map(|hold| &hold.legs).filter(|leg| leg.counter() == *key);
        let held: i64 = legs.map(|leg| leg.amount.units()).sum();
        let purses = self.nodes.iter().flat_map(|node| {
            let on_it = node.purses.iter().filter(|(_, purse)| purse.counter() == *key);
            on_it.map(|(_, purse)| (purse.credit - purse.drawer.free().units()).max(0))
        });
        held + purses.sum::<i64>()
    }

    fn end_all(&mut self) {
        for node in &mut self.nodes {
            let requests: Vec<u32> = node.tabs.keys().copied().collect();
            requests.into_iter().for_each(|request| node.end(request, End::Badly));
        }
        self.work_off();
    }

    /// Waits until every idle lease is back.
    fn let_return(&mut self) -> Result<(), Broken> {
        for _ in 0..MOST_ROUNDS {
            self.let_arrive()?;
            let quiet = |node: &Node<P>| {
                node.life == Life::Down || (node.is_quiet() && node.leases.next_at().is_none())
            };
            if self.nodes.iter().all(quiet) {
                return Ok(());
            }
            self.pass(ROUND);
        }
        broken("rest", format!("a lease is never returned: {:?}", self.leases()))
    }

    fn leases(&self) -> Vec<&keycap_budget::lease::Leases> {
        self.nodes.iter().map(|node| &node.leases).collect()
    }

    fn check_living_hold_nothing(&self) -> Result<(), Broken> {
        let snapshot = &self.rows;
        let living = |owner| self.nodes.iter().any(|it| it.life != Life::Down && it.owner == owner);
        match snapshot
            .holds
            .iter()
            .find(|hold| hold.is_open() && living(hold.owner) && !self.costs_nothing(hold))
        {
            Some(hold) => broken("I6, equal", format!("nobody gives back {hold:?}")),
            None => Ok(()),
        }
    }

    fn check_nothing_held(&self) -> Result<(), Broken> {
        let snapshot = &self.rows;
        match snapshot.counters.iter().find(|(_, counter)| !counter.held.is_zero()) {
            Some((key, counter)) => broken("I6, equal", format!("{key:?} shows {counter:?}")),
            None => Ok(()),
        }
    }

    /// P2: all that was queued by a node that did not crash is on record.
    fn check_nothing_owed(&self) -> Result<(), Broken> {
        let mut owed = self.truth.queued.keys();
        match owed.find(|id| {
            !self.truth.acknowledged.contains(id) && !self.truth.may_be_lost.contains(id)
        }) {
            Some(id) => broken("P2", format!("charge {id} was never recorded")),
            None => Ok(()),
        }
    }
}
