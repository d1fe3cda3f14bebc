//! Setting up a provider of JWTs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Clock, SystemClock};
use keycap_verify::Subject;
use serde_json::Value;

use super::keys::{Keys, Metadata, Published, Source, Timing};
use super::terms::{Audience, Kinds, Terms};
use super::{Algorithm, DEFAULT_NAME, Jwt, JwtError, Parts};
use crate::http::{Client, HttpSettings};
use crate::jose::KeySet;

/// How far the issuer's clock and ours may be apart.
pub(crate) const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
/// The most that they may.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// How long keys are kept.
pub(crate) const DEFAULT_KEYS_TTL: Duration = Duration::from_secs(300);
/// The most that they may be.
pub(crate) const MAX_KEYS_TTL: Duration = Duration::from_secs(24 * 3_600);
/// How often keys are fetched at most because of a token that names an unknown one.
pub(crate) const DEFAULT_REFETCH_INTERVAL: Duration = Duration::from_secs(30);
/// The longest such interval.
pub(crate) const MAX_REFETCH_INTERVAL: Duration = Duration::from_secs(3_600);
/// The shortest life of keys and the shortest such interval.
pub(crate) const MIN_SPAN: Duration = Duration::from_secs(1);
/// The most audiences.
pub(crate) const MAX_AUDIENCES: usize = 32;
/// The most required claims.
pub(crate) const MAX_REQUIRED_CLAIMS: usize = 32;

/// Sets up [`Jwt`]; nothing is checked before [`build`](Self::build).
#[must_use]
pub struct JwtBuilder {
    issuer: String,
    name: String,
    audiences: Vec<String>,
    any_audience: Option<Audience>,
    keys: Vec<GivenKeys>,
    algorithms: Vec<Algorithm>,
    kinds: Kinds,
    required: Vec<(Box<str>, Value)>,
    subject_claim: String,
    organisation_claim: Option<String>,
    leeway: Duration,
    timing: Timing,
    http: HttpSettings,
    clock: Arc<dyn Clock>,
}

enum GivenKeys {
    Discovered(Metadata),
    At(String),
    Fixed(String),
}

impl JwtBuilder {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            name: DEFAULT_NAME.into(),
            audiences: Vec::new(),
            any_audience: None,
            keys: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            kinds: Kinds::Unsaid,
            required: Vec::new(),
            subject_claim: "sub".into(),
            organisation_claim: None,
            leeway: DEFAULT_LEEWAY,
            timing: Timing { ttl: DEFAULT_KEYS_TTL, interval: DEFAULT_REFETCH_INTERVAL },
            http: HttpSettings::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Accepts tokens whose `aud` is or holds this; called again, also that.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens that the issuer made for anybody. **Whoever is given a token for another API,
    /// and the operator of that API, can use it here.**
    pub fn insecure_any_audience(mut self) -> Self {
        self.any_audience = Some(Audience::Any);
        self
    }

    /// Finds the keys by `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery 1.0
    /// §4), which must name the same issuer, to the letter. The keys may be on another host.
    pub fn discover(mut self) -> Self {
        self.keys.push(GivenKeys::Discovered(Metadata::OpenId));
        self
    }

    /// Finds the keys by `/.well-known/oauth-authorization-server` before the issuer's path (RFC 8414
    /// §3), for issuers that are not OpenID providers.
    pub fn discover_oauth(mut self) -> Self {
        self.keys.push(GivenKeys::Discovered(Metadata::OAuth));
        self
    }

    /// Fetches the keys, a JWK set (RFC 7517 §5), from here.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.keys.push(GivenKeys::At(url.into()));
        self
    }

    /// Trusts the keys of this JWK set, and asks nobody. It stays as it is until the provider is built
    /// anew.
    pub fn fixed_keys(mut self, jwks: impl Into<String>) -> Self {
        self.keys.push(GivenKeys::Fixed(jwks.into()));
        self
    }

    /// Accepts only signatures by these algorithms (default: all of them).
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts only tokens that say that they are access tokens: whose `typ` is `at+jwt` (RFC 9068
    /// §4). Without this, those too that do not say what they are for, ID tokens among them.
    pub fn access_tokens_only(mut self) -> Self {
        self.kinds = Kinds::AccessTokens;
        self
    }

    /// Accepts only tokens whose claim is this value, or a list that holds it; called again, also
    /// that.
    pub fn require_claim(mut self, claim: impl Into<String>, value: impl Into<Value>) -> Self {
        self.required.push((claim.into().into(), value.into()));
        self
    }

    /// The claim that says whose token it is (default `sub`). It should never pass to somebody else,
    /// as an address of mail does.
    pub fn subject_claim(mut self, claim: impl Into<String>) -> Self {
        self.subject_claim = claim.into();
        self
    }

    /// The claim that names the organisation that the subject acts for (default: none does).
    pub fn organisation_claim(mut self, claim: impl Into<String>) -> Self {
        self.organisation_claim = Some(claim.into());
        self
    }

    /// How far the issuer's clock and this one may be apart, for `exp`, `nbf` and `iat` (default 60
    /// seconds, at most 5 minutes).
    pub fn leeway(mut self, span: Duration) -> Self {
        self.leeway = span;
        self
    }

    /// How long keys are trusted after they were fetched (default 5 minutes, 1 second to 24 hours). A
    /// withdrawn key verifies for as long at most. They are fetched anew when half of it is over, where
    /// the provider is driven by a gate.
    pub fn keys_ttl(mut self, span: Duration) -> Self {
        self.timing.ttl = span;
        self
    }

    /// How often keys are fetched at most because of tokens that name an unknown one (default 30
    /// seconds, 1 second to 1 hour): how long a new key may stay unknown.
    pub fn refetch_at_most_every(mut self, span: Duration) -> Self {
        self.timing.interval = span;
        self
    }

    /// The provider's name, the first part of every subject (default `jwt`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How the issuer is called.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// The clock that the times of tokens and the age of keys are measured by (default: the system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks everything. Asks nobody.
    ///
    /// # Errors
    /// [`JwtError`] says what does not fit and what would.
    pub fn build(mut self) -> Result<Jwt, JwtError> {
        let given = std::mem::take(&mut self.keys);
        let terms = self.terms()?;
        let mut given = given.into_iter();
        let keys = match (given.next(), given.next()) {
            (None, _) => return Err(JwtError::NoKeys),
            (Some(given), None) => self.keys(given)?,
            (Some(_), Some(_)) => return Err(JwtError::ManyKeys),
        };
        Ok(Jwt(Arc::new(Parts { name: self.name.into(), terms, keys, clock: self.clock })))
    }

    fn keys(&self, given: GivenKeys) -> Result<Keys, JwtError> {
        self.timing.check()?;
        let source = match given {
            GivenKeys::Fixed(jwks) => {
                let keys = KeySet::read(jwks.as_bytes());
                return keys
                    .map(Keys::Fixed)
                    .map_err(|error| JwtError::FixedKeys(error.to_string()));
            }
            GivenKeys::At(url) => Source::at(self.http.url(&url)?),
            GivenKeys::Discovered(metadata) => {
                Source::discovered(&self.issuer, metadata, self.http.clone())?
            }
        };
        let client = Client::build(&self.name, self.http.clone(), Arc::clone(&self.clock))?;
        let published = Published::new(client, source, self.timing, Arc::clone(&self.clock));
        Ok(Keys::Published(Arc::new(published)))
    }

    fn terms(&mut self) -> Result<Terms, JwtError> {
        let _fits = Subject::new(&self.name, "any")?.with_issuer(&self.issuer)?;
        if self.subject_claim.is_empty() {
            return Err(JwtError::Empty("name of the subject's claim"));
        }
        if self.organisation_claim.as_ref().is_some_and(String::is_empty) {
            return Err(JwtError::Empty("name of the organisation's claim"));
        }
        if self.required.iter().any(|(claim, _)| claim.is_empty()) {
            return Err(JwtError::Empty("name of a required claim"));
        }
        if self.required.len() > MAX_REQUIRED_CLAIMS {
            let (count, most) = (self.required.len(), MAX_REQUIRED_CLAIMS);
            return Err(JwtError::TooMany { what: "required claims", count, most });
        }
        if self.algorithms.is_empty() {
            return Err(JwtError::NoAlgorithm);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(JwtError::Leeway(self.leeway));
        }
        Ok(Terms {
            provider: self.name.as_str().into(),
            issuer: self.issuer.as_str().into(),
            audience: self.checked_audience()?,
            algorithms: std::mem::take(&mut self.algorithms),
            kinds: self.kinds,
            required: std::mem::take(&mut self.required),
            subject_claim: self.subject_claim.as_str().into(),
            organisation_claim: self.organisation_claim.as_deref().map(Into::into),
            leeway: self.leeway,
        })
    }

    fn checked_audience(&mut self) -> Result<Audience, JwtError> {
        let named = std::mem::take(&mut self.audiences);
        if named.iter().any(String::is_empty) {
            return Err(JwtError::Empty("audience"));
        }
        match (named.len(), self.any_audience.take()) {
            (0, None) => Err(JwtError::NoAudience),
            (0, Some(any)) => Ok(any),
            (1..=MAX_AUDIENCES, None) => Ok(Audience::OneOf(named)),
            (count, None) => {
                Err(JwtError::TooMany { what: "audiences", count, most: MAX_AUDIENCES })
            }
            (_, Some(_)) => Err(JwtError::AudienceTwice),
        }
    }
}

impl fmt::Debug for JwtBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBuilder")
            .field("name", &self.name)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}
