//! The task that owns the lease manager: it brings what happened, and does what the manager says.
//!
//! It sleeps without a timer while nothing is leased. It keeps neither the gate nor its requests; when
//! the gate is gone it gives everything back and ends.

mod acts;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Clock, Ticks};
use keycap_budget::lease::{Event, Leases, PurseId, Ticket};
use keycap_budget::{AccountId, Batch, Cost, Decided, HoldId, Ledger, MAX_BATCH, Operation};
use tokio::time::Instant;

use self::acts::Kept;
use super::inbox::{Letters, Returned, Short, Urgency};
use super::{Inbox, Tills};
use crate::queue::Queue;
use crate::settler;

/// Unless somebody waits, the ledger is asked no more often than this.
pub(crate) const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// The longest the driver sleeps while something is leased: its timer and the clock that leases are
/// counted by may differ.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often the driver of a gate that is gone tries to give everything back.
const ROUNDS_AT_THE_END: u32 = 20;

/// The task's side of leasing.
pub(crate) struct Driver {
    leases: Leases,
    purses: HashMap<PurseId, Kept>,
    /// Requests that wait until nothing is leased on a limit.
    short: Vec<Short>,
    events: VecDeque<Event>,
    asks: Vec<(Ticket, Operation)>,
    shuts_down: bool,
    tills: Arc<Tills>,
    inbox: Arc<Inbox>,
    queue: Arc<Queue>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    life: Duration,
}

/// What a driver works with.
pub(crate) struct Tools {
    pub(crate) tills: Arc<Tills>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timeout: Duration,
    /// How long leases live.
    pub(crate) life: Duration,
}

impl Driver {
    pub(crate) fn new(leases: Leases, tools: Tools) -> Self {
        let Tools { tills, inbox, queue, ledger, clock, timeout, life } = tools;
        let (purses, short) = (HashMap::new(), Vec::new());
        let (events, asks, shuts_down) = (VecDeque::new(), Vec::new(), false);
        Self {
            leases,
            purses,
            short,
            events,
            asks,
            shuts_down,
            tills,
            inbox,
            queue,
            ledger,
            clock,
            timeout,
            life,
        }
    }

    /// Drives until the gate is gone and everything is given back.
    pub(crate) async fn run(mut self) {
        let mut over = Instant::now();
        loop {
            self.sleep(over).await;
            let letters = self.inbox.take();
            let closed = letters.closed;
            self.round(letters).await;
            if closed {
                return self.end().await;
            }
            over = Instant::now() + ROUND_PAUSE;
        }
    }

    /// Sleeps until there is something to do: at once where somebody waits, otherwise not before the
    /// pause is over.
    async fn sleep(&self, over: Instant) {
        loop {
            let due = self.due_in().map(|wait| Instant::now() + wait);
            let until = match self.inbox.urgency() {
                Urgency::Now => return,
                Urgency::Soon => Some(over),
                Urgency::Whenever => due.map(|due| due.max(over)),
            };
            let Some(until) = until else {
                self.inbox.rung().await;
                continue;
            };
            if tokio::time::timeout_at(until, self.inbox.rung()).await.is_err() {
                return;
            }
        }
    }

    /// How long until something is due, if ever.
    fn due_in(&self) -> Option<Duration> {
        let due = self.leases.next_at()?;
        Some(due.since(self.now()).min(LONGEST_SLEEP))
    }

    /// Gives everything back, if the ledger lets it; what is left ends with its life.
    async fn end(&mut self) {
        for _ in 0..ROUNDS_AT_THE_END {
            if self.leases.is_quiet() {
                return;
            }
            tokio::time::sleep(ROUND_PAUSE).await;
            let letters = self.inbox.take();
            self.round(letters).await;
        }
    }

    /// Brings everything that was told, and asks the ledger until it is asked nothing more.
    async fn round(&mut self, mut letters: Letters) {
        let shut_down = letters.shut_down;
        if let Some(told) = letters.renew.take() {
            self.renew_all().await;
            // Whoever stopped waiting needs no answer.
            let _ = told.send(());
        }
        let returned = self.read(letters);
        self.work_off();
        while !self.asks.is_empty() {
            self.ask().await;
            self.work_off();
        }
        returned.into_iter().for_each(|returned| returned.till.note_given_back(returned.times));
        self.answer_short();
        self.shuts_down |= shut_down;
        if self.shuts_down && self.leases.is_quiet() {
            self.inbox.note_quiet();
        }
    }

    /// Makes events of what was told. Says what was put back.
    fn read(&mut self, letters: Letters) -> Vec<Returned> {
        for (purse, amount) in letters.settled {
            self.events.push_back(Event::Settled { purse, amount });
        }
        for purse in letters.returned.keys() {
            self.withdraw(*purse);
        }
        self.events.extend(letters.amended.into_iter().map(Event::Amended));
        for short in &letters.short {
            self.events.push_back(Event::Short(short.till.at.clone()));
        }
        self.short.extend(letters.short);
        self.events.push_back(Event::Tick);
        self.events.extend(letters.low.into_iter().map(Event::Low));
        for (limit, asked) in letters.asked {
            let (amount, left) = (asked.largest, asked.left);
            for _ in 0..asked.times {
                self.events.push_back(Event::Held { limit: limit.clone(), amount, left });
            }
        }
        if letters.shut_down {
            self.events.push_back(Event::ShutDown);
        }
        letters.returned.into_values().collect()
    }

    /// Renews every lease that pays, whenever it was last: a sweep is about to look for dead ones, and
    /// the clock it looks by is not the one that renewals are counted by.
    async fn renew_all(&self) {
        let renewal = |account: &AccountId, hold| Operation::Extend {
            account: account.clone(),
            hold,
            granted: Cost::none(),
            exposure: None,
            life: self.life,
        };
        let of = |kept: &Kept| {
            let account = kept.till.at.account.clone();
            kept.purse.leases().into_iter().map(move |hold| renewal(&account, hold))
        };
        let renewals: Vec<Operation> = self.purses.values().flat_map(of).collect();
        for some in renewals.chunks(MAX_BATCH) {
            let Ok(batch) = Batch::new(some.to_vec()) else { continue };
            if let Err(error) = settler::ask(&*self.ledger, batch, self.timeout).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "leases were not renewed before a sweep");
            }
        }
    }

    /// Brings all events, and does what comes of them.
    fn work_off(&mut self) {
        while let Some(event) = self.events.pop_front() {
            let now = self.clock.moment();
            let mut fresh = || HoldId::generate(now.at);
            for action in self.leases.step(event, now.ticks, &mut fresh) {
                self.act(action);
            }
        }
    }

    /// Asks the ledger all that is to be asked now, as one batch where it fits into one.
    async fn ask(&mut self) {
        let more = self.asks.split_off(self.asks.len().min(MAX_BATCH));
        let asks = std::mem::replace(&mut self.asks, more);
        let (tickets, operations): (Vec<_>, Vec<_>) = asks.into_iter().unzip();
        let Ok(batch) = Batch::new(operations) else { return };
        let asked_at = self.now();
        match settler::ask(&*self.ledger, batch, self.timeout).await {
            Ok(answers) => {
                answers.iter().for_each(|answer| self.learn(answer));
                let answers = tickets.into_iter().zip(answers);
                answers.for_each(|(ticket, answer)| self.answered(ticket, asked_at, Some(answer)));
                self.queue.announce();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "leases wait for the ledger");
                tickets.into_iter().for_each(|ticket| self.answered(ticket, asked_at, None));
            }
        }
    }

    fn answered(&mut self, ticket: Ticket, asked_at: Ticks, answer: Option<Decided>) {
        self.events.push_back(Event::Answered { ticket, asked_at, answer });
    }

    /// Tells those who wait for what is leased where nothing is any more.
    fn answer_short(&mut self) {
        for short in std::mem::take(&mut self.short) {
            if self.leases.is_busy(&short.till.at) {
                self.short.push(short);
                continue;
            }
            short.till.set_leased(false);
            // Whoever stopped waiting needs no answer.
            let _ = short.told.send(());
        }
        self.short.retain(|short| !short.told.is_closed());
    }

    fn now(&self) -> Ticks {
        self.clock.moment().ticks
    }
}
