//! How a provider is called.

use std::time::Duration;

use reqwest::Url;

use super::HttpSettingsError;
use super::breaker::{Limits, MAX_CIRCUIT_REST};
use super::origin::{self, Plain};
use super::tls::Authorities;

/// How long connecting may take, TLS included.
pub(crate) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The most that connecting may be allowed.
pub(crate) const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one call may take altogether. Below the gate's own time for a verification, so that the
/// provider is named and its circuit learns of it.
pub(crate) const DEFAULT_TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// The most that a call may be allowed.
pub(crate) const MAX_TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests that one call may lead to, the first one included.
pub(crate) const DEFAULT_ATTEMPTS: u32 = 3;
/// The most attempts that may be allowed.
pub(crate) const MAX_ATTEMPTS: u32 = 10;
/// Calls to one provider at the same time.
pub(crate) const DEFAULT_CALLS_IN_FLIGHT: usize = 64;
/// The most calls at the same time that may be allowed.
pub(crate) const MAX_CALLS_IN_FLIGHT: usize = 4_096;
/// Bytes of an answer's body.
pub(crate) const DEFAULT_BODY_LIMIT: usize = 256 * 1024;
/// The most bytes of a body that may be allowed.
pub(crate) const MAX_BODY_LIMIT: usize = 16 * 1024 * 1024;
/// Calls that fail in a row before the circuit opens.
pub(crate) const DEFAULT_CIRCUIT_FAILURES: u32 = 5;
/// The most failures that may be allowed.
pub(crate) const MAX_CIRCUIT_FAILURES: u32 = 1_000;
/// How long the circuit is open at first.
pub(crate) const DEFAULT_CIRCUIT_OPEN: Duration = Duration::from_secs(5);
/// Headers of an answer. Their bytes are bounded by hyper, to about 400 KiB.
pub(super) const MAX_HEADERS: usize = 100;
/// Connections to one host that are kept although nobody uses them.
pub(super) const MAX_IDLE_CONNECTIONS: usize = 16;
/// How long they are kept.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How a provider is called.
///
/// Everything has a default and a bound, and is checked when the provider is built. A call that finds
/// no answer is [`Unavailable`](keycap_verify::Unavailable), a 503 to the caller, and never "no".
///
/// ```
/// use std::time::Duration;
/// use keycap_remote::HttpSettings;
///
/// let settings = HttpSettings::new()
///     .total_timeout(Duration::from_secs(3))
///     .attempts(2)
///     .calls_in_flight(256);
/// assert!(format!("{settings:?}").contains("attempts: 2"));
/// ```
///
/// TLS always verifies. Whom it trusts can be narrowed ([`trust_only`](Self::trust_only)) but not
/// switched off. Redirects are refused, proxies of the environment are not used, answers are not
/// decompressed, and HTTP/1.1 is spoken.
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpSettings {
    pub(super) connect_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) attempts: u32,
    pub(super) calls_in_flight: usize,
    pub(super) body_limit: usize,
    pub(super) circuit_failures: u32,
    pub(super) circuit_open: Duration,
    pub(super) trust_only: Option<Authorities>,
    pub(super) plain: Plain,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            total_timeout: DEFAULT_TOTAL_TIMEOUT,
            attempts: DEFAULT_ATTEMPTS,
            calls_in_flight: DEFAULT_CALLS_IN_FLIGHT,
            body_limit: DEFAULT_BODY_LIMIT,
            circuit_failures: DEFAULT_CIRCUIT_FAILURES,
            circuit_open: DEFAULT_CIRCUIT_OPEN,
            trust_only: None,
            plain: Plain::OnThisMachine,
        }
    }
}

impl HttpSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long connecting may take, TLS included: default 2 seconds, at most 30.
    pub fn connect_timeout(mut self, span: Duration) -> Self {
        self.connect_timeout = span;
        self
    }

    /// How long one call may take altogether, waiting for a place, all attempts and the pauses between
    /// them: default 5 seconds, at most 60.
    ///
    /// Keep it below the gate's time for a verification. An attempt that may be repeated gets half of
    /// the time that is left, so that one that hangs leaves room for another; the last gets all.
    pub fn total_timeout(mut self, span: Duration) -> Self {
        self.total_timeout = span;
        self
    }

    /// How many requests one call may lead to, the first included: default 3, at most 10; 1 is no
    /// retries.
    ///
    /// A call that changes nothing is repeated after a failed connection, an attempt that ran out of
    /// time, a status of 500 to 599 and 408; another one only if it was never sent. Between attempts
    /// lies a random pause whose bound doubles from 100 milliseconds to a second.
    pub fn attempts(mut self, most: u32) -> Self {
        self.attempts = most;
        self
    }

    /// How many calls may be under way at the same time: default 64, at most 4096. A further one waits
    /// for a place within the total time.
    pub fn calls_in_flight(mut self, most: usize) -> Self {
        self.calls_in_flight = most;
        self
    }

    /// How many bytes the body of an answer may have: default 256 KiB, at most 16 MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How many calls in a row must fail, retries included, for the circuit to open: default 5, at most
    /// 1000.
    ///
    /// While it is open the provider is not asked. Then one call is let through, which closes it or
    /// opens it again.
    pub fn circuit_failures(mut self, calls: u32) -> Self {
        self.circuit_failures = calls;
        self
    }

    /// How long the circuit is open at first: default 5 seconds, at most 60. It doubles as long as the
    /// provider fails, up to 60 seconds.
    pub fn circuit_open(mut self, span: Duration) -> Self {
        self.circuit_open = span;
        self
    }

    /// Trusts only certificates that these authorities (PEM) have signed, instead of the system's.
    pub fn trust_only(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.trust_only = Some(Authorities(pem.as_ref().to_vec()));
        self
    }

    /// Speaks plain HTTP to any host. **Keys cross the network readable.** Without this, plain HTTP is
    /// spoken only to loopback addresses.
    pub fn insecure_plain_http(mut self) -> Self {
        self.plain = Plain::Anywhere;
        self
    }

    /// Reads a URL that calls may be sent to.
    pub(crate) fn url(&self, text: &str) -> Result<Url, HttpSettingsError> {
        origin::read(text, self.plain)
    }

    /// Refuses what is zero or beyond its bound.
    pub(super) fn check(&self) -> Result<(), HttpSettingsError> {
        span("the connect time-out", self.connect_timeout, MAX_CONNECT_TIMEOUT)?;
        span("the total time-out", self.total_timeout, MAX_TOTAL_TIMEOUT)?;
        span("the time that a circuit is open", self.circuit_open, MAX_CIRCUIT_REST)?;
        count("the number of attempts", self.attempts as usize, MAX_ATTEMPTS as usize)?;
        count("the number of calls in flight", self.calls_in_flight, MAX_CALLS_IN_FLIGHT)?;
        count("the limit of a body, in bytes,", self.body_limit, MAX_BODY_LIMIT)?;
        let failures = self.circuit_failures as usize;
        count("the number of failures that open a circuit", failures, MAX_CIRCUIT_FAILURES as usize)
    }

    pub(super) fn circuit_limits(&self) -> Limits {
        let (open_for, probe_for) = (self.circuit_open, self.total_timeout);
        Limits { failures: self.circuit_failures, open_for, probe_for }
    }
}

fn span(what: &'static str, span: Duration, most: Duration) -> Result<(), HttpSettingsError> {
    match span.is_zero() || span > most {
        true => Err(HttpSettingsError::Span { what, span, most }),
        false => Ok(()),
    }
}

fn count(what: &'static str, count: usize, most: usize) -> Result<(), HttpSettingsError> {
    match count == 0 || count > most {
        true => Err(HttpSettingsError::Count { what, count, most }),
        false => Ok(()),
    }
}
