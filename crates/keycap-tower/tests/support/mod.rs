//! A small world around a layer: a memory ledger on a clock that stands still, one issued key with
//! scope `chat` and an account of its own, and requests that carry it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use keycap_base::{ManualClock, Timestamp};
use keycap_budget::{AccountId, Ledger, MemoryLedger, Meter, Retention, audit};
use keycap_gate::{Gate, GateBuilder};
use keycap_verify::{IssuedKeys, MemoryKeyStore, NewKey};

const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// How often a test looks before it gives up on a condition; each look lets others run.
const LOOKS: usize = 100_000;

pub(crate) struct World {
    pub(crate) gate: Gate,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) account: AccountId,
    /// What a request's `authorization` says.
    pub(crate) bearer: String,
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
        let ledger = MemoryLedger::with_clock(clock.clone(), Retention::default());
        let ledger = Arc::new(ledger);
        let store = Arc::new(MemoryKeyStore::new());
        let keys = IssuedKeys::builder(store).clock(clock.clone()).build().unwrap();
        let new = NewKey::for_owner("acme").own_account().scopes(["chat"]);
        let minted = keys.mint(new).await.unwrap();
        let builder = Gate::builder().ledger(Arc::clone(&ledger)).provider(keys).clock(clock);
        let gate = setup(builder).build().unwrap();
        let account = AccountId::new(&*minted.record.account).unwrap();
        let bearer = format!("Bearer {}", minted.secret.expose());
        Self { gate, ledger, account, bearer }
    }

    /// A request with the key, and no body.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request<Empty<Bytes>> {
        self.request_with(method, path, Empty::new())
    }

    pub(crate) fn request_with<B>(&self, method: &str, path: &str, body: B) -> Request<B> {
        let request = Request::builder().method(method).uri(path);
        request.header("authorization", &self.bearer).body(body).unwrap()
    }

    /// What the limit on dollars shows: spent and held. Nothing before the account is opened.
    pub(crate) async fn shown(&self) -> (String, String) {
        let standings = self.ledger.standings(&self.account).await.unwrap();
        let dollars = standings.iter().find(|it| it.limit.key().meter == Meter::USD);
        let shown = dollars.map(|it| (Meter::USD.format(it.spent), Meter::USD.format(it.held)));
        shown.unwrap_or_default()
    }

    /// Waits until no hold is open, audits the books, and says what was spent in all.
    pub(crate) async fn at_rest(&self) -> String {
        for _ in 0..LOOKS {
            let snapshot = self.ledger.snapshot().await.unwrap();
            audit(&snapshot).unwrap();
            if snapshot.holds.iter().all(|hold| !hold.is_open()) {
                return self.shown().await.0;
            }
            tokio::task::yield_now().await;
        }
        panic!("holds stay open");
    }

    /// At rest: how requests ended, by the charges that a policy made; newest first.
    pub(crate) async fn endings(&self) -> Vec<String> {
        self.at_rest().await;
        let charges = self.ledger.charges(&self.account, None, 1_000).await.unwrap();
        let told =
            |charge: keycap_budget::Charge| charge.tags.get("keycap.ending").map(str::to_owned);
        charges.into_iter().filter_map(told).collect()
    }
}

/// Looks until a condition holds.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    for _ in 0..LOOKS {
        if condition().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the condition never held");
}
