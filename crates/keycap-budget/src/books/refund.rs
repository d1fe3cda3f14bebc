//! Taking back part of a charge.

use std::sync::Arc;

use keycap_base::Timestamp;

use super::tally::Tally;
use super::{Books, Step, Stop};
use crate::{
    AccountId, Amount, Charge, ChargeId, ChargeLeg, Cost, Fault, LimitKey, Meter, Outcome, Refund,
    Shelf,
};

impl<S: Shelf> Books<S> {
    /// Takes back part of a charge, in the windows the charge counts in, as far as they are kept.
    pub(super) fn refund(
        &mut self,
        id: ChargeId,
        account: &AccountId,
        charge: ChargeId,
        cost: &Cost,
        now: Timestamp,
    ) -> Step<Outcome, S> {
        self.remembered(id.made_at(), now)?;
        let root = self.known(account)?.root.clone();
        let found = self.shelf.charge(&root, charge).map_err(Stop::Shelf)?;
        let found = found.filter(|found| found.account == *account);
        let mut charge = Charge::clone(&*found.ok_or(Fault::UnknownCharge(charge))?);
        if let Some(first) = self.shelf.refund(&root, id).map_err(Stop::Shelf)? {
            let same =
                first.charge == charge.id && first.cost == *cost && first.account == *account;
            let refunded = Outcome::Refunded(charge.refunded);
            return Ok(if same { refunded } else { Outcome::Conflict(Box::new(refunded)) });
        }
        let left = charge.cost.minus_saturating(&charge.refunded);
        if left.checked_minus(cost).is_none() {
            return Ok(Outcome::RefundTooLarge { left });
        }
        for (meter, amount) in cost.iter() {
            self.refund_meter(&mut charge, meter, amount, now)?;
        }
        charge.refunded = charge.cost.minus_saturating(&left.minus_saturating(cost));
        let refunded = charge.refunded.clone();
        let row =
            Refund { id, charge: charge.id, account: account.clone(), cost: cost.clone(), at: now };
        self.shelf.put_charge(Arc::new(charge)).map_err(Stop::Shelf)?;
        self.shelf.put_refund(&root, Arc::new(row)).map_err(Stop::Shelf)?;
        Ok(Outcome::Refunded(refunded))
    }

    /// Takes an amount back from each limit the charge counts on, newest window first.
    fn refund_meter(
        &mut self,
        charge: &mut Charge,
        meter: &Meter,
        amount: Amount,
        now: Timestamp,
    ) -> Step<(), S> {
        let mut tally = Tally::default();
        let mut left: Vec<(AccountId, LimitKey, Amount)> = Vec::new();
        let kept = |leg: &ChargeLeg| leg.counter().retained_until().is_none_or(|until| now < until);
        for leg in charge.legs.iter_mut().rev().filter(|leg| leg.limit.meter == *meter) {
            let owed = owed(&mut left, leg, amount);
            let back = (*owed).min(leg.amount.saturating_sub(leg.refunded));
            *owed = owed.saturating_sub(back);
            if kept(leg) && !back.is_zero() {
                leg.refunded = leg.refunded.saturating_add(back);
                tally.change(&mut self.shelf, &leg.counter(), |c| Some(c.spent_less(back)))?;
            }
        }
        tally.put(&mut self.shelf)
    }
}

/// What is still to be taken back from the limit a leg lies on: a limit whose charge spans two
/// windows has two legs and owes the amount once.
fn owed<'a>(
    left: &'a mut Vec<(AccountId, LimitKey, Amount)>,
    leg: &ChargeLeg,
    amount: Amount,
) -> &'a mut Amount {
    let known = left.iter().position(|(a, l, _)| *a == leg.account && *l == leg.limit);
    let at = known.unwrap_or_else(|| {
        left.push((leg.account.clone(), leg.limit.clone(), amount));
        left.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
    &mut left[at].2
}
