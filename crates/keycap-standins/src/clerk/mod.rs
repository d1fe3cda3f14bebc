//! A local stand-in for Clerk's Backend API, as far as keys and machine tokens go.
//!
//! An [`Instance`] keeps keys and tokens in memory and serves what the official client calls: API keys
//! are created, listed, updated, revoked and verified, machine tokens created, revoked and verified.
//! Paths, members, statuses and patterns follow Clerk's published contract (version 2026-05-12); every
//! path is served with `/v1` before it and without.
//!
//! Two things Clerk does not publish, and so are chosen here: the `code` of a 404
//! (`problem`), and whether a key that ended is answered 200 with `revoked` or `expired` set, as the
//! contract's schema has it, or 404, as the client's documentation has it: see [`Ended`].
//!
//! Ids and secrets are counted, never random, so that the same calls give the same bytes.

mod door;
mod ids;
mod memory;
mod problem;
mod requests;
mod routes;
mod rows;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keycap_base::{Clock, SystemClock};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::recording::Recorder;
use door::Door;
use memory::Memory;

pub use ids::{machine, organisation, user};
pub use memory::Ended;
pub use requests::{NewApiKey, NewToken};

/// The instance's secret key.
pub const SECRET_KEY: &str = "sk_test_of_the_standin";

/// A running stand-in. Stops when it is dropped.
#[derive(Debug)]
pub struct Instance {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// What was created: the id by which it is changed, and the secret that is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// `ak_…` or `mt_…` and 32 digits.
    pub id: String,
    /// The secret.
    pub secret: String,
}

/// How an instance is to be.
#[derive(Debug)]
#[must_use]
pub struct Setup {
    clock: Box<dyn ClockForDebug>,
    ended: Ended,
    first: u64,
    recorder: Option<Recorder>,
}

trait ClockForDebug: Clock + std::fmt::Debug {}
impl<C: Clock + std::fmt::Debug> ClockForDebug for C {}

#[derive(Debug)]
struct Shared {
    clock: Box<dyn ClockForDebug>,
    memory: Mutex<Memory>,
    throttled: Mutex<Option<Duration>>,
    door: Door,
    verifications: AtomicUsize,
}

impl Default for Setup {
    /// The system's clock, keys that ended shown, nothing recorded.
    fn default() -> Self {
        Self { clock: Box::new(SystemClock), ended: Ended::Shown, first: 1, recorder: None }
    }
}

impl Setup {
    /// With this clock.
    pub fn clock(mut self, clock: impl Clock + std::fmt::Debug) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// With this answer for keys that ended.
    pub fn ended(mut self, ended: Ended) -> Self {
        self.ended = ended;
        self
    }

    /// Whose first id and secret have this number (default 1).
    pub fn first(mut self, number: u64) -> Self {
        self.first = number;
        self
    }

    /// Whose traffic is noted.
    pub fn recorder(mut self, recorder: &Recorder) -> Self {
        self.recorder = Some(recorder.clone());
        self
    }

    /// Listens on a port of the loopback address that the system chooses.
    ///
    /// # Panics
    /// If there is none.
    pub async fn start(self) -> Instance {
        let shared = Arc::new(Shared {
            clock: self.clock,
            memory: Mutex::new(Memory::new(self.ended, self.first)),
            throttled: Mutex::default(),
            door: Door::default(),
            verifications: AtomicUsize::new(0),
        });
        let router = routes::router(Arc::clone(&shared));
        let router = match &self.recorder {
            Some(recorder) => recorder.listen(router),
            None => router,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Instance { address, shared, serving }
    }
}

impl Instance {
    /// Starts one with the system's clock.
    ///
    /// # Panics
    /// If there is no port for it.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a machine known, which may call these others, and returns its secret key.
    #[must_use]
    pub fn add_machine(&self, machine: &str, may_call: &[&str]) -> String {
        self.shared.memory.lock().add_machine(machine, may_call)
    }

    /// Creates an API key without a call.
    #[must_use]
    pub fn create_key(&self, key: NewApiKey) -> Created {
        let row = self.shared.memory.lock().create_key(key, self.shared.now_ms());
        Created { id: row.id, secret: row.secret }
    }

    /// Creates a machine token without a call.
    ///
    /// # Panics
    /// If the machine is not known.
    #[must_use]
    pub fn create_token(&self, machine: &str, token: NewToken) -> Created {
        let row = self.shared.memory.lock().create_token(machine, token, self.shared.now_ms());
        Created { id: row.id, secret: row.secret }
    }

    /// Revokes an API key or a machine token.
    ///
    /// # Panics
    /// If there is none with this id.
    pub fn revoke(&self, id: &str) {
        let found = self.shared.memory.lock().revoke(id, None, self.shared.now_ms());
        assert!(found, "there is no {id}");
    }

    /// Replaces the claims of an API key.
    ///
    /// # Panics
    /// If there is none with this id.
    pub fn set_claims(&self, id: &str, claims: Value) {
        let found = self.shared.memory.lock().set_claims(id, claims, self.shared.now_ms());
        assert!(found, "there is no {id}");
    }

    /// Replaces the claims of an API key by `{"tier": tier}`.
    ///
    /// # Panics
    /// If there is none with this id.
    pub fn set_tier(&self, id: &str, tier: &str) {
        self.set_claims(id, json!({ "tier": tier }));
    }

    /// How often anything was verified, or was tried to be.
    #[must_use]
    pub fn verifications(&self) -> usize {
        self.shared.verifications.load(Ordering::SeqCst)
    }

    /// Answers 429 to everything, and `Retry-After`, until [`relent`](Self::relent).
    pub fn throttle(&self, retry_after: Duration) {
        *self.shared.throttled.lock() = Some(retry_after);
    }

    /// Throttles no more.
    pub fn relent(&self) {
        *self.shared.throttled.lock() = None;
    }

    /// Holds back every answer until [`open`](Self::open).
    pub fn shut(&self) {
        self.shared.door.shut();
    }

    /// Lets the answers out.
    pub fn open(&self) {
        self.shared.door.open();
    }

    /// Waits until so many requests are held back.
    pub async fn until_held(&self, requests: usize) {
        self.shared.door.until_held(requests).await;
    }
}

impl Shared {
    fn now_ms(&self) -> i64 {
        self.clock.now().as_millis()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
