//! One limit of one account on this node.
//!
//! A till is shared by all live keys whose chain has its limit, and by whoever drew there. Nothing
//! keeps it but these and an open purse: the register only knows where it is.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use keycap_base::Timestamp;
use keycap_budget::lease::{LimitAt, Purse, PurseId};
use keycap_budget::{Amount, Standing, Window};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::evidence::Evidence;
use super::register::Tills;

/// One limit of one account on this node.
pub(crate) struct Till {
    pub(crate) at: LimitAt,
    /// What can be drawn from, if anything is leased.
    purse: ArcSwapOption<Purse>,
    /// Whether the node has, or may have, something leased here that nobody has drawn.
    leased: AtomicBool,
    /// So often something was put back into a closed purse.
    put_back: AtomicU64,
    /// So much of that the driver has given back.
    given_back: AtomicU64,
    /// So often something came free again here, as far as the node knows.
    reliefs: AtomicU64,
    pub(super) evidence: ArcSwapOption<Evidence>,
    /// Whether somebody asks the ledger whether the evidence still holds, for all.
    pub(super) asking: AtomicBool,
    pub(super) asked: Notify,
    /// Whether the ledger ever said anything of the limit.
    seen: AtomicBool,
    learnt: Mutex<Learnt>,
    register: Weak<Tills>,
}

/// What the ledger said last of the limit.
#[derive(Default)]
struct Learnt {
    standing: Option<Box<Standing>>,
    /// The open purse's window.
    window: Option<Window>,
    /// What is leased and in no purse yet.
    unexposed: Amount,
}

/// What a till was like before the ledger was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    leased: bool,
    put_back: u64,
    pub(super) reliefs: u64,
}

impl Till {
    pub(super) fn new(at: LimitAt, register: Weak<Tills>) -> Self {
        Self {
            at,
            purse: ArcSwapOption::empty(),
            leased: AtomicBool::new(false),
            put_back: AtomicU64::new(0),
            given_back: AtomicU64::new(0),
            reliefs: AtomicU64::new(0),
            evidence: ArcSwapOption::empty(),
            asking: AtomicBool::new(false),
            asked: Notify::new(),
            seen: AtomicBool::new(false),
            learnt: Mutex::default(),
            register,
        }
    }

    /// The purse to draw from, if there is one. Takes no lock.
    pub(crate) fn purse(&self) -> Option<Arc<Purse>> {
        self.purse.load_full()
    }

    /// Whether this purse is the one to draw from.
    pub(super) fn has_open(&self, purse: PurseId) -> bool {
        self.purse.load().as_ref().is_some_and(|open| open.id() == purse)
    }

    /// Lets requests draw from this purse.
    pub(super) fn open(&self, purse: Arc<Purse>, window: Window) {
        self.learnt.lock().window = Some(window);
        self.purse.store(Some(purse));
        self.note_relief();
    }

    /// Lets requests draw from this purse no more.
    pub(super) fn shut(&self, purse: &Arc<Purse>) {
        let open = self.purse.load();
        if open.as_ref().is_some_and(|open| Arc::ptr_eq(open, purse)) {
            self.purse.store(None);
        }
    }

    /// Closes the purse at once; the driver hears of it later.
    pub(super) fn close(&self) {
        if let Some(purse) = &*self.purse.load() {
            purse.close();
        }
    }

    /// Notes that something is leased here, or may be, before the ledger is asked for it; or that
    /// nothing is any more.
    pub(super) fn set_leased(&self, leased: bool) {
        self.leased.store(leased, Ordering::SeqCst);
    }

    /// Notes that something was put back into a purse that is closed.
    pub(super) fn note_put_back(&self) {
        self.put_back.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes that what was put back so often is with the ledger again.
    pub(super) fn note_given_back(&self, times: u64) {
        self.given_back.fetch_add(times, Ordering::SeqCst);
    }

    /// Notes that something came free here: what was refused may fit by now.
    pub(crate) fn note_relief(&self) {
        self.reliefs.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn reliefs(&self) -> u64 {
        self.reliefs.load(Ordering::SeqCst)
    }

    /// What the till is like, before the ledger is asked.
    pub(super) fn before(&self) -> Before {
        let given_back = self.given_back.load(Ordering::SeqCst);
        let put_back = self.put_back.load(Ordering::SeqCst);
        let with_the_node = given_back != put_back;
        let leased = self.leased.load(Ordering::SeqCst) || with_the_node;
        Before { leased, put_back, reliefs: self.reliefs() }
    }

    /// Whether the node had something here, at some time since then, that the ledger could not give.
    pub(super) fn had_money_since(&self, before: Before) -> bool {
        let put_back = self.put_back.load(Ordering::SeqCst);
        before.leased || self.leased.load(Ordering::SeqCst) || put_back != before.put_back
    }

    /// Learns what the ledger says of the limit.
    pub(crate) fn see(&self, standing: &Standing) {
        let mut learnt = self.learnt.lock();
        let known = match &mut learnt.standing {
            Some(known) => {
                known.as_mut().clone_from(standing);
                known
            }
            None => learnt.standing.insert(Box::new(standing.clone())),
        };
        // Whose that was is nothing to those who ask later.
        known.own = Amount::ZERO;
        self.seen.store(true, Ordering::Release);
    }

    /// Whether the ledger ever said anything of the limit.
    pub(crate) fn was_seen(&self) -> bool {
        self.seen.load(Ordering::Acquire)
    }

    pub(super) fn note_unexposed(&self, amount: Amount) {
        self.learnt.lock().unexposed = amount;
    }

    /// How the limit stands as far as the node knows, as it is shown: as the ledger last said or, in a
    /// window that has begun since, untouched.
    pub(crate) fn standing_at(&self, now: Timestamp) -> Option<Standing> {
        let standing = self.learnt.lock().standing.as_deref().cloned()?;
        if standing.window.end.is_none_or(|end| now < end) {
            return Some(self.shown(standing));
        }
        let window = standing.limit.key().period.window(now);
        let (spent, held, own) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        Some(Standing { window, spent, held, own, ..standing })
    }

    /// A standing as it is shown: what this node has leased and nobody has drawn is nobody's.
    pub(crate) fn shown(&self, standing: Standing) -> Standing {
        let learnt = self.learnt.lock();
        let open = self.purse.load();
        let same = learnt.window == Some(standing.window);
        let free = open.as_ref().filter(|_| same).map_or(Amount::ZERO, |purse| {
            purse.free().checked_add(learnt.unexposed).unwrap_or(Amount::MAX_CAP)
        });
        let own = standing.own;
        let others = standing.held.saturating_sub(own).saturating_sub(free);
        Standing { held: others.checked_add(own).unwrap_or(standing.held), ..standing }
    }
}

impl fmt::Debug for Till {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Till").field(&self.at).finish()
    }
}

impl Drop for Till {
    fn drop(&mut self) {
        if let Some(register) = self.register.upgrade() {
            register.forget(self);
        }
    }
}
