//! How a provider is called.

use std::time::Duration;

use reqwest::Url;

/// How long connecting may take, TLS included.
pub(crate) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one verification may take altogether: waiting for a place, all attempts and the pauses
/// between them. Below the gate's own time for a verification, so that the provider is named.
pub(crate) const DEFAULT_TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer's body.
pub(crate) const DEFAULT_BODY_LIMIT: usize = 256 * 1024;

/// How a provider is called. Everything has a default; checked when the provider is built.
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpSettings {
    pub(super) connect_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) body_limit: usize,
    pub(super) private_ca: Option<Vec<u8>>,
    pub(super) plain: Plain,
}

/// Where plain HTTP may be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    OnThisMachine,
    Anywhere,
}

/// A provider cannot be called as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSettingsError {
    /// A URL does not fit.
    #[error("`{url}` {wrong}")]
    Url {
        /// What was given, without user, password, query and fragment.
        url: String,
        /// What is wrong with it, and what would be right.
        wrong: &'static str,
    },
    /// A span is zero or too long.
    #[error("{what} is {span:?}; it should be above zero and at most {most:?}")]
    Span {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        span: Duration,
        /// The most it may be.
        most: Duration,
    },
    /// A number is zero or too large.
    #[error("{what} is {count}; it should be 1 to {most}")]
    Count {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        count: usize,
        /// The most it may be.
        most: usize,
    },
    /// The certificates to trust cannot be used.
    #[error("the certificates to trust cannot be used: {0}")]
    Trust(String),
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            total_timeout: DEFAULT_TOTAL_TIMEOUT,
            body_limit: DEFAULT_BODY_LIMIT,
            private_ca: None,
            plain: Plain::OnThisMachine,
        }
    }
}

impl HttpSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Speaks plain HTTP to any host. **Keys cross the network readable.** Without this, plain HTTP is
    /// spoken only to loopback addresses.
    pub fn insecure_plain_http(mut self) -> Self {
        self.plain = Plain::Anywhere;
        self
    }

    /// Trusts only certificates that these authorities (PEM) have signed, instead of the system's.
    pub fn trust_only(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.private_ca = Some(pem.as_ref().to_vec());
        self
    }

    /// How long one verification may take altogether (default 5 seconds).
    pub fn total_timeout(mut self, span: Duration) -> Self {
        self.total_timeout = span;
        self
    }

    /// Reads a URL that calls may be sent to.
    pub(crate) fn url(&self, text: &str) -> Result<Url, HttpSettingsError> {
        let wrong = |wrong| HttpSettingsError::Url { url: shown(text), wrong };
        let url =
            Url::parse(text).map_err(|_| wrong("is no URL; it should begin with https://"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds credentials; give them to the provider instead"));
        }
        if url.fragment().is_some() {
            return Err(wrong("has a fragment (`#…`), which is never sent; leave it out"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.plain == Plain::Anywhere || is_loopback(&url) => Ok(url),
            "http" => Err(wrong("is plain HTTP, which anyone on the way can read; use https://")),
            _ => Err(wrong("is not HTTP; it should begin with https://")),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// As much of a URL as may be shown.
fn shown(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (text, _) = text.split_at(end);
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!(
                "{}…{}",
                text.get(..scheme + 3).unwrap_or_default(),
                text.get(at..).unwrap_or_default()
            )
        }
        _ => text.chars().take(200).collect(),
    }
}
