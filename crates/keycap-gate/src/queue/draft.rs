//! What is queued, and the batch that is made of it.
//!
//! A request stands in the queue as a [`Speaker`]: which operations it wants is asked when its batch
//! is built, not when it was queued, so that costs merge and holds are named as they are then. What
//! the ledger answered is told to the speaker before anyone who waits.

use std::collections::HashMap;
use std::sync::Arc;

use keycap_base::{Labels, Timestamp};
use keycap_budget::{AccountId, ChargeId, Cost, Decided, HoldId, NewCharge, Operation, Rest};
use smallvec::SmallVec;

use super::job::{By, Company, Job, charge_mut};
use super::note::Owed;
use super::place::Place;

/// Somebody with words for the ledger, who chooses them when the batch is built.
///
/// It is queued once for all it has to say ([`Queue::push_speaker`](super::Queue::push_speaker)); who
/// has more to say later is queued again. Between two pushes by one thread the order is kept.
///
/// Both methods are called by the settler's task: they must not wait, and must not queue anything
/// while they hold a lock that a pushing thread may want.
pub(crate) trait Speaker: Send + Sync {
    /// Says all there is to say now, in order: [`Draft::say`] for an operation that stands alone,
    /// [`Draft::fold`] for one that only counts requests. Everything that is looked up here (the
    /// leases of a purse, say) is as of this moment; a retry of the batch repeats the same operations
    /// with the same ids. Called once for each push.
    fn speak(self: Arc<Self>, draft: &mut Draft);

    /// Hears the ledger's answer to one thing it said: once for each, unless the runtime ends before.
    fn hear(&self, heard: Heard<'_>);
}

/// An answer of the ledger, as one of those hears it who caused the operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard<'a> {
    /// What was asked for.
    pub(crate) operation: &'a Operation,
    /// So much of a charge was this speaker's: all of it, unless it was folded; nothing where there is
    /// no charge.
    pub(crate) share: &'a Cost,
    /// The answer.
    pub(crate) answer: &'a Decided,
}

/// Requests that cost nothing else: no tags, no id of its own, no other meter.
/// Those of one batch for the same account and the same holds become one charge.
pub(crate) struct Fold {
    /// Whose requests.
    pub(crate) account: AccountId,
    /// What they are paid from, oldest first: the leases of all limits that count requests. None: the
    /// requests are charged without a hold.
    pub(crate) holds: SmallVec<[HoldId; 4]>,
    /// How many; names no other meter.
    pub(crate) requests: Cost,
    /// When: the charge's id is made then.
    pub(crate) now: Timestamp,
}

/// A batch that is being built.
#[derive(Default)]
pub(crate) struct Draft {
    jobs: Vec<Job>,
    /// Where the charge of these requests stands in `jobs`.
    folds: HashMap<(AccountId, SmallVec<[HoldId; 4]>), usize>,
}

impl Draft {
    /// With room for so many operations.
    pub(super) fn with_room(operations: usize) -> Self {
        Self { jobs: Vec::with_capacity(operations), ..Self::default() }
    }

    /// How many operations there are so far.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn push(&mut self, job: Job) {
        self.jobs.push(job);
    }

    pub(super) fn into_jobs(self) -> Vec<Job> {
        self.jobs
    }

    /// Says one operation. `told` are those who wait for its answer; `place` is one that it holds
    /// beside its speaker's.
    pub(crate) fn say(
        &mut self,
        by: Arc<dyn Speaker>,
        operation: Operation,
        told: Option<Owed>,
        place: Option<Place>,
    ) {
        let (by, company) = (By::One(by), Company::Any);
        self.push(Job { operation, told, by, place, company });
    }

    /// Counts requests, in one charge with all others of this batch that are for the same account and
    /// paid from the same holds.
    pub(crate) fn fold(&mut self, by: Arc<dyn Speaker>, fold: Fold) {
        let Fold { account, holds, requests, now } = fold;
        let key = (account, holds);
        let known = self.folds.get(&key).and_then(|at| self.jobs.get_mut(*at));
        if let Some(job) = known
            && let (Some(charge), By::Many(all)) = (charge_mut(&mut job.operation), &mut job.by)
            && let Ok(sum) = charge.cost.plus(&requests)
        {
            charge.cost = sum;
            all.push((by, requests));
            return;
        }
        self.folds.insert(key.clone(), self.jobs.len());
        let (account, holds) = key;
        let (id, cost, tags) = (ChargeId::generate(now), requests.clone(), Labels::new());
        let charge = NewCharge { id, account, cost, tags };
        let operation = match holds.is_empty() {
            true => Operation::Charge(charge),
            false => Operation::Settle { charge, holds: holds.into_vec(), rest: Rest::Keep },
        };
        let by = By::Many(vec![(by, requests)]);
        self.push(Job { operation, told: None, by, place: None, company: Company::Any });
    }
}

#[cfg(test)]
mod tests;
