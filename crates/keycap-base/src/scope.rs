//! One scope, and the pattern that may grant it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::allowance::{TooMany, excerpt};
use crate::scopes::MAX_SCOPES;

/// The longest scope, in bytes.
pub const MAX_SCOPE_BYTES: usize = 128;

/// What a route asks for: one scope-token of RFC 6749 §3.3, 1 to 128 bytes, without `*`.
///
/// `*` belongs to a [`ScopePattern`]: a scope names one thing.
///
/// ```
/// use keycap_base::Scope;
///
/// assert_eq!(Scope::new("chat")?.as_str(), "chat");
/// assert!(Scope::new("two words").is_err());
/// # Ok::<(), keycap_base::ScopeError>(())
/// ```
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Arc<str>);

/// What a key or account grants: one [`Scope`], or everything under a dotted prefix (`proxy.*`).
///
/// `proxy.*` grants `proxy.chat` and `proxy.chat.stream`, but neither `proxy` nor `proxy.`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct ScopePattern(Arc<str>);

/// Why a text is no scope, no scope pattern or no set of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Nothing between the quotes.
    #[error("a scope is empty; it needs 1 to {MAX_SCOPE_BYTES} bytes")]
    Empty,
    /// Over [`MAX_SCOPE_BYTES`].
    #[error("scope `{0}` is too long; it may have at most {MAX_SCOPE_BYTES} bytes")]
    TooLong(String),
    /// A character RFC 6749 does not allow.
    #[error(
        "scope `{0}` has a character that scopes may not have; use visible ASCII without spaces, \
         `\"` and `\\`"
    )]
    Character(String),
    /// `*` in a [`Scope`].
    #[error("scope `{0}` has a `*`; a scope that is asked for names one thing, such as `chat`")]
    Wildcard(String),
    /// `*` anywhere but after a final dot.
    #[error(
        "scope pattern `{0}` has a `*` in the wrong place; it may only end one, as in `proxy.*`"
    )]
    Misplaced(String),
    /// A lone `*`.
    #[error("scope pattern `*` would grant everything; say `Scopes::all()`")]
    Everything,
    /// Over [`MAX_SCOPES`].
    #[error("more than {MAX_SCOPES} scopes; use patterns such as `proxy.*`")]
    TooMany,
}

impl From<TooMany> for ScopeError {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}

impl Scope {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`ScopeError`] if it is not a scope-token, too long, or has a `*`.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ScopeError> {
        let text = text.as_ref();
        check_token(text)?;
        if text.contains('*') {
            return Err(ScopeError::Wildcard(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ScopePattern {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`ScopeError`] if it is neither a scope nor a scope prefix followed by `.*`.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ScopeError> {
        let text = text.as_ref();
        if text == "*" {
            return Err(ScopeError::Everything);
        }
        check_token(text)?;
        let fixed = text.strip_suffix(".*").unwrap_or(text);
        if fixed.is_empty() || fixed.contains('*') {
            return Err(ScopeError::Misplaced(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Whether this grants `scope`.
    #[must_use]
    pub fn allows(&self, scope: &Scope) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => scope.0.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()),
            None => self.0 == scope.0,
        }
    }

    /// Whether this grants all that `other` grants.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let under =
            |prefix| other.0.strip_prefix(prefix).is_some_and(|rest: &str| !rest.is_empty());
        self == other || self.0.strip_suffix('*').is_some_and(under)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 6749 §3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn check_token(text: &str) -> Result<(), ScopeError> {
    if text.is_empty() {
        return Err(ScopeError::Empty);
    }
    if text.len() > MAX_SCOPE_BYTES {
        return Err(ScopeError::TooLong(excerpt(text)));
    }
    if !text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        return Err(ScopeError::Character(text.escape_debug().to_string()));
    }
    Ok(())
}

impl From<Scope> for ScopePattern {
    fn from(scope: Scope) -> Self {
        Self(scope.0)
    }
}

macro_rules! text_conversions {
    ($($kind:ident),*) => {$(
        impl FromStr for $kind {
            type Err = ScopeError;
            fn from_str(text: &str) -> Result<Self, ScopeError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $kind {
            type Error = ScopeError;
            fn try_from(text: String) -> Result<Self, ScopeError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $kind {
            type Error = ScopeError;
            fn try_from(text: &str) -> Result<Self, ScopeError> {
                Self::new(text)
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_conversions!(Scope, ScopePattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_checked_when_built() {
        let longest = "s".repeat(MAX_SCOPE_BYTES);
        assert_eq!(Scope::new(&longest).map(|scope| scope.as_str().len()), Ok(MAX_SCOPE_BYTES));
        let too_long = format!("{longest}s");
        assert!(matches!(Scope::new(&too_long), Err(ScopeError::TooLong(_))));
        assert_eq!(Scope::new(""), Err(ScopeError::Empty));
        assert_eq!(Scope::new("a*"), Err(ScopeError::Wildcard("a*".into())));
        for wrong in ["a b", "a\"b", "a\\b", "é", "a\n", "\u{7f}"] {
            assert!(matches!(Scope::new(wrong), Err(ScopeError::Character(_))), "{wrong:?}");
        }
        for right in ["!", "chat", "api:read", "https://example.com/x", "[~]"] {
            assert!(Scope::new(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn a_pattern_ends_in_a_dot_and_a_star_or_has_none() {
        assert_eq!(ScopePattern::new("*"), Err(ScopeError::Everything));
        for wrong in [".*", "proxy*", "*.proxy", "a.*.b", "a.**", "**", "*.*"] {
            assert_eq!(ScopePattern::new(wrong), Err(ScopeError::Misplaced(wrong.into())));
        }
        assert!(ScopePattern::new("proxy.*").is_ok());
    }

    #[test]
    fn a_pattern_grants_what_is_under_its_dot() {
        let pattern = ScopePattern::new("proxy.*").unwrap();
        let allows = |text| pattern.allows(&Scope::new(text).unwrap());
        assert!(allows("proxy.chat") && allows("proxy.chat.stream"));
        assert!(!allows("proxy") && !allows("proxy.") && !allows("proxyx.chat"));
        assert!(!allows("Proxy.chat"), "scopes are case-sensitive");
    }

    #[test]
    fn deserialising_runs_the_same_check() {
        assert!(serde_json::from_str::<Scope>(r#""chat""#).is_ok());
        let error = serde_json::from_str::<Scope>(r#""a b""#).unwrap_err().to_string();
        assert!(error.contains("`a b`") && error.contains("visible ASCII"), "{error}");
        assert!(serde_json::from_str::<ScopePattern>(r#""*""#).is_err());
    }
}
