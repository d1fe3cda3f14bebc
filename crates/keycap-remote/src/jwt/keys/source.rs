//! Where an issuer publishes its keys.
//!
//! What must not change: metadata counts only if it names the issuer that was asked, to the letter
//! (OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3), so that nobody's document speaks for another; what
//! was found by HTTPS leads to HTTPS only (§3), never to whatever listens on this machine.

use std::time::Duration;

use keycap_base::Timestamp;
use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderValue};
use serde::Deserialize;

use super::super::JwtError;
use crate::http::{Call, CallError, Client, Reply};
use crate::jose::KeySet;
use crate::{HttpSettings, HttpSettingsError};

/// How long the place of the keys is remembered, unless keys cannot be had there.
pub(super) const METADATA_TTL: Duration = Duration::from_secs(3_600);

/// Where the keys are.
pub(in super::super) struct Source(Place);

enum Place {
    At(Url),
    Discovered(Box<Discovered>),
}

struct Discovered {
    issuer: String,
    document: Url,
    settings: HttpSettings,
    found: Mutex<Option<(Url, Timestamp)>>,
}

/// Which document names the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Metadata {
    /// OpenID Connect Discovery 1.0 §4.
    OpenId,
    /// RFC 8414 §3.
    OAuth,
}

/// What the document says that matters here.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

impl Source {
    pub(in super::super) fn at(url: Url) -> Self {
        Self(Place::At(url))
    }

    pub(in super::super) fn discovered(
        issuer: &str,
        metadata: Metadata,
        settings: HttpSettings,
    ) -> Result<Self, JwtError> {
        let url = settings.url(issuer)?;
        if let Some((shown, _query)) = issuer.split_once('?') {
            return Err(JwtError::Discovery(shown.to_owned()));
        }
        Ok(Self(Place::Discovered(Box::new(Discovered {
            issuer: issuer.to_owned(),
            document: metadata.beside(url),
            settings,
            found: Mutex::default(),
        }))))
    }

    /// The keys that are published now.
    pub(super) async fn fetch(&self, client: &Client, now: Timestamp) -> Result<KeySet, CallError> {
        match &self.0 {
            Place::At(url) => keys(client, url.clone()).await,
            Place::Discovered(discovered) => discovered.fetch(client, now).await,
        }
    }
}

impl Metadata {
    fn beside(self, mut issuer: Url) -> Url {
        let path = issuer.path().trim_end_matches('/').to_owned();
        issuer.set_path(&match self {
            Self::OpenId => format!("{path}/.well-known/openid-configuration"),
            Self::OAuth => format!("/.well-known/oauth-authorization-server{path}"),
        });
        issuer
    }
}

impl Discovered {
    async fn fetch(&self, client: &Client, now: Timestamp) -> Result<KeySet, CallError> {
        let known = self.found.lock().clone();
        let end = |found: Timestamp| found.plus(METADATA_TTL);
        let known = known.filter(|(_, found)| (*found..end(*found)).contains(&now));
        let url = match known {
            Some((url, _)) => url,
            None => self.find(client, now).await?,
        };
        let keys = keys(client, url).await;
        if keys.is_err() {
            *self.found.lock() = None;
        }
        keys
    }

    async fn find(&self, client: &Client, now: Timestamp) -> Result<Url, CallError> {
        let call = Call::read("discovery", self.document.clone()).header(ACCEPT, JSON);
        let url = client.ask(call, |reply| self.read(&reply)).await?;
        *self.found.lock() = Some((url.clone(), now));
        Ok(url)
    }

    fn read(&self, reply: &Reply) -> Result<Url, CallError> {
        check_status(reply)?;
        let document: Document = reply.json()?;
        if document.issuer != self.issuer {
            return Err(CallError::Unreadable("the metadata names another issuer".into()));
        }
        let url = self.settings.url(&document.jwks_uri).map_err(|error| unfit(&error))?;
        match (self.document.scheme(), url.scheme()) {
            ("https", "http") => Err(CallError::Unreadable("its `jwks_uri` is plain HTTP".into())),
            _ => Ok(url),
        }
    }
}

/// What is wrong with a place of the keys, without what the issuer wrote: that may be anything.
fn unfit(error: &HttpSettingsError) -> CallError {
    CallError::Unreadable(match error {
        HttpSettingsError::Url { wrong, .. } => format!("its `jwks_uri` {wrong}"),
        _ => "its `jwks_uri` cannot be asked".into(),
    })
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn keys(client: &Client, url: Url) -> Result<KeySet, CallError> {
    let call = Call::read("keys", url).header(ACCEPT, JSON);
    let read = |reply: Reply| {
        check_status(&reply)?;
        KeySet::read(&reply.body).map_err(|error| CallError::Unreadable(error.to_string()))
    };
    client.ask(call, read).await
}

fn check_status(reply: &Reply) -> Result<(), CallError> {
    match reply.status {
        200 => Ok(()),
        status => Err(CallError::Status(status)),
    }
}
