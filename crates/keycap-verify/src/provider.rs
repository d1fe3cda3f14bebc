//! Who verifies secrets, and the three answers they may give.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;

use crate::{Identity, KeyListener, Secret};

/// Verifies secrets.
///
/// There are three answers, and "I could not ask" is never "no" (P6): a provider that cannot reach
/// what it relies on answers [`Answer::Unavailable`].
///
/// ```
/// use async_trait::async_trait;
/// use keycap_base::Timestamp;
/// use keycap_verify::{Answer, Identity, IdentityProvider, Rejection, Secret, Subject};
///
/// struct Guests;
///
/// #[async_trait]
/// impl IdentityProvider for Guests {
///     fn name(&self) -> &str {
///         "guests"
///     }
///
///     async fn verify(&self, secret: &Secret) -> Answer {
///         match Subject::new("guests", "guest") {
///             Ok(subject) if secret.expose() == "let-me-in" => {
///                 Answer::Known(Identity::new(subject, Timestamp::EPOCH))
///             }
///             _ => Answer::Rejected(Rejection::Unknown),
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// The provider's name: the first part of every subject it asserts. Never changes.
    fn name(&self) -> &str;

    /// The names of all providers whose subjects it asserts: its own, unless it is made of others.
    /// Who wraps one provider or several passes theirs on.
    fn names(&self) -> Vec<&str> {
        vec![self.name()]
    }

    /// Those of its [names](Self::names) that [`verify`](Self::verify) may ask about `secret`: all of
    /// them, unless it can tell by looking at it. Must do no I/O.
    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        let _ = secret;
        self.names()
    }

    /// Refuses what cannot be one of its keys by looking at it. Must do no I/O.
    ///
    /// `None` means that only [`verify`](Self::verify) can tell.
    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        let _ = secret;
        None
    }

    /// Says who presents `secret`.
    ///
    /// Cancel safe: dropping the future must leave nothing behind that harms a later call.
    async fn verify(&self, secret: &Secret) -> Answer;

    /// Asks to be told of changed keys. Providers that never learn of any ignore this.
    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        let _ = listener;
    }

    /// Does what is due off the request path, such as writing down when keys were last used. Called
    /// from time to time by whoever drives the provider.
    async fn housekeep(&self) {}
}

#[async_trait]
impl<P: IdentityProvider + ?Sized> IdentityProvider for Arc<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn names(&self) -> Vec<&str> {
        (**self).names()
    }

    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        (**self).names_for(secret)
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        (**self).screen(secret)
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        (**self).verify(secret).await
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        (**self).subscribe(listener);
    }

    async fn housekeep(&self) {
        (**self).housekeep().await;
    }
}

/// What a provider answers.
#[derive(Clone, Debug)]
#[must_use]
pub enum Answer {
    /// The secret is valid, and this is who presents it.
    Known(Identity),
    /// The secret is not valid.
    Rejected(Rejection),
    /// The provider could not tell.
    Unavailable(Unavailable),
}

/// Why a secret is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Nobody issued it.
    #[error("the key is not known")]
    Unknown,
    /// It is not written like a key, or its check characters are wrong.
    #[error("the key is malformed")]
    Malformed,
    /// It was issued and has been revoked.
    #[error("the key has been revoked")]
    Revoked,
    /// It was issued and has expired.
    #[error("the key has expired")]
    Expired,
}

/// A provider could not tell whether a secret is valid. Carries the reason for the log and, where the
/// provider knows, how long it is worth waiting.
///
/// ```
/// use std::time::Duration;
/// use keycap_verify::Unavailable;
///
/// let unavailable = Unavailable::new("the provider `clerk`");
/// assert_eq!(unavailable.retry_after(), None);
/// let told = unavailable.with_retry_after(Duration::from_secs(7));
/// assert_eq!(told.retry_after(), Some(Duration::from_secs(7)));
/// assert_eq!(told.to_string(), "the provider `clerk` cannot answer");
/// ```
#[derive(Clone)]
pub struct Unavailable {
    what: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    retry_after: Option<Duration>,
    /// Who could not tell; whoever was asked, if nobody is named.
    silent: Arc<[Arc<str>]>,
}

impl Unavailable {
    /// `what` could not answer, for no reason that an error would tell.
    #[must_use]
    pub fn new(what: &str) -> Self {
        Self { what: what.into(), source: None, retry_after: None, silent: Arc::default() }
    }

    /// `what` could not answer because of `source`.
    #[must_use]
    pub fn because(what: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into().into()), ..Self::new(what) }
    }

    /// The same, and that asking again sooner than in `wait` is of no use: what the provider said
    /// (RFC 9110 §10.2.3), or when its circuit closes. A hint; a gate passes it on within a bound.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same, and that of several providers only those of these [names](IdentityProvider::names)
    /// could not tell: the others did, and do not know the secret. A key of theirs is not served by grace
    /// on account of it, nor later.
    #[must_use]
    pub fn with_silent<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { silent: names.into_iter().map(Arc::from).collect(), ..self }
    }

    /// Whether the provider of this name is among those who could not tell.
    #[must_use]
    pub fn concerns(&self, provider: &str) -> bool {
        self.silent.is_empty() || self.silent.iter().any(|silent| **silent == *provider)
    }

    /// Those who could not tell; none where whoever was asked is meant.
    pub(crate) fn silent(&self) -> impl Iterator<Item = &str> {
        self.silent.iter().map(|name| &**name)
    }

    /// How long it is of no use to ask again; `None` where nobody knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Debug for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unavailable")
            .field("what", &self.what)
            .field("source", &self.source)
            .field("retry_after", &self.retry_after)
            .field("silent", &self.silent)
            .finish()
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot answer", self.what)
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
