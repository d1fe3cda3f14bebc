//! A small world around a gate: a memory ledger on a clock that stands still, issued keys, and a
//! ledger that can be told to fail.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use keycap_base::{ManualClock, Timestamp};
use keycap_budget::{
    AccountId, AccountListener, Amount, Batch, Chain, Charge, ChargeId, Cost, Decided, Hold,
    HoldId, Ledger, LedgerError, MemoryLedger, Meter, NotNow, Operation, Retention, Snapshot,
    Standing, audit,
};
use keycap_gate::{
    Code, Course, Decision, Gate, GateBuilder, Guard, Guarded, KeyState, Refusal, RequestView,
};
use keycap_verify::{IssuedKeys, MemoryKeyStore, NewKey};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};

/// A request with a bearer key.
pub(crate) struct Sent(pub String);

impl RequestView for Sent {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        "/chat"
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        match name {
            "authorization" if !self.0.is_empty() => smallvec![self.0.as_bytes()],
            _ => smallvec![],
        }
    }

    fn peer(&self) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 7]))
    }
}

/// How long a slow ledger takes.
pub(crate) const SLOWNESS: Duration = Duration::from_secs(3);

/// How a ledger behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    Well,
    Fails,
    Hangs,
    Panics,
    /// Does what it is asked, and says that it failed.
    Mumbles,
    /// Says that it failed, and does what it was asked when the test says so.
    Late,
    /// Takes [`SLOWNESS`], and does nothing if it is not heard out.
    Slow,
}

/// The memory ledger, in a mood. Never answers at once, so that the waiting path is taken.
pub(crate) struct MoodyLedger {
    pub(crate) inner: MemoryLedger,
    mood: AtomicU8,
    pub(crate) applied: AtomicUsize,
    /// How many holds it was asked for.
    pub(crate) holds: AtomicUsize,
    pub(crate) late: Mutex<Vec<Batch>>,
    /// An account whose rows are damaged: every batch that names it fails.
    pub(crate) damaged: Mutex<Option<AccountId>>,
}

impl MoodyLedger {
    pub(crate) fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    fn is(&self, mood: Mood) -> bool {
        self.mood.load(Ordering::SeqCst) == mood as u8
    }

    async fn suffer(&self) -> Result<(), LedgerError> {
        if self.is(Mood::Hangs) {
            std::future::pending::<()>().await;
        }
        if self.is(Mood::Slow) {
            tokio::time::sleep(SLOWNESS).await;
        }
        assert!(!self.is(Mood::Panics), "the ledger panics");
        match self.is(Mood::Fails) {
            true => Err(LedgerError::new("told to fail")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Ledger for MoodyLedger {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        self.suffer().await?;
        let named = format!("{batch:?}");
        if self.damaged.lock().as_ref().is_some_and(|account| named.contains(account.as_str())) {
            return Err(LedgerError::new("a row is damaged"));
        }
        if self.is(Mood::Late) {
            self.late.lock().push(batch);
            return Err(LedgerError::new("told to be late"));
        }
        self.applied.fetch_add(1, Ordering::SeqCst);
        let is_hold = |operation: &&Operation| matches!(operation, Operation::Hold(_));
        let holds = batch.operations().iter().filter(is_hold).count();
        self.holds.fetch_add(holds, Ordering::SeqCst);
        let answers = self.inner.apply(batch).await;
        match self.is(Mood::Mumbles) {
            true => Err(LedgerError::new("the answer was lost")),
            false => answers,
        }
    }

    async fn chain(&self, account: &AccountId) -> Result<Option<Chain>, LedgerError> {
        self.inner.chain(account).await
    }

    async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        self.suffer().await?;
        self.inner.standings(account).await
    }

    async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Option<Hold>, LedgerError> {
        self.inner.hold(account, id).await
    }

    async fn charge(&self, a: &AccountId, id: ChargeId) -> Result<Option<Charge>, LedgerError> {
        self.inner.charge(a, id).await
    }

    async fn charges(
        &self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        self.inner.charges(account, before, most).await
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        self.inner.snapshot().await
    }

    fn watch(&self, listener: Weak<dyn AccountListener>) {
        self.inner.watch(listener);
    }

    fn apply_now(&self, batch: Batch) -> Result<Vec<Decided>, NotNow> {
        Err(NotNow::WouldWait(batch))
    }
}

pub(crate) const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// A gate, what is behind it, and a key with scope `chat` and an account of its own.
pub(crate) struct World {
    pub(crate) gate: Gate,
    pub(crate) ledger: Arc<MoodyLedger>,
    pub(crate) keys: IssuedKeys,
    pub(crate) clock: ManualClock,
    pub(crate) request: Sent,
    pub(crate) account: AccountId,
}

impl World {
    /// With these limits, such as `$1 per day`.
    pub(crate) async fn with(limits: &[&str]) -> Self {
        Self::built(|builder| {
            limits.iter().fold(builder, |builder, limit| builder.limit(limit.parse().unwrap()))
        })
        .await
    }

    pub(crate) async fn built(setup: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let clock = ManualClock::at(START);
        let ledger = Arc::new(MoodyLedger {
            inner: MemoryLedger::with_clock(clock.clone(), Retention::default()),
            mood: AtomicU8::new(Mood::Well as u8),
            applied: AtomicUsize::new(0),
            holds: AtomicUsize::new(0),
            late: Mutex::default(),
            damaged: Mutex::default(),
        });
        let store = Arc::new(MemoryKeyStore::new());
        let keys = IssuedKeys::builder(store).clock(clock.clone()).build().unwrap();
        let minted =
            keys.mint(NewKey::for_owner("acme").own_account().scopes(["chat"])).await.unwrap();
        let builder =
            Gate::builder().ledger(Arc::clone(&ledger)).provider(keys.clone()).clock(clock.clone());
        let gate = setup(builder).build().unwrap();
        let account = AccountId::new(&*minted.record.account).unwrap();
        let request = Sent(format!("Bearer {}", minted.secret.expose()));
        Self { gate, ledger, keys, clock, request, account }
    }

    pub(crate) fn guarded(&self, guard: Guard) -> Guarded {
        self.gate.guarded(guard).unwrap()
    }

    /// Decides, and expects the key.
    pub(crate) async fn admitted(&self, guard: Guard) -> KeyState {
        match self.guarded(guard).decide(&self.request, None).await {
            Decision::Admitted(key) => key,
            other => panic!("not admitted: {other:?}"),
        }
    }

    /// Sends requests that fail until one finds something leased, and gives that one.
    pub(crate) async fn drawn(&self, guard: Guard) -> KeyState {
        let guarded = self.guarded(guard);
        let warm = async {
            loop {
                // The ledger never answers at once.
                match guarded.decide(&self.request, None).at_once() {
                    Ok(Decision::Admitted(key)) => return key,
                    Ok(other) => panic!("not admitted: {other:?}"),
                    Err(waits) => match waits.await {
                        Decision::Admitted(key) => finish(key, 500),
                        other => panic!("not admitted: {other:?}"),
                    },
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), warm).await.expect("is leased")
    }

    /// Shuts the gate down, audits, and says what was spent on a meter. Nothing is held then.
    pub(crate) async fn spent_at_last(&self, meter: &Meter) -> Amount {
        self.gate.shutdown(Duration::from_secs(20)).await.unwrap();
        audit(&self.ledger.inner.snapshot().await.unwrap()).unwrap();
        let standing = self.standing(meter).await;
        assert_eq!(standing.held, Amount::ZERO, "everything went back");
        standing.spent
    }

    /// Waits until no request holds anything by itself any more.
    pub(crate) async fn exact_holds_ended(&self) {
        let ended = async {
            loop {
                let holds = self.ledger.inner.snapshot().await.unwrap().holds;
                if holds.iter().all(|hold| !hold.is_open() || hold.exposure.is_some()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("holds end");
    }

    /// How the account's limit on a meter stands in the books.
    pub(crate) async fn standing(&self, meter: &Meter) -> Standing {
        let standings = self.ledger.inner.standings(&self.account).await.unwrap();
        standings.into_iter().find(|it| it.limit.key().meter == *meter).unwrap()
    }

    /// Decides, and expects a refusal.
    pub(crate) async fn refused(&self, guard: Guard) -> Refusal {
        match self.guarded(guard).decide(&self.request, None).await {
            Decision::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn code(&self, guard: Guard) -> Code {
        self.refused(guard).await.code()
    }

    /// What the account's only limit on dollars shows: spent and held.
    pub(crate) async fn shown(&self) -> (String, String) {
        let standings = self.ledger.inner.standings(&self.account).await.unwrap();
        let dollars = standings.iter().find(|s| s.limit.key().meter == Meter::USD).unwrap();
        (Meter::USD.format(dollars.spent), Meter::USD.format(dollars.held))
    }

    /// Waits until all that was said is durable, then audits and shows the limit on dollars.
    pub(crate) async fn at_rest(&self) -> (String, String) {
        let quiet = async {
            loop {
                let snapshot = self.ledger.inner.snapshot().await.unwrap();
                audit(&snapshot).unwrap();
                if snapshot.holds.iter().all(|hold| !hold.is_open()) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), quiet).await.expect("comes to rest");
        self.shown().await
    }

    /// The account's charges, newest first: cost, and how the request ended if a policy made it.
    pub(crate) async fn charges(&self) -> Vec<(Cost, Option<String>)> {
        let charges = self.ledger.inner.charges(&self.account, None, 100).await.unwrap();
        let told = |charge: Charge| {
            let ending = charge.tags.get("keycap.ending").map(str::to_owned);
            (charge.cost, ending)
        };
        charges.into_iter().map(told).collect()
    }
}

/// A request that answers and is read to its end.
pub(crate) fn finish(key: KeyState, status: u16) {
    let mut course = Course::begin(key);
    course.answered(status);
    course.completed();
}
