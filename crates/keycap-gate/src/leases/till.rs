//! One limit of one account on this node.
//!
//! A till is shared by all live keys whose chain has its limit, and by whoever drew there. Nothing
//! keeps it but these and an open purse: the register only knows where it is.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwapOption;
use keycap_base::Timestamp;
use keycap_budget::lease::{LimitAt, Purse, PurseId};
use keycap_budget::{Amount, Standing, Window};
use parking_lot::{Mutex, const_mutex};
use tokio::sync::Notify;

use super::evidence::Evidence;
use super::register::Tills;

/// One limit of one account on this node.
pub(crate) struct Till {
    pub(crate) at: LimitAt,
    /// Most limits of live keys are never drawn on; they take no more than they have to.
    in_use: OnceLock<Box<InUse>>,
    /// What the names of its chain hash to, as the last key had it that was met.
    chain: AtomicU64,
    register: Weak<Tills>,
}

/// What there is of a limit that requests hold from.
pub(super) struct InUse {
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
}

/// What a limit is like that nobody has used. Never written.
static UNUSED: InUse = InUse::new();

/// What the ledger said last of the limit.
struct Learnt {
    standing: Option<Standing>,
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

impl InUse {
    const fn new() -> Self {
        Self {
            purse: ArcSwapOption::const_empty(),
            leased: AtomicBool::new(false),
            put_back: AtomicU64::new(0),
            given_back: AtomicU64::new(0),
            reliefs: AtomicU64::new(0),
            evidence: ArcSwapOption::const_empty(),
            asking: AtomicBool::new(false),
            asked: Notify::const_new(),
            seen: AtomicBool::new(false),
            learnt: const_mutex(Learnt::NOTHING),
        }
    }
}

impl Learnt {
    const NOTHING: Self = Self { standing: None, window: None, unexposed: Amount::ZERO };
}

impl Till {
    pub(super) fn new(at: LimitAt, register: Weak<Tills>) -> Self {
        Self { at, in_use: OnceLock::new(), chain: AtomicU64::new(0), register }
    }

    /// Notes on which chain the limit stands. Says whether it stood on another before.
    pub(super) fn moved_to(&self, chain: u64) -> bool {
        let before = self.chain.swap(chain, Ordering::SeqCst);
        before != 0 && before != chain
    }

    /// To be read.
    pub(super) fn state(&self) -> &InUse {
        self.in_use.get().map_or(&UNUSED, |used| used)
    }

    /// To be written.
    pub(super) fn used(&self) -> &InUse {
        self.in_use.get_or_init(|| Box::new(InUse::new()))
    }

    /// The purse to draw from, if there is one. Takes no lock.
    pub(crate) fn purse(&self) -> Option<Arc<Purse>> {
        self.state().purse.load_full()
    }

    /// Whether this purse is the one to draw from.
    pub(super) fn has_open(&self, purse: PurseId) -> bool {
        self.state().purse.load().as_ref().is_some_and(|open| open.id() == purse)
    }

    /// Lets requests draw from this purse.
    pub(super) fn open(&self, purse: Arc<Purse>, window: Window) {
        self.used().learnt.lock().window = Some(window);
        self.used().purse.store(Some(purse));
        self.note_relief();
    }

    /// Lets requests draw from this purse no more.
    pub(super) fn shut(&self, purse: &Arc<Purse>) {
        let open = self.state().purse.load();
        if open.as_ref().is_some_and(|open| Arc::ptr_eq(open, purse)) {
            self.state().purse.store(None);
        }
    }

    /// Closes the purse at once; the driver hears of it later.
    pub(super) fn close(&self) {
        if let Some(purse) = &*self.state().purse.load() {
            purse.close();
        }
    }

    /// Notes that something is leased here, or may be, before the ledger is asked for it; or that
    /// nothing is any more.
    pub(super) fn set_leased(&self, leased: bool) {
        self.used().leased.store(leased, Ordering::SeqCst);
    }

    /// Notes that something was put back into a purse that is closed.
    pub(super) fn note_put_back(&self) {
        self.used().put_back.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes that what was put back so often is with the ledger again.
    pub(super) fn note_given_back(&self, times: u64) {
        self.used().given_back.fetch_add(times, Ordering::SeqCst);
    }

    /// Notes that something came free here: what was refused may fit by now.
    pub(crate) fn note_relief(&self) {
        self.used().reliefs.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn reliefs(&self) -> u64 {
        self.state().reliefs.load(Ordering::SeqCst)
    }

    /// What the till is like, before the ledger is asked.
    pub(super) fn before(&self) -> Before {
        let given_back = self.state().given_back.load(Ordering::SeqCst);
        let put_back = self.state().put_back.load(Ordering::SeqCst);
        let with_the_node = given_back != put_back;
        let leased = self.state().leased.load(Ordering::SeqCst) || with_the_node;
        Before { leased, put_back, reliefs: self.reliefs() }
    }

    /// Whether the node had something here, at some time since then, that the ledger could not give.
    pub(super) fn had_money_since(&self, before: Before) -> bool {
        let put_back = self.state().put_back.load(Ordering::SeqCst);
        before.leased || self.state().leased.load(Ordering::SeqCst) || put_back != before.put_back
    }

    /// Learns what the ledger says of the limit.
    pub(crate) fn see(&self, standing: &Standing) {
        let mut learnt = self.used().learnt.lock();
        let known = match &mut learnt.standing {
            Some(known) => {
                known.clone_from(standing);
                known
            }
            None => learnt.standing.insert(standing.clone()),
        };
        // Whose that was is nothing to those who ask later.
        known.own = Amount::ZERO;
        self.used().seen.store(true, Ordering::Release);
    }

    /// Whether the ledger ever said anything of the limit.
    pub(crate) fn was_seen(&self) -> bool {
        self.state().seen.load(Ordering::Acquire)
    }

    pub(super) fn note_unexposed(&self, amount: Amount) {
        self.used().learnt.lock().unexposed = amount;
    }

    /// How the limit stands as far as the node knows, as it is shown: as the ledger last said or, in a
    /// window that has begun since, untouched.
    pub(crate) fn standing_at(&self, now: Timestamp) -> Option<Standing> {
        let learnt = &self.in_use.get()?.learnt;
        let standing = learnt.lock().standing.clone()?;
        if standing.window.end.is_none_or(|end| now < end) {
            return Some(self.shown(standing));
        }
        let window = standing.limit.key().period.window(now);
        let (spent, held, own) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        Some(Standing { window, spent, held, own, ..standing })
    }

    /// A standing as it is shown: what this node has leased and nobody has drawn is nobody's.
    pub(crate) fn shown(&self, standing: Standing) -> Standing {
        let Some(used) = self.in_use.get() else { return standing };
        let learnt = used.learnt.lock();
        let open = used.purse.load();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Three of them may be a live key's alone, and a million keys are kept.
    #[test]
    fn a_limit_that_nobody_has_used_takes_no_more_than_it_has_to() {
        assert_eq!(size_of::<Till>(), size_of::<LimitAt>() + 32);
    }

    #[test]
    fn reading_a_till_does_not_make_it_one_in_use() {
        let limit = keycap_budget::LimitKey {
            meter: keycap_budget::Meter::USD,
            period: keycap_budget::Period::day(),
        };
        let account = keycap_budget::AccountId::new("a").unwrap();
        let till = Till::new(LimitAt { account, limit }, Weak::new());
        till.close();
        let before = till.before();
        assert!(till.purse().is_none() && !till.was_seen() && !till.had_money_since(before));
        assert!(till.standing_at(Timestamp::EPOCH).is_none());
        assert!(till.in_use.get().is_none());
        till.note_relief();
        assert_ne!(till.before().reliefs, before.reliefs);
        assert_eq!(UNUSED.reliefs.load(Ordering::SeqCst), 0);
    }
}
