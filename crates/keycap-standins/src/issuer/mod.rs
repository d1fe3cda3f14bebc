//! Stands in for an issuer of JSON Web Tokens: an OpenID provider with discovery, keys and the client
//! credentials grant.
//!
//! One client is registered, [`CLIENT_ID`]. Tokens of any content are made without a request by
//! [`Issuer::token`], and with any header by [`Issuer::sign`], so that a test can make what no honest
//! issuer would. `key` signs, `key_ring` says which keys are published, `routes` speaks.

mod key;
mod key_ring;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use keycap_base::Clock;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use key::{Algorithm, Key, compact};
use key_ring::KeyRing;

/// The client that is registered.
pub const CLIENT_ID: &str = "app";
/// Its secret.
pub const CLIENT_SECRET: &str = "secret-of-app";
/// The scopes that it may have.
pub const CLIENT_SCOPES: [&str; 2] = ["chat", "models:read"];
/// The audience of tokens for which nobody asked for another.
pub const AUDIENCE: &str = "https://api.example";
/// How long a token lives, in seconds.
pub const TOKEN_LIFE_S: i64 = 600;

/// An issuer on this machine. Stops when it is dropped.
pub struct Issuer {
    address: SocketAddr,
    shared: Shared,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    url: Arc<str>,
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

struct State {
    ring: KeyRing,
    tokens: u64,
    counts: BTreeMap<String, u64>,
    failing: Option<u16>,
    named: Option<String>,
    keys_at: Option<String>,
}

impl Issuer {
    /// Listens on a port of the loopback address that the system chooses; its time is `clock`'s.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn start(clock: impl Clock) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            ring: KeyRing::new(),
            tokens: 0,
            counts: BTreeMap::new(),
            failing: None,
            named: None,
            keys_at: None,
        };
        let shared = Shared {
            url: format!("http://{address}").into(),
            state: Arc::new(Mutex::new(state)),
            clock: Arc::new(clock),
        };
        let router = routes::router(shared.clone());
        let serving =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, serving }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The issuer: what its tokens say in `iss`.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.url.to_string()
    }

    /// Where its keys are.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.shared.url)
    }

    /// A token that says this, signed by the current key for `algorithm`. Where `claims` are silent it
    /// says what [`claims`](Self::claims) are; a claim that is `null` is left out.
    #[must_use]
    pub fn token(&self, algorithm: Algorithm, claims: Value) -> String {
        self.sign(algorithm, json!({}), claims)
    }

    /// The same, with members of the header changed, added, or left out where they are `null`.
    #[must_use]
    pub fn sign(&self, algorithm: Algorithm, header: Value, claims: Value) -> String {
        self.shared.sign(algorithm, header, claims)
    }

    /// What a token says unless told otherwise: `iss`, `sub`, `aud`, `iat`, `exp`, `jti`.
    #[must_use]
    pub fn claims(&self) -> Map<String, Value> {
        self.shared.claims()
    }

    /// The current key for `algorithm`.
    #[must_use]
    pub fn key(&self, algorithm: Algorithm) -> Key {
        self.shared.state.lock().ring.current(algorithm)
    }

    /// The keys that it publishes, as a JWK set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.shared.state.lock().ring.jwks()
    }

    /// Signs with new keys from now on. The old ones stay published.
    pub fn rotate(&self) {
        self.shared.state.lock().ring.rotate();
    }

    /// Publishes only the keys that it signs with.
    pub fn withdraw(&self) {
        self.shared.state.lock().ring.withdraw();
    }

    /// Answers every request with this status until [`heal`](Self::heal).
    pub fn fail(&self, status: u16) {
        self.shared.state.lock().failing = Some(status);
    }

    /// Ends [`fail`](Self::fail).
    pub fn heal(&self) {
        self.shared.state.lock().failing = None;
    }

    /// Names another issuer in its metadata.
    pub fn claim_to_be(&self, issuer: &str) {
        self.shared.state.lock().named = Some(issuer.to_owned());
    }

    /// Names another place for its keys in its metadata.
    pub fn keys_at(&self, url: &str) {
        self.shared.state.lock().keys_at = Some(url.to_owned());
    }

    /// How many requests came for a path, such as `/jwks`.
    #[must_use]
    pub fn count(&self, path: &str) -> u64 {
        self.shared.state.lock().counts.get(path).copied().unwrap_or_default()
    }
}

impl Shared {
    fn sign(&self, algorithm: Algorithm, header: Value, claims: Value) -> String {
        let key = self.state.lock().ring.current(algorithm);
        let said = merge(self.claims(), claims);
        let header = merge(key.header(), header);
        key.sign(&Value::from(header), &Value::from(said))
    }

    fn claims(&self) -> Map<String, Value> {
        let now_s = self.clock.now().as_millis().div_euclid(1_000);
        let mut state = self.state.lock();
        state.tokens += 1;
        let claims = json!({
            "iss": &*self.url, "sub": "user_1", "aud": AUDIENCE, "scope": "chat",
            "iat": now_s, "exp": now_s + TOKEN_LIFE_S, "jti": format!("token-{}", state.tokens),
        });
        claims.as_object().cloned().expect("an object")
    }
}

fn merge(mut members: Map<String, Value>, changes: Value) -> Map<String, Value> {
    let Value::Object(changes) = changes else { panic!("members are an object") };
    members.extend(changes);
    members.retain(|_, member| !member.is_null());
    members
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("address", &self.address).finish_non_exhaustive()
    }
}
