//! What requests tell the driver. What says the same is merged, so that it never holds more than a few
//! words for each limit, purse and request under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keycap_budget::lease::{LimitAt, PurseId};
use keycap_budget::{AccountId, Amount};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::Till;

/// So many askings of one limit are told one by one; more say nothing new.
const MAX_ASKED_TOLD: u32 = 16;

/// Between requests and the driver.
#[derive(Default)]
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    bell: Notify,
    /// Whether nothing is leased any more and nothing will be.
    quiet: AtomicBool,
    came_to_rest: Notify,
    #[cfg(test)]
    rounds: std::sync::atomic::AtomicU64,
}

/// What was told since the driver last looked.
#[derive(Default)]
pub(super) struct Letters {
    pub(super) urgency: Urgency,
    /// Limits on which requests had to hold for themselves.
    pub(super) asked: BTreeMap<LimitAt, Asked>,
    pub(super) low: BTreeSet<PurseId>,
    pub(super) settled: BTreeMap<PurseId, Amount>,
    /// Closed purses that something was put back into.
    pub(super) returned: BTreeMap<PurseId, Returned>,
    /// Requests that need what is leased.
    pub(super) short: Vec<Short>,
    pub(super) amended: BTreeSet<AccountId>,
    /// Somebody who wants all leases renewed at once: the gate's housekeeping, of which there is one.
    pub(super) renew: Option<oneshot::Sender<()>>,
    pub(super) shut_down: bool,
    pub(super) closed: bool,
}

/// When what was told is to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// When there is something else to do.
    #[default]
    Whenever,
    /// Before long.
    Soon,
    /// Somebody waits.
    Now,
}

/// What requests held for themselves on one limit.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) times: u32,
    pub(super) largest: Amount,
    pub(super) left: Amount,
}

/// How often something was put back into a closed purse.
pub(super) struct Returned {
    pub(super) till: Arc<Till>,
    pub(super) times: u64,
}

/// A request that needs what is leased on a limit. It holds a place in the queue, which bounds them.
pub(super) struct Short {
    pub(super) till: Arc<Till>,
    /// Told when nothing is leased there any more.
    pub(super) told: oneshot::Sender<()>,
}

impl Inbox {
    /// A request held so much on a limit by itself, and so much is left there.
    pub(super) fn asked(&self, till: &Arc<Till>, amount: Amount, left: Amount) {
        let urgency = match till.purse() {
            Some(_) if !amount.is_zero() => Urgency::Now,
            _ => Urgency::Soon,
        };
        self.tell(urgency, |letters| {
            let asked = letters.asked.entry(till.at.clone()).or_default();
            asked.times = asked.times.saturating_add(1).min(MAX_ASKED_TOLD);
            asked.largest = asked.largest.max(amount);
            asked.left = left;
        });
    }

    /// A purse is nearly empty.
    pub(crate) fn low(&self, purse: PurseId) {
        self.tell(Urgency::Soon, |letters| {
            letters.low.insert(purse);
        });
    }

    /// A charge that was drawn from a purse is on record. Only who gives a closed one back waits for
    /// that.
    pub(super) fn settled(&self, purse: PurseId, amount: Amount, open: bool) {
        let urgency = if open { Urgency::Whenever } else { Urgency::Soon };
        self.tell(urgency, |letters| {
            let sum = letters.settled.entry(purse).or_default();
            *sum = sum.checked_add(amount).unwrap_or(Amount::MAX_CAP);
        });
    }

    /// Something was put back into a closed purse.
    pub(super) fn returned(&self, till: &Arc<Till>, purse: PurseId) {
        self.tell(Urgency::Soon, |letters| {
            let new = || Returned { till: Arc::clone(till), times: 0 };
            letters.returned.entry(purse).or_insert_with(new).times += 1;
        });
    }

    /// All leases are to be renewed, whenever they were last. Told when they are.
    pub(super) fn renew(&self) -> oneshot::Receiver<()> {
        let (told, receiver) = oneshot::channel();
        self.tell(Urgency::Now, |letters| letters.renew = Some(told));
        receiver
    }

    /// The ledger has too little for a request; what is leased on the limit is needed. Told when it is
    /// with the ledger.
    pub(super) fn short(&self, till: &Arc<Till>) -> oneshot::Receiver<()> {
        let (told, receiver) = oneshot::channel();
        let till = Arc::clone(till);
        self.tell(Urgency::Now, |letters| {
            letters.short.retain(|short| !short.told.is_closed());
            letters.short.push(Short { till, told });
        });
        receiver
    }

    /// What is leased on an account is to go back.
    pub(super) fn amended(&self, account: AccountId) {
        self.tell(Urgency::Now, |letters| {
            letters.amended.insert(account);
        });
    }

    /// Everything is to go back.
    pub(super) fn shut_down(&self) {
        self.tell(Urgency::Now, |letters| letters.shut_down = true);
    }

    /// Everything is to go back, and nobody will tell anything any more.
    pub(crate) fn close(&self) {
        self.tell(Urgency::Now, |letters| {
            letters.shut_down = true;
            letters.closed = true;
        });
    }

    fn tell(&self, urgency: Urgency, write: impl FnOnce(&mut Letters)) {
        let mut letters = self.letters.lock();
        write(&mut letters);
        let rings = urgency > letters.urgency;
        letters.urgency = letters.urgency.max(urgency);
        drop(letters);
        if rings {
            self.bell.notify_one();
        }
    }

    pub(super) fn urgency(&self) -> Urgency {
        self.letters.lock().urgency
    }

    /// Waits until something more urgent is told than before.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Takes what was told. The driver does, once in each round.
    pub(super) fn take(&self) -> Letters {
        #[cfg(test)]
        self.rounds.fetch_add(1, Ordering::SeqCst);
        std::mem::take(&mut *self.letters.lock())
    }

    #[cfg(test)]
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::SeqCst)
    }

    /// Notes that everything is given back for good.
    pub(super) fn note_quiet(&self) {
        self.quiet.store(true, Ordering::SeqCst);
        self.came_to_rest.notify_waiters();
    }

    /// Waits until everything is given back for good.
    pub(super) async fn until_quiet(&self) {
        loop {
            let came_to_rest = self.came_to_rest.notified();
            if self.quiet.load(Ordering::SeqCst) {
                return;
            }
            came_to_rest.await;
        }
    }
}
