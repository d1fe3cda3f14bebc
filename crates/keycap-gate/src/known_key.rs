//! What the gate keeps for a live key: who it is, and the chain of accounts it spends from.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use keycap_base::{Resource, Scope, Scopes, Timestamp};
use keycap_budget::lease::LimitAt;
use keycap_budget::{AccountId, AccountListener, Chain, Limit, LimitKey, Meter, Status, Terms};
use keycap_verify::{Entry, Identity, KeyTable};

use crate::leases::{Leasing, Till, Tills};
use crate::policy::Policy;
use crate::{Broken, Denial, Guard};

/// A verified key and the accounts it spends from.
#[derive(Debug)]
pub(crate) struct KnownKey {
    pub(crate) identity: Identity,
    pub(crate) chain: Chain,
    /// Whether a limit of the chain counts requests.
    pub(crate) counts_requests: bool,
    pub(crate) policy: Policy,
    /// All limits of the chain, leaf first.
    pub(crate) tills: Box<[Arc<Till>]>,
}

/// A known key at hand. Clones share a count of references that belongs to the thread that met the key,
/// so that threads which serve the same key do not wait for each other.
#[derive(Clone, Debug)]
pub(crate) struct Known(Arc<Seated>);

#[derive(Debug)]
struct Seated {
    entry: Arc<Entry<KnownKey>>,
}

impl Known {
    /// The key of an entry of the table of live keys.
    pub(crate) fn met(entry: Arc<Entry<KnownKey>>) -> Self {
        Self(Arc::new(Seated { entry }))
    }

    /// Whether both count their references in the same place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The entry, which tells whether the key is still served.
    pub(crate) fn entry(&self) -> &Entry<KnownKey> {
        &self.0.entry
    }
}

impl Deref for Known {
    type Target = KnownKey;

    fn deref(&self) -> &KnownKey {
        self.0.entry.payload()
    }
}

impl KnownKey {
    pub(crate) fn new(identity: Identity, chain: Chain, tills: &Arc<Tills>) -> Self {
        let on_requests = |key: &LimitKey| key.meter == Meter::REQUESTS;
        let counts_requests = chain
            .iter()
            .any(|account| account.terms.limits.iter().any(|limit| on_requests(limit.key())));
        let policy = Policy::of(&chain);
        let till = |account: &AccountId, limit: &Limit| {
            tills.at(&LimitAt { account: account.clone(), limit: limit.key().clone() })
        };
        let limits = chain.iter().flat_map(|account| {
            let id = &account.id;
            account.terms.limits.iter().map(move |limit| till(id, limit))
        });
        let tills = limits.collect();
        Self { identity, chain, counts_requests, policy, tills }
    }

    /// A limit of the chain.
    pub(crate) fn till(&self, account: &AccountId, limit: &LimitKey) -> Option<&Arc<Till>> {
        let is_it = |till: &&Arc<Till>| till.at.account == *account && till.at.limit == *limit;
        self.tills.iter().find(is_it)
    }

    /// The account that spends.
    pub(crate) fn account(&self) -> &AccountId {
        &self.chain.leaf().id
    }

    /// The policy step. What follows from the key and the guard alone is found out once.
    pub(crate) fn check(
        &self,
        guard: &Guard,
        address: Option<IpAddr>,
        resource: Option<&Resource>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        if !self.policy.passes(guard, now) {
            self.check_all(guard, address, resource, now)?;
            self.policy.grant(guard, self);
        }
        Ok(())
    }

    /// Account expiry, status, client address, scopes, resource; the first that applies refuses, for
    /// any account of the chain, leaf first.
    fn check_all(
        &self,
        guard: &Guard,
        address: Option<IpAddr>,
        resource: Option<&Resource>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let first = |refuses: &dyn Fn(&Terms) -> bool| {
            self.chain.iter().find(|account| refuses(&account.terms)).map(|found| found.id.clone())
        };
        if let Some(account) = first(&|terms| terms.expires_at.is_some_and(|end| end <= now)) {
            return Err(Denial::AccountExpired { account });
        }
        if let Some(account) = first(&|terms| terms.status == Status::Suspended) {
            return Err(Denial::Suspended { account });
        }
        if let Some(account) = first(&|terms| !terms.networks.allows(address)) {
            return Err(Denial::AddressNotAllowed { account, address });
        }
        if !guard.scopes.iter().all(|scope| self.grants(scope)) {
            let required = guard.scopes.clone().into_boxed_slice();
            return Err(Denial::InsufficientScope { required, available: self.available() });
        }
        let Some(resource) = resource else { return Ok(()) };
        match first(&|terms| !terms.resources.allows(resource)) {
            Some(account) => {
                Err(Denial::ResourceNotAllowed { account, resource: resource.clone() })
            }
            None => Ok(()),
        }
    }

    /// Whether the key and every account of its chain grant a scope.
    pub(crate) fn grants(&self, scope: &Scope) -> bool {
        self.identity.scopes.allows(scope)
            && self.chain.iter().all(|account| account.terms.scopes.allows(scope))
    }

    /// What the key and every account of its chain grant, for the caller to see.
    fn available(&self) -> Scopes {
        let accounts = self.chain.iter().map(|account| &account.terms.scopes);
        accounts.fold(self.identity.scopes.clone(), |both, account| both.and(account))
    }
}

/// Forgets live keys whose chain an amendment changed, so that the next request reads it anew, and
/// calls back what is leased on it.
pub(crate) struct AmendedAccounts {
    table: Weak<Keys>,
    leasing: Arc<Leasing>,
}

type Keys = KeyTable<KnownKey, Broken>;

impl AmendedAccounts {
    pub(crate) fn of(table: &Arc<Keys>, leasing: &Arc<Leasing>) -> Arc<Self> {
        Arc::new(Self { table: Arc::downgrade(table), leasing: Arc::clone(leasing) })
    }
}

impl AccountListener for AmendedAccounts {
    fn account_changed(&self, account: &AccountId) {
        self.leasing.amended(account);
        if let Some(table) = self.table.upgrade() {
            let spends_from = |known: &KnownKey| known.chain.iter().any(|link| link.id == *account);
            table.forget_readers(account.as_str(), spends_from);
        }
    }

    fn money_returned(&self) {
        self.leasing.tills.note_change();
    }
}
