//! Setting up [`Clerk`]: everything that can be wrong with its configuration fails here.

use std::fmt;
use std::sync::Arc;

use reqwest::Url;
use reqwest::header::HeaderValue;

use keycap_base::{Clock, SystemClock};
use keycap_verify::{NameError, Subject};

use super::{Clerk, Kind, Parts, Way};
use crate::flights::Flights;
use crate::http::{Client, HttpSettings, HttpSettingsError, OwnSecret};

/// Where Clerk's Backend API is.
pub const DEFAULT_API_URL: &str = "https://api.clerk.com";
/// The version of the Backend API that Keycap speaks, the one of `@clerk/backend` 3.25.
pub const DEFAULT_API_VERSION: &str = "2026-05-12";
/// The longest key of our own, in bytes.
const MAX_OWN_KEY_BYTES: usize = 1024;
/// The longest version that an error shows, in bytes: a date and a little more.
const MAX_SHOWN_VERSION_BYTES: usize = 12;

/// Sets up [`Clerk`].
#[must_use]
pub struct ClerkBuilder {
    name: String,
    instance: Option<OwnSecret>,
    machine: Option<OwnSecret>,
    named_kinds: Vec<Kind>,
    api_url: String,
    api_version: String,
    clock: Arc<dyn Clock>,
    http: HttpSettings,
}

/// A provider cannot ask Clerk as configured. Shows no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClerkError {
    /// The browser's key instead of the server's.
    #[error(
        "the secret key begins with `pk_`: that is the publishable key; use the one beside it in \
         Clerk's dashboard that begins with `sk_`"
    )]
    PublishableKey,
    /// A machine's key, or an API key, instead of the instance's.
    #[error(
        "the secret key begins with `ak_`: that is a machine's; give it to `machine_secret_key(..)`, \
         and here the instance's, which begins with `sk_`"
    )]
    MachineKeyAsSecretKey,
    /// Not a key of the instance.
    #[error(
        "the secret key is not one of Clerk's: it should be `sk_` and at most {MAX_OWN_KEY_BYTES} \
         visible ASCII characters in all"
    )]
    SecretKey,
    /// Not a key of a machine.
    #[error(
        "the machine secret key is not one of Clerk's: it should be `ak_` and at most \
         {MAX_OWN_KEY_BYTES} visible ASCII characters in all"
    )]
    MachineSecretKey,
    /// A machine's key may not verify API keys.
    #[error("API keys are verified with the instance's secret key; begin with `secret_key(..)`")]
    ApiKeysNeedSecretKey,
    /// Not a date.
    #[error(
        "API version `{0}` is none of Clerk's: it should be a date such as `{DEFAULT_API_VERSION}`"
    )]
    ApiVersion(String),
    /// The address has a query.
    #[error("the API's URL has a query (`?…`), which is never sent; leave it out")]
    Query,
    /// The provider's name cannot be part of a subject.
    #[error("the provider cannot be named so")]
    Name(#[source] NameError),
    /// It cannot be called so.
    #[error("Clerk cannot be called as configured")]
    Http(#[from] HttpSettingsError),
}

impl ClerkBuilder {
    pub(super) fn new() -> Self {
        Self {
            name: "clerk".into(),
            instance: None,
            machine: None,
            named_kinds: Vec::new(),
            api_url: DEFAULT_API_URL.into(),
            api_version: DEFAULT_API_VERSION.into(),
            clock: Arc::new(SystemClock),
            http: HttpSettings::default(),
        }
    }

    pub(super) fn instance(mut self, key: impl Into<String>) -> Self {
        self.instance = Some(OwnSecret::new(key));
        self
    }

    /// Shows Clerk this machine's secret key (`ak_…`) for machine tokens, and not the instance's: then
    /// only tokens that are meant for this machine are valid.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.machine = Some(OwnSecret::new(key));
        self
    }

    /// Takes API keys, and nothing else that is not named too. Without this and
    /// [`m2m_tokens`](Self::m2m_tokens) everything is taken that the keys at hand can verify.
    pub fn api_keys(mut self) -> Self {
        self.named_kinds.push(Kind::ApiKey);
        self
    }

    /// Takes machine tokens, and nothing else that is not named too.
    pub fn m2m_tokens(mut self) -> Self {
        self.named_kinds.push(Kind::MachineToken);
        self
    }

    /// Where the Backend API is (default [`DEFAULT_API_URL`]). Plain HTTP is spoken to loopback
    /// addresses only.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// The version of the API that is asked for, a date (default [`DEFAULT_API_VERSION`]).
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// The provider's name, the first part of every subject (default `clerk`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The clock that expiries are compared with (default: the system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How Clerk is called.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// Checks everything. Asks nothing.
    ///
    /// # Errors
    /// [`ClerkError`] says what does not fit and what would.
    pub fn build(self) -> Result<Clerk, ClerkError> {
        Subject::new(&self.name, "nobody").map_err(ClerkError::Name)?;
        self.instance.as_ref().map(check_secret_key).transpose()?;
        self.machine.as_ref().map(check_machine_key).transpose()?;
        let version = version(&self.api_version)?;
        let ways = self.ways()?;
        let client = Client::build(&self.name, self.http, Arc::clone(&self.clock))?;
        Ok(Clerk(Arc::new(Parts {
            name: self.name.into(),
            clock: self.clock,
            version,
            ways,
            flights: Flights::new(client.longest_call()),
            client,
        })))
    }

    fn ways(&self) -> Result<Vec<Way>, ClerkError> {
        let api = self.http.url(&self.api_url)?;
        if api.query().is_some() {
            return Err(ClerkError::Query);
        }
        let takes = |kind: &Kind| match self.named_kinds.as_slice() {
            [] => self.own(*kind).is_some(),
            named => named.contains(kind),
        };
        let way = |kind: Kind| {
            let own = self.own(kind).cloned().ok_or(ClerkError::ApiKeysNeedSecretKey)?;
            Ok(Way { kind, url: under(&api, kind), own })
        };
        Kind::ALL.into_iter().filter(takes).map(way).collect()
    }

    /// What Clerk is shown for this kind.
    fn own(&self, kind: Kind) -> Option<&OwnSecret> {
        match kind {
            Kind::ApiKey => self.instance.as_ref(),
            Kind::MachineToken => self.machine.as_ref().or(self.instance.as_ref()),
        }
    }
}

fn under(api: &Url, kind: Kind) -> Url {
    let mut url = api.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(kind.path());
    }
    url
}

fn check_secret_key(key: &OwnSecret) -> Result<(), ClerkError> {
    match key.expose() {
        key if key.starts_with("pk_") => Err(ClerkError::PublishableKey),
        key if key.starts_with("ak_") => Err(ClerkError::MachineKeyAsSecretKey),
        key if is_own_key(key, "sk_") => Ok(()),
        _ => Err(ClerkError::SecretKey),
    }
}

fn check_machine_key(key: &OwnSecret) -> Result<(), ClerkError> {
    match is_own_key(key.expose(), "ak_") {
        true => Ok(()),
        false => Err(ClerkError::MachineSecretKey),
    }
}

fn is_own_key(key: &str, prefix: &str) -> bool {
    let rest = key.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty()
        && key.len() <= MAX_OWN_KEY_BYTES
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A version that is wrong, unless it is too long to be meant for one and may be a secret.
fn shown(version: &str) -> String {
    match version.len() <= MAX_SHOWN_VERSION_BYTES {
        true => version.escape_debug().to_string(),
        false => "…".into(),
    }
}

/// `YYYY-MM-DD`, by its shape.
fn version(text: &str) -> Result<HeaderValue, ClerkError> {
    let wrong = || ClerkError::ApiVersion(shown(text));
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(shape) {
        return Err(wrong());
    }
    HeaderValue::from_str(text).map_err(|_| wrong())
}

impl fmt::Debug for ClerkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkBuilder")
            .field("name", &self.name)
            .field("takes", &self.named_kinds)
            .finish_non_exhaustive()
    }
}
