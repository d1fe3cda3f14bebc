//! Sending a call.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::redirect;

use keycap_base::Clock;
use keycap_verify::Unavailable;

use super::{Call, CallError, HttpSettings, HttpSettingsError, Reply, tls};

/// Calls one provider.
pub(crate) struct Client {
    provider: Arc<str>,
    http: reqwest::Client,
    settings: HttpSettings,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client for the provider of this name.
    pub(crate) fn build(
        provider: &str,
        settings: HttpSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpSettingsError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(settings.private_ca.as_deref())?)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .user_agent(concat!("keycap/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| HttpSettingsError::Trust(error.without_url().to_string()))?;
        Ok(Self { provider: provider.into(), http, settings, clock })
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
        let span = self.settings.total_timeout;
        let outcome = tokio::time::timeout(span, self.attempt(call)).await;
        outcome.unwrap_or(Err(CallError::TimedOut(span))).and_then(read)
    }

    /// Like [`ask`](Self::ask), for an answer whose reading cannot fail.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, CallError> {
        self.ask(call, Ok).await
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

    async fn attempt(&self, call: Call) -> Result<Reply, CallError> {
        let response = self.http.execute(call.request).await.map_err(unanswered)?;
        let status = response.status().as_u16();
        match status {
            200..=299 => {}
            300..=399 => return Err(CallError::Redirected(status)),
            401 | 403 => return Err(CallError::RefusesUs(status)),
            429 => return Err(CallError::Throttled(Duration::from_secs(1))),
            408 | 500.. | ..200 => return Err(CallError::Status(status)),
            _ => {}
        }
        let headers = response.headers().clone();
        let body = self.body(response).await?;
        Ok(Reply { status, headers, body })
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Bytes, CallError> {
        let limit = self.settings.body_limit;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(cut)? {
            if body.len() + chunk.len() > limit {
                return Err(CallError::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn unanswered(error: reqwest::Error) -> CallError {
    match error.is_connect() {
        true => CallError::Unreachable(reason(error)),
        false => cut(error),
    }
}

fn cut(error: reqwest::Error) -> CallError {
    CallError::Broken(reason(error))
}

/// The innermost reason, without the URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
