//! The client against a server that misbehaves, and the decisions that it rests on.

mod bounds;
mod breaker;
mod circuit;
mod faults;
mod records;
mod retry;
mod retry_after;
mod secrecy;
mod throttle;
mod tls;
mod urls;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keycap_base::{ManualClock, Timestamp};
use keycap_standins::faults::{Canned, Fault, Server};

use super::{Call, CallError, Client, HttpSettings, Reply};

/// Long enough for anything that does come, on a busy machine too.
const AMPLE: Duration = Duration::from_secs(30);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(300);

/// A client of a provider named `acme`, and the clock that its circuit goes by.
struct Bench {
    client: Client,
    clock: ManualClock,
}

impl Bench {
    fn new(settings: HttpSettings) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let client = Client::build("acme", settings, Arc::new(clock.clone())).expect("settings");
        Self { client, clock }
    }

    async fn look(&self, server: &Server) -> Result<Reply, CallError> {
        self.send(look(server)).await
    }

    async fn send(&self, call: Call) -> Result<Reply, CallError> {
        self.client.ask(call, Ok).await
    }
}

fn patient() -> HttpSettings {
    HttpSettings::new().total_timeout(AMPLE).connect_timeout(AMPLE)
}

/// Sends each call once.
fn once() -> HttpSettings {
    patient().attempts(1)
}

fn url(text: &str) -> reqwest::Url {
    HttpSettings::new().url(text).expect("a URL")
}

/// A call that may be repeated.
fn look(server: &Server) -> Call {
    Call::read("look", url(&server.url("/look")))
}

/// A call that may not.
fn count(server: &Server) -> Call {
    Call::post("count", url(&server.url("/count")), "application/json", r#"{"n":1}"#)
}

fn fine() -> Fault {
    Fault::Answer(Canned::json(200, r#"{"ok":true}"#))
}

fn status(status: u16) -> Fault {
    Fault::Answer(Canned::status(status))
}

/// What was written to a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no writer panics")).into_owned()
    }

    /// Keeps what this thread traces, at every level, until the guard is dropped.
    fn trace(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
