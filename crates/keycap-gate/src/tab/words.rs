//! What a tab has still to say to the ledger, and how it says it.

use std::time::Duration;

use keycap_base::{Labels, Timestamp};
use keycap_budget::{AccountId, Amount, ChargeId, Cost, HoldId, Meter, NewCharge, Operation, Rest};
use smallvec::SmallVec;

use super::NeedsPlace;
use crate::queue::{Owed, Place, Waiting};
use crate::{Ending, Endings, Fate, Guard, Usage};

/// The tag on a charge that a policy made, not a handler: it names how the request ended.
const ENDING_TAG: &str = "keycap.ending";

/// How long after a hold was taken its id may still stand for a charge: well within the time for
/// which every ledger remembers ids.
const FOLDS_WITHIN: Duration = Duration::from_secs(12 * 60 * 60);

/// Costs that were tracked, and whether the end has come.
#[derive(Default)]
pub(super) struct Said {
    /// Not sent yet, oldest first. One takes no memory of its own.
    pending: SmallVec<[Pending; 1]>,
    /// Sent, in all.
    sent: Cost,
    /// Whether the handler reported anything.
    pub(super) tracked: bool,
    /// Whether the tab stands in the queue.
    queued: bool,
    /// Whether the last handle is gone.
    pub(super) closed: bool,
    /// Whether the end was sent.
    finished: bool,
}

/// A charge that was not sent yet.
pub(super) struct Pending {
    /// The application's own id, if it gave one: then nothing merges into it.
    charge: Option<ChargeId>,
    cost: Cost,
    tags: Labels,
    /// What is owed to those who wait.
    told: Owed,
    place: Option<Place>,
}

impl Pending {
    /// What both cost, if they can be one charge.
    fn with(&self, usage: &Usage) -> Option<Cost> {
        let same = self.charge.is_none() && usage.id.is_none() && self.tags == usage.tags;
        if same { self.cost.plus(&usage.cost).ok() } else { None }
    }
}

/// One operation, who waits for its answer, and a place that it holds beside its tab's.
pub(super) struct Words {
    pub(super) operation: Operation,
    pub(super) told: Option<Owed>,
    pub(super) place: Option<Place>,
}

/// How much of what a tab has to say was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What there was so far.
    Part,
    /// Everything, but for these requests, which are to be counted apart.
    All { requests: Cost },
}

/// Whether a tab stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queueing {
    /// It does.
    Done,
    /// It must be put there now.
    Due,
}

/// How the request itself is counted at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requests {
    /// With what else the end costs.
    WithTheEnd,
    /// Apart from that, with others'.
    Apart,
}

/// All that the last words of a tab depend on.
pub(super) struct End<'a> {
    pub(super) account: &'a AccountId,
    pub(super) hold: Option<HoldId>,
    pub(super) requests: Requests,
    pub(super) granted: &'a Cost,
    pub(super) price: Option<&'a Cost>,
    /// None if the handler was never called.
    pub(super) ending: Option<Ending>,
    pub(super) endings: Endings,
    pub(super) now: Timestamp,
}

/// What is charged beside what was tracked.
enum Due<'a> {
    Price(&'a Cost),
    /// What is held, by its fate.
    Held(Fate),
}

/// What is charged for a request that tracked nothing and ended so.
fn due_untracked(price: Option<&Cost>, ending: Ending, endings: Endings) -> Due<'_> {
    match (price, ending) {
        (Some(price), Ending::Success) => Due::Price(price),
        _ => Due::Held(endings.fate_of_untracked(ending)),
    }
}

/// Whether a request behind this guard may be charged for something that tracked nothing and ended so.
pub(crate) fn charges_untracked(guard: &Guard, ending: Ending) -> bool {
    let endings = guard.endings.unwrap_or_default();
    match due_untracked(guard.price.as_ref(), ending, endings) {
        Due::Held(Fate::Release) => false,
        Due::Price(_) | Due::Held(Fate::Capture) => true,
    }
}

impl Said {
    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a cost: merged into one that waits, or, where the sum would be more than a charge can be,
    /// on its own. The first to wait stands in the tab's place, every other needs a place of its own.
    pub(super) fn add(
        &mut self,
        usage: Usage,
        place: Option<Place>,
    ) -> Result<(Waiting, Queueing), NeedsPlace> {
        let first = self.pending.is_empty();
        let mut others = self.pending.iter_mut();
        let waiting = match others.find_map(|other| Some((other.with(&usage)?, other))) {
            Some((sum, other)) => {
                other.cost = sum;
                other.told.waiting()
            }
            None if place.is_none() && !first => return Err(NeedsPlace(Box::new(usage))),
            None => {
                let (told, Usage { cost, tags, id }) = (Owed::new(), usage);
                let waiting = told.waiting();
                self.pending.push(Pending { charge: id, cost, tags, told, place });
                waiting
            }
        };
        self.tracked = true;
        Ok((waiting, self.queue()))
    }

    /// What is to be done so that the tab stands in the queue.
    fn queue(&mut self) -> Queueing {
        match std::mem::replace(&mut self.queued, true) {
            true => Queueing::Done,
            false => Queueing::Due,
        }
    }

    /// Notes that the last handle is gone.
    pub(super) fn close(&mut self) -> Queueing {
        self.closed = true;
        self.queue()
    }

    /// Says everything there is to send now, in order. What is returned is whether that was the end,
    /// and the requests that are then to be counted apart.
    pub(super) fn tell(&mut self, end: &End<'_>, mut say: impl FnMut(Words)) -> Told {
        self.queued = false;
        let mut pending = std::mem::take(&mut self.pending);
        pending.iter().for_each(|pending| note(&mut self.sent, &pending.cost));
        let ends = self.closed && !std::mem::replace(&mut self.finished, self.closed);
        let (last, told) = match (ends, end.requests) {
            (false, _) => (None, Told::Part),
            (true, Requests::WithTheEnd) => {
                (self.last(end, &mut pending), Told::All { requests: Cost::none() })
            }
            (true, Requests::Apart) => {
                let operation = end.finish(end.owed(self.tracked, &self.sent));
                let last = operation.map(|operation| Words { operation, told: None, place: None });
                (last, Told::All { requests: end.requests(self.tracked) })
            }
        };
        pending.into_iter().for_each(|one| say(end.charge(one, Rest::Keep)));
        last.into_iter().for_each(say);
        told
    }

    /// What the end will charge beside what was tracked, if it comes now.
    pub(super) fn last_cost(&self, end: &End<'_>) -> Cost {
        let mut sent = self.sent.clone();
        self.pending.iter().for_each(|pending| note(&mut sent, &pending.cost));
        let (owed, requests) = (end.owed(self.tracked, &sent), end.requests(self.tracked));
        owed.plus(&requests).unwrap_or(owed)
    }

    /// What was tracked on a meter and not sent yet.
    pub(super) fn unsent(&self, meter: &Meter) -> Amount {
        let amounts = self.pending.iter().map(|pending| pending.cost.amount(meter));
        amounts.fold(Amount::ZERO, |sum, more| sum.checked_add(more).unwrap_or(Amount::MAX_CAP))
    }

    /// The end of the request: what policy or price makes of it. A lone cost that waits becomes part
    /// of it, so that most requests end with one operation.
    fn last(&self, end: &End<'_>, pending: &mut SmallVec<[Pending; 1]>) -> Option<Words> {
        let (owed, requests) = (end.owed(self.tracked, &self.sent), end.requests(self.tracked));
        let with_requests = |one: &Pending| one.cost.plus(&requests).ok();
        let lone = match pending.as_slice() {
            [one] if one.charge.is_none() && owed.is_nothing() => with_requests(one),
            _ => None,
        };
        if let Some(cost) = lone
            && let Some(one) = pending.pop()
        {
            return Some(end.charge(Pending { cost, ..one }, Rest::Release));
        }
        let operation = end.finish(owed.plus(&requests).unwrap_or(owed))?;
        Some(Words { operation, told: None, place: None })
    }
}

/// Adds a cost to what was sent. Only used to see what is left of the hold, which no amount above the
/// bound changes.
fn note(sent: &mut Cost, cost: &Cost) {
    for (meter, amount) in cost.iter() {
        let most = Amount::MAX_OPERATION;
        let sum = sent.amount(meter).checked_add(amount).map_or(most, |sum| sum.min(most));
        let before = std::mem::take(sent);
        *sent = before.clone().with(meter.clone(), sum).unwrap_or(before);
    }
}

impl End<'_> {
    /// What is charged for the work beside what the handler tracked.
    fn owed(&self, tracked: bool, sent: &Cost) -> Cost {
        let due = match (tracked, self.ending) {
            (true, _) => Due::Held(self.endings.fate_of_rest()),
            (false, Some(ending)) => due_untracked(self.price, ending, self.endings),
            (false, None) => Due::Held(Fate::Release),
        };
        match due {
            Due::Price(price) => price.clone(),
            Due::Held(Fate::Capture) => {
                self.granted.clone().without(&Meter::REQUESTS).minus_saturating(sent)
            }
            Due::Held(Fate::Release) => Cost::none(),
        }
    }

    /// A request that began counts as one, however it ended.
    fn requests(&self, tracked: bool) -> Cost {
        if self.ending.is_none() && !tracked {
            return Cost::none();
        }
        let requests = self.granted.amount(&Meter::REQUESTS);
        Cost::of(Meter::REQUESTS, requests).unwrap_or_default()
    }

    /// The charge for a pending cost. One without an id of its own is given one now.
    fn charge(&self, pending: Pending, rest: Rest) -> Words {
        let Pending { charge, cost, tags, told, place } = pending;
        let id = charge.unwrap_or_else(|| ChargeId::generate(self.now));
        let charge = NewCharge { id, account: self.account.clone(), cost, tags };
        let operation = match self.hold {
            Some(hold) => Operation::Settle { charge, holds: vec![hold], rest },
            None => Operation::Charge(charge),
        };
        Words { operation, told: Some(told), place }
    }

    /// The operation that ends the hold, with this cost. One that only counts requests bears the
    /// hold's id and no tags: then the end of the hold remembers it, and it needs no row. Not so when
    /// the hold is so old that the ledger may not accept its id any more.
    fn finish(&self, cost: Cost) -> Option<Operation> {
        let account = self.account.clone();
        if cost.is_nothing() {
            return self.hold.map(|hold| Operation::Release { account, hold });
        }
        let only_requests = cost.iter().all(|(meter, _)| *meter == Meter::REQUESTS);
        let young = |hold: &HoldId| self.now.since(hold.made_at()) < FOLDS_WITHIN;
        let (id, tags) = match self.hold.filter(|hold| only_requests && young(hold)) {
            Some(hold) => (ChargeId::from(hold), Labels::new()),
            None => (ChargeId::generate(self.now), self.ending_tag()),
        };
        let charge = NewCharge { id, account, cost, tags };
        Some(match self.hold {
            Some(hold) => Operation::Settle { charge, holds: vec![hold], rest: Rest::Release },
            None => Operation::Charge(charge),
        })
    }

    fn ending_tag(&self) -> Labels {
        let ending = self.ending.unwrap_or(Ending::ClientLeft);
        Labels::of([(ENDING_TAG, ending.as_str())]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
