//! The running bill of one admitted request: what it holds, what it tracked, how it ended.
//!
//! A tab is closed once, when the last handle on it is dropped. Until then costs are queued as they
//! are tracked; costs that were not sent yet merge. Its place in the queue is given back when its
//! last word is durable.

mod drawn;
mod raise;
mod speech;
mod words;

use std::sync::Arc;

use keycap_budget::{Amount, Cost, HoldId, Meter, Operation, Outcome, Standing};
use parking_lot::Mutex;
use smallvec::SmallVec;

use self::drawn::{Drawn, PutBack};
pub(crate) use self::raise::Raise;
pub(crate) use self::words::charges_untracked;
use self::words::{End, Queueing, Requests, Said};
use crate::core::Core;
use crate::known_key::Known;
use crate::leases::Draw;
use crate::pass::Stage;
use crate::queue::{Place, Waiting};
use crate::{Broken, Endings, Guard, Usage};

/// One admitted request.
pub(crate) struct Tab {
    pub(crate) core: Arc<Core>,
    pub(crate) known: Known,
    /// Taken by whoever raises the hold, so that totals are asked for one after the other.
    raising: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    _place: Place,
}

/// What a tab is opened with.
pub(crate) struct Opening {
    pub(crate) held: Holding,
    /// All that was granted; without a hold, what counts all the same: the request.
    pub(crate) granted: Cost,
    pub(crate) standings: Vec<Standing>,
    pub(crate) price: Option<Cost>,
    pub(crate) endings: Endings,
    pub(crate) place: Place,
}

/// How a request holds what it was granted.
pub(crate) enum Holding {
    /// Not at all.
    Nothing,
    /// By a hold of its own.
    Exactly(HoldId),
    /// By what it drew from purses.
    Drawn(SmallVec<[Draw; 4]>),
}

struct State {
    /// A hold of its own. Where it drew as well, one for what could not be drawn.
    hold: Option<HoldId>,
    drawn: Option<Drawn>,
    /// What the hold beside what was drawn was granted.
    own: Cost,
    bill: Bill,
    said: Said,
    standings: Vec<Standing>,
}

/// What the request is charged for by.
struct Bill {
    /// See [`Opening::granted`].
    granted: Cost,
    price: Option<Cost>,
    endings: Endings,
    stage: Stage,
}

impl Tab {
    pub(crate) fn open(core: Arc<Core>, known: Known, opening: Opening) -> Arc<Self> {
        let (hold, drawn) = match opening.held {
            Holding::Nothing => (None, None),
            Holding::Exactly(hold) => (Some(hold), None),
            Holding::Drawn(draws) => {
                let mut drawn = Drawn::default();
                drawn.add(draws, &known, |_| Amount::ZERO);
                (None, Some(drawn))
            }
        };
        let Opening { granted, price, endings, standings, .. } = opening;
        let bill = Bill { granted, price, endings, stage: Stage::Admitted };
        let (own, said) = (Cost::none(), Said::default());
        let state = State { hold, drawn, own, bill, said, standings };
        let (raising, state) = (tokio::sync::Mutex::new(()), Mutex::new(state));
        let tab = Arc::new(Self { core, known, raising, state, _place: opening.place });
        if let Some(hold) = hold {
            tab.core.open_tabs.insert(hold, &tab);
        }
        tab
    }

    /// Takes over what a nested guard says of the end of the request.
    pub(crate) fn adopt(&self, guard: &Guard) {
        let bill = &mut self.state.lock().bill;
        bill.endings = guard.endings.unwrap_or(bill.endings);
        bill.price = guard.price.clone().or_else(|| bill.price.take());
    }

    /// Whether there is a hold, or something was drawn for one.
    pub(crate) fn holds(&self) -> bool {
        let state = self.state.lock();
        state.hold.is_some() || state.drawn.is_some()
    }

    /// How every limit of the chain stood when the ledger last said.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let state = self.state.lock();
        match &state.drawn {
            Some(drawn) => drawn.standings(&self.known, &self.core),
            None => state.standings.clone(),
        }
    }

    /// Queues a cost at once. What is returned is told once it is durable.
    pub(crate) fn track(
        self: &Arc<Self>,
        usage: Usage,
        place: Option<Place>,
    ) -> Result<Waiting, NeedsPlace> {
        let mut state = self.state.lock();
        let (cost, uncovered) = (usage.cost.clone(), state.uncovered(&usage.cost));
        let (waiting, queueing) = state.said.add(usage, place)?;
        if let Some(drawn) = &mut state.drawn {
            drawn.owe(&cost, &self.known, &self.core);
        }
        drop(state);
        self.queue_if(queueing);
        if let Some(cost) = uncovered {
            tracing::warn!(
                account = %self.known.account(), %cost,
                "a cost was tracked that was not reserved; the cap does not cover it",
            );
        }
        Ok(waiting)
    }

    fn queue_if(self: &Arc<Self>, queueing: Queueing) {
        if queueing == Queueing::Due {
            self.core.queue.push_speaker(Arc::<Self>::clone(self));
        }
    }

    /// The operation that renews the hold, while there is one.
    pub(crate) fn renewal(&self) -> Option<Operation> {
        let state = self.state.lock();
        Some(Operation::Extend {
            account: self.known.account().clone(),
            hold: state.hold.filter(|_| !state.said.closed)?,
            granted: Cost::none(),
            exposure: None,
            life: self.core.hold_life,
        })
    }

    /// Closes the tab: the request got so far, it is over, and its last handle is gone.
    pub(crate) fn close(self: &Arc<Self>, stage: Stage) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.bill.stage = stage;
        let end = state.bill.end(self, state.hold, state.drawn.as_ref());
        let last = state.said.last_cost(&end);
        let silent = state.hold.is_none() && last.is_nothing() && state.said.is_empty();
        let mut put_back = PutBack::Nothing;
        if let Some(drawn) = &mut state.drawn {
            drawn.owe(&last, &self.known, &self.core);
            put_back = drawn.put_rest_back(&self.known, &self.core);
        }
        let (queueing, hold) = (state.said.close(), state.hold);
        drop(guard);
        if put_back == PutBack::Something {
            self.core.announce_relief();
        }
        if let Some(hold) = hold {
            self.core.open_tabs.remove(hold);
        }
        if !silent {
            self.queue_if(queueing);
        }
    }
}

impl Bill {
    /// What the last words depend on. What a request that drew holds by itself is ended apart.
    fn end<'a>(&'a self, tab: &'a Tab, hold: Option<HoldId>, drawn: Option<&Drawn>) -> End<'a> {
        let (hold, requests) = match drawn {
            Some(_) => (None, Requests::Apart),
            None => (hold, Requests::WithTheEnd),
        };
        End {
            account: tab.known.account(),
            hold,
            requests,
            granted: &self.granted,
            price: self.price.as_ref(),
            ending: self.stage.ending(),
            endings: self.endings,
            now: tab.core.clock.now(),
        }
    }
}

impl State {
    /// The cost, if the hold does not cover it: one that its handler has not reserved anything on
    /// covers nothing but requests.
    fn uncovered(&self, cost: &Cost) -> Option<Cost> {
        let reserved = |(meter, _): (&Meter, Amount)| !self.bill.granted.amount(meter).is_zero();
        let holds = self.hold.is_some() || self.drawn.is_some();
        (holds && !cost.iter().all(reserved)).then(|| cost.clone())
    }
}

/// A cost that needs a place of its own first; here it is back.
pub(crate) struct NeedsPlace(pub(crate) Box<Usage>);

/// An answer that does not belong to the operation.
pub(crate) fn unexpected(outcome: &Outcome) -> Broken {
    Broken::ledger_unavailable(format!("an answer that does not fit: {outcome:?}"))
}
