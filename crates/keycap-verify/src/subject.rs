//! Who is calling, and who a key belongs to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest owner, subject id, issuer or provider name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Characters of what is no name or prefix that an error shows.
const SHOWN_CHARACTERS: usize = 12;

/// Begins the account of a key that has one of its own, so no owner may begin with it.
pub(crate) const OWN_ACCOUNT: &str = "key:";

/// Whose key it is: a name the application chose, such as `acme` or `user_2f9`. 1 to 255 bytes
/// without white space and control characters, not beginning with `key:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Arc<str>);

/// The stable id of who is calling: the provider that says so, the issuer it relies on, and the id.
///
/// The same id of two issuers is two subjects. Displayed `provider:issuer:id`, with `%` and `:` of
/// the first two percent-encoded, so that different subjects are different texts.
///
/// ```
/// use keycap_verify::Subject;
///
/// let issued = Subject::new("keycap", "acme")?;
/// let foreign = Subject::new("jwt", "acme")?.with_issuer("https://id.example.com")?;
/// assert_eq!(issued.to_string(), "keycap::acme");
/// assert_eq!(foreign.to_string(), "jwt:https%3A//id.example.com:acme");
/// # Ok::<(), keycap_verify::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    provider: Arc<str>,
    issuer: Option<Arc<str>>,
    id: Arc<str>,
}

/// A text cannot be an owner or a part of a subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Empty, too long, or with a character that names may not have.
    #[error(
        "`{name}` is no {what}; use 1 to {MAX_NAME_BYTES} bytes without white space and control \
         characters"
    )]
    Unfit {
        /// What it was to be.
        what: &'static str,
        /// The beginning of what was given.
        name: String,
    },
    /// An owner that looks like the account of a single key.
    #[error("owner `{0}` begins with `{OWN_ACCOUNT}`, which names accounts of single keys")]
    Reserved(String),
}

/// As much of what was to be a name as an error shows. It may be a secret in the wrong place, of which
/// this is no more than the part that is shown to tell keys apart.
pub(crate) fn beginning(text: &str) -> String {
    let shown = text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug);
    let rest = text.chars().nth(SHOWN_CHARACTERS).map(|_| '…');
    shown.chain(rest).collect()
}

/// A name without white space and control characters.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<Arc<str>, NameError> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len())
        && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    if !fits {
        return Err(NameError::Unfit { what, name: beginning(name) });
    }
    Ok(name.into())
}

impl Owner {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, too long, has white space, or begins with `key:`.
    pub fn new(name: impl AsRef<str>) -> Result<Self, NameError> {
        let name = check_name("owner", name.as_ref())?;
        if name.starts_with(OWN_ACCOUNT) {
            return Err(NameError::Reserved(name.to_string()));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl FromStr for Owner {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Subject {
    /// `id`, as `provider` knows it.
    ///
    /// # Errors
    /// [`NameError`] if either is empty, too long, or has white space or control characters.
    pub fn new(provider: &str, id: &str) -> Result<Self, NameError> {
        let provider = check_name("provider name", provider)?;
        Ok(Self { provider, issuer: None, id: check_name("subject id", id)? })
    }

    /// The same id, as `issuer` gave it.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, too long, or has white space or control characters.
    pub fn with_issuer(mut self, issuer: &str) -> Result<Self, NameError> {
        self.issuer = Some(check_name("issuer", issuer)?);
        Ok(self)
    }

    /// The owner of a key, as `provider` (a checked name) knows it.
    pub(crate) fn of_owner(provider: Arc<str>, owner: &Owner) -> Self {
        Self { provider, issuer: None, id: owner.shared() }
    }

    /// The name of the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Who issued the credential, where the provider relies on somebody else.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The id, unique only together with provider and issuer.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |part: &str| part.replace('%', "%25").replace(':', "%3A");
        let issuer = self.issuer.as_deref().unwrap_or_default();
        write!(f, "{}:{}:{}", encoded(&self.provider), encoded(issuer), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_checked_when_built() {
        assert!(Owner::new("a".repeat(MAX_NAME_BYTES)).is_ok());
        for wrong in ["", "a b", "a\n", "a\u{a0}b", &"a".repeat(MAX_NAME_BYTES + 1)] {
            assert!(matches!(Owner::new(wrong), Err(NameError::Unfit { .. })), "{wrong:?}");
        }
        assert_eq!(Owner::new("key:1"), Err(NameError::Reserved("key:1".into())));
    }

    #[test]
    fn subjects_that_differ_are_displayed_differently() {
        let subject = |provider, issuer: Option<&str>, id| {
            let subject = Subject::new(provider, id).unwrap();
            issuer.map_or(subject.clone(), |issuer| subject.with_issuer(issuer).unwrap())
        };
        let subjects = [
            subject("a", None, "b:c"),
            subject("a", Some("b"), "c"),
            subject("a:b", None, "c"),
            subject("a", None, "b%3Ac"),
            subject("a", Some("b%3Ac"), "d"),
            subject("a", Some("b:c"), "d"),
        ];
        let texts: std::collections::HashSet<_> = subjects.iter().map(Subject::to_string).collect();
        assert_eq!(texts.len(), subjects.len(), "{texts:?}");
    }
}
