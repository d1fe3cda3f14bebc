//! Setting Unkey up; everything wrong is found in [`UnkeyBuilder::build`].

use std::fmt;
use std::sync::Arc;

use keycap_base::{Clock, SystemClock};
use keycap_verify::{NameError, Subject};
use reqwest::Url;

use super::who::Who;
use super::{Parts, Unkey, UnkeySubject};
use crate::flights::Flights;
use crate::http::{Client, HttpSettings, HttpSettingsError, OwnSecret};

/// Where Unkey listens.
pub const DEFAULT_API_URL: &str = "https://api.unkey.com";
/// The longest prefix that Unkey gives keys, in bytes.
pub const MAX_PREFIX_BYTES: usize = 16;

const VERIFY_PATH: &str = "/v2/keys.verifyKey";
const MAX_ROOT_KEY_BYTES: usize = 4096;

/// Sets up [`Unkey`]; nothing is checked before [`build`](Self::build).
#[must_use]
pub struct UnkeyBuilder {
    root_key: OwnSecret,
    name: String,
    api_url: String,
    prefix: Option<String>,
    who: Who,
    clock: Arc<dyn Clock>,
    http: HttpSettings,
}

/// Unkey cannot be set up so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnkeyError {
    /// The root key is no key. It is not shown.
    #[error(
        "the root key is empty, too long or has a character that keys do not have; give one as \
         Unkey's dashboard shows it when it is made, `unkey_…`"
    )]
    RootKey,
    /// The provider's name cannot be part of subjects.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The prefix begins no keys.
    #[error(
        "`{0}` begins no keys; use 1 to {MAX_PREFIX_BYTES} of a-z A-Z 0-9 _, without the `_` that \
         follows it"
    )]
    Prefix(String),
    /// The URL says more than where the API is.
    #[error("the API's URL has a query (`?…`); give only where it is, as `{DEFAULT_API_URL}`")]
    Query,
    /// The field with the organisation has no name.
    #[error("the field with the organisation has an empty name; name a field of the metadata")]
    OrganisationField,
    /// Unkey cannot be called so.
    #[error(transparent)]
    Http(#[from] HttpSettingsError),
}

impl UnkeyBuilder {
    pub(super) fn new(root_key: OwnSecret) -> Self {
        Self {
            root_key,
            name: "unkey".to_owned(),
            api_url: DEFAULT_API_URL.to_owned(),
            prefix: None,
            who: Who::default(),
            clock: Arc::new(SystemClock),
            http: HttpSettings::default(),
        }
    }

    /// The provider's name, the first part of every subject (default `unkey`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Where the API is (default [`DEFAULT_API_URL`]); a path in it is kept.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// Refuses keys that do not begin with `prefix` and `_` without asking Unkey. All keys must have
    /// it; for several prefixes put a [`Routes`](keycap_verify::Routes) before this provider.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Who the subject of a key is (default [`UnkeySubject::IdentityElseKey`]).
    pub fn subject(mut self, subject: UnkeySubject) -> Self {
        self.who.subject = subject;
        self
    }

    /// The field with the organisation in the key's metadata, else in its identity's: a string. A key
    /// with another kind of value there cannot be verified; one without it has no organisation.
    pub fn organisation_claim(mut self, field: impl Into<String>) -> Self {
        self.who.organisation_claim = Some(field.into().into());
        self
    }

    /// The clock that expiries are compared with (default: the system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How Unkey is called.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`UnkeyError`] says what does not fit, and what would.
    pub fn build(self) -> Result<Unkey, UnkeyError> {
        let root_key = self.root_key.expose();
        let is_key = (1..=MAX_ROOT_KEY_BYTES).contains(&root_key.len())
            && root_key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key {
            return Err(UnkeyError::RootKey);
        }
        Subject::new(&self.name, "any")?;
        if self.who.organisation_claim.as_deref() == Some("") {
            return Err(UnkeyError::OrganisationField);
        }
        let prefix = self.prefix.map(checked_prefix).transpose()?;
        let verify_url = verify_url(self.http.url(&self.api_url)?)?;
        let client = Client::build(&self.name, self.http, Arc::clone(&self.clock))?;
        Ok(Unkey(Arc::new(Parts {
            name: self.name.into(),
            root_key: self.root_key,
            verify_url,
            prefix,
            who: self.who,
            clock: self.clock,
            flights: Flights::new(client.longest_call()),
            client,
        })))
    }
}

/// The prefix, with the `_` that follows it.
fn checked_prefix(prefix: String) -> Result<Box<str>, UnkeyError> {
    let fits = (1..=MAX_PREFIX_BYTES).contains(&prefix.len())
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match fits {
        true => Ok((prefix + "_").into()),
        // What is longer may be a whole key.
        false if prefix.len() > MAX_PREFIX_BYTES => Err(UnkeyError::Prefix("…".into())),
        false => Err(UnkeyError::Prefix(prefix.escape_debug().collect())),
    }
}

fn verify_url(mut api: Url) -> Result<Url, UnkeyError> {
    if api.query().is_some() {
        return Err(UnkeyError::Query);
    }
    let path = format!("{}{VERIFY_PATH}", api.path().trim_end_matches('/'));
    api.set_path(&path);
    Ok(api)
}

impl fmt::Debug for UnkeyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnkeyBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
