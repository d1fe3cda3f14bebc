//! Taking and extending holds: all legs or none (I1).

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;

use super::tally::{Tally, counter_key};
use super::{Books, Step, Stop};
use crate::outcome::LEAST_LEFT;
use crate::{
    Account, AccountId, Amount, Chain, Claim, Cost, Fault, Held, Hold, HoldId, HoldState, Leg,
    Limit, NewHold, Outcome, Shelf, Shortfall, Standing,
};

/// How a hold is to be extended.
pub(super) struct Raise<'a> {
    /// The total that shall have been granted.
    pub(super) granted: &'a Cost,
    /// The least exposure from now on.
    pub(super) exposure: Option<Amount>,
    /// How long it lives from now.
    pub(super) life: Duration,
}

/// What is asked of one limit.
struct Ask<'a> {
    account: &'a Account,
    limit: &'a Limit,
    wanted: Wanted,
}

/// How much is asked of one limit.
#[derive(Clone, Copy)]
enum Wanted {
    /// This amount.
    Amount(Amount),
    /// That something be left.
    Room,
}

impl<S: Shelf> Books<S> {
    /// Sets an amount aside on every applicable limit, or on none.
    pub(super) fn hold(&mut self, new: &NewHold, now: Timestamp) -> Step<Outcome, S> {
        self.remembered(new.id.made_at(), now)?;
        let chain = self.known_chain(&new.account)?;
        let root = chain.root();
        if let Some(first) = self.shelf.hold(root, new.id).map_err(Stop::Shelf)? {
            return self.held_before(&first, new, now);
        }
        check_new(new)?;
        let mut hold = opened(new, &chain, now);
        let asks = asks(&chain, &new.claim)?;
        let held = self.take(&mut hold, &chain, &asks, now)?;
        self.shelf.put_hold(Arc::new(hold)).map_err(Stop::Shelf)?;
        Ok(Outcome::Held(held))
    }

    /// The answer to a hold that was taken before with the same id.
    fn held_before(&mut self, first: &Hold, new: &NewHold, now: Timestamp) -> Step<Outcome, S> {
        let same = first.account == new.account
            && first.claim == new.claim
            && first.owner == new.owner
            && first.on_expiry == new.on_expiry;
        let mut tally = Tally::default();
        let held = Outcome::Held(self.held(&mut tally, first, now)?);
        Ok(if same { held } else { Outcome::Conflict(Box::new(held)) })
    }

    /// Raises a hold to the total asked for, and renews it. What was granted before is not asked
    /// for again, so a retry adds nothing.
    pub(super) fn extend(
        &mut self,
        account: &AccountId,
        id: HoldId,
        raise: &Raise<'_>,
        now: Timestamp,
    ) -> Step<Outcome, S> {
        let mut hold = self.known_hold(account, id)?;
        if !hold.is_open() {
            return Ok(Outcome::Ended(hold.state));
        }
        let more = raise.granted.minus_saturating(&hold.granted);
        check_raise(&hold, raise, &more)?;
        hold.granted = hold.granted.plus(&more).map_err(|_| Fault::TooManyMeters(id))?;
        hold.exposure = hold.exposure.map(|most| raise.exposure.map_or(most, |new| new.max(most)));
        hold.expires_at = hold.expires_at.max(now.plus(raise.life));
        let chain = self.accounts(&hold.chain)?;
        let asks = match more.is_nothing() {
            true => Vec::new(),
            false => asks(&chain, &Claim::Chain(more))?,
        };
        let held = self.take(&mut hold, &chain, &asks, now)?;
        self.shelf.put_hold(Arc::new(hold)).map_err(Stop::Shelf)?;
        Ok(Outcome::Held(held))
    }

    /// Checks what is asked against every limit; takes all of it, or says which refused.
    fn take(
        &mut self,
        hold: &mut Hold,
        chain: &Chain,
        asks: &[Ask<'_>],
        now: Timestamp,
    ) -> Step<Held, S> {
        let mut tally = Tally::default();
        tally.owns(&mut self.shelf, &hold.legs)?;
        let mut shortfalls = Vec::new();
        for ask in asks {
            let standing = tally.standing(&mut self.shelf, ask.account, ask.limit, now);
            shortfalls.extend(ask.shortfall(standing.map_err(Stop::Shelf)?, now));
        }
        if let Some(worst) = shortfalls.into_iter().min_by_key(Shortfall::rank) {
            return Err(Stop::Outcome(Outcome::Refused(Box::new(worst))));
        }
        for ask in asks {
            let leg = ask.leg(now);
            let key = counter_key(ask.account, ask.limit.key(), leg.start);
            tally.change(&mut self.shelf, &key, |counter| counter.held_more(leg.amount))?;
            tally.owns(&mut self.shelf, std::slice::from_ref(&leg))?;
            add_leg(&mut hold.legs, leg);
        }
        tally.put(&mut self.shelf)?;
        let standings = tally.standings(&mut self.shelf, chain, now).map_err(Stop::Shelf)?;
        Ok(Held { standings, expires_in: hold.expires_at.since(now), at: now })
    }

    /// How a hold that stands already would be answered.
    fn held(&mut self, tally: &mut Tally, hold: &Hold, now: Timestamp) -> Step<Held, S> {
        let chain = self.accounts(&hold.chain)?;
        tally.owns(&mut self.shelf, &hold.legs)?;
        let standings = tally.standings(&mut self.shelf, &chain, now).map_err(Stop::Shelf)?;
        Ok(Held { standings, expires_in: hold.expires_at.since(now), at: now })
    }

    /// The accounts of these names, in this order.
    pub(super) fn accounts(&mut self, ids: &[AccountId]) -> Step<Chain, S> {
        let accounts = ids.iter().map(|id| self.known(id)).collect::<Step<Vec<_>, S>>()?;
        let unknown = || Fault::UnknownChain;
        Ok(Chain::new(accounts).ok_or_else(unknown)?)
    }
}

impl Ask<'_> {
    /// Why it does not fit, if it does not.
    fn shortfall(&self, standing: Standing, now: Timestamp) -> Option<Shortfall> {
        let needed = match self.wanted {
            Wanted::Amount(amount) => amount,
            Wanted::Room => LEAST_LEFT,
        };
        let cause = standing.refuses(needed)?;
        let ends_in = standing.window.end.map(|end| end.since(now));
        Some(Shortfall { standing, wanted: self.amount(), cause, ends_in })
    }

    fn amount(&self) -> Amount {
        match self.wanted {
            Wanted::Amount(amount) => amount,
            Wanted::Room => Amount::ZERO,
        }
    }

    fn leg(&self, now: Timestamp) -> Leg {
        Leg {
            account: self.account.id.clone(),
            limit: self.limit.key().clone(),
            start: self.limit.key().period.window(now).start,
            amount: self.amount(),
            captured: Amount::ZERO,
        }
    }
}

/// What a claim asks of each limit of the chain, leaf first.
fn asks<'a>(chain: &'a Chain, claim: &Claim) -> Result<Vec<Ask<'a>>, Fault> {
    let limits = chain
        .iter()
        .flat_map(|account| account.terms.limits.iter().map(move |limit| (&**account, limit)));
    let ask = |account, limit, wanted| Ask { account, limit, wanted };
    Ok(match claim {
        Claim::Chain(cost) => limits
            .filter_map(|(account, limit)| {
                let amount = cost.amount(&limit.key().meter);
                (!amount.is_zero()).then(|| ask(account, limit, Wanted::Amount(amount)))
            })
            .collect(),
        Claim::Room(cost) => limits
            .map(|(account, limit)| match cost.amount(&limit.key().meter) {
                Amount::ZERO => ask(account, limit, Wanted::Room),
                amount => ask(account, limit, Wanted::Amount(amount)),
            })
            .collect(),
        Claim::Limit(key, amount) => {
            let leaf = chain.leaf();
            let limit = leaf.terms.limits.find(key);
            let limit = limit.ok_or_else(|| Fault::UnknownLimit(leaf.id.clone()))?;
            vec![ask(&**leaf, limit, Wanted::Amount(*amount))]
        }
    })
}

/// Refuses a hold that no hold can be.
fn check_new(new: &NewHold) -> Result<(), Fault> {
    match new.claim {
        Claim::Limit(_, amount) if amount > Amount::MAX_OPERATION => {
            Err(Fault::LeaseTooLarge(new.id))
        }
        Claim::Chain(_) | Claim::Room(_) if new.exposure.is_some() => Err(Fault::NotALease(new.id)),
        _ => Ok(()),
    }
}

/// Refuses to raise a hold as its kind cannot be raised.
fn check_raise(hold: &Hold, raise: &Raise<'_>, more: &Cost) -> Result<(), Fault> {
    match hold.claim {
        Claim::Limit(..) if !more.is_nothing() => Err(Fault::LeaseGrown(hold.id)),
        Claim::Chain(_) | Claim::Room(_) if raise.exposure.is_some() => {
            Err(Fault::NotALease(hold.id))
        }
        _ => Ok(()),
    }
}

/// The hold before anything is set aside in it.
fn opened(new: &NewHold, chain: &Chain, now: Timestamp) -> Hold {
    let granted = match &new.claim {
        Claim::Chain(cost) | Claim::Room(cost) => cost.clone(),
        Claim::Limit(..) => Cost::none(),
    };
    Hold {
        id: new.id,
        account: new.account.clone(),
        root: chain.root().clone(),
        chain: chain.ids(),
        claim: new.claim.clone(),
        granted,
        owner: new.owner,
        opened_at: now,
        expires_at: now.plus(new.life),
        on_expiry: new.on_expiry,
        exposure: new.exposure,
        legs: Vec::new(),
        state: HoldState::Open,
        ended_at: None,
    }
}

/// Adds to the leg on the same limit and window, or appends it: oldest window first.
fn add_leg(legs: &mut Vec<Leg>, leg: Leg) {
    let same = |other: &&mut Leg| other.is_on(&leg.account, &leg.limit) && other.start == leg.start;
    match legs.iter_mut().find(same) {
        Some(other) => other.amount = other.amount.saturating_add(leg.amount),
        None => legs.push(leg),
    }
}
