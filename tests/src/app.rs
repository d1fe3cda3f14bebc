//! A test application, described once for both frameworks.

use std::fmt;
use std::sync::Arc;

use keycap::budget::{AccountSpec, ChainSpec};
use keycap::{AccountId, GateBuilder, Guard, IdentityProvider, NewKey, usd};

use crate::{Framework, Latch, Site, Work};

/// Where the ledger of an application lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// In memory.
    Memory,
    /// In an SQLite file.
    Sqlite,
}

impl Store {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Sqlite];
}

/// What a handler is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Key,
    OptionalKey,
}

/// One route: guards, outermost first, and a handler.
#[derive(Clone, Debug)]
#[must_use]
pub struct Route {
    pub(crate) path: &'static str,
    pub(crate) guards: Vec<Guard>,
    pub(crate) takes: Takes,
    pub(crate) work: Work,
}

impl Route {
    /// A route without a guard, for any method.
    pub fn open(path: &'static str, work: Work) -> Self {
        Self { path, guards: Vec::new(), takes: Takes::Key, work }
    }

    /// A route behind a guard.
    pub fn guarded(path: &'static str, guard: Guard, work: Work) -> Self {
        Self { guards: vec![guard], ..Self::open(path, work) }
    }

    /// With a guard more, inside of those there are.
    pub fn inside(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    /// Whose handler takes an `Option<Key>`; without one it says so.
    pub fn optional(mut self) -> Self {
        self.takes = Takes::OptionalKey;
        self
    }
}

/// Whether a connection is served on whose client has closed its sending half. axum never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HalfClosed {
    Dropped,
    Served,
}

type Configure = Arc<dyn Fn(GateBuilder) -> GateBuilder + Send + Sync>;
type Terms = Arc<dyn Fn(AccountSpec) -> ChainSpec + Send + Sync>;

/// An application: keys, accounts, a gate and routes.
#[derive(Clone)]
#[must_use]
pub struct App {
    pub(crate) store: Store,
    pub(crate) keys: Vec<(&'static str, NewKey)>,
    pub(crate) terms: Terms,
    pub(crate) configure: Configure,
    pub(crate) outer: Option<Guard>,
    pub(crate) routes: Vec<Route>,
    pub(crate) latch: Latch,
    pub(crate) half_closed: HalfClosed,
}

impl Default for App {
    /// In memory, with the key `alice` of scope `chat`, without limits or routes.
    fn default() -> Self {
        Self {
            store: Store::Memory,
            keys: vec![("alice", NewKey::for_owner("alice").scopes(["chat"]))],
            terms: Arc::new(ChainSpec::of),
            configure: Arc::new(|gate| gate),
            outer: None,
            routes: Vec::new(),
            latch: Latch::default(),
            half_closed: HalfClosed::Dropped,
        }
    }
}

impl App {
    /// An application whose accounts have this limit.
    pub fn limited(limit: &'static str) -> Self {
        Self::default()
            .terms(move |account| ChainSpec::of(account.limit(limit.parse().unwrap()).unwrap()))
    }

    /// An application whose gate has this provider, and whose accounts have this limit: `/chat` asks for
    /// the scope of that name and costs a cent, `/admin` asks for the scope `admin`.
    pub fn of(limit: &'static str, provider: impl IdentityProvider + Clone + 'static) -> Self {
        let chat = Guard::fixed(usd!(0.01)).scope("chat");
        Self::limited(limit)
            .gate(move |gate| gate.provider(provider.clone()))
            .route(Route::guarded("/chat", chat, Work::Track(usd!(0.01))))
            .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Limits))
    }

    /// With this ledger.
    pub fn store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// With a key more. Its name is its secret's: see [`Site::secret`].
    pub fn key(mut self, name: &'static str, key: NewKey) -> Self {
        self.keys.push((name, key));
        self
    }

    /// With these terms: what an account, named after its owner, opens with.
    pub fn terms(
        mut self,
        terms: impl Fn(AccountSpec) -> ChainSpec + Send + Sync + 'static,
    ) -> Self {
        self.terms = Arc::new(terms);
        self
    }

    /// With something else to say of the gate.
    pub fn gate(
        mut self,
        more: impl Fn(GateBuilder) -> GateBuilder + Send + Sync + 'static,
    ) -> Self {
        let before = Arc::clone(&self.configure);
        self.configure = Arc::new(move |gate| more(before(gate)));
        self
    }

    /// With a guard before everything, unknown paths too.
    pub fn outer(mut self, guard: Guard) -> Self {
        self.outer = Some(guard);
        self
    }

    /// With a route more.
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// With a route more, whose handler may stop at the application's door: [`Site::latch`].
    pub fn route_with_latch(self, route: impl FnOnce(Latch) -> Route) -> Self {
        let latch = self.latch.clone();
        self.route(route(latch))
    }

    /// Serves clients on that have closed their sending half, as actix does unless told not to.
    pub fn serve_half_closed(mut self) -> Self {
        self.half_closed = HalfClosed::Served;
        self
    }

    /// Serves it.
    pub async fn on(&self, framework: Framework) -> Site {
        Site::open(self, framework).await
    }

    pub(crate) fn chain(&self, account: AccountId) -> ChainSpec {
        (self.terms)(AccountSpec::new(account))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("store", &self.store).field("routes", &self.routes).finish()
    }
}
