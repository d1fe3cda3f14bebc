//! Keys from configuration: digests only.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::{Clock, LabelError, Labels, ScopeError, Scopes, SystemClock, Timestamp};

use crate::subject::check_name;
use crate::{
    Answer, Digest, DigestError, Identity, IdentityProvider, NameError, Owner, Rejection, Secret,
    Subject,
};

/// The most keys one [`StaticKeys`] holds. Who has more has a store.
pub const MAX_STATIC_KEYS: usize = 1_024;

/// A fixed list of keys, known by their digests, such as a configuration file holds. The name of a
/// key is its public id and its subject's id.
///
/// ```
/// use keycap_verify::{Answer, IdentityProvider, Secret, StaticKey, StaticKeys};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // printf %s abc | sha256sum
/// let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// let keys = StaticKeys::builder().key(StaticKey::new("ci", digest).scopes(["chat"])).build()?;
/// assert!(matches!(keys.verify(&Secret::parse("abc")?).await, Answer::Known(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct StaticKeys {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    keys: Arc<HashMap<Digest, Known>>,
}

/// One key of a [`StaticKeys`], as configured; checked by [`StaticKeysBuilder::build`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StaticKey {
    name: String,
    digest: Result<Digest, DigestError>,
    scopes: Result<Scopes, ScopeError>,
    labels: Result<Labels, LabelError>,
    expires_at: Option<Timestamp>,
}

/// Sets up [`StaticKeys`]; nothing is checked before [`build`](Self::build).
#[must_use]
pub struct StaticKeysBuilder {
    name: String,
    clock: Arc<dyn Clock>,
    keys: Vec<StaticKey>,
}

/// Static keys were configured wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StaticKeysError {
    /// A name does not fit.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A digest does not fit.
    #[error("static key `{key}`: {error}")]
    Digest {
        /// The key's name.
        key: String,
        /// What does not fit.
        #[source]
        error: DigestError,
    },
    /// A scope does not fit.
    #[error("static key `{key}`: {error}")]
    Scope {
        /// The key's name.
        key: String,
        /// What does not fit.
        #[source]
        error: ScopeError,
    },
    /// A label does not fit.
    #[error("static key `{key}`: {error}")]
    Label {
        /// The key's name.
        key: String,
        /// What does not fit.
        #[source]
        error: LabelError,
    },
    /// Two keys have the same name.
    #[error("two static keys are named `{0}`; give each its own name")]
    NameTwice(String),
    /// Two keys have the same digest.
    #[error("static key `{0}` has the digest of another one; one secret is one key")]
    DigestTwice(String),
    /// Over [`MAX_STATIC_KEYS`].
    #[error("more than {MAX_STATIC_KEYS} static keys; keep that many in a key store")]
    TooMany,
    /// None at all.
    #[error("no static keys, so nobody could call; add at least one")]
    None,
}

struct Known {
    name: Arc<str>,
    subject: Subject,
    scopes: Scopes,
    labels: Labels,
    expires_at: Option<Timestamp>,
}

impl StaticKey {
    /// A key named `name`, by the SHA-256 of its secret in hexadecimal. Grants no scope.
    pub fn new(name: impl Into<String>, sha256_hex: &str) -> Self {
        Self {
            name: name.into(),
            digest: Digest::from_hex(sha256_hex),
            scopes: Ok(Scopes::none()),
            labels: Ok(Labels::new()),
            expires_at: None,
        }
    }

    /// What it grants.
    pub fn scopes<P: AsRef<str>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.scopes = Scopes::of(patterns);
        self
    }

    /// Grants everything.
    pub fn all_scopes(mut self) -> Self {
        self.scopes = Ok(Scopes::all());
        self
    }

    /// Adds a label, or replaces the value of one.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels = self.labels.and_then(|mut labels| {
            labels.insert(key, value)?;
            Ok(labels)
        });
        self
    }

    /// When it stops being valid.
    pub fn expires_at(mut self, expiry: Timestamp) -> Self {
        self.expires_at = Some(expiry);
        self
    }

    fn check(self, provider: &Arc<str>) -> Result<(Digest, Known), StaticKeysError> {
        let owner = Owner::new(&self.name)?;
        let key = self.name;
        let named = || key.clone();
        let digest =
            self.digest.map_err(|error| StaticKeysError::Digest { key: named(), error })?;
        let known = Known {
            name: key.as_str().into(),
            subject: Subject::of_owner(provider.clone(), &owner),
            scopes: self.scopes.map_err(|error| StaticKeysError::Scope { key: named(), error })?,
            labels: self.labels.map_err(|error| StaticKeysError::Label { key: named(), error })?,
            expires_at: self.expires_at,
        };
        Ok((digest, known))
    }
}

impl StaticKeys {
    /// Begins to set up static keys.
    pub fn builder() -> StaticKeysBuilder {
        StaticKeysBuilder { name: "static".into(), clock: Arc::new(SystemClock), keys: Vec::new() }
    }
}

impl StaticKeysBuilder {
    /// The provider's name, the first part of every subject (default `static`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The clock that expiries are compared with (default: the system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Adds a key.
    pub fn key(mut self, key: StaticKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds keys.
    pub fn keys(mut self, keys: impl IntoIterator<Item = StaticKey>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`StaticKeysError`] names the key and says what does not fit.
    pub fn build(self) -> Result<StaticKeys, StaticKeysError> {
        let provider = check_name("provider name", &self.name)?;
        if self.keys.is_empty() {
            return Err(StaticKeysError::None);
        }
        if self.keys.len() > MAX_STATIC_KEYS {
            return Err(StaticKeysError::TooMany);
        }
        let (mut keys, mut names) = (HashMap::new(), HashSet::new());
        for key in self.keys {
            let (digest, known) = key.check(&provider)?;
            let name = known.name.clone();
            if !names.insert(name.clone()) {
                return Err(StaticKeysError::NameTwice(name.to_string()));
            }
            if keys.insert(digest, known).is_some() {
                return Err(StaticKeysError::DigestTwice(name.to_string()));
            }
        }
        Ok(StaticKeys { name: provider, clock: self.clock, keys: Arc::new(keys) })
    }
}

#[async_trait]
impl IdentityProvider for StaticKeys {
    fn name(&self) -> &str {
        &self.name
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        (!self.keys.contains_key(&secret.digest())).then_some(Rejection::Unknown)
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        let now = self.clock.now();
        let Some(known) = self.keys.get(&secret.digest()) else {
            return Answer::Rejected(Rejection::Unknown);
        };
        if known.expires_at.is_some_and(|expiry| expiry <= now) {
            return Answer::Rejected(Rejection::Expired);
        }
        let mut identity = Identity::new(known.subject.clone(), now);
        identity.key_id = Some(known.name.clone());
        identity.scopes = known.scopes.clone();
        identity.labels = known.labels.clone();
        identity.expires_at = known.expires_at;
        Answer::Known(identity)
    }
}

impl fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticKeys({}, {} keys)", self.name, self.keys.len())
    }
}

impl fmt::Debug for StaticKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticKeysBuilder({}, {} keys)", self.name, self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use keycap_base::{ManualClock, Scope};

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::parse(text).unwrap()
    }

    fn hex(text: &str) -> String {
        secret(text).digest().to_hex()
    }

    #[tokio::test]
    async fn a_static_key_is_known_until_it_expires() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        let expiry = Timestamp::from_millis(1_000);
        let key = StaticKey::new("ci", &hex("abc")).scopes(["chat"]).label("env", "test");
        let keys = StaticKeys::builder().clock(clock.clone()).key(key.expires_at(expiry)).build();
        let keys = keys.unwrap();

        let Answer::Known(identity) = keys.verify(&secret("abc")).await else { panic!("unknown") };
        assert_eq!(identity.subject.to_string(), "static::ci");
        assert_eq!(identity.key_id.as_deref(), Some("ci"));
        assert_eq!(identity.labels.get("env"), Some("test"));
        assert!(identity.scopes.allows(&Scope::new("chat").unwrap()));
        assert_eq!((identity.account, identity.expires_at), (None, Some(expiry)));

        clock.set(expiry);
        let answer = keys.verify(&secret("abc")).await;
        assert!(matches!(answer, Answer::Rejected(Rejection::Expired)));
        assert_eq!(keys.screen(&secret("abc")), None);
    }

    #[tokio::test]
    async fn another_secret_is_screened_out() {
        let keys = StaticKeys::builder().key(StaticKey::new("ci", &hex("abc"))).build().unwrap();
        assert_eq!(keys.screen(&secret("abd")), Some(Rejection::Unknown));
        let answer = keys.verify(&secret("abd")).await;
        assert!(matches!(answer, Answer::Rejected(Rejection::Unknown)));
    }

    #[test]
    fn misconfiguration_fails_when_built_and_names_the_key() {
        let build = |keys: Vec<StaticKey>| StaticKeys::builder().keys(keys).build().unwrap_err();
        let good = || StaticKey::new("ci", &hex("abc"));
        assert_eq!(build(vec![]), StaticKeysError::None);
        assert_eq!(build(vec![good(), good()]), StaticKeysError::NameTwice("ci".into()));
        let twice = build(vec![good(), StaticKey::new("other", &hex("abc"))]);
        assert_eq!(twice, StaticKeysError::DigestTwice("other".into()));
        let text = |key: StaticKey| build(vec![key]).to_string();
        assert!(text(StaticKey::new("ci", "abc")).contains("`ci`: not a SHA-256 digest"));
        assert!(text(good().scopes(["*"])).contains("`ci`: scope pattern"));
        assert!(text(good().label("a b", "")).contains("`ci`: label key `a b`"));
        assert!(text(StaticKey::new("c i", &hex("abc"))).contains("`c i` is no owner"));
        let nameless = StaticKeys::builder().name("").key(good()).build().unwrap_err();
        assert!(matches!(nameless, StaticKeysError::Name(_)));
    }

    #[test]
    fn the_list_is_bounded() {
        let numbered = |count: usize| {
            (0..count).map(|n| StaticKey::new(format!("k{n}"), &hex(&format!("s{n}"))))
        };
        assert!(StaticKeys::builder().keys(numbered(MAX_STATIC_KEYS)).build().is_ok());
        let over = StaticKeys::builder().keys(numbered(MAX_STATIC_KEYS + 1)).build();
        assert_eq!(over.err(), Some(StaticKeysError::TooMany));
    }
}
