//! What must hold for one hold or extension: it was asked of every limit, and the answer was true.

use std::collections::BTreeMap;

use keycap_base::Timestamp;

use super::Failure;
use crate::{
    Account, AccountId, Amount, Cause, Claim, Cost, Counter, CounterKey, Decided, Limit, NewHold,
    Operation, Outcome, Shortfall, Snapshot,
};

/// One limit that an operation asks, found without the books.
struct Asked {
    key: CounterKey,
    cap: Amount,
    amount: Amount,
    room: bool,
    /// What the hold has there already, which stays with it until its end.
    own: Amount,
}

/// I1 and I7, for one operation.
pub(super) fn check_grant(
    operation: &Operation,
    answer: &Decided,
    before: &Snapshot,
    after: &Snapshot,
    now: Timestamp,
) -> Result<(), Failure> {
    let asked = match operation {
        Operation::Hold(new) => asked_by_hold(new, before, now),
        Operation::Extend { account, hold, granted, .. } => {
            let held =
                before.holds.iter().find(|held| held.id == *hold && held.account == *account);
            held.map(|held| {
                let more = granted.minus_saturating(&held.granted);
                let mut asked = asked_by(&held.chain, &Claim::Chain(more), before, now);
                for ask in &mut asked {
                    let mut own = held.legs.iter().filter(|leg| leg.counter() == ask.key);
                    ask.own = own.next().map_or(Amount::ZERO, |leg| leg.amount);
                }
                asked
            })
        }
        _ => None,
    };
    match (asked, answer) {
        (Some(asked), Ok(Outcome::Held(_))) => check_held(&asked, before, after),
        (Some(asked), Ok(Outcome::Refused(shortfall))) => check_refused(&asked, shortfall, before),
        _ => Ok(()),
    }
}

/// What a hold asks; nothing when it was taken before.
fn asked_by_hold(new: &NewHold, before: &Snapshot, now: Timestamp) -> Option<Vec<Asked>> {
    let root = &find(before, &new.account)?.root;
    if before.holds.iter().any(|held| held.id == new.id && held.root == *root) {
        return Some(Vec::new());
    }
    let mut chain = vec![new.account.clone()];
    while let Some(parent) = chain.last().and_then(|id| find(before, id)?.parent.clone()) {
        chain.push(parent);
    }
    Some(asked_by(&chain, &new.claim, before, now))
}

fn asked_by(chain: &[AccountId], claim: &Claim, before: &Snapshot, now: Timestamp) -> Vec<Asked> {
    let mut asked = Vec::new();
    for account in chain.iter().filter_map(|id| find(before, id)) {
        for limit in account.terms.limits.iter() {
            let of = |cost: &Cost| cost.amount(&limit.key().meter);
            let (amount, room) = match claim {
                Claim::Chain(cost) => (of(cost), false),
                Claim::Room(cost) => (of(cost), of(cost).is_zero()),
                Claim::Limit(key, amount) if key == limit.key() => {
                    let is_own = chain.first() == Some(&account.id);
                    (if is_own { *amount } else { Amount::ZERO }, false)
                }
                Claim::Limit(..) => (Amount::ZERO, false),
            };
            asked.push(Asked {
                key: counter_of(account, limit, now),
                cap: limit.cap(),
                amount,
                room,
                own: Amount::ZERO,
            });
        }
    }
    asked
}

fn check_held(asked: &[Asked], before: &Snapshot, after: &Snapshot) -> Result<(), Failure> {
    let (old, new) = (counters(before), counters(after));
    let mut expected: BTreeMap<&CounterKey, i128> = BTreeMap::new();
    for ask in asked {
        *expected.entry(&ask.key).or_default() += wide(ask.amount);
        let was = used(old.get(&ask.key));
        let is = used(new.get(&ask.key));
        if !ask.amount.is_zero() && is > wide(ask.cap) {
            return Err(format!("I1: {:?} was granted above its cap", ask.key).into());
        }
        if ask.room && was >= wide(ask.cap) {
            return Err(format!("I1: {:?} had no room", ask.key).into());
        }
    }
    for (key, counter) in &new {
        let had = old.get(key).copied().unwrap_or_default();
        let more = wide(counter.held) - wide(had.held);
        if more != expected.get(key).copied().unwrap_or(0) || counter.spent != had.spent {
            return Err(format!("I1: {key:?} went from {had:?} to {counter:?}").into());
        }
    }
    Ok(())
}

fn check_refused(asked: &[Asked], told: &Shortfall, before: &Snapshot) -> Result<(), Failure> {
    let standing = &told.standing;
    let key = CounterKey {
        account: standing.account.clone(),
        limit: standing.limit.key().clone(),
        start: standing.window.start,
    };
    let ask = asked.iter().find(|ask| ask.key == key && ask.amount == told.wanted);
    let ask = ask.ok_or("I7: it was not asked of the limit that refused")?;
    let counter = counters(before).get(&key).copied().unwrap_or_default();
    // Room is any amount at all.
    let wanted = if ask.room { 1 } else { wide(ask.amount) };
    let cap = wide(ask.cap);
    let cause = if wide(ask.own) + wanted > cap {
        Some(Cause::LargerThanCap)
    } else if wide(counter.spent) + wide(ask.own) + wanted > cap {
        Some(Cause::Spent)
    } else if used(Some(&counter)) + wanted > cap {
        Some(Cause::Reserved)
    } else {
        None
    };
    if cause == Some(told.cause) {
        Ok(())
    } else {
        Err(format!("I7: {told:?} was told, and the cause was {cause:?}").into())
    }
}

fn find<'a>(snapshot: &'a Snapshot, id: &AccountId) -> Option<&'a Account> {
    snapshot.accounts.iter().find(|account| account.id == *id)
}

pub(super) fn counter_of(account: &Account, limit: &Limit, now: Timestamp) -> CounterKey {
    CounterKey {
        account: account.id.clone(),
        limit: limit.key().clone(),
        start: limit.key().period.window(now).start,
    }
}

fn counters(snapshot: &Snapshot) -> BTreeMap<CounterKey, Counter> {
    snapshot.counters.iter().cloned().collect()
}

fn used(counter: Option<&Counter>) -> i128 {
    counter.map_or(0, |counter| wide(counter.spent) + wide(counter.held))
}

pub(super) fn wide(amount: Amount) -> i128 {
    i128::from(amount.units())
}
