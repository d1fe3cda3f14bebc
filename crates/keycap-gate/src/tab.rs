//! The running bill of one admitted request: what it holds, what it tracked, how it ended.
//!
//! A tab is closed once, when the last handle on it is dropped. Until then costs are queued as they
//! are tracked; costs that were not sent yet merge. Its place in the queue is given back when its
//! last word is durable.

mod drawn;
mod words;

use std::sync::Arc;

use keycap_base::Labels;
use keycap_budget::{
    Amount, ChargeId, Claim, Cost, CostError, Held, HoldId, HoldState, Meter, NewCharge, Operation,
    Outcome, Rest, Standing,
};
use parking_lot::Mutex;
use smallvec::SmallVec;

use self::drawn::{Drawn, Fate, PutBack};
pub(crate) use self::words::charges_untracked;
use self::words::{End, Queueing, Requests, Said, Told};
use crate::core::Core;
use crate::known_key::Known;
use crate::leases::{Draw, Drawing, Recall, Untouched};
use crate::pass::Stage;
use crate::patience::{Patience, may_wait};
use crate::queue::{Draft, Fold, Heard, Place, Speaker, Waiting};
use crate::{Broken, Endings, Guard, Refusal, Usage};

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
    /// See [`Opening::granted`].
    granted: Cost,
    price: Option<Cost>,
    endings: Endings,
    stage: Stage,
    said: Said,
    standings: Vec<Standing>,
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
        let (hold, drawn) = match opening.held {
            Holding::Nothing => (None, None),
            Holding::Exactly(hold) => (Some(hold), None),
            Holding::Drawn(draws) => {
                let mut drawn = Drawn::default();
                drawn.add(draws, &known, |_| Amount::ZERO);
                (None, Some(drawn))
            }
        };
        let state = State {
            hold,
            drawn,
            own: Cost::none(),
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

    /// Raises the hold, or takes one if there is none yet.
    async fn raise(self: &Arc<Self>, raise: Raise) -> Result<(), Refusal> {
        let _turn = self.raising.lock().await;
        let granted = self.state.lock().granted.clone();
        let total = raise.total(&granted).map_err(Broken::misconfigured)?;
        let asked = Asked::of(&self.state.lock(), &raise, total);
        if self.draw_more(&asked) {
            return Ok(());
        }
        let mut recall = Recall::begin(&self.core, &self.known);
        let held = loop {
            let refusal = match self.hold_more(&asked).await {
                Ok(held) => break held,
                Err(refusal) => refusal,
            };
            if recall.after(&refusal).await.is_break() {
                return Err(refusal);
            }
        };
        self.core.leasing.note_held(&self.known, &asked.claim(), &held);
        let mut state = self.state.lock();
        state.granted = asked.total;
        state.standings = self.core.leasing.shown_all(held.standings);
        if let Some(drawn) = &mut state.drawn {
            drawn.add_own(&asked.more);
            state.own = asked.own;
        }
        Ok(())
    }

    /// Draws what is asked for beyond what is granted, if that can be drawn. Not where the request has
    /// a hold of its own: that is raised.
    fn draw_more(&self, asked: &Asked) -> bool {
        let (core, known) = (&self.core, &*self.known);
        let mut state = self.state.lock();
        if state.hold.is_some() {
            return false;
        }
        let drawing = Drawing::begin(&core.leasing, known, core.clock.moment().ticks);
        let none = Drawn::default();
        let before = state.drawn.as_ref().unwrap_or(&none);
        let from = |limit, till: &_| before.purse(limit, till);
        let Some(drawing) = drawing.draw_all(&asked.more, asked.untouched, from) else {
            return false;
        };
        let draws = drawing.finish();
        let State { drawn, said, granted, .. } = &mut *state;
        let unsent = |meter: &Meter| said.unsent(meter);
        drawn.get_or_insert_default().add(draws, known, unsent);
        *granted = asked.total.clone();
        true
    }

    /// Asks the ledger for what is asked for beyond what is granted.
    async fn hold_more(self: &Arc<Self>, asked: &Asked) -> Result<Held, Refusal> {
        if let Some(hold) = asked.hold {
            return self.extend(hold, &asked.own).await;
        }
        let mut place = Some(self.core.place_inside()?);
        let claim = asked.claim();
        let (hold, held) = self.core.take_hold(&self.known, claim, &mut place).await?;
        self.state.lock().hold = Some(hold);
        self.core.open_tabs.insert(hold, self);
        Ok(held)
    }

    /// Raises the hold, and tries again for as long as there is patience for what others hold.
    pub(crate) async fn raise_waiting(
        self: &Arc<Self>,
        raise: Raise,
        mut patience: Patience,
    ) -> Result<(), Refusal> {
        loop {
            let Err(refusal) = self.raise(raise.clone()).await else { return Ok(()) };
            if !may_wait(&refusal) || self.core.wait(&mut patience).await.is_break() {
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

    /// Closes the tab: the request got so far, it is over, and its last handle is gone.
    pub(crate) fn close(self: &Arc<Self>, stage: Stage) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.stage = stage;
        let last = state.said.last_cost(&state.end(self));
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

/// What a raise asks for.
struct Asked {
    /// The hold that is raised; a new one where there is none.
    hold: Option<HoldId>,
    /// All that the request is granted then.
    total: Cost,
    /// All that its own hold is granted then.
    own: Cost,
    /// What it was not granted before.
    more: Cost,
    untouched: Untouched,
}

impl Asked {
    fn of(state: &State, raise: &Raise, total: Cost) -> Self {
        // Without any hold, what was granted was only noted.
        let held = state.hold.is_some() || state.drawn.is_some();
        let more = if held { total.minus_saturating(&state.granted) } else { total.clone() };
        let own = match &state.drawn {
            Some(_) => state.own.plus(&more).unwrap_or_else(|_| more.clone()),
            None => total.clone(),
        };
        let untouched = match raise {
            Raise::Room(_) => Untouched::NeedsRoom,
            Raise::AtLeast(_) | Raise::By(_) => Untouched::Free,
        };
        Self { hold: state.hold, total, own, more, untouched }
    }

    fn claim(&self) -> Claim {
        match self.untouched {
            Untouched::NeedsRoom => Claim::Room(self.more.clone()),
            Untouched::Free => Claim::Chain(self.more.clone()),
        }
    }
}

impl State {
    /// What the last words depend on.
    fn end<'a>(&'a self, tab: &'a Tab) -> End<'a> {
        End {
            account: tab.known.account(),
            hold: self.hold.filter(|_| self.drawn.is_none()),
            requests: if self.drawn.is_some() { Requests::Apart } else { Requests::WithTheEnd },
            granted: &self.granted,
            price: self.price.as_ref(),
            ending: self.stage.ending(),
            endings: self.endings,
            now: tab.core.clock.now(),
        }
    }

    /// The cost, if the hold does not cover it: one that its handler has not reserved anything on
    /// covers nothing but requests.
    fn uncovered(&self, cost: &Cost) -> Option<Cost> {
        let reserved = |(meter, _): (&Meter, Amount)| !self.granted.amount(meter).is_zero();
        let holds = self.hold.is_some() || self.drawn.is_some();
        (holds && !cost.iter().all(reserved)).then(|| cost.clone())
    }
}

impl Speaker for Tab {
    /// The costs since the last time, and the end if it has come.
    fn speak(self: Arc<Self>, draft: &mut Draft) {
        let state = &mut *self.state.lock();
        let said = &mut state.said;
        let end = End {
            account: self.known.account(),
            hold: state.hold.filter(|_| state.drawn.is_none()),
            requests: if state.drawn.is_some() { Requests::Apart } else { Requests::WithTheEnd },
            granted: &state.granted,
            price: state.price.as_ref(),
            ending: state.stage.ending(),
            endings: state.endings,
            now: self.core.clock.now(),
        };
        let (drawn, hold) = (&mut state.drawn, state.hold);
        let told = said.tell(&end, |words| {
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

/// A cost that needs a place of its own first; here it is back.
pub(crate) struct NeedsPlace(pub(crate) Box<Usage>);

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
