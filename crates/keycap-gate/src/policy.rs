//! What policy asks of a key, worked out once so that a request costs nothing to check.
//!
//! What must not change: a key that passes here would pass [`KnownKey::check_all`], which says why one does
//! not. All of it follows from rows that a known key never changes; it is forgotten and read anew when
//! one of them is amended.

use std::sync::atomic::{AtomicU64, Ordering};

use keycap_base::{Networks, Resources, Timestamp};
use keycap_budget::{Account, Chain, Status};

use crate::Guard;
use crate::guard::ResourceRule;
use crate::known_key::KnownKey;

/// So many guards of a gate are remembered by each key; those put to use later are checked anew each
/// time.
pub(crate) const MAX_GUARDS_REMEMBERED: u32 = 64;

/// The number of a guard that was put to use, if it is among the first [`MAX_GUARDS_REMEMBERED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GuardNumber(u64);

impl GuardNumber {
    /// The mark of the guard that came after so many others; none to be remembered by for a late one.
    pub(crate) fn after(others: u32) -> Self {
        Self(if others < MAX_GUARDS_REMEMBERED { 1 << others } else { 0 })
    }
}

/// What a chain asks of every request, in short.
#[derive(Debug)]
pub(crate) struct Policy {
    /// When the first account of the chain expires.
    expires_at: Timestamp,
    bars: Bars,
    /// The guards whose scopes and fixed resource the key was found to have.
    granted: AtomicU64,
}

/// Whether something about the chain has to be looked at for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bars {
    /// Nothing: all accounts are active, and open to every address.
    None,
    /// Something, or it lets nobody in.
    Some,
}

impl Policy {
    pub(crate) fn of(chain: &Chain) -> Self {
        let ends = chain.iter().filter_map(|account| account.terms.expires_at);
        let open = |account: &Account| {
            account.terms.status == Status::Active && account.terms.networks == Networks::all()
        };
        let bars = if chain.iter().all(|account| open(account)) { Bars::None } else { Bars::Some };
        let expires_at = ends.min().unwrap_or(Timestamp::from_millis(i64::MAX));
        Self { expires_at, bars, granted: AtomicU64::new(0) }
    }

    /// Whether a request behind this guard passes, as far as that can be told at once.
    pub(crate) fn passes(&self, guard: &Guard, now: Timestamp) -> bool {
        let granted = self.granted.load(Ordering::Relaxed) & guard.number.0 != 0;
        granted && now < self.expires_at && self.bars == Bars::None
    }

    /// Remembers that a key has what a guard asks of every request alike.
    pub(crate) fn grant(&self, guard: &Guard, known: &KnownKey) {
        let any = || known.chain.iter().all(|it| it.terms.resources == Resources::all());
        if !matches!(guard.resource, ResourceRule::FromRequest(_)) || any() {
            self.granted.fetch_or(guard.number.0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use keycap_base::{NetworkError, Scopes};
    use keycap_budget::{AccountId, Applied, Terms};
    use keycap_verify::{Identity, Subject};

    use super::*;

    fn known(terms: Terms) -> KnownKey {
        let (id, terms) = (AccountId::new("key").unwrap(), std::sync::Arc::new(terms));
        let asserted_at = Timestamp::EPOCH;
        let applied = Applied { terms: terms.clone(), parent: None, asserted_at };
        let account = Account {
            root: id.clone(),
            id,
            parent: None,
            height: 0,
            version: 1,
            opened_at: Timestamp::EPOCH,
            applied,
            terms,
        };
        let mut identity = Identity::new(Subject::new("test", "alice").unwrap(), Timestamp::EPOCH);
        identity.scopes = Scopes::of(["chat"]).unwrap();
        KnownKey::new(
            identity,
            Chain::new(vec![account.into()]).unwrap(),
            &std::sync::Arc::default(),
        )
    }

    fn guard(scope: &str, others: u32) -> Guard {
        Guard::free().scope(scope).checked(others).unwrap()
    }

    fn is_let_in(known: &KnownKey, guard: &Guard, now: Timestamp) -> bool {
        let anew = known.check(guard, None, None, now).is_ok();
        assert_eq!(known.check(guard, None, None, now).is_ok(), anew, "remembered or not");
        anew
    }

    /// Sixty-four guards have a mark of their own. The one after them must not share a mark: it would
    /// let in whoever passed another.
    #[test]
    fn p8_a_guard_beyond_the_last_that_is_remembered_is_checked_each_time() {
        let known = known(Terms::default());
        for others in 0..MAX_GUARDS_REMEMBERED {
            let guard = guard("chat", others);
            assert!(is_let_in(&known, &guard, Timestamp::EPOCH));
            assert!(known.policy.passes(&guard, Timestamp::EPOCH), "{others}");
        }
        for late in [MAX_GUARDS_REMEMBERED, MAX_GUARDS_REMEMBERED + 1, u32::MAX] {
            assert!(is_let_in(&known, &guard("chat", late), Timestamp::EPOCH));
            assert!(!known.policy.passes(&guard("chat", late), Timestamp::EPOCH), "{late}");
            assert!(!is_let_in(&known, &guard("admin", late), Timestamp::EPOCH), "{late}");
        }
    }

    #[test]
    fn p7_what_was_granted_ends_when_the_account_expires() {
        let end = Timestamp::from_millis(1_000);
        let known = known(Terms { expires_at: Some(end), ..Terms::default() });
        let guard = guard("chat", 0);
        assert!(is_let_in(&known, &guard, Timestamp::from_millis(999)));
        assert!(!is_let_in(&known, &guard, end));
    }

    #[test]
    fn p8_a_chain_with_bars_is_looked_at_each_time() -> Result<(), NetworkError> {
        let networks = Networks::of(["192.0.2.0/24"])?;
        for terms in [
            Terms { status: Status::Suspended, ..Terms::default() },
            Terms { networks, ..Terms::default() },
        ] {
            let known = known(terms);
            let guard = guard("chat", 0);
            let inside = Some([192, 0, 2, 7].into());
            let _ = known.check(&guard, inside, None, Timestamp::EPOCH);
            assert!(!is_let_in(&known, &guard, Timestamp::EPOCH));
        }
        Ok(())
    }
}
