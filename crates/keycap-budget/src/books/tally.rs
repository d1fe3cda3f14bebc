//! The counters one operation touches, changed in memory and put back only once it is decided.

use keycap_base::Timestamp;

use super::{Step, Stop};
use crate::{
    Account, Amount, Chain, Counter, CounterKey, Fault, Leg, Limit, LimitKey, Presence, Shelf,
    Standing,
};

/// A working set of counters.
#[derive(Default)]
pub(super) struct Tally {
    entries: Vec<Entry>,
}

struct Entry {
    key: CounterKey,
    counter: Counter,
    /// What the operation's own holds have set aside here.
    own: Amount,
    /// It was read as all zeros: it may not be there.
    blank: bool,
    touched: bool,
}

impl Tally {
    /// The counter, read once.
    fn entry<S: Shelf>(&mut self, shelf: &mut S, key: &CounterKey) -> Result<&mut Entry, S::Error> {
        let at = match self.entries.iter().position(|entry| entry.key == *key) {
            Some(at) => at,
            None => {
                let counter = shelf.counter(key)?;
                self.entries.push(Entry {
                    key: key.clone(),
                    counter,
                    own: Amount::ZERO,
                    blank: counter == Counter::default(),
                    touched: false,
                });
                self.entries.len() - 1
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
        Ok(&mut self.entries[at])
    }

    /// Changes a counter; `None` is an overflow.
    pub(super) fn change<S: Shelf>(
        &mut self,
        shelf: &mut S,
        key: &CounterKey,
        change: impl FnOnce(Counter) -> Option<Counter>,
    ) -> Step<(), S> {
        let entry = self.entry(shelf, key).map_err(Stop::Shelf)?;
        let fits = |counter: &Counter| counter.spent.checked_add(counter.held).is_some();
        entry.counter = change(entry.counter).filter(fits).ok_or_else(|| overflow(key))?;
        entry.touched = true;
        Ok(())
    }

    /// Notes what the operation's own holds have set aside.
    pub(super) fn owns<S: Shelf>(&mut self, shelf: &mut S, legs: &[Leg]) -> Step<(), S> {
        for leg in legs {
            let entry = self.entry(shelf, &leg.counter()).map_err(Stop::Shelf)?;
            entry.own = entry.own.saturating_add(leg.amount);
        }
        Ok(())
    }

    /// Puts back what changed. A counter that was forgotten stays so: begun anew it would show less
    /// than the rows that name it.
    pub(super) fn put<S: Shelf>(&self, shelf: &mut S) -> Step<(), S> {
        for entry in self.entries.iter().filter(|entry| entry.touched) {
            let forgotten = entry.blank && is_forgotten(shelf, &entry.key).map_err(Stop::Shelf)?;
            if !forgotten {
                shelf.put_counter(&entry.key, entry.counter).map_err(Stop::Shelf)?;
            }
        }
        Ok(())
    }

    /// How one limit stands in the window that contains `instant`.
    pub(super) fn standing<S: Shelf>(
        &mut self,
        shelf: &mut S,
        account: &Account,
        limit: &Limit,
        instant: Timestamp,
    ) -> Result<Standing, S::Error> {
        let window = limit.key().period.window(instant);
        let entry = self.entry(shelf, &counter_key(account, limit.key(), window.start))?;
        Ok(Standing {
            account: account.id.clone(),
            limit: limit.clone(),
            window,
            spent: entry.counter.spent,
            held: entry.counter.held,
            own: entry.own,
        })
    }

    /// How every limit of a chain stands, leaf first.
    pub(super) fn standings<S: Shelf>(
        &mut self,
        shelf: &mut S,
        chain: &Chain,
        instant: Timestamp,
    ) -> Result<Vec<Standing>, S::Error> {
        let mut standings = Vec::new();
        for account in chain.iter() {
            for limit in account.terms.limits.iter() {
                standings.push(self.standing(shelf, account, limit, instant)?);
            }
        }
        Ok(standings)
    }

    /// How the touched limits of a chain stand, each in the window it was touched in.
    pub(super) fn touched(&self, chain: &Chain) -> Vec<Standing> {
        let standing = |entry: &Entry| {
            let account = chain.iter().find(|account| account.id == entry.key.account)?;
            let limit = account.terms.limits.find(&entry.key.limit)?.clone();
            Some(Standing {
                account: account.id.clone(),
                window: limit.key().period.window(entry.key.start),
                limit,
                spent: entry.counter.spent,
                held: entry.counter.held,
                own: entry.own,
            })
        };
        self.entries.iter().filter(|entry| entry.touched).filter_map(standing).collect()
    }
}

/// Whether pruning may have taken the counter away: it is not there, and its time was up.
fn is_forgotten<S: Shelf>(shelf: &mut S, key: &CounterKey) -> Result<bool, S::Error> {
    let pruned_at = shelf.horizon()?.pruned_at;
    let was_due = key.start < pruned_at && key.retained_until().is_some_and(|at| at <= pruned_at);
    Ok(was_due && shelf.has_counter(key)? == Presence::Absent)
}

/// The counter of an account's limit in the window that starts at `start`.
pub(super) fn counter_key(account: &Account, limit: &LimitKey, start: Timestamp) -> CounterKey {
    CounterKey { account: account.id.clone(), limit: limit.clone(), start }
}

fn overflow(key: &CounterKey) -> Fault {
    Fault::Overflow { account: key.account.clone(), meter: key.limit.meter.clone() }
}

impl Counter {
    /// Sets `amount` aside.
    pub(super) fn held_more(self, amount: Amount) -> Option<Self> {
        Some(Self { held: self.held.checked_add(amount)?, ..self })
    }

    /// Gives `amount` back.
    pub(super) fn held_less(self, amount: Amount) -> Self {
        Self { held: self.held.saturating_sub(amount), ..self }
    }

    /// Spends `amount`.
    pub(super) fn spent_more(self, amount: Amount) -> Option<Self> {
        Some(Self { spent: self.spent.checked_add(amount)?, ..self })
    }

    /// Takes `amount` of the spend back.
    pub(super) fn spent_less(self, amount: Amount) -> Self {
        Self { spent: self.spent.saturating_sub(amount), ..self }
    }
}
