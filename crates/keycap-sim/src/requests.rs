//! Requests of a node: draw from its purses, or hold for themselves; work, and end.

use keycap_budget::lease::{Drawn, Event, LimitAt, PurseId};
use keycap_budget::{
    AccountId, Amount, Claim, Cost, CounterKey, DEFAULT_HOLD_LIFE, Decided, Held, HoldId, LimitKey,
    Meter, NewHold, OnExpiry, Operation, Outcome, Rest, Shortfall,
};

use crate::drawer::Drawer;
use crate::node::{About, Fact, Life, Node};
use crate::queue::{Owed, Source};

/// How often a request that was refused calls money back and asks again.
const MAX_TRIES: u32 = 8;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tab {
    pub(crate) account: AccountId,
    /// What it asked for when it came.
    pub(crate) claim: Cost,
    pub(crate) stage: Stage,
    /// What it has drawn and neither spent nor put back, of each meter.
    pub(crate) drawn: Cost,
    /// What it drew from, and which meter each counts.
    pub(crate) purses: Vec<(PurseId, Meter)>,
    pub(crate) own: Option<Own>,
    pub(crate) has_worked: bool,
    tries: u32,
    /// The limits of which money was with a node when it last asked for a hold.
    pub(crate) busy_when_asked: Vec<LimitAt>,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// It wants a hold of its own for so much.
    Asking(HoldId, Cost),
    /// The hold was refused, for want of money on this limit, and there was money of it with a node.
    Waiting(HoldId, Cost, LimitAt),
    Working,
}

/// A hold of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Own {
    pub(crate) id: HoldId,
    left: Cost,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Well: without a cost, the claim is what it cost.
    Well,
    /// Badly: without a cost, it cost nothing.
    Badly,
}

impl<P: Drawer> Node<P> {
    /// A request comes.
    pub(crate) fn start(&mut self, account: &AccountId, claim: Cost) {
        if self.life != Life::Up {
            return;
        }
        self.tabs_made += 1;
        let request = self.tabs_made;
        let tab = Tab {
            account: account.clone(),
            claim: claim.clone(),
            stage: Stage::Working,
            drawn: Cost::none(),
            purses: Vec::new(),
            own: None,
            has_worked: false,
            tries: 0,
            busy_when_asked: Vec::new(),
        };
        self.tabs.insert(request, tab);
        match self.draw(account, &claim) {
            Some(purses) => {
                let tab = self.tabs.get_mut(&request).expect("just made");
                (tab.drawn, tab.purses) = (claim, purses);
                self.facts.push(Fact::Decided(request, None));
            }
            None => self.want_hold(request, claim),
        }
    }

    /// The limits of the account's chain that count some of these meters.
    pub(crate) fn limits(&self, account: &AccountId, cost: &Cost) -> Vec<LimitAt> {
        let chain = self.chain(account);
        let views = chain.iter().filter_map(|id| Some((id, self.view.get(id)?)));
        let limits =
            views.flat_map(|(id, view)| view.limits.iter().map(move |limit| (id, limit.key())));
        let counts = |(_, key): &(&AccountId, &LimitKey)| !cost.amount(&key.meter).is_zero();
        let at = |(id, key): (&AccountId, &LimitKey)| LimitAt {
            account: id.clone(),
            limit: key.clone(),
        };
        limits.filter(counts).map(at).collect()
    }

    /// Draws from the purses of all limits, or of none.
    fn draw(&mut self, account: &AccountId, cost: &Cost) -> Option<Vec<(PurseId, Meter)>> {
        let limits = self.limits(account, cost);
        let till = |limit: &LimitAt| Some((*self.tills.get(limit)?, limit.limit.meter.clone()));
        let purses: Vec<(PurseId, Meter)> = limits.iter().map(till).collect::<Option<_>>()?;
        self.draw_all(&purses, cost).then_some(purses)
    }

    fn draw_all(&mut self, purses: &[(PurseId, Meter)], cost: &Cost) -> bool {
        let mut low = Vec::new();
        for (place, (id, meter)) in purses.iter().enumerate() {
            let amount = cost.amount(meter);
            let now = self.now;
            let drawn =
                self.purses.get_mut(id).map_or(Drawn::No, |held| held.drawer.draw(amount, now));
            match drawn {
                Drawn::Yes => {}
                Drawn::Low => low.push(*id),
                Drawn::No => {
                    self.put_back(&purses[..place], cost);
                    low.into_iter().for_each(|id| self.tell(Event::Low(id)));
                    return false;
                }
            }
        }
        low.into_iter().for_each(|id| self.tell(Event::Low(id)));
        true
    }

    fn put_back(&mut self, purses: &[(PurseId, Meter)], cost: &Cost) {
        for (id, meter) in purses {
            let amount = cost.amount(meter);
            if let Some(held) = self.purses.get_mut(id).filter(|_| !amount.is_zero()) {
                held.drawer.put_back(amount);
                held.has_late = held.is_closed;
            }
        }
    }

    fn want_hold(&mut self, request: u32, cost: Cost) {
        let id = self.ids.hold();
        if let Some(tab) = self.tabs.get_mut(&request) {
            tab.stage = Stage::Asking(id, cost);
            self.facts.push(Fact::WantsHold(request));
        }
    }

    /// Asks the ledger for the hold that a request wants. `busy` are the limits of which money is with a
    /// node now.
    pub(crate) fn ask_for_hold(&mut self, request: u32, busy: Vec<LimitAt>) {
        let Some(tab) = self.tabs.get_mut(&request) else { return };
        let (Stage::Asking(id, cost) | Stage::Waiting(id, cost, _)) = tab.stage.clone() else {
            return;
        };
        tab.busy_when_asked = busy;
        tab.stage = Stage::Asking(id, cost.clone());
        let hold = Operation::Hold(NewHold {
            id,
            account: tab.account.clone(),
            claim: Claim::Chain(cost),
            owner: self.owner,
            life: DEFAULT_HOLD_LIFE,
            on_expiry: OnExpiry::Capture,
            exposure: None,
        });
        self.ask(About::Hold(request), vec![hold]);
    }

    pub(crate) fn hold_answered(&mut self, request: u32, answer: &Decided) {
        let Some(tab) = self.tabs.get(&request) else { return };
        let Stage::Asking(id, cost) = tab.stage.clone() else { return };
        match answer {
            Ok(Outcome::Held(held)) => self.held(request, id, &cost, held),
            Ok(Outcome::Refused(shortfall)) => self.refused(request, shortfall),
            _ => self.end_of_asking(request, None),
        }
    }

    fn held(&mut self, request: u32, id: HoldId, cost: &Cost, held: &Held) {
        let counted = held.standings.iter().map(|standing| {
            let (account, limit) = (standing.account.clone(), standing.limit.key().clone());
            let amount = cost.amount(&limit.meter);
            (LimitAt { account, limit }, amount, standing)
        });
        let counted: Vec<_> = counted.filter(|(_, amount, _)| !amount.is_zero()).collect();
        let own = Own { id, left: cost.clone() };
        if let Some(tab) = self.tabs.get_mut(&request) {
            (tab.own, tab.stage) = (Some(own), Stage::Working);
        }
        self.facts.push(Fact::Decided(request, None));
        for (limit, amount, standing) in counted {
            self.tell(Event::Held { limit, amount, left: standing.remaining() });
        }
    }

    fn refused(&mut self, request: u32, shortfall: &Shortfall) {
        let Some(tab) = self.tabs.get_mut(&request) else { return };
        let account = shortfall.standing.account.clone();
        let limit = LimitAt { account, limit: shortfall.standing.limit.key().clone() };
        tab.tries += 1;
        match tab.tries > MAX_TRIES {
            true => self.end_of_asking(request, Some(limit)),
            false => self.facts.push(Fact::Short(request, limit)),
        }
    }

    /// Money of the limit was called back: the request waits for it and asks again.
    pub(crate) fn wait_for(&mut self, request: u32, limit: LimitAt) {
        if let Some(tab) = self.tabs.get_mut(&request)
            && let Stage::Asking(id, cost) = tab.stage.clone()
        {
            tab.stage = Stage::Waiting(id, cost, limit);
        }
    }

    /// The hold cannot be had. A request that wanted more goes on with what it has.
    pub(crate) fn end_of_asking(&mut self, request: u32, limit: Option<LimitAt>) {
        let Some(tab) = self.tabs.get_mut(&request) else { return };
        tab.stage = Stage::Working;
        if tab.drawn.is_nothing() && tab.own.is_none() && !tab.has_worked {
            self.tabs.remove(&request);
        }
        self.facts.push(Fact::Decided(request, limit));
    }

    /// A request that drew wants so much more: drawn from the same purses, or held.
    pub(crate) fn extend(&mut self, request: u32, more: &Cost) {
        let Some(tab) = self.tabs.get(&request) else { return };
        if tab.stage != Stage::Working || tab.own.is_some() {
            return;
        }
        let purses = tab.purses.clone();
        if self.draw_all(&purses, more) {
            let tab = self.tabs.get_mut(&request).expect("found above");
            tab.drawn = tab.drawn.plus(more).expect("small");
            self.facts.push(Fact::Decided(request, None));
        } else {
            self.want_hold(request, more.clone());
        }
    }

    /// A request reports what it has cost, which may be more than it has.
    pub(crate) fn track(&mut self, request: u32, cost: &Cost) {
        let Some(tab) = self.tabs.get_mut(&request) else { return };
        if tab.stage != Stage::Working {
            return;
        }
        tab.has_worked = true;
        let from_own = match &tab.own {
            Some(own) => common(&own.left, &cost.minus_saturating(&tab.drawn)),
            None => Cost::none(),
        };
        let from_purses = cost.minus_saturating(&from_own);
        match tab.own.is_some() && tab.purses.is_empty() {
            true => self.owe_own(request, cost, Rest::Keep),
            false => {
                self.owe_drawn(request, &from_purses);
                self.owe_own(request, &from_own, Rest::Keep);
            }
        }
    }

    /// Queues a cost that is paid from what was drawn; what is above that is drawn, or overdrawn.
    fn owe_drawn(&mut self, request: u32, cost: &Cost) {
        let Some(tab) = self.tabs.get(&request).filter(|_| !cost.is_nothing()) else { return };
        let (account, purses) = (tab.account.clone(), tab.purses.clone());
        let above = cost.minus_saturating(&tab.drawn);
        let within = cost.minus_saturating(&above);
        let is_drawn = above.is_nothing() || self.draw_all(&purses, &above);
        for (id, meter) in &purses {
            let Some(held) = self.purses.get_mut(id) else { continue };
            if !is_drawn && !above.amount(meter).is_zero() {
                held.drawer.overdraw(above.amount(meter));
                held.was_overdrawn = true;
            }
            let counter = CounterKey {
                account: held.limit.account.clone(),
                limit: held.limit.limit.clone(),
                start: held.window.start,
            };
            let worked = if is_drawn { cost } else { &within };
            self.facts.push(Fact::Worked(counter.clone(), worked.amount(meter)));
            let over = cost.minus_saturating(worked);
            self.facts.push(Fact::Overran(counter, over.amount(meter)));
        }
        let tab = self.tabs.get_mut(&request).expect("found above");
        tab.drawn = tab.drawn.minus_saturating(&within);
        self.owe(account, cost.clone(), Source::Purses(purses));
    }

    /// Queues a cost that is paid from the request's own hold.
    fn owe_own(&mut self, request: u32, cost: &Cost, rest: Rest) {
        let Some(tab) = self.tabs.get_mut(&request).filter(|_| !cost.is_nothing()) else { return };
        let Some(own) = &mut tab.own else { return };
        let within = common(&own.left, cost);
        own.left = own.left.minus_saturating(&within);
        let over = cost.minus_saturating(&within);
        self.facts.push(Fact::WorkedOn(own.id, within, over));
        let (account, id) = (tab.account.clone(), own.id);
        self.owe(account, cost.clone(), Source::Hold(id, rest));
    }

    fn owe(&mut self, account: AccountId, cost: Cost, from: Source) {
        let id = self.ids.charge();
        self.facts.push(Fact::Queued(id, account.clone(), cost.clone()));
        self.queue.push(Owed { id, account, cost, from });
    }

    /// A request ends: what it has is put back.
    pub(crate) fn end(&mut self, request: u32, end: End) {
        let Some(tab) = self.tabs.get(&request) else { return };
        if tab.stage != Stage::Working {
            return;
        }
        if !tab.has_worked && end == End::Well {
            let claim = tab.claim.clone();
            self.track(request, &claim);
        }
        let Some(tab) = self.tabs.remove(&request) else { return };
        self.put_back(&tab.purses, &tab.drawn);
        if let Some(own) = tab.own {
            let (id, cost) = (self.ids.charge(), Cost::none());
            let from = Source::Release(own.id);
            self.queue.push(Owed { id, account: tab.account, cost, from });
        }
    }
}

/// What two costs have in common, meter by meter.
fn common(one: &Cost, other: &Cost) -> Cost {
    one.minus_saturating(&one.minus_saturating(other))
}

/// So much of one meter.
pub(crate) fn cost(meter: &Meter, units: u32) -> Cost {
    Cost::of(meter.clone(), Amount::from_units(units)).expect("small")
}
