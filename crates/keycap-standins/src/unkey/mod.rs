//! Stands in for Unkey's API v2.
//!
//! Written after Unkey's OpenAPI description and held against its official client: see
//! `docs/providers.md`. Ids, keys and request ids count up from one, so that the same requests get the
//! same answers. `keys` decides, `routes` speaks; what neither the client nor a test uses is not here.

mod bodies;
mod keys;
mod problem;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use keycap_base::Clock;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::recording::Recorder;
use bodies::{CreateKey, LimitRow, Remaining};
use keys::Keys;

/// The id of the only API that there is.
pub const API_ID: &str = "api_standin";

/// The root key, which may do everything.
const ROOT_KEY: &str = "unkey_standin_root_key_0001";

/// Unkey on this machine. Stops when it is dropped.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    shared: Shared,
    recorder: Recorder,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    keys: Keys,
    requests: u64,
    counts: BTreeMap<String, u64>,
    failing: Option<u16>,
}

/// A key to create, as an application does in Unkey's dashboard.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewKey(CreateKey);

/// A key that was created.
#[derive(Clone, Debug)]
pub struct CreatedKey {
    /// Its public id.
    pub key_id: String,
    /// Its plaintext.
    pub secret: String,
}

impl StandIn {
    /// Listens on a port of the loopback address that the system chooses; keys expire by `clock`.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn start(clock: impl Clock) -> Self {
        let shared = Shared { state: Arc::default(), clock: Arc::new(clock) };
        let recorder = Recorder::default();
        let router = recorder.listen(routes::router(shared.clone()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, recorder, serving }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of its URLs, for the provider and for the official client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The root key.
    #[must_use]
    pub fn root_key(&self) -> &'static str {
        ROOT_KEY
    }

    /// Creates a key without a request.
    pub fn create(&self, key: NewKey) -> CreatedKey {
        self.shared.state.lock().keys.create(key.0)
    }

    /// Switches a key on or off.
    ///
    /// # Panics
    /// If there is no such key.
    pub fn enable(&self, key_id: &str, enabled: Enabled) {
        let mut state = self.shared.state.lock();
        state.keys.row_mut(key_id).expect("a key of this id").enabled = enabled == Enabled::Yes;
    }

    /// Limits a key to addresses among which no caller's is, as the dashboard can.
    ///
    /// # Panics
    /// If there is no such key.
    pub fn forbid(&self, key_id: &str) {
        let mut state = self.shared.state.lock();
        state.keys.row_mut(key_id).expect("a key of this id").forbidden = true;
    }

    /// Deletes a key.
    pub fn delete(&self, key_id: &str) {
        self.shared.state.lock().keys.delete(key_id);
    }

    /// Answers every request with this status and Unkey's error shape, until [`heal`](Self::heal).
    pub fn fail(&self, status: u16) {
        self.shared.state.lock().failing = Some(status);
    }

    /// Ends [`fail`](Self::fail).
    pub fn heal(&self) {
        self.shared.state.lock().failing = None;
    }

    /// How many requests came for a path, such as `/v2/keys.verifyKey`.
    #[must_use]
    pub fn count(&self, path: &str) -> u64 {
        self.shared.state.lock().counts.get(path).copied().unwrap_or_default()
    }

    /// The credits that a key has left; `None` where they are not counted.
    ///
    /// # Panics
    /// If there is no such key.
    #[must_use]
    pub fn credits(&self, key_id: &str) -> Option<i64> {
        let mut state = self.shared.state.lock();
        state.keys.row_mut(key_id).expect("a key of this id").credits
    }

    /// What it was asked and answered.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// It may.
    Yes,
    /// It is switched off.
    No,
}

impl NewKey {
    /// A key of this name, without an owner, permissions, expiry or limits.
    pub fn named(name: &str) -> Self {
        Self(CreateKey { name: Some(name.to_owned()), ..CreateKey::for_api(API_ID) })
    }

    /// What the key begins with.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.0.prefix = Some(prefix.to_owned());
        self
    }

    /// The external id of the identity it belongs to.
    pub fn owner(mut self, external_id: &str) -> Self {
        self.0.external_id = Some(external_id.to_owned());
        self
    }

    /// What it may do.
    pub fn permissions(mut self, permissions: &[&str]) -> Self {
        self.0.permissions = permissions.iter().map(ToString::to_string).collect();
        self
    }

    /// Its metadata.
    pub fn meta(mut self, meta: Map<String, Value>) -> Self {
        self.0.meta = Some(meta);
        self
    }

    /// When it expires, in milliseconds since the Unix epoch.
    pub fn expires_ms(mut self, expiry: i64) -> Self {
        self.0.expires = Some(expiry);
        self
    }

    /// How many credits it has.
    pub fn credits(mut self, remaining: i64) -> Self {
        self.0.credits = Some(Remaining { remaining: Some(remaining) });
        self
    }

    /// A rate limit that it applies by itself.
    pub fn limit(mut self, name: &str, limit: i64, duration_ms: i64) -> Self {
        let name = name.to_owned();
        self.0.ratelimits.push(LimitRow { name, limit, duration: duration_ms, auto_apply: true });
        self
    }
}
