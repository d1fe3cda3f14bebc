//! The running bill of one admitted request: what it holds, what it tracked, how it ended.
//!
//! A tab is closed once, when the last handle on it is dropped. Until then costs are queued as they
//! are tracked; costs that were not sent yet merge. Its place in the queue is given back when its
//! last word is durable.

mod words;

use std::sync::Arc;

use keycap_budget::{
    Amount, Claim, Cost, CostError, Held, HoldId, HoldState, Meter, Operation, Outcome, Standing,
};
use parking_lot::Mutex;

use self::words::{End, Queueing, Said};
use crate::core::Core;
use crate::known_key::Known;
use crate::patience::{Patience, may_wait};
use crate::queue::{Draft, Heard, Place, Speaker, Waiting};
use crate::{Broken, Ending, Endings, Guard, Refusal, Usage};

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
    pub(crate) hold: Option<HoldId>,
    /// All that was granted to the hold; without one, what counts all the same: the request.
    pub(crate) granted: Cost,
    pub(crate) standings: Vec<Standing>,
    pub(crate) price: Option<Cost>,
    pub(crate) endings: Endings,
    pub(crate) place: Place,
}

struct State {
    hold: Option<HoldId>,
    /// See [`Opening::granted`].
    granted: Cost,
    price: Option<Cost>,
    endings: Endings,
    stage: Stage,
    said: Said,
    standings: Vec<Standing>,
}

/// How far a request got.
#[derive(Clone, Copy)]
enum Stage {
    /// Its handler was not called. Dropped now, it costs nothing.
    Admitted,
    /// Its handler was called.
    Begun,
    /// It ended so.
    Ended(Ending),
}

/// How far a hold is raised.
#[derive(Clone)]
pub(crate) enum Raise {
    /// So that it covers this much in all.
    AtLeast(Cost),
    /// By this much.
    By(Cost),
    /// So that it covers this much, taken only while something is left on every limit.
    Room(Cost),
}

impl Tab {
    pub(crate) fn open(core: Arc<Core>, known: Known, opening: Opening) -> Arc<Self> {
        let hold = opening.hold;
        let state = State {
            hold,
            granted: opening.granted,
            price: opening.price,
            endings: opening.endings,
            stage: Stage::Admitted,
            said: Said::default(),
            standings: opening.standings,
        };
        let (raising, state) = (tokio::sync::Mutex::new(()), Mutex::new(state));
        let tab = Arc::new(Self { core, known, raising, state, _place: opening.place });
        if let Some(hold) = hold {
            tab.core.open_tabs.insert(hold, &tab);
        }
        tab
    }

    /// Takes over what a nested guard says of the end of the request.
    pub(crate) fn adopt(&self, guard: &Guard) {
        let mut state = self.state.lock();
        state.endings = guard.endings.unwrap_or(state.endings);
        state.price = guard.price.clone().or_else(|| state.price.take());
    }

    /// Whether there is a hold.
    pub(crate) fn holds(&self) -> bool {
        self.state.lock().hold.is_some()
    }

    /// Notes that the handler is called.
    pub(crate) fn begin(&self) {
        let mut state = self.state.lock();
        if let Stage::Admitted = state.stage {
            state.stage = Stage::Begun;
        }
    }

    /// Notes how the request ended; what went wrong later outweighs an answer that began well.
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = self.state.lock();
        match state.stage {
            Stage::Admitted | Stage::Begun | Stage::Ended(Ending::Success) => {
                state.stage = Stage::Ended(ending);
            }
            Stage::Ended(_) => {}
        }
    }

    /// How every limit of the chain stood when the ledger last said.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.state.lock().standings.clone()
    }

    /// Queues a cost at once. What is returned is told once it is durable.
    pub(crate) fn track(
        self: &Arc<Self>,
        usage: Usage,
        place: Option<Place>,
    ) -> Result<Waiting, NeedsPlace> {
        let mut state = self.state.lock();
        let uncovered = state.uncovered(&usage.cost);
        let (waiting, queueing) = state.said.add(usage, place)?;
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

    /// Raises the hold, or takes one if there is none yet.
    async fn raise(self: &Arc<Self>, raise: Raise) -> Result<(), Refusal> {
        let _turn = self.raising.lock().await;
        let (hold, granted) = {
            let state = self.state.lock();
            (state.hold, state.granted.clone())
        };
        let total = raise.total(&granted).map_err(Broken::misconfigured)?;
        let held = match hold {
            Some(hold) => self.extend(hold, &total).await?,
            None => {
                let mut place = Some(self.core.place_inside()?);
                let claim = match raise {
                    Raise::Room(_) => Claim::Room(total.clone()),
                    Raise::AtLeast(_) | Raise::By(_) => Claim::Chain(total.clone()),
                };
                let (hold, held) = self.core.take_hold(&self.known, claim, &mut place).await?;
                self.state.lock().hold = Some(hold);
                self.core.open_tabs.insert(hold, self);
                held
            }
        };
        let mut state = self.state.lock();
        state.granted = total;
        state.standings = held.standings;
        Ok(())
    }

    /// Raises the hold, and tries again for as long as there is patience for what others hold.
    pub(crate) async fn raise_waiting(
        self: &Arc<Self>,
        raise: Raise,
        mut patience: Patience,
    ) -> Result<(), Refusal> {
        loop {
            let Err(refusal) = self.raise(raise.clone()).await else { return Ok(()) };
            if !may_wait(&refusal) || patience.wait(&self.core.queue).await.is_break() {
                return Err(refusal);
            }
        }
    }

    async fn extend(&self, hold: HoldId, total: &Cost) -> Result<Held, Refusal> {
        let operation = Operation::Extend {
            account: self.known.account().clone(),
            hold,
            granted: total.clone(),
            exposure: None,
            life: self.core.hold_life,
        };
        match self.core.ask(operation).await? {
            Outcome::Held(held) => Ok(held),
            Outcome::Refused(shortfall) => Err(self.core.shortfall(*shortfall, &self.known)),
            Outcome::Ended(state) => Err(ended(state).into()),
            other => Err(unexpected(&other).into()),
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

    /// Closes the tab: the request is over and its last handle is gone.
    pub(crate) fn close(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let silent = state.hold.is_none()
            && state.granted.is_nothing()
            && state.price.is_none()
            && state.said.is_empty();
        let (queueing, hold) = (state.said.close(), state.hold);
        drop(state);
        if let Some(hold) = hold {
            self.core.open_tabs.remove(hold);
        }
        if !silent {
            self.queue_if(queueing);
        }
    }
}

impl State {
    /// The cost, if the hold does not cover it: one that its handler has not reserved anything on
    /// covers nothing but requests.
    fn uncovered(&self, cost: &Cost) -> Option<Cost> {
        let reserved = |(meter, _): (&Meter, Amount)| !self.granted.amount(meter).is_zero();
        (self.hold.is_some() && !cost.iter().all(reserved)).then(|| cost.clone())
    }
}

impl Speaker for Tab {
    /// The costs since the last time, and the end if it has come.
    fn speak(self: Arc<Self>, draft: &mut Draft) {
        let state = &mut *self.state.lock();
        let end = End {
            account: self.known.account(),
            hold: state.hold,
            granted: &state.granted,
            price: state.price.as_ref(),
            ending: state.stage.ending(),
            endings: state.endings,
            now: self.core.clock.now(),
        };
        state.said.tell(&end, |words| {
            let speaker = Arc::<Self>::clone(&self);
            draft.say(speaker, words.operation, words.told, words.place);
        });
    }

    /// Learns how limits stand.
    fn hear(&self, heard: Heard<'_>) {
        let Ok(Outcome::Recorded(recorded)) = heard.answer else { return };
        let mut state = self.state.lock();
        for new in &recorded.standings {
            let same = |old: &&mut Standing| {
                old.account == new.account
                    && old.limit.key() == new.limit.key()
                    && old.window == new.window
            };
            if let Some(old) = state.standings.iter_mut().find(same) {
                old.clone_from(new);
            }
        }
    }
}

/// A cost that needs a place of its own first; here it is back.
pub(crate) struct NeedsPlace(pub(crate) Box<Usage>);

impl Stage {
    /// How a request that is dropped now has ended; not at all if it never began.
    fn ending(self) -> Option<Ending> {
        match self {
            Self::Admitted => None,
            Self::Begun => Some(Ending::ClientLeft),
            Self::Ended(ending) => Some(ending),
        }
    }
}

impl Raise {
    fn total(&self, granted: &Cost) -> Result<Cost, CostError> {
        match self {
            Self::AtLeast(cost) | Self::Room(cost) => granted.plus(&cost.minus_saturating(granted)),
            Self::By(cost) => granted.plus(cost),
        }
    }
}

/// A hold that ended under its owner: it was not renewed in time.
fn ended(state: HoldState) -> Broken {
    Broken::ledger_unavailable(format!("the request's hold has ended ({state:?})"))
}

/// An answer that does not belong to the operation.
pub(crate) fn unexpected(outcome: &Outcome) -> Broken {
    Broken::ledger_unavailable(format!("an answer that does not fit: {outcome:?}"))
}
