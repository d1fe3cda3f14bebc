//! Setting up token introspection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Clock, SystemClock};
use keycap_verify::Subject;

use crate::flights::Flights;
use crate::http::{Client, HttpSettings, OwnSecret};
use crate::jose::SigningKey;

use super::client_assertions::ClientAssertions;
use super::client_authentication::ClientAuthentication;
use super::request::Request;
use super::terms::{Terms, Untyped, WithoutSubject};
use super::{DEFAULT_NAME, Introspection, IntrospectionError, Parts};

/// How far the server's clock may be ahead of ours: for `nbf` alone.
pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// The most it may be.
pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Sets up [`Introspection`]; nothing is checked before [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct IntrospectionBuilder {
    endpoint: String,
    clients: Vec<GivenClient>,
    assertion_audience: Option<String>,
    name: String,
    issuer: Option<String>,
    audiences: Vec<String>,
    subject_claim: String,
    without_subject: WithoutSubject,
    organisation_claim: Option<String>,
    untyped: Untyped,
    leeway: Duration,
    http: HttpSettings,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
enum GivenClient {
    Basic { id: String, secret: OwnSecret },
    Post { id: String, secret: OwnSecret },
    PrivateKeyJwt { id: String, key: SigningKey },
}

impl IntrospectionBuilder {
    pub(super) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            clients: Vec::new(),
            assertion_audience: None,
            name: DEFAULT_NAME.into(),
            issuer: None,
            audiences: Vec::new(),
            subject_claim: "sub".into(),
            without_subject: WithoutSubject::Refused,
            organisation_claim: None,
            untyped: Untyped::Refused,
            leeway: DEFAULT_LEEWAY,
            http: HttpSettings::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Authenticates with a client's secret in the `Authorization` header (RFC 6749 §2.3.1): what
    /// servers expect unless the client is registered otherwise.
    pub fn client_secret_basic(
        mut self,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let (id, secret) = (client_id.into(), OwnSecret::new(client_secret));
        self.clients.push(GivenClient::Basic { id, secret });
        self
    }

    /// Authenticates with a client's secret in the body (RFC 6749 §2.3.1), for servers that know no
    /// other way.
    pub fn client_secret_post(
        mut self,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let (id, secret) = (client_id.into(), OwnSecret::new(client_secret));
        self.clients.push(GivenClient::Post { id, secret });
        self
    }

    /// Authenticates with an assertion that a private key signs (RFC 7523 §2.2), so that no secret is
    /// shared with the server. Each lives for a minute and is sent once.
    pub fn private_key_jwt(mut self, client_id: impl Into<String>, key: SigningKey) -> Self {
        self.clients.push(GivenClient::PrivateKeyJwt { id: client_id.into(), key });
        self
    }

    /// Whom the assertions of [`private_key_jwt`](Self::private_key_jwt) are for (`aud`): how the server
    /// names itself. Default: the issuer, or the endpoint where no issuer is named.
    pub fn assertion_audience(mut self, audience: impl Into<String>) -> Self {
        self.assertion_audience = Some(audience.into());
        self
    }

    /// The provider's name, the first part of every subject (default `introspection`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The issuer of the tokens: the second part of every subject, and what `iss` must be where the
    /// server says it. Without this, subjects have the issuer that the answer names, if it names one.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Accepts only tokens whose `aud` is or holds this; called again, also that. Without this, tokens
    /// that the server made for somebody else's API are accepted too.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The claim that says whose token it is (default `sub`).
    pub fn subject_claim(mut self, claim: impl Into<String>) -> Self {
        self.subject_claim = claim.into();
        self
    }

    /// Takes `client_id` for the subject of a token that has none: one of the client credentials grant,
    /// which acts for nobody but its client. Right where no user can have the id of a client (RFC 9068
    /// §5). Without this, such tokens are refused.
    pub fn client_as_subject(mut self) -> Self {
        self.without_subject = WithoutSubject::NamesClient;
        self
    }

    /// The claim that names the organisation that the subject acts for (default: none does).
    pub fn organisation_claim(mut self, claim: impl Into<String>) -> Self {
        self.organisation_claim = Some(claim.into());
        self
    }

    /// Accepts tokens of which the server does not say the `token_type`, for servers that never say it.
    /// Others leave it out for refresh tokens alone, which are **then accepted like access tokens**.
    pub fn accept_untyped(mut self) -> Self {
        self.untyped = Untyped::Accepted;
        self
    }

    /// How far the server's clock may be ahead of this one, for `nbf` (default 30 seconds, at most 5
    /// minutes). `exp` gets no leeway.
    pub fn leeway(mut self, span: Duration) -> Self {
        self.leeway = span;
        self
    }

    /// How the endpoint is called.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// The clock that `exp` and `nbf` are compared with (default: the system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks everything. Sends nothing.
    ///
    /// # Errors
    /// [`IntrospectionError`] says what does not fit and what would.
    pub fn build(mut self) -> Result<Introspection, IntrospectionError> {
        let endpoint = self.http.url(&self.endpoint)?;
        let authentication = self.authentication()?;
        let terms = self.terms()?;
        let client = Client::build(&self.name, self.http, Arc::clone(&self.clock))?;
        let parts = Parts {
            name: Arc::clone(&terms.provider),
            flights: Flights::new(client.longest_call()),
            client,
            request: Arc::new(Request::new(endpoint, authentication)),
            terms,
            clock: self.clock,
        };
        Ok(Introspection { parts: Arc::new(parts) })
    }

    fn authentication(&mut self) -> Result<ClientAuthentication, IntrospectionError> {
        let mut given = std::mem::take(&mut self.clients).into_iter();
        let client = match (given.next(), given.next()) {
            (None, _) => return Err(IntrospectionError::NoClient),
            (Some(_), Some(_)) => return Err(IntrospectionError::ManyClients),
            (Some(client), None) => client,
        };
        let asserts = matches!(client, GivenClient::PrivateKeyJwt { .. });
        if self.assertion_audience.is_some() && !asserts {
            return Err(IntrospectionError::NoAssertions);
        }
        match client {
            GivenClient::Basic { id, secret } => ClientAuthentication::basic(&id, &secret),
            GivenClient::Post { id, secret } => ClientAuthentication::post(id, secret),
            GivenClient::PrivateKeyJwt { id, key } => {
                ClientAuthentication::private_key_jwt(self.assertions(id, key)?)
            }
        }
    }

    fn assertions(
        &self,
        client_id: String,
        key: SigningKey,
    ) -> Result<ClientAssertions, IntrospectionError> {
        let named = self.assertion_audience.as_ref().or(self.issuer.as_ref());
        let audience = named.unwrap_or(&self.endpoint).clone();
        if audience.is_empty() {
            return Err(IntrospectionError::Empty("audience of assertions"));
        }
        Ok(ClientAssertions { client_id, audience, key, clock: Arc::clone(&self.clock) })
    }

    fn terms(&self) -> Result<Terms, IntrospectionError> {
        let named = Subject::new(&self.name, "any")?;
        if let Some(issuer) = &self.issuer {
            let _fits = named.with_issuer(issuer)?;
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(IntrospectionError::Empty("audience"));
        }
        if self.subject_claim.is_empty() {
            return Err(IntrospectionError::Empty("name of the subject's claim"));
        }
        if self.organisation_claim.as_ref().is_some_and(String::is_empty) {
            return Err(IntrospectionError::Empty("name of the organisation's claim"));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(IntrospectionError::Leeway(self.leeway));
        }
        Ok(Terms {
            provider: self.name.as_str().into(),
            issuer: self.issuer.clone(),
            audiences: self.audiences.clone(),
            subject_claim: self.subject_claim.clone(),
            without_subject: self.without_subject,
            organisation_claim: self.organisation_claim.clone(),
            untyped: self.untyped,
            leeway: self.leeway,
        })
    }
}

impl fmt::Debug for IntrospectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntrospectionBuilder({})", self.name)
    }
}
