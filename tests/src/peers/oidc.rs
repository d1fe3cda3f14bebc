//! The OpenID provider: tokens on request, keys that rotate, faults on command.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitStatus;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::wish::{Client, Wish};
use super::{PATIENCE, named, node};
use crate::process::Process;
use crate::wire::{self, Request, Response};

/// What requests for a path are answered instead, until all faults are healed.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Fault {
    /// This status, without headers and body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }
}

/// A real OpenID provider.
#[derive(Debug)]
pub struct Oidc {
    issuer: String,
    control: SocketAddr,
    /// Of a provider that this test started; it ends with this.
    process: Option<Process>,
}

impl Oidc {
    /// The provider that all tests share, for tests that leave it as it is; one of the test's own
    /// where the environment names none. None, and the test is reported as skipped, without Node.
    pub async fn shared() -> Option<Self> {
        let text = |name| named(name).and_then(|value| value.into_string().ok());
        match (text("KEYCAP_OIDC_ISSUER"), text("KEYCAP_OIDC_CONTROL")) {
            (Some(issuer), Some(control)) => Some(Self::at(issuer, &control, None)),
            _ => Self::start().await,
        }
    }

    /// A provider of the test's own, for tests that rotate keys, count requests or make it fail. None,
    /// and the test is reported as skipped, without Node.
    ///
    /// # Panics
    /// When it does not start in time.
    pub async fn start() -> Option<Self> {
        let process = Process::spawn(node("oidc.mjs")?);
        let ready = timeout(PATIENCE, process.stdout.wait_for_line("{")).await;
        let Ok(Some(line)) = ready else { panic!("the provider does not start: {process:?}") };
        let told: Value = serde_json::from_str(&format!("{{{line}")).expect("a line of JSON");
        let address = |name: &str| told[name].as_str().expect("an address").to_owned();
        Some(Self::at(address("issuer"), &address("control"), Some(process)))
    }

    fn at(issuer: String, control: &str, process: Option<Process>) -> Self {
        Self { control: socket(control), issuer, process }
    }

    /// The issuer: `http://127.0.0.1:41234`. Discovery starts here.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address of an endpoint: `/jwks`, `/token`, `/token/introspection`, `/token/revocation`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// A token by client credentials (RFC 6749, section 4.4).
    ///
    /// # Panics
    /// When the provider gives none.
    pub async fn token(&self, wish: &Wish) -> String {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(wish.parameters());
        let answer = self.post("/token", wish.client(), form).await;
        answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// Revokes an opaque token of this client (RFC 7009).
    ///
    /// # Panics
    /// When the provider refuses.
    pub async fn revoke(&self, client: Client, token: &str) {
        let answer = self.post("/token/revocation", client, vec![("token", token)]).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
    }

    /// What the provider says about a token (RFC 7662).
    pub async fn introspect(&self, token: &str) -> Response {
        self.post("/token/introspection", Client::Post, vec![("token", token)]).await
    }

    /// The keys that are published (RFC 7517).
    pub async fn published_keys(&self) -> Value {
        wire::answer(socket(&self.issuer), &Request::get("/jwks")).await.json()
    }

    /// From now on new keys sign; the old ones stay published, and opaque tokens stay good.
    pub async fn rotate(&self) {
        self.tell(&Request::post("/rotate")).await;
    }

    /// From now on only the keys that sign are published.
    pub async fn withdraw(&self) {
        self.tell(&Request::post("/withdraw")).await;
    }

    /// How many requests came so far, by path.
    ///
    /// # Panics
    /// When the provider's answer is no table of numbers.
    pub async fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.tell(&Request::get("/counts")).await;
        serde_json::from_value(counts).expect("numbers by path")
    }

    /// From now on requests for this path meet this fault, in place of an earlier one.
    pub async fn fail(&self, path: &str, fault: &Fault) {
        let headers: BTreeMap<_, _> = fault.headers.iter().cloned().collect();
        let order = json!({
            "path": path,
            "status": fault.status,
            "headers": headers,
            "body": fault.body,
        });
        self.tell(&Request::post("/fault").json(&order.to_string())).await;
    }

    /// From now on requests for this path are held back until all is healed, and are then answered as
    /// if nothing was wrong.
    pub async fn hold(&self, path: &str) {
        let order = json!({ "path": path });
        self.tell(&Request::post("/hold").json(&order.to_string())).await;
    }

    /// Ends all faults, and lets go of what is held back.
    pub async fn heal(&self) {
        self.tell(&Request::post("/heal")).await;
    }

    /// Ends the provider that this test started: from now on nobody listens.
    ///
    /// # Panics
    /// When it is not this test's own, or does not end in time.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a provider of the test's own");
        process.signal(rustix::process::Signal::TERM);
        process.ended().await
    }

    async fn post(&self, path: &str, by: Client, form: Vec<(&str, &str)>) -> Response {
        let request = by.authenticated(Request::post(path), form);
        wire::answer(socket(&self.issuer), &request).await
    }

    async fn tell(&self, request: &Request) -> Value {
        let answer = wire::answer(self.control, request).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()
    }
}

/// `http://127.0.0.1:41234` as an address to connect to.
fn socket(url: &str) -> SocketAddr {
    let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("{url} is not the address of a local server"))
}
