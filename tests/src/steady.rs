//! A gate in steady use on one thread: keys under different organisations, three accounts with one limit
//! each, a clock that moves only when it is told to.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use keycap::gate::{Course, Decision, Guarded};
use keycap::{
    AccountId, AccountSpec, ChainSpec, Cost, Ending, Endings, Fate, Gate, Guard, IssuedKeys,
    KeyState, Ledger as _, Limit, ManualClock, MemoryKeyStore, MemoryLedger, NewKey, RequestView,
    TemplateError, usd,
};
use smallvec::{SmallVec, smallvec};

use crate::NOW;

/// Requests of a key in one burst.
pub const BURST: usize = 32;
/// How much time passes with each burst.
const STEP: Duration = Duration::from_millis(20);
/// So many bursts in a row that take no hold are the steady state.
const QUIET_BURSTS: usize = 4;
/// How many bursts it may take to get there.
const MOST_BURSTS: usize = 500;

/// The gate and what is needed to use it.
pub struct Steady {
    /// The gate.
    pub gate: Gate,
    /// A request of each key; each key is of another organisation.
    pub sent: Vec<Sent>,
    clock: ManualClock,
    ledger: Arc<MemoryLedger>,
}

impl Steady {
    /// A gate that knows so many keys.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new(keys: usize) -> Self {
        let clock = ManualClock::at(NOW);
        let ledger =
            Arc::new(MemoryLedger::with_clock(clock.clone(), keycap::budget::Retention::default()));
        let store = IssuedKeys::builder(MemoryKeyStore::new()).clock(clock.clone());
        let store = Arc::new(store.build().expect("keys"));
        let gate = Gate::builder()
            .ledger(Arc::clone(&ledger))
            .provider(Arc::clone(&store))
            .clock(clock.clone())
            .template_fn(|identity| async move { chain(identity.subject.id()) })
            .build()
            .expect("a gate");
        let mut steady = Self { gate, sent: Vec::new(), clock, ledger };
        for key in 0..keys {
            let minted = store.mint(NewKey::for_owner(format!("{key}"))).await.expect("a key");
            steady.sent.push(Sent(format!("Bearer {}", minted.secret.expose())));
            let guarded = steady.gate.guarded(Guard::free()).expect("a guard");
            let decided = guarded.decide(&steady.sent[key], None).await;
            assert!(matches!(decided, Decision::Admitted(_)), "{decided:?}");
        }
        steady
    }

    /// Makes bursts of requests until none of them takes a hold from the ledger any more. `burst` makes
    /// one of each key.
    ///
    /// # Panics
    /// When that does not come to pass.
    pub async fn until_steady(&self, mut burst: impl FnMut()) {
        let mut quiet = 0;
        for _ in 0..MOST_BURSTS {
            let before = self.holds().await;
            burst();
            self.rest().await;
            quiet = if self.holds().await == before { quiet + 1 } else { 0 };
            if quiet == QUIET_BURSTS {
                return;
            }
        }
        panic!("after {MOST_BURSTS} bursts requests still take holds from the ledger");
    }

    /// Lets time pass and the gate's own tasks run.
    pub async fn rest(&self) {
        self.clock.advance(STEP);
        tokio::time::sleep(STEP).await;
    }

    async fn holds(&self) -> usize {
        self.ledger.snapshot().await.expect("a snapshot").holds.len()
    }
}

/// What a request costs.
///
/// # Panics
/// Never: it fits.
#[must_use]
pub fn price() -> Cost {
    usd!(0.01).into()
}

/// A fixed hold that is given back when nothing was tracked.
pub fn released() -> Guard {
    Guard::fixed(price()).endings(Endings::default().untracked(Ending::Success, Fate::Release))
}

/// Admits a request that needs no waiting.
///
/// # Panics
/// When it is refused or has to wait.
#[must_use]
pub fn admit(guarded: &Guarded, sent: &Sent) -> KeyState {
    match guarded.decide(sent, None).now_or_never() {
        Some(Decision::Admitted(key)) => key,
        other => panic!("not admitted at once: {other:?}"),
    }
}

/// The request succeeds and its body is taken to the end.
pub fn finish(key: KeyState) {
    let mut course = Course::begin(key);
    course.answered(200);
    course.completed();
}

fn chain(owner: &str) -> Result<ChainSpec, TemplateError> {
    let spec = |kind: &str| {
        let id = AccountId::new(format!("{kind}:{owner}")).map_err(TemplateError::new)?;
        let limit: Limit = "$1000000000 per month".parse().map_err(TemplateError::new)?;
        AccountSpec::new(id).limit(limit).map_err(TemplateError::new)
    };
    let chain = ChainSpec::of(spec("user")?).under(spec("team")?).map_err(TemplateError::new)?;
    chain.under(spec("org")?).map_err(TemplateError::new)
}

/// A request's line and headers: `POST /chat` with this `Authorization`.
#[derive(Clone, Debug)]
pub struct Sent(pub String);

impl RequestView for Sent {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        "/chat"
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        match name {
            "authorization" => smallvec![self.0.as_bytes()],
            _ => smallvec![],
        }
    }

    fn peer(&self) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 7]))
    }
}
