//! Sending calls: who may, when, how often, and what is told of it.
//!
//! What happens to a call, in order: the circuit is asked, a place is waited for, the circuit is asked
//! again, attempts are made until one brings an answer, the answer is read. The total time bounds all
//! of it. The decisions are elsewhere: `breaker`, `retry`, `retry_after`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;

use keycap_base::Clock;
use keycap_verify::Unavailable;

use super::breaker::Part;
use super::circuit::{Circuit, Passage};
use super::places::Places;
use super::record::{self, InFlight, Record};
use super::retry::{self, Follows};
use super::settings::{IDLE_TIMEOUT, MAX_HEADERS, MAX_IDLE_CONNECTIONS};
use super::{Call, CallError, HttpSettings, HttpSettingsError, Reply, exchange, tls};

/// More than enough to make something of an answer.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Calls one provider.
pub(crate) struct Client {
    provider: Arc<str>,
    http: reqwest::Client,
    settings: HttpSettings,
    places: Places,
    circuit: Circuit,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client for the provider of this name.
    pub(crate) fn build(
        provider: &str,
        settings: HttpSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpSettingsError> {
        settings.check()?;
        let http = http(&settings)?;
        let provider: Arc<str> = provider.into();
        record::describe(&provider);
        let places = Places::new(settings.calls_in_flight);
        let circuit =
            Circuit::new(Arc::clone(&provider), settings.circuit_limits(), Arc::clone(&clock));
        Ok(Self { provider, http, settings, places, circuit, clock })
    }

    /// What `read` makes of the answer to a call.
    ///
    /// `read` is part of the call, so that an answer that makes no sense counts as the provider's
    /// failure: it returns what the answer says about the key, or a [`CallError`] for an answer that
    /// says nothing ([`Reply::json`] does so).
    ///
    /// Cancel safe: dropped, it leaves the connection and its place.
    pub(crate) async fn ask<T>(
        &self,
        call: Call,
        read: impl FnOnce(Reply) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut record = Record::begin(&self.provider, call.operation);
        let span = record.span();
        let outcome = self.conduct(&call, &mut record, read).instrument(span).await;
        record.end(&outcome);
        outcome
    }

    /// After how long a call has come to its end, and what was made of it too.
    pub(crate) fn longest_call(&self) -> Duration {
        self.settings.total_timeout + AFTERWARDS
    }

    /// The answer that a failed call is.
    pub(crate) fn unavailable(&self, error: CallError) -> Unavailable {
        let wait = error.retry_after();
        let unavailable = Unavailable::because(&self.provider, error);
        match wait {
            Some(wait) => unavailable.with_retry_after(wait),
            None => unavailable,
        }
    }

    async fn conduct<T>(
        &self,
        call: &Call,
        record: &mut Record,
        read: impl FnOnce(Reply) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let total = self.settings.total_timeout;
        let deadline = Instant::now() + total;
        self.circuit.look()?;
        let _place = self.places.take(deadline, total).await?;
        let _counted = InFlight::count(&self.provider);
        let passage = self.circuit.enter()?;
        let outcome = self.attempts(call, &passage, deadline, record).await.and_then(read);
        passage.end(call.about, &outcome);
        outcome
    }

    async fn attempts(
        &self,
        call: &Call,
        passage: &Passage<'_>,
        deadline: Instant,
        record: &mut Record,
    ) -> Result<Reply, CallError> {
        let most = match passage.part() {
            Part::Ordinary => self.settings.attempts,
            Part::Probe => 1,
        };
        let mut attempt = 1;
        loop {
            record.attempt();
            let follows = Follows::of(call.repeat, attempt, most);
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match self.attempt(call, retry::share(left, follows), record).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if attempt >= most || !retry::may_repeat(&error, call.repeat) {
                return Err(error);
            }
            let pause = retry::pause(attempt, getrandom::u64().unwrap_or(u64::MAX));
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
            if self.circuit.look().is_err() {
                return Err(error);
            }
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        call: &Call,
        span: Duration,
        record: &Record,
    ) -> Result<Reply, CallError> {
        let request = call.attempt()?;
        let exchange = async {
            let response = self.http.execute(request).await.map_err(exchange::unanswered)?;
            record.status(response.status().as_u16());
            exchange::judge(&response, self.clock.now())?;
            exchange::whole(response, self.settings.body_limit).await
        };
        timeout(span, exchange).await.unwrap_or(Err(CallError::TimedOut(span)))
    }
}

/// HTTP/1.1 over TLS that verifies, or plain HTTP. No redirects, no proxies from the environment, no
/// cookies, no decompression, no attempts of its own.
fn http(settings: &HttpSettings) -> Result<reqwest::Client, HttpSettingsError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(settings.trust_only.as_ref())?)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("keycap/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| HttpSettingsError::Trust(error.without_url().to_string()))
}
