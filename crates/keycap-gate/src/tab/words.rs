//! What a tab has still to say to the ledger, and how it says it.

use std::time::Duration;

use keycap_base::{Labels, Timestamp};
use keycap_budget::{AccountId, Amount, ChargeId, Cost, HoldId, Meter, NewCharge, Operation, Rest};

use super::NeedsPlace;
use crate::queue::{Place, Waiter};
use crate::{Ending, Endings, Fate, Usage};

/// The tag on a charge that a policy made, not a handler: it names how the request ended.
const ENDING_TAG: &str = "keycap.ending";

/// How long after a hold was taken its id may still stand for a charge: well within the time for
/// which every ledger remembers ids.
const FOLDS_WITHIN: Duration = Duration::from_secs(12 * 60 * 60);

/// Costs that were tracked, and whether the end has come.
#[derive(Default)]
pub(super) struct Said {
    /// Not sent yet, oldest first.
    pending: Vec<Pending>,
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
    charge: ChargeId,
    /// Whether others may merge into it: not if the id is the application's own.
    merges: Merges,
    cost: Cost,
    tags: Labels,
    waiters: Vec<Waiter>,
    place: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Merges {
    Yes,
    No,
}

impl Pending {
    /// What both cost, if they can be one charge.
    fn with(&self, usage: &Usage) -> Option<Cost> {
        let same = self.merges == Merges::Yes && self.tags == usage.tags;
        self.cost.plus(&usage.cost).ok().filter(|_| same)
    }

    /// Makes it so much, for one more to wait. Those who gave up waiting are let go whenever there is
    /// no room, so that there are never more than twice as many as still wait.
    fn merge(&mut self, sum: Cost, waiter: Waiter) {
        if self.waiters.len() == self.waiters.capacity() {
            self.waiters.retain(|waiter| !waiter.is_closed());
        }
        self.cost = sum;
        self.waiters.push(waiter);
    }

    /// Who waits for it, and the place it holds.
    pub(super) fn into_parts(self) -> (Vec<Waiter>, Option<Place>) {
        (self.waiters, self.place)
    }
}

/// All that the last words of a tab depend on.
pub(super) struct End<'a> {
    pub(super) account: &'a AccountId,
    pub(super) hold: Option<HoldId>,
    pub(super) granted: Cost,
    pub(super) price: Option<Cost>,
    /// None if the handler was never called.
    pub(super) ending: Option<Ending>,
    pub(super) endings: Endings,
    pub(super) now: Timestamp,
}

impl Said {
    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a cost: merged into one that waits, or, where the sum would be more than a charge can be,
    /// on its own. The first to wait stands in the tab's place, every other needs a place of its own.
    /// Says whether the tab must now be queued.
    pub(super) fn add(
        &mut self,
        usage: Usage,
        place: Option<Place>,
        waiter: Waiter,
        now: Timestamp,
    ) -> Result<bool, NeedsPlace> {
        let merges = if usage.id.is_none() { Merges::Yes } else { Merges::No };
        let first = self.pending.is_empty();
        let mut waiting = self.pending.iter_mut().filter(|_| merges == Merges::Yes);
        match waiting.find_map(|other| Some((other.with(&usage)?, other))) {
            Some((sum, other)) => other.merge(sum, waiter),
            None if place.is_none() && !first => return Err(NeedsPlace(Box::new(usage))),
            None => self.pending.push(Pending {
                charge: usage.id.unwrap_or_else(|| ChargeId::generate(now)),
                merges,
                cost: usage.cost,
                tags: usage.tags,
                waiters: vec![waiter],
                place,
            }),
        }
        self.tracked = true;
        Ok(!std::mem::replace(&mut self.queued, true))
    }

    /// Notes that the last handle is gone. Says whether the tab must now be queued.
    pub(super) fn close(&mut self) -> bool {
        self.closed = true;
        !std::mem::replace(&mut self.queued, true)
    }

    /// Everything there is to send now, in order.
    pub(super) fn take(&mut self, end: &End<'_>) -> Vec<(Operation, Option<Pending>)> {
        self.queued = false;
        let mut pending = std::mem::take(&mut self.pending);
        pending.iter().for_each(|pending| self.note(&pending.cost));
        let last = match self.closed && !std::mem::replace(&mut self.finished, self.closed) {
            true => self.last(end, &mut pending),
            false => None,
        };
        let each = pending.into_iter().map(|one| (end.charge(&one, Rest::Keep), Some(one)));
        each.chain(last).collect()
    }

    /// The end of the request: what policy or price makes of it. A lone cost that waits becomes part
    /// of it, so that most requests end with one operation.
    fn last(
        &self,
        end: &End<'_>,
        pending: &mut Vec<Pending>,
    ) -> Option<(Operation, Option<Pending>)> {
        let (owed, requests) = (end.owed(self.tracked, &self.sent), end.requests(self.tracked));
        let with_requests = |one: &Pending| one.cost.plus(&requests).ok();
        let lone = match pending.as_slice() {
            [one] if one.merges == Merges::Yes && owed.is_nothing() => with_requests(one),
            _ => None,
        };
        let popped = pending.pop_if(|_| lone.is_some());
        match (lone, popped) {
            (Some(cost), Some(mut one)) => {
                one.cost = cost;
                Some((end.charge(&one, Rest::Release), Some(one)))
            }
            _ => end.finish(owed.plus(&requests).unwrap_or(owed)).map(|last| (last, None)),
        }
    }

    fn note(&mut self, cost: &Cost) {
        // Only used to see what is left of the hold, which no amount above the bound changes.
        for (meter, amount) in cost.iter() {
            let most = Amount::MAX_OPERATION;
            let sum = self.sent.amount(meter).checked_add(amount).map_or(most, |sum| sum.min(most));
            let sent = std::mem::take(&mut self.sent);
            self.sent = sent.clone().with(meter.clone(), sum).unwrap_or(sent);
        }
    }
}

impl End<'_> {
    /// What is charged for the work beside what the handler tracked.
    fn owed(&self, tracked: bool, sent: &Cost) -> Cost {
        let left = || self.granted.clone().without(&Meter::REQUESTS).minus_saturating(sent);
        let fate = match (tracked, &self.price, self.ending) {
            (true, ..) => self.endings.fate_of_rest(),
            (false, Some(price), Some(Ending::Success)) => return price.clone(),
            (false, _, Some(ending)) => self.endings.fate_of_untracked(ending),
            (false, _, None) => Fate::Release,
        };
        match fate {
            Fate::Capture => left(),
            Fate::Release => Cost::none(),
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

    /// The charge for a pending cost.
    fn charge(&self, pending: &Pending, rest: Rest) -> Operation {
        let charge = NewCharge {
            id: pending.charge,
            account: self.account.clone(),
            cost: pending.cost.clone(),
            tags: pending.tags.clone(),
        };
        match self.hold {
            Some(hold) => Operation::Settle { charge, holds: vec![hold], rest },
            None => Operation::Charge(charge),
        }
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
mod tests {
    use keycap_budget::usd;
    use tokio::sync::oneshot;

    use super::*;

    /// A handler that streams while the ledger is away may report a million costs and wait for none:
    /// each left its sender behind until the ledger was back.
    #[test]
    fn those_who_gave_up_waiting_leave_nothing_behind() {
        let mut said = Said::default();
        let (kept, mut told) = oneshot::channel();
        let added = said.add(Usage::of(usd!(0.01)), None, kept, Timestamp::EPOCH);
        assert!(matches!(added, Ok(true)));
        for _ in 0..10_000 {
            let (waiter, _gone) = oneshot::channel();
            let added = said.add(Usage::of(usd!(0.01)), None, waiter, Timestamp::EPOCH);
            assert!(matches!(added, Ok(false)));
        }
        assert_eq!(said.pending.len(), 1);
        assert!(said.pending[0].waiters.len() <= 8, "{}", said.pending[0].waiters.len());
        assert_eq!(said.pending[0].cost, "$100.01".parse().unwrap());
        assert!(told.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
    }
}
