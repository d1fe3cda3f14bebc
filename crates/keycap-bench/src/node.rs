//! A node of a service under load: a gate whose tasks run on a thread of their own, a ledger that
//! counts what it is asked, and any number of keys.
//!
//! Key `n` has the account `key:n` under `user:m` under `org:o`: ten keys a user, a hundred users an
//! organisation, one limit on each account.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use keycap::budget::NewCharge;
use keycap::gate::{Course, Decision, Guarded};
use keycap::verify::{Answer, KeyTable};
use keycap::{
    AccountId, AccountSpec, ChainSpec, ChargeId, Clock as _, Cost, Ending, Endings, Fate, Gate,
    Guard, Identity, IdentityProvider, KeyState, Labels, Ledger, Limit, MemoryLedger, Operation,
    Rejection, Scopes, Secret, Subject, SystemClock, TemplateError, apply_one,
};
use tokio::runtime::Runtime;

use crate::counting::{Counting, Counts, asked_from_here};
use crate::{Sent, now};

/// A cap that nothing here reaches.
pub const ROOMY: &str = "$1000000000 per month";
/// Keys of one organisation.
pub const KEYS_AN_ORGANISATION: usize = 1_000;

/// Keys of one user.
pub const KEYS_A_USER: usize = 10;
const PREFIX: &str = "kc_";
/// Long enough that no live key is verified again while something is measured.
const LIVE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a node may take until its admissions need no ledger.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many turns in a row without a question to the ledger are the steady state.
const STEADY_TURNS: usize = 3;
const WARMING: usize = 4_096;

/// The threads behind everything that is measured: one, where gates do what is not for requests.
///
/// # Panics
/// When the system has none to give.
pub fn background() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime")
    })
}

/// A gate over a counting ledger, and keys that it can know.
#[derive(Debug)]
pub struct Node {
    /// The gate.
    pub gate: Gate,
    /// What its ledger was asked.
    pub counts: Arc<Counts>,
    /// How often its provider was asked.
    pub verified: Arc<AtomicU64>,
}

impl Node {
    /// A node over a memory ledger; each account has this limit.
    ///
    /// # Panics
    /// When it cannot be made. The same goes for what follows.
    #[must_use]
    pub fn new(limit: &'static str) -> Self {
        Self::over(MemoryLedger::new(), limit)
    }

    /// The same over any ledger.
    #[must_use]
    pub fn over(ledger: impl Ledger, limit: &'static str) -> Self {
        Self::asking(ledger, limit, Duration::ZERO)
    }

    /// The same, with a provider that takes so long.
    #[must_use]
    pub fn asking(ledger: impl Ledger, limit: &'static str, delay: Duration) -> Self {
        let (ledger, counts) = Counting::new(ledger);
        let verified = Arc::<AtomicU64>::default();
        let _runtime = background().enter();
        let gate = Gate::builder()
            .ledger(ledger)
            .provider(Everyone { verified: Arc::clone(&verified), delay })
            .template_fn(move |identity| async move { chain_of(&identity, limit) })
            .live_keys(KeyTable::<()>::builder().live_ttl(LIVE).live_capacity(2_000_000))
            .build()
            .expect("a gate");
        Self { gate, counts, verified }
    }

    /// A guard in use.
    #[must_use]
    pub fn guarded(&self, guard: Guard) -> Guarded {
        self.gate.guarded(guard).expect("a guard")
    }

    /// Lets the node know this key.
    pub fn know(&self, key: usize) {
        let guarded = self.guarded(Guard::free());
        let decided = background().block_on(guarded.decide(&Sent::by(key), None));
        assert!(matches!(decided, Decision::Admitted(_)), "not admitted: {decided:?}");
    }

    /// Spends `cost` of this key, without its leave.
    pub fn spend(&self, key: usize, cost: impl Into<Cost>) {
        let id = ChargeId::generate(SystemClock.now());
        let charge =
            NewCharge { id, account: account(key), cost: cost.into(), tags: Labels::new() };
        let charged = apply_one(&**self.gate.ledger(), Operation::Charge(charge));
        background().block_on(charged).expect("answers").expect("charges");
    }

    /// Waits until nothing of this key's chain is held any more and `requests` at `cost` are on record
    /// for its organisation.
    pub fn wait_for(&self, key: usize, requests: u64, cost: &Cost) {
        let (account, began) = (account(key), now());
        loop {
            let ledger = self.gate.ledger();
            let on_record = background().block_on(ledger.standings(&account)).expect("reads");
            let shown = background().block_on(self.gate.standings(&account)).expect("reads");
            let all = on_record.last().is_some_and(|root| {
                let each = cost.amount(&root.limit.key().meter).units().cast_unsigned();
                root.spent.units().cast_unsigned() == requests * each
            });
            if all && shown.iter().all(|standing| standing.held.is_zero()) {
                return assert_eq!(shown.len(), 3, "three accounts with one limit each");
            }
            assert!(began.elapsed() < PATIENCE, "{requests} at {cost:?} should stand: {shown:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Makes requests until the gate asks its ledger for nothing any more on this thread: it has leases.
/// Says so on stderr if that does not come to pass.
pub fn until_steady(mut turn: impl FnMut(usize)) {
    let (began, mut quiet) = (now(), 0);
    while quiet < STEADY_TURNS {
        let before = asked_from_here();
        turn(WARMING);
        let asked = asked_from_here() - before;
        quiet = if asked == 0 { quiet + 1 } else { 0 };
        if began.elapsed() > PATIENCE {
            return eprintln!("not steady: {asked} of {WARMING} requests asked the ledger");
        }
    }
}

/// Admits a request that needs no waiting.
///
/// # Panics
/// When it is refused or has to wait.
#[inline]
#[must_use]
pub fn admit(guarded: &Guarded, sent: &Sent) -> KeyState {
    match guarded.decide(sent, None).now_or_never() {
        Some(Decision::Admitted(key)) => key,
        other => panic!("not admitted at once: {other:?}"),
    }
}

/// The request succeeds and its body is taken to the end.
#[inline]
pub fn finish(key: KeyState) {
    let mut course = Course::begin(key);
    course.answered(200);
    course.completed();
}

/// A fixed hold that is given back when nothing was tracked.
pub fn released(cost: impl Into<Cost>) -> Guard {
    Guard::fixed(cost).endings(Endings::default().untracked(Ending::Success, Fate::Release))
}

/// The secret of a key: 44 bytes.
#[must_use]
pub fn secret(key: usize) -> String {
    format!("{PREFIX}{key:041}")
}

/// The leaf account of a key.
///
/// # Panics
/// Never: the name fits.
#[must_use]
pub fn account(key: usize) -> AccountId {
    AccountId::new(format!("key:{key}")).expect("a name")
}

fn chain_of(identity: &Identity, limit: &str) -> Result<ChainSpec, TemplateError> {
    key_chain(identity.subject.id().parse().map_err(TemplateError::new)?, limit)
}

/// The chain of a key, each account with this limit.
///
/// # Errors
/// When the limit cannot be read.
pub fn key_chain(key: usize, limit: &str) -> Result<ChainSpec, TemplateError> {
    let spec = |kind: &str, number: usize| {
        let id = AccountId::new(format!("{kind}:{number}")).map_err(TemplateError::new)?;
        let limit: Limit = limit.parse().map_err(TemplateError::new)?;
        AccountSpec::new(id).limit(limit).map_err(TemplateError::new)
    };
    let chain = ChainSpec::of(spec("key", key)?).under(spec("user", key / KEYS_A_USER)?);
    let organisation = spec("org", key / KEYS_AN_ORGANISATION)?;
    chain.and_then(|chain| chain.under(organisation)).map_err(TemplateError::new)
}

/// A provider that knows every key, with an identity of the usual size.
struct Everyone {
    verified: Arc<AtomicU64>,
    delay: Duration,
}

#[async_trait]
impl IdentityProvider for Everyone {
    fn name(&self) -> &str {
        "bench"
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        self.verified.fetch_add(1, Ordering::SeqCst);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let number = secret.expose().strip_prefix(PREFIX).and_then(|it| it.parse::<usize>().ok());
        let Some(key) = number else { return Answer::Rejected(Rejection::Unknown) };
        let subject = Subject::new(self.name(), &key.to_string()).expect("a name");
        let mut identity = Identity::new(subject, SystemClock.now());
        identity.key_id = Some(format!("key_{key:020}").into());
        identity.organisation = Some(format!("org_{:020}", key / KEYS_AN_ORGANISATION).into());
        identity.scopes = Scopes::of(["chat", "models:read"]).expect("scopes");
        Answer::Known(identity)
    }
}
