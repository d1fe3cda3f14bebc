//! One key, one account, one cap; and a server on a real socket.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::test::TestRequest;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use keycap_actix::Keycap;
use keycap_budget::{AccountId, MemoryLedger, Usd};
use keycap_gate::{Gate, GateBuilder, Guard};
use keycap_verify::{Secret, StaticKey, StaticKeys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The plaintext key.
pub(crate) const SECRET: &str = "kc-the-only-key";

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gate whose one key grants `chat`, before it is built.
pub(crate) fn builder() -> GateBuilder {
    let digest = Secret::parse(SECRET).unwrap().digest().to_hex();
    let key = StaticKey::new("ci", &digest).scopes(["chat"]);
    let keys = StaticKeys::builder().key(key).build().unwrap();
    Gate::builder().ledger(MemoryLedger::new()).provider(keys)
}

/// A gate that caps the key.
pub(crate) fn gate(limit: &str) -> Gate {
    builder().limit(limit.parse().unwrap()).build().unwrap()
}

/// The middleware that holds so much.
pub(crate) fn holding(gate: &Gate, cost: Usd) -> Keycap {
    Keycap::new(gate, Guard::fixed(cost)).unwrap()
}

/// The key's account.
pub(crate) fn account() -> AccountId {
    AccountId::new("static::ci").unwrap()
}

/// A request with the key.
pub(crate) fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("authorization", format!("Bearer {SECRET}")))
}

/// What the account has spent, now.
pub(crate) async fn spent(gate: &Gate) -> String {
    let standings = gate.standings(&account()).await.unwrap();
    let key = standings[0].limit.key();
    key.meter.format(standings[0].spent)
}

/// What is held of the account, now.
pub(crate) async fn held(gate: &Gate) -> String {
    let standings = gate.standings(&account()).await.unwrap();
    let key = standings[0].limit.key();
    key.meter.format(standings[0].held)
}

/// Waits until every request has ended and all it said is durable. Then: what was spent, and how the
/// requests ended whose charge a policy made.
pub(crate) async fn bill(gate: &Gate) -> (String, Vec<String>) {
    gate.shutdown(PATIENCE).await.expect("requests end");
    assert_eq!(held(gate).await, "$0.00", "nothing stays held");
    let charges = gate.ledger().charges(&account(), None, 1_000).await.unwrap();
    let ending = |tags: &keycap_base::Labels| {
        tags.iter().find(|(key, _)| *key == "keycap.ending").map(|(_, value)| value.to_string())
    };
    let endings = charges.iter().filter_map(|charge| ending(&charge.tags)).collect();
    (spent(gate).await, endings)
}

/// Waits until `condition` holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let holds = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Whether a client that has closed its sending half is still served.
#[derive(Clone, Copy)]
pub(crate) enum HalfClosed {
    Served,
    Dropped,
}

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

impl Server {
    pub(crate) fn start(
        workers: usize,
        half_closed: HalfClosed,
        routes: impl Fn(&mut ServiceConfig) + Send + Clone + 'static,
    ) -> Self {
        let server = HttpServer::new(move || App::new().configure(routes.clone()))
            .workers(workers)
            .h1_allow_half_closed(matches!(half_closed, HalfClosed::Served))
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Self { address, handle }
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(true).await;
    }

    /// Sends a request with the key, and leaves the answer to be read.
    pub(crate) async fn send(&self, method: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
             authorization: Bearer {SECRET}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Sends a request with the key and reads the whole answer.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = self.send(method, path).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// A log that a test can read.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Until the answer is dropped, what this thread logs goes here.
    pub(crate) fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
