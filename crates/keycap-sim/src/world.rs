//! The world: nodes, one ledger, what is between them, and time.
//!
//! Everything that happens is a [`Move`]; the same moves make the same world. A move that has nothing
//! to move (the third message of two) takes another, or does nothing, so that any list of moves is a
//! script and stays one when moves are left out.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Ticks, Timestamp};
use keycap_budget::lease::{Event, LeaseSettings, LimitAt};
use keycap_budget::{
    AccountId, Cost, Decided, HoldId, Meter, Operation, Outcome, OwnerId, Snapshot, Sweep,
};

use crate::drawer::Drawer;
use crate::ids::Ids;
use crate::node::{About, Fact, Life, Node, View};
use crate::requests::{End, Stage, cost};
use crate::shape::{Change, Row, open};
use crate::store::Store;
use crate::truth::{Broken, Truth};

/// When worlds begin: two minutes before a day of UTC ends.
pub const START: Timestamp = Timestamp::from_millis(1_772_495_880_000);

/// How a world is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// How many nodes.
    pub nodes: u8,
    /// How they lease.
    pub settings: LeaseSettings,
    /// The accounts.
    pub rows: Vec<Row>,
    /// How much faster than the ledger's each node's clock runs, in thousandths.
    pub drift: Vec<i8>,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields say what is meant: which of those there are")]
pub enum Move {
    /// A request comes to a node, for the claim of this number.
    Start { node: u8, account: u8, claim: Claim },
    /// A request wants more.
    Extend { node: u8, request: u8, units: u8 },
    /// A request reports a cost: this many hundredths of its claim.
    Track { node: u8, request: u8, hundredths: u8 },
    /// A request ends.
    End { node: u8, request: u8, end: End },
    /// A node sends what it owes.
    Flush { node: u8 },
    /// A node's manager is told that time has passed, and late money is withdrawn.
    Tick { node: u8 },
    /// A message arrives.
    Deliver { message: u8 },
    /// A message arrives, and will again.
    Repeat { message: u8 },
    /// A message is lost.
    Lose { message: u8 },
    /// A node waits no longer for an answer.
    GiveUp { node: u8, asking: u8 },
    /// A node is killed.
    Crash { node: u8 },
    /// A node is started again. With a sweep, what its predecessor held ends at once.
    Restart { node: u8, sweeps: bool },
    /// A node begins to shut down.
    Leave { node: u8 },
    /// Another node calls back what this one has leased on a limit of an account.
    CallBack { node: u8, account: u8 },
    /// Time passes, for all.
    Pass { ms: u32 },
    /// Time passes until the ledger's clock shows the next full minute, or so much before it.
    PassToMinute { before_ms: u16 },
    /// The ledger's clock is set forward.
    Jump { ms: u32 },
    /// An operator changes an account.
    Amend { account: u8, change: Change },
    /// A node hears of all amendments.
    Hear { node: u8 },
    /// The ledger ends what has expired.
    Sweep,
    /// The ledger forgets what it may.
    Prune,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "units of each meter")]
pub struct Claim {
    pub usd: u8,
    pub tokens: u8,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Message {
    node: u8,
    /// Which start of the node sent it, or is to hear it.
    owner: OwnerId,
    asking: u32,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Body {
    Asked(Vec<Operation>),
    Answered(Vec<Decided>),
}

/// Nodes over one ledger.
#[derive(Clone, Debug)]
pub struct World<S, P> {
    pub(crate) plan: Plan,
    pub(crate) store: S,
    pub(crate) nodes: Vec<Node<P>>,
    messages: Vec<Message>,
    /// How much time has passed.
    passed: Duration,
    /// How far the ledger's clock was set forward.
    jumped: Duration,
    pub(crate) truth: Truth,
    /// Every row of the ledger, as of now.
    pub(crate) rows: Arc<Snapshot>,
    /// Whether they changed since they were last checked.
    pub(crate) is_changed: bool,
}

impl<S: Store, P: Drawer> World<S, P> {
    /// A world over this ledger, which must be empty.
    pub fn new(plan: Plan, mut store: S) -> Self {
        let opened = store.apply(&open(&plan.rows, START), START);
        assert!(opened.iter().all(Result::is_ok), "{opened:?}");
        let view = |row: &Row| {
            (row.id.clone(), View { parent: row.parent.clone(), limits: row.limits.clone() })
        };
        let view: BTreeMap<AccountId, View> = plan.rows.iter().map(view).collect();
        let node = |number| Node::new(Ids::of_node(number), plan.settings, view.clone(), START);
        let nodes = (0..plan.nodes).map(node).collect();
        let (passed, jumped) = (Duration::ZERO, Duration::ZERO);
        let (messages, truth) = (Vec::new(), Truth::default());
        let (rows, is_changed) = (Arc::new(store.snapshot()), true);
        let mut world =
            Self { plan, store, nodes, messages, passed, jumped, truth, rows, is_changed };
        world.set_clocks();
        world
    }

    /// What the ledger's clock shows.
    pub(crate) fn ledger_now(&self) -> Timestamp {
        START.plus(self.passed).plus(self.jumped)
    }

    /// Lets something happen, and checks what must hold then.
    ///
    /// # Errors
    /// What does not hold.
    pub fn step(&mut self, step: Move) -> Result<(), Broken> {
        self.make(step)?;
        self.work_off();
        self.check()
    }

    pub(crate) fn make(&mut self, step: Move) -> Result<(), Broken> {
        match step {
            Move::Start { node, account, claim } => self.start(node, account, claim),
            Move::Extend { node, request, units } => {
                let more = cost(&Meter::USD, u32::from(units) + 1);
                self.on_request(node, request, |node, request| node.extend(request, &more));
            }
            Move::Track { node, request, hundredths } => self.track(node, request, hundredths),
            Move::End { node, request, end } => {
                self.on_request(node, request, |node, request| node.end(request, end));
            }
            Move::Flush { node } => self.on_node(node, Node::flush),
            Move::Tick { node } => self.on_node(node, |node| {
                node.collect();
                node.tell(Event::Tick);
            }),
            Move::Deliver { message } => {
                if let Some(at) = self.message(message) {
                    let message = self.messages.remove(at);
                    return self.arrive(&message);
                }
            }
            Move::Repeat { message } => {
                let message = self.message(message).map(|at| self.messages[at].clone());
                if let Some(message) = message.filter(|message| !message.asks_for_own_hold()) {
                    // The first may be refused and the second not; only one of the answers is heard.
                    self.truth.late.extend(message.holds());
                    return self.arrive(&message);
                }
            }
            Move::Lose { message } => {
                if let Some(at) = self.message(message) {
                    self.messages.remove(at);
                }
            }
            Move::GiveUp { node, asking } => self.on_node(node, |node| {
                let askings: Vec<u32> = node.askings.keys().copied().collect();
                if let Some(asking) = pick(&askings, asking) {
                    node.give_up(*asking);
                }
            }),
            Move::Crash { node } => self.crash(node),
            Move::Restart { node, sweeps } => return self.restart(node, sweeps),
            Move::Leave { node } => self.on_node(node, |node| {
                if node.life == Life::Up {
                    node.life = Life::Leaving;
                    node.tell(Event::ShutDown);
                }
            }),
            Move::CallBack { node, account } => self.call_back(node, account),
            Move::Pass { ms } => self.pass(Duration::from_millis(u64::from(ms))),
            Move::PassToMinute { before_ms } => {
                let minute = 60_000;
                let into = self.ledger_now().as_millis() % minute;
                let left = u64::try_from(minute - into).unwrap_or(0);
                self.pass(Duration::from_millis(left.saturating_sub(u64::from(before_ms))));
            }
            Move::Jump { ms } => self.jumped += Duration::from_millis(u64::from(ms)),
            Move::Amend { account, change } => self.amend(account, change),
            Move::Hear { node } => self.hear(node),
            Move::Sweep => return self.sweep(Sweep::Expired),
            Move::Prune => {
                self.ledger_does(&[Operation::Prune]);
            }
        }
        Ok(())
    }

    fn start(&mut self, node: u8, account: u8, claim: Claim) {
        let Some(account) = pick(&self.plan.rows, account).map(|row| row.id.clone()) else {
            return;
        };
        let units = |meter: &Meter, units: u8| cost(meter, u32::from(units));
        let claim = [units(&Meter::USD, claim.usd), units(&Meter::TOKENS, claim.tokens)]
            .iter()
            .fold(cost(&Meter::REQUESTS, 1), |sum, part| sum.plus(part).expect("small"));
        self.on_node(node, |node| node.start(&account, claim));
    }

    fn track(&mut self, node: u8, request: u8, hundredths: u8) {
        self.on_request(node, request, |node, request| {
            let claim = node.tabs[&request].claim.clone();
            let part = |units: i64| units * i64::from(hundredths) / 100;
            let part = |units: i64| u32::try_from(part(units)).unwrap_or(0);
            let parts = claim.iter().map(|(meter, amount)| match *meter == Meter::REQUESTS {
                true => cost(meter, u32::from(!node.tabs[&request].has_worked)),
                false => cost(meter, part(amount.units())),
            });
            let sum = parts
                .fold(keycap_budget::Cost::none(), |sum, part| sum.plus(&part).expect("small"));
            // Requests are owed by themselves, so that they fold.
            let requests = cost(&Meter::REQUESTS, 1);
            if !sum.amount(&Meter::REQUESTS).is_zero() {
                node.track(request, &requests);
            }
            node.track(request, &sum.without(&Meter::REQUESTS));
        });
    }

    /// Does something on a node that is there, at its own time.
    pub(crate) fn on_node(&mut self, node: u8, act: impl FnOnce(&mut Node<P>)) {
        let number = usize::from(node) % self.nodes.len();
        let node = &mut self.nodes[number];
        if node.life != Life::Down {
            act(node);
        }
    }

    fn on_request(&mut self, node: u8, request: u8, act: impl FnOnce(&mut Node<P>, u32)) {
        self.on_node(node, |node| {
            let requests: Vec<u32> = node.tabs.keys().copied().collect();
            if let Some(request) = pick(&requests, request) {
                act(node, *request);
            }
        });
    }

    fn message(&self, message: u8) -> Option<usize> {
        (!self.messages.is_empty()).then(|| usize::from(message) % self.messages.len())
    }

    /// How many messages are on their way.
    pub(crate) fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Whether a question of a node, or its answer, is on its way.
    pub(crate) fn is_on_its_way(&self, node: u8, asking: u32) -> bool {
        let owner = self.nodes[usize::from(node)].owner;
        self.messages.iter().any(|message| message.owner == owner && message.asking == asking)
    }

    /// Whether a batch of a node's charges is under way.
    pub(crate) fn is_sending(&self, node: u8) -> bool {
        let mut askings = self.nodes[usize::from(node)].askings.values();
        askings.any(|asking| matches!(asking.about, About::Batch(_)))
    }

    /// A hash of each message.
    pub(crate) fn message_hashes(&self) -> Vec<u64> {
        let hash = |message: &Message| {
            let mut hasher = DefaultHasher::new();
            message.hash(&mut hasher);
            hasher.finish()
        };
        self.messages.iter().map(hash).collect()
    }

    /// What the clocks show.
    pub(crate) fn times(&self) -> (Duration, Duration) {
        (self.passed, self.jumped)
    }

    fn arrive(&mut self, message: &Message) -> Result<(), Broken> {
        match &message.body {
            Body::Asked(operations) => {
                self.note_late(message);
                let answers = self.apply(operations)?;
                let Message { node, owner, asking, .. } = *message;
                let body = Body::Answered(answers);
                self.messages.push(Message { node, owner, asking, body });
            }
            Body::Answered(answers) => {
                let node = &mut self.nodes[usize::from(message.node)];
                if node.life != Life::Down && node.owner == message.owner {
                    node.hear(message.asking, answers);
                }
            }
        }
        Ok(())
    }

    /// A hold that arrives when nobody waits for it any more is one that nobody knows of.
    fn note_late(&mut self, message: &Message) {
        let node = &self.nodes[usize::from(message.node)];
        if node.owner == message.owner && node.askings.contains_key(&message.asking) {
            return;
        }
        self.truth.late.extend(message.holds());
    }

    fn ledger_does(&mut self, operations: &[Operation]) -> Vec<Decided> {
        let answers = self.store.apply(operations, self.ledger_now());
        (self.rows, self.is_changed) = (Arc::new(self.store.snapshot()), true);
        answers
    }

    /// The ledger does a batch, all of which must make sense.
    pub(crate) fn apply(&mut self, operations: &[Operation]) -> Result<Vec<Decided>, Broken> {
        let answers = self.ledger_does(operations);
        for (operation, answer) in operations.iter().zip(&answers) {
            self.check_covered(operation, answer)?;
        }
        Ok(answers)
    }

    fn crash(&mut self, node: u8) {
        let number = usize::from(node) % self.nodes.len();
        if self.nodes[number].life == Life::Down {
            return;
        }
        self.note_crash(number);
        let node = &mut self.nodes[number];
        node.life = Life::Down;
        node.askings.clear();
        node.tabs.clear();
        node.queue.clear();
        node.purses.clear();
        node.tills.clear();
        node.outbox.clear();
    }

    fn restart(&mut self, node: u8, sweeps: bool) -> Result<(), Broken> {
        let number = usize::from(node) % self.nodes.len();
        if self.nodes[number].life != Life::Down {
            return Ok(());
        }
        let before = &self.nodes[number];
        let view = self.current_view();
        let (ids, asked) = (before.ids, before.asked);
        let mut node = Node::new(ids, self.plan.settings, view, self.ledger_now());
        node.asked = asked;
        self.nodes[number] = node;
        self.set_clocks();
        if sweeps {
            let living = self.nodes.iter().filter(|node| node.life != Life::Down);
            let living = living.map(|node| node.owner).collect();
            return self.sweep(Sweep::OwnersExcept(living));
        }
        Ok(())
    }

    fn call_back(&mut self, node: u8, account: u8) {
        let Some(row) = pick(&self.plan.rows, account).cloned() else { return };
        self.on_node(node, |node| {
            for limit in &row.limits {
                let (account, limit) = (row.id.clone(), limit.key().clone());
                node.tell(Event::CalledBack(LimitAt { account, limit }));
            }
        });
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.passed += span;
        self.set_clocks();
    }

    /// Every node reads its clock.
    fn set_clocks(&mut self) {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let drift = self.plan.drift.get(number).copied().unwrap_or(0);
            let passed = i128::try_from(self.passed.as_nanos()).unwrap_or(i128::MAX);
            let passed = passed * (1_000 + i128::from(drift)) / 1_000;
            let began = 1_000_000_007 * (number as u64 + 1);
            let nanos = began.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
            node.now = Ticks::from_nanos(nanos);
            // Its wall clock is some seconds off.
            let off = Duration::from_secs(7 * number as u64);
            node.ids.now = START.plus(self.passed).plus(off);
        }
    }

    fn amend(&mut self, account: u8, change: Change) {
        let Some(row) = pick(&self.plan.rows, account) else { return };
        let Some(amendment) = change.amendment(row, &self.plan.rows) else { return };
        let known = self.rows.accounts.iter().find(|account| account.id == row.id);
        let Some(version) = known.map(|account| account.version) else { return };
        let operation = Operation::Amend { account: row.id.clone(), version, amendment };
        let answers = self.ledger_does(&[operation]);
        if matches!(answers[..], [Ok(Outcome::Amended(_))]) {
            self.truth.was_amended = true;
        }
    }

    fn current_view(&self) -> BTreeMap<AccountId, View> {
        let view = |account: &keycap_budget::Account| {
            let limits = account.terms.limits.iter().cloned().collect();
            (account.id.clone(), View { parent: account.parent.clone(), limits })
        };
        self.rows.accounts.iter().map(view).collect()
    }

    fn hear(&mut self, node: u8) {
        let current = self.current_view();
        self.on_node(node, |node| {
            for (account, view) in current {
                if node.view.get(&account) != Some(&view) {
                    node.hear_of(&account, view);
                }
            }
        });
    }

    /// Sends what nodes want to send, notes what they did, and has those try again that wait for
    /// nothing any more.
    pub(crate) fn work_off(&mut self) {
        loop {
            self.send();
            self.close_connections();
            let facts = self.take_facts();
            if facts.is_empty() && !self.wake_one() {
                break;
            }
            for (node, fact) in facts {
                self.note(node, fact);
            }
        }
        for node in &mut self.nodes {
            if node.life == Life::Leaving && node.is_quiet() {
                node.life = Life::Down;
            }
        }
    }

    fn send(&mut self) {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let (owner, number) = (node.owner, u8::try_from(number).unwrap_or(u8::MAX));
            for outgoing in node.outbox.drain(..) {
                let (asking, body) = (outgoing.asking, Body::Asked(outgoing.operations));
                self.messages.push(Message { node: number, owner, asking, body });
            }
        }
    }

    /// A request asks for its hold on a connection of its own, and closes it when it is answered or gives
    /// up: what it left on the way does not arrive. What a node that crashed has sent may.
    fn close_connections(&mut self) {
        let nodes = &self.nodes;
        let is_left = |message: &Message| {
            let node = &nodes[usize::from(message.node)];
            node.owner == message.owner
                && node.life != Life::Down
                && !node.askings.contains_key(&message.asking)
                && message.asks_for_own_hold()
        };
        self.messages.retain(|message| !is_left(message));
    }

    fn take_facts(&mut self) -> Vec<(usize, Fact)> {
        let facts = |(number, node): (usize, &mut Node<P>)| {
            std::mem::take(&mut node.facts).into_iter().map(move |fact| (number, fact))
        };
        self.nodes.iter_mut().enumerate().flat_map(facts).collect()
    }

    fn note(&mut self, node: usize, fact: Fact) {
        match fact {
            Fact::WantsHold(request) => {
                let busy = self.busy_limits();
                self.nodes[node].ask_for_hold(request, busy);
            }
            Fact::Short(request, limit) => self.short(node, request, limit),
            Fact::WorkedOn(hold, within, over) => self.worked_on(hold, &within, &over),
            fact => self.truth.note(fact),
        }
    }

    /// Work counts where the hold lies that it was done on, whichever window the node believes it to be
    /// in.
    fn worked_on(&mut self, hold: HoldId, within: &Cost, over: &Cost) {
        let rows = Arc::clone(&self.rows);
        for leg in rows.holds.iter().filter(|it| it.id == hold).flat_map(|hold| &hold.legs) {
            let meter = &leg.limit.meter;
            self.truth.note(Fact::Worked(leg.counter(), within.amount(meter)));
            self.truth.note(Fact::Overran(leg.counter(), over.amount(meter)));
        }
    }

    /// The limits of which money is with a node.
    fn busy_limits(&self) -> Vec<LimitAt> {
        let limits = self.plan.rows.iter().flat_map(|row| {
            let at = |limit: &keycap_budget::Limit| LimitAt {
                account: row.id.clone(),
                limit: limit.key().clone(),
            };
            row.limits.iter().map(at).collect::<Vec<_>>()
        });
        limits.filter(|limit| self.is_busy(limit)).collect()
    }

    fn is_busy(&self, limit: &LimitAt) -> bool {
        self.nodes.iter().any(|node| node.is_busy(limit))
    }

    /// A hold was refused. Where money of the limit was with a node when it was asked for, the answer
    /// is not the last word: it is called back, and the request asks again.
    fn short(&mut self, node: usize, request: u32, limit: LimitAt) {
        let asked_too_early = self.nodes[node]
            .tabs
            .get(&request)
            .is_some_and(|tab| tab.busy_when_asked.contains(&limit));
        if !asked_too_early && !self.is_busy(&limit) {
            return self.nodes[node].end_of_asking(request, Some(limit));
        }
        self.nodes[node].tell(Event::Short(limit.clone()));
        for (number, other) in self.nodes.iter_mut().enumerate() {
            if number != node && other.life != Life::Down {
                other.tell(Event::CalledBack(limit.clone()));
            }
        }
        self.nodes[node].wait_for(request, limit);
    }

    /// Has one of those ask again whose money is not with a node any more.
    fn wake_one(&mut self) -> bool {
        let waiting = |(number, node): (usize, &Node<P>)| {
            node.tabs.iter().find_map(|(request, tab)| match &tab.stage {
                Stage::Waiting(_, _, limit) if !self.is_busy(limit) => Some((number, *request)),
                _ => None,
            })
        };
        let Some((node, request)) = self.nodes.iter().enumerate().find_map(waiting) else {
            return false;
        };
        let busy = self.busy_limits();
        self.nodes[node].ask_for_hold(request, busy);
        true
    }
}

impl Message {
    /// The holds that it asks for.
    fn holds(&self) -> Vec<HoldId> {
        let Body::Asked(operations) = &self.body else { return Vec::new() };
        let hold = |operation: &Operation| match operation {
            Operation::Hold(hold) => Some(hold.id),
            _ => None,
        };
        operations.iter().filter_map(hold).collect()
    }

    /// Whether a request asks for a hold of its own. On its own connection that arrives once at most.
    fn asks_for_own_hold(&self) -> bool {
        let is_own = |operation: &Operation| {
            matches!(operation, Operation::Hold(hold)
                if !matches!(hold.claim, keycap_budget::Claim::Limit(..)))
        };
        matches!(&self.body, Body::Asked(operations) if operations.iter().any(is_own))
    }
}

/// One of those there are, counted round and round.
pub(crate) fn pick<T>(all: &[T], at: u8) -> Option<&T> {
    (!all.is_empty()).then(|| &all[usize::from(at) % all.len()])
}
