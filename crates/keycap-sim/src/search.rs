//! Small worlds, searched whole: every order of messages, every place for a crash.
//!
//! A search begins in a small world and lets happen, in each state it reaches, everything that can
//! happen there: requests come in their order and end, messages arrive in any order, and so many of them
//! are lost or repeated, so many nodes killed, so often time passes. A state that was seen before is not
//! gone through again. In every state all that must hold at any moment is checked; where all requests
//! have ended and nothing is on its way, the world also comes to rest.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::drawer::Drawer;
use crate::node::Life;
use crate::requests::{End, Stage};
use crate::store::Store;
use crate::truth::Broken;
use crate::world::{Claim, Move, Plan, World};

/// How much may go wrong on one way through the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mishaps {
    /// Nodes that are killed.
    pub crashes: u8,
    /// Messages that are lost.
    pub losses: u8,
    /// Messages that arrive twice.
    pub repeats: u8,
    /// Answers that are given up although they may yet come.
    pub impatience: u8,
    /// How often money is called back.
    pub call_backs: u8,
    /// How often time passes until something is due.
    pub passes: u8,
}

/// A world that is small enough.
#[derive(Clone, Debug)]
pub struct SmallWorld {
    /// How it is made.
    pub plan: Plan,
    /// The requests, in the order in which they come: to which node, for which account, and for what.
    pub requests: Vec<(u8, u8, Claim)>,
    /// How much may go wrong.
    pub mishaps: Mishaps,
}

/// What a search covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Different states that were reached and checked.
    pub states: usize,
    /// Steps that were taken between them.
    pub steps: usize,
    /// States from which the world was brought to rest.
    pub rests: usize,
    /// Whether every state that can be reached was.
    pub is_all: bool,
}

/// A way into a state in which something does not hold.
#[derive(Clone, Debug)]
pub struct Way {
    /// What happened.
    pub moves: Vec<Move>,
    /// What does not hold.
    pub broken: Broken,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.broken)?;
        self.moves.iter().try_for_each(|step| writeln!(f, "    {step:?},"))
    }
}

/// One state, and what may still go wrong after it.
#[derive(Clone)]
struct Place<S, P> {
    world: World<S, P>,
    left: Mishaps,
    begun: usize,
    way: Vec<Move>,
}

/// Goes through every state of a small world, or through `most` of them.
///
/// # Errors
/// A way into a state in which something does not hold.
pub fn search<S, P>(small: &SmallWorld, ledger: S, most: usize) -> Result<Covered, Box<Way>>
where
    S: Store + Clone + Hash,
    P: Drawer + Clone + Hash,
{
    let world = World::<S, P>::new(small.plan.clone(), ledger);
    let mut seen = HashSet::new();
    let mut covered = Covered { is_all: true, ..Covered::default() };
    let mut open = vec![Place { world, left: small.mishaps, begun: 0, way: Vec::new() }];
    while let Some(place) = open.pop() {
        if !seen.insert(place.fingerprint()) {
            continue;
        }
        if covered.states == most {
            covered.is_all = false;
            break;
        }
        covered.states += 1;
        if place.is_at_an_end(small) {
            covered.rests += 1;
            place.rest()?;
        }
        for (step, left) in place.steps(small) {
            covered.steps += 1;
            open.push(place.after(step, left)?);
        }
    }
    Ok(covered)
}

impl<S: Store + Clone + Hash, P: Drawer + Clone + Hash> Place<S, P> {
    fn fingerprint(&self) -> u128 {
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            (salt, self.left, self.begun).hash(&mut hasher);
            self.world.hash_whole(&mut hasher);
            u128::from(hasher.finish())
        };
        (half(1) << 64) | half(2)
    }

    fn after(&self, step: Move, left: Mishaps) -> Result<Self, Box<Way>> {
        let mut next = self.clone();
        next.way.push(step);
        next.left = left;
        next.begun += usize::from(matches!(step, Move::Start { .. }));
        match next.world.step(step) {
            Ok(()) => Ok(next),
            Err(broken) => Err(Box::new(Way { moves: next.way, broken })),
        }
    }

    fn rest(&self) -> Result<(), Box<Way>> {
        let rested = self.world.clone().come_to_rest();
        rested.map_err(|broken| Box::new(Way { moves: self.way.clone(), broken }))
    }

    fn is_at_an_end(&self, small: &SmallWorld) -> bool {
        let idle = |node: &crate::node::Node<P>| {
            node.tabs.is_empty() && node.queue.is_empty() && node.askings.is_empty()
        };
        self.begun == small.requests.len()
            && self.world.messages() == 0
            && self.world.nodes.iter().all(idle)
    }

    /// All that can happen next, and what may go wrong after it.
    fn steps(&self, small: &SmallWorld) -> Vec<(Move, Mishaps)> {
        let mut steps = Vec::new();
        if let Some((node, account, claim)) = small.requests.get(self.begun).copied() {
            steps.push((Move::Start { node, account, claim }, self.left));
        }
        self.on_messages(&mut steps);
        for (number, node) in self.world.nodes.iter().enumerate() {
            let number = u8::try_from(number).unwrap_or(u8::MAX);
            match node.life {
                Life::Down => steps.push((Move::Restart { node: number, sweeps: true }, self.left)),
                Life::Up | Life::Leaving => self.on_node(number, &mut steps),
            }
        }
        if let (Some(ms), Some(passes)) = (self.world.due_in_ms(), self.left.passes.checked_sub(1))
        {
            steps.push((Move::Pass { ms }, Mishaps { passes, ..self.left }));
        }
        if self.world.has_expired() {
            steps.push((Move::Sweep, self.left));
        }
        steps
    }

    fn on_messages(&self, steps: &mut Vec<(Move, Mishaps)>) {
        for message in 0..u8::try_from(self.world.messages()).unwrap_or(u8::MAX) {
            steps.push((Move::Deliver { message }, self.left));
            if let Some(losses) = self.left.losses.checked_sub(1) {
                steps.push((Move::Lose { message }, Mishaps { losses, ..self.left }));
            }
            if let Some(repeats) = self.left.repeats.checked_sub(1) {
                steps.push((Move::Repeat { message }, Mishaps { repeats, ..self.left }));
            }
        }
    }

    fn on_node(&self, number: u8, steps: &mut Vec<(Move, Mishaps)>) {
        let node = &self.world.nodes[usize::from(number)];
        for (place, (request, tab)) in node.tabs.iter().enumerate() {
            let at = u8::try_from(place).unwrap_or(u8::MAX);
            let end = if request % 2 == 0 { End::Badly } else { End::Well };
            if tab.stage == Stage::Working {
                steps.push((Move::End { node: number, request: at, end }, self.left));
            }
        }
        if !node.queue.is_empty() && !self.world.is_sending(number) {
            steps.push((Move::Flush { node: number }, self.left));
        }
        let is_due = node.leases.next_at().is_some_and(|at| at <= node.now);
        if is_due || node.purses.values().any(|held| held.has_late) {
            steps.push((Move::Tick { node: number }, self.left));
        }
        for (place, asking) in node.askings.keys().enumerate() {
            let give_up =
                Move::GiveUp { node: number, asking: u8::try_from(place).unwrap_or(u8::MAX) };
            match self.left.impatience.checked_sub(1) {
                _ if !self.world.is_on_its_way(number, *asking) => {
                    steps.push((give_up, self.left));
                }
                Some(impatience) => steps.push((give_up, Mishaps { impatience, ..self.left })),
                None => {}
            }
        }
        if let Some(crashes) = self.left.crashes.checked_sub(1) {
            steps.push((Move::Crash { node: number }, Mishaps { crashes, ..self.left }));
        }
        if let Some(call_backs) = self.left.call_backs.checked_sub(1) {
            for account in 0..u8::try_from(self.world.plan.rows.len()).unwrap_or(u8::MAX) {
                let left = Mishaps { call_backs, ..self.left };
                steps.push((Move::CallBack { node: number, account }, left));
            }
        }
    }
}

impl<S: Store + Hash, P: Drawer + Hash> World<S, P> {
    /// Hashes all of it; in which order messages were sent does not matter.
    fn hash_whole(&self, hasher: &mut impl Hasher) {
        (&self.store, &self.nodes, &self.truth, self.times()).hash(hasher);
        let mut messages = self.message_hashes();
        messages.sort_unstable();
        messages.hash(hasher);
    }
}

impl<S: Store, P: Drawer> World<S, P> {
    /// How long until something is due on a node or expires at the ledger, if it is not due already.
    fn due_in_ms(&self) -> Option<u32> {
        let up = self.nodes.iter().filter(|node| node.life != Life::Down);
        let due = up.filter_map(|node| Some(node.leases.next_at()?.since(node.now)));
        let now = self.ledger_now();
        let open = self.rows.holds.iter().filter(|hold| hold.is_open());
        let expiries = open.map(|hold| hold.expires_at.since(now));
        let next = due.chain(expiries).filter(|span| !span.is_zero()).min()?;
        let ms = next.checked_add(Duration::from_millis(1))?.as_millis();
        u32::try_from(ms).ok()
    }

    fn has_expired(&self) -> bool {
        let now = self.ledger_now();
        self.rows.holds.iter().any(|hold| hold.is_open() && hold.expires_at <= now)
    }
}
