//! Recording charges, paid from holds or not.
//!
//! A charge is recorded always (P2). What its holds cover turns from held into spent; what they do
//! not cover is added to spend and marked. A capture that a settle finds is replaced by it.

use std::sync::Arc;

use keycap_base::Timestamp;
use smallvec::SmallVec;

use super::give_back::{give_back, is_live};
use super::tally::Tally;
use super::{Books, Step, Stop};
use crate::{
    Account, AccountId, Amount, Chain, Charge, ChargeLeg, Claim, Cost, Counter, CounterKey, Fault,
    Fit, Hold, HoldId, HoldState, LimitKey, MAX_SETTLE_HOLDS, Meter, NewCharge, Outcome, Recorded,
    Rest, Shelf,
};

impl<S: Shelf> Books<S> {
    /// Records a charge that no hold was taken for.
    pub(super) fn charge(&mut self, new: &NewCharge, now: Timestamp) -> Step<Outcome, S> {
        self.settle(new, &[], Rest::Keep, now)
    }

    /// Records a charge and pays it from holds, in one step.
    pub(super) fn settle(
        &mut self,
        new: &NewCharge,
        ids: &[HoldId],
        rest: Rest,
        now: Timestamp,
    ) -> Step<Outcome, S> {
        self.remembered(new.id.made_at(), now)?;
        let leaf = self.known(&new.account)?;
        if let Some(first) = self.shelf.charge(&leaf.root, new.id).map_err(Stop::Shelf)? {
            return Ok(recorded_before(&first, new));
        }
        if let Some(hold) = self.shelf.hold(&leaf.root, new.id.hold()).map_err(Stop::Shelf)?
            && let Some((_, folded)) = hold.ended_by().filter(|(by, _)| *by == new.id)
        {
            return Ok(folded_before(&hold, folded, new));
        }
        let holds = self.named_holds(&leaf.root, ids)?;
        let chain = match holds.iter().find(|hold| hold.account == new.account) {
            Some(hold) => self.accounts(&hold.chain)?,
            None => self.known_chain(&new.account)?,
        };
        let mut bill = Bill::new(new, holds, rest, now);
        bill.pay(&mut self.shelf, &chain)?;
        bill.end(&mut self.shelf)?;
        self.record(bill, &chain)
    }

    /// The holds of these names, each once. One that is not known covers nothing.
    fn named_holds(&mut self, root: &AccountId, ids: &[HoldId]) -> Step<Vec<Hold>, S> {
        if ids.len() > MAX_SETTLE_HOLDS {
            return Err(Fault::TooManyHolds(ids.len()).into());
        }
        let mut holds: Vec<Hold> = Vec::with_capacity(ids.len());
        for id in ids {
            if !holds.iter().any(|hold| hold.id == *id) {
                let found = self.shelf.hold(root, *id).map_err(Stop::Shelf)?;
                holds.extend(found.map(|hold| Hold::clone(&hold)));
            }
        }
        Ok(holds)
    }

    /// Puts everything back and answers.
    fn record(&mut self, bill: Bill<'_>, chain: &Chain) -> Step<Outcome, S> {
        bill.tally.put(&mut self.shelf)?;
        let standings = bill.tally.touched(chain);
        let over = standings.iter().any(|standing| standing.is_over());
        let fit = if over { Fit::Over } else { Fit::Within };
        let is_row = !bill.needs_no_row() || fit == Fit::Over;
        let (charge, holds) = bill.close(chain, fit);
        for hold in holds {
            self.shelf.put_hold(Arc::new(hold)).map_err(Stop::Shelf)?;
        }
        let uncovered = uncovered(&charge);
        if is_row {
            self.shelf.put_charge(Arc::new(charge)).map_err(Stop::Shelf)?;
        }
        Ok(Outcome::Recorded(Recorded { fit, uncovered, standings }))
    }
}

/// One charge being paid.
struct Bill<'a> {
    new: &'a NewCharge,
    holds: Vec<Hold>,
    rest: Rest,
    now: Timestamp,
    tally: Tally,
    legs: Vec<ChargeLeg>,
    /// Requests that are counted without a row; `None` when they get one like any meter.
    folded: Option<Amount>,
}

impl<'a> Bill<'a> {
    fn new(new: &'a NewCharge, holds: Vec<Hold>, rest: Rest, now: Timestamp) -> Self {
        let folds = rest == Rest::Release && holds.iter().any(is_live);
        let folded = folds.then(|| new.cost.amount(&Meter::REQUESTS));
        Self { new, holds, rest, now, tally: Tally::default(), legs: Vec::new(), folded }
    }

    /// Whether the end of the account's own hold can remember all of it: it only counts requests, has
    /// no tags, and bears that hold's id.
    fn needs_no_row(&self) -> bool {
        let own = |hold: &Hold| {
            hold.id == self.new.id.hold()
                && hold.account == self.new.account
                && hold.ended_by().is_some_and(|(by, _)| by == self.new.id)
        };
        self.folded.is_some() && is_only_requests(self.new) && self.holds.iter().any(own)
    }

    /// Counts the cost on every limit of the chain that counts one of its meters.
    fn pay<S: Shelf>(&mut self, shelf: &mut S, chain: &Chain) -> Step<(), S> {
        for account in chain.iter() {
            for (meter, amount) in self.new.cost.iter() {
                for limit in self.limits(account, meter) {
                    self.pay_limit(shelf, account, &limit, amount)?;
                }
            }
        }
        Ok(())
    }

    /// The account's limits on a meter, and those its holds were taken on before an amendment took
    /// them away.
    fn limits(&self, account: &Account, meter: &Meter) -> SmallVec<[LimitKey; 2]> {
        let current = account.terms.limits.iter().map(|limit| limit.key());
        let held = self.holds.iter().flat_map(|hold| &hold.legs);
        let held = held.filter(|leg| leg.account == account.id).map(|leg| &leg.limit);
        let mut keys = SmallVec::new();
        for key in current.chain(held).filter(|key| key.meter == *meter) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// Counts an amount on one limit: first from what is held, then from what was captured, the rest
    /// uncovered.
    fn pay_limit<S: Shelf>(
        &mut self,
        shelf: &mut S,
        account: &Account,
        limit: &LimitKey,
        amount: Amount,
    ) -> Step<(), S> {
        let mut left = amount;
        let mut holds = std::mem::take(&mut self.holds);
        let mut newest = None;
        for hold in &mut holds {
            for leg in hold.legs.iter_mut().filter(|leg| leg.is_on(&account.id, limit)) {
                newest = newest.max(Some(leg.start));
                let covered = left.min(leg.amount.saturating_add(leg.captured));
                let from_held = covered.min(leg.amount);
                let from_capture = covered.saturating_sub(from_held);
                leg.amount = leg.amount.saturating_sub(from_held);
                leg.captured = leg.captured.saturating_sub(from_capture);
                hold.exposure = hold.exposure.map(|most| most.saturating_sub(covered));
                left = left.saturating_sub(covered);
                self.count(shelf, leg.counter(), covered, |counter| {
                    counter.held_less(from_held).spent_more(from_held)
                })?;
            }
        }
        if left.is_zero() {
            self.holds = holds;
            return Ok(());
        }
        // A lease was there before the work; only a request's own hold tells when that began.
        let own = holds.iter().find(|hold| !matches!(hold.claim, Claim::Limit(..)));
        let began_at = own.map_or(self.now, |hold| hold.opened_at);
        self.holds = holds;
        let start = newest.unwrap_or_else(|| limit.period.window(began_at).start);
        let key = CounterKey { account: account.id.clone(), limit: limit.clone(), start };
        self.overrun(shelf, key, left)
    }

    /// Counts what no hold covers, and marks it.
    fn overrun<S: Shelf>(&mut self, shelf: &mut S, key: CounterKey, amount: Amount) -> Step<(), S> {
        let marked = key.clone();
        self.count(shelf, key, amount, |counter| {
            let uncovered = counter.uncovered.saturating_add(amount);
            Counter { uncovered, ..counter }.spent_more(amount)
        })?;
        let on = |leg: &&mut ChargeLeg| leg.is_on(&marked);
        if let Some(leg) = self.legs.iter_mut().find(on) {
            leg.uncovered = amount;
        }
        Ok(())
    }

    /// Changes a counter, and writes down what the charge put there.
    fn count<S: Shelf>(
        &mut self,
        shelf: &mut S,
        key: CounterKey,
        amount: Amount,
        change: impl FnOnce(Counter) -> Option<Counter>,
    ) -> Step<(), S> {
        if amount.is_zero() {
            return Ok(());
        }
        let folds = self.folded.is_some() && key.limit.meter == Meter::REQUESTS;
        self.tally.change(shelf, &key, |counter| {
            let counter = change(counter)?;
            let more = if folds { amount } else { Amount::ZERO };
            Some(Counter { carried: counter.carried.checked_add(more)?, ..counter })
        })?;
        if !folds {
            self.write_leg(key, amount);
        }
        Ok(())
    }

    fn write_leg(&mut self, key: CounterKey, amount: Amount) {
        match self.legs.iter_mut().find(|leg| leg.is_on(&key)) {
            Some(leg) => leg.amount = leg.amount.saturating_add(amount),
            None => self.legs.push(ChargeLeg {
                account: key.account,
                limit: key.limit,
                start: key.start,
                amount,
                uncovered: Amount::ZERO,
                refunded: Amount::ZERO,
            }),
        }
    }

    /// Ends the holds, if this was the last of the work.
    fn end<S: Shelf>(&mut self, shelf: &mut S) -> Step<(), S> {
        if self.rest == Rest::Release {
            let (by, folded) = (self.new.id, self.folded.unwrap_or(Amount::ZERO));
            for hold in &mut self.holds {
                hold.state = match hold.state {
                    HoldState::Open => HoldState::Settled { by, folded },
                    HoldState::Captured => HoldState::Replaced { by, folded },
                    HoldState::Settled { .. }
                    | HoldState::Released
                    | HoldState::Replaced { .. } => continue,
                };
                give_back(shelf, &mut self.tally, hold)?;
                hold.ended_at = hold.ended_at.or(Some(self.now));
            }
        }
        for hold in &self.holds {
            self.tally.owns(shelf, &hold.legs)?;
        }
        Ok(())
    }

    /// The row, and the holds as they are now.
    fn close(self, chain: &Chain, fit: Fit) -> (Charge, Vec<Hold>) {
        let cost = match self.folded {
            Some(_) => self.new.cost.clone().without(&Meter::REQUESTS),
            None => self.new.cost.clone(),
        };
        let charge = Charge {
            id: self.new.id,
            account: self.new.account.clone(),
            root: chain.root().clone(),
            chain: chain.ids(),
            cost,
            tags: self.new.tags.clone(),
            at: self.now,
            legs: self.legs,
            refunded: Cost::none(),
            fit,
            folded: self.folded,
        };
        (charge, self.holds)
    }
}

/// The answer to a charge that is on record with this id.
fn recorded_before(first: &Charge, new: &NewCharge) -> Outcome {
    let uncovered = uncovered(first);
    let recorded = Outcome::Recorded(Recorded { fit: first.fit, uncovered, standings: Vec::new() });
    if first.is(new) { recorded } else { Outcome::Conflict(Box::new(recorded)) }
}

/// The answer to a settle that wrote no row and ended its hold with this id.
fn folded_before(hold: &Hold, folded: Amount, new: &NewCharge) -> Outcome {
    let recorded = Outcome::Recorded(Recorded {
        fit: Fit::Within,
        uncovered: Cost::none(),
        standings: Vec::new(),
    });
    let same = hold.account == new.account
        && is_only_requests(new)
        && new.cost.amount(&Meter::REQUESTS) == folded;
    if same { recorded } else { Outcome::Conflict(Box::new(recorded)) }
}

/// Whether it counts requests and says nothing else.
fn is_only_requests(new: &NewCharge) -> bool {
    new.tags.is_empty() && new.cost.iter().all(|(meter, _)| *meter == Meter::REQUESTS)
}

/// The part of a charge that no hold covered, for each meter.
fn uncovered(charge: &Charge) -> Cost {
    let part = |sum: Cost, meter: &Meter| {
        // Not above the charge's own amount, which was within bounds.
        sum.clone().with(meter.clone(), charge.uncovered(meter)).unwrap_or(sum)
    };
    charge.cost.iter().map(|(meter, _)| meter).fold(Cost::none(), part)
}
