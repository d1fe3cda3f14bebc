//! What a request is about (a model, a tool), and who may use which.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::allowance::{Allowance, TooMany, Unchecked, excerpt};

/// The longest resource or resource pattern, in bytes.
pub const MAX_RESOURCE_BYTES: usize = 128;

/// The most patterns one [`Resources`] holds.
pub const MAX_RESOURCES: usize = 64;

/// The name of a model, tool or anything else a request is about: 1 to 128 visible ASCII
/// characters without `*`. Compared byte for byte.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Resource(Arc<str>);

/// A [`Resource`], or the beginning of some: `gpt-4*` fits `gpt-4` and `gpt-4o-mini`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct ResourcePattern(Arc<str>);

/// The resources that may be used: all, or a bounded set of [`ResourcePattern`]s.
///
/// The empty set allows none. The default allows all: who sets no list restricts nothing.
///
/// ```
/// use keycap_base::{Resource, Resources};
///
/// let models = Resources::of(["gpt-4*", "claude-sonnet"])?;
/// assert!(models.allows(&Resource::new("gpt-4o")?));
/// assert!(!models.allows(&Resource::new("claude-opus")?));
/// # Ok::<(), keycap_base::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Unchecked<ResourcePattern>")]
pub struct Resources(Allowance<ResourcePattern>);

/// Why a text is no resource, no pattern or no set of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// Nothing between the quotes.
    #[error("a resource is empty; it needs 1 to {MAX_RESOURCE_BYTES} characters")]
    Empty,
    /// Over [`MAX_RESOURCE_BYTES`].
    #[error("resource `{0}` is too long; it may have at most {MAX_RESOURCE_BYTES} characters")]
    TooLong(String),
    /// A space, a control character or one outside ASCII.
    #[error("resource `{0}` has a character that is not visible ASCII; leave it out")]
    Character(String),
    /// `*` in a [`Resource`].
    #[error("resource `{0}` has a `*`; a resource that is asked for is one name")]
    Wildcard(String),
    /// `*` anywhere but at the end.
    #[error("resource pattern `{0}` has a `*` in the wrong place; it may only end one: `gpt-4*`")]
    Misplaced(String),
    /// A lone `*`.
    #[error("resource pattern `*` would allow everything; say `Resources::all()`")]
    Everything,
    /// Over [`MAX_RESOURCES`].
    #[error("more than {MAX_RESOURCES} resources; use patterns such as `gpt-4*`")]
    TooMany,
}

impl From<TooMany> for ResourceError {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}

impl Resource {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`ResourceError`] if it is empty, too long, not visible ASCII, or has a `*`.
    pub fn new(name: impl AsRef<str>) -> Result<Self, ResourceError> {
        let name = name.as_ref();
        check_name(name)?;
        if name.contains('*') {
            return Err(ResourceError::Wildcard(name.to_owned()));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ResourcePattern {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`ResourceError`] if it is neither a resource nor the beginning of one followed by `*`.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ResourceError> {
        let text = text.as_ref();
        if text == "*" {
            return Err(ResourceError::Everything);
        }
        check_name(text)?;
        if text.strip_suffix('*').unwrap_or(text).contains('*') {
            return Err(ResourceError::Misplaced(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Whether `resource` fits.
    #[must_use]
    pub fn allows(&self, resource: &Resource) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => resource.0.starts_with(beginning),
            None => self.0 == resource.0,
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Resources {
    /// Allows every resource.
    #[must_use]
    pub fn all() -> Self {
        Self(Allowance::All)
    }

    /// Allows none.
    #[must_use]
    pub fn none() -> Self {
        Self(Allowance::none())
    }

    /// Allows what any of `patterns` fits.
    ///
    /// # Errors
    /// [`ResourceError`] for the first text that is no pattern, or more than [`MAX_RESOURCES`].
    pub fn of<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, ResourceError> {
        let patterns = patterns.into_iter().map(ResourcePattern::new);
        Allowance::only(patterns, MAX_RESOURCES).map(Self)
    }

    /// Whether `resource` may be used.
    #[must_use]
    pub fn allows(&self, resource: &Resource) -> bool {
        self.0.any(|pattern| pattern.allows(resource))
    }

    /// The patterns, sorted; `None` when every resource is allowed.
    #[must_use]
    pub fn patterns(&self) -> Option<&[ResourcePattern]> {
        self.0.members()
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::all()
    }
}

impl TryFrom<Unchecked<ResourcePattern>> for Resources {
    type Error = ResourceError;

    fn try_from(read: Unchecked<ResourcePattern>) -> Result<Self, ResourceError> {
        Allowance::check(read, MAX_RESOURCES).map(Self)
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn check_name(text: &str) -> Result<(), ResourceError> {
    if text.is_empty() {
        return Err(ResourceError::Empty);
    }
    if text.len() > MAX_RESOURCE_BYTES {
        return Err(ResourceError::TooLong(excerpt(text)));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ResourceError::Character(text.escape_debug().to_string()));
    }
    Ok(())
}

macro_rules! text_conversions {
    ($($kind:ident),*) => {$(
        impl FromStr for $kind {
            type Err = ResourceError;
            fn from_str(text: &str) -> Result<Self, ResourceError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $kind {
            type Error = ResourceError;
            fn try_from(text: String) -> Result<Self, ResourceError> {
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
text_conversions!(Resource, ResourcePattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_checked_when_built() {
        let longest = "m".repeat(MAX_RESOURCE_BYTES);
        assert!(Resource::new(&longest).is_ok());
        assert!(matches!(Resource::new(format!("{longest}m")), Err(ResourceError::TooLong(_))));
        assert_eq!(Resource::new(""), Err(ResourceError::Empty));
        assert!(matches!(Resource::new("gpt*"), Err(ResourceError::Wildcard(_))));
        for wrong in ["a b", "é", "a\t"] {
            assert!(matches!(Resource::new(wrong), Err(ResourceError::Character(_))), "{wrong:?}");
        }
        assert!(Resource::new("meta/llama-3:8b\"\\").is_ok());
    }

    #[test]
    fn a_pattern_has_its_star_at_the_end() {
        assert_eq!(ResourcePattern::new("*"), Err(ResourceError::Everything));
        for wrong in ["*gpt", "g*t", "gpt**"] {
            assert_eq!(ResourcePattern::new(wrong), Err(ResourceError::Misplaced(wrong.into())));
        }
    }

    #[test]
    fn a_set_allows_what_its_patterns_fit() {
        let set = Resources::of(["gpt-4*", "tool:search"]).unwrap();
        let allows = |name: &str| set.allows(&Resource::new(name).unwrap());
        assert!(allows("gpt-4") && allows("gpt-4o") && allows("tool:search"));
        assert!(!allows("gpt-3") && !allows("tool:search2") && !allows("GPT-4"));
        assert!(!Resources::none().allows(&Resource::new("x").unwrap()));
        assert!(Resources::default().allows(&Resource::new("x").unwrap()));
    }

    #[test]
    fn the_set_is_bounded_also_when_deserialised() {
        let numbered = |count| (0..count).map(|n| format!("m{n}")).collect::<Vec<_>>();
        assert!(Resources::of(numbered(MAX_RESOURCES)).is_ok());
        assert_eq!(Resources::of(numbered(MAX_RESOURCES + 1)), Err(ResourceError::TooMany));
        let text = |count| serde_json::json!({ "only": numbered(count) }).to_string();
        assert!(serde_json::from_str::<Resources>(&text(MAX_RESOURCES)).is_ok());
        assert!(serde_json::from_str::<Resources>(&text(MAX_RESOURCES + 1)).is_err());
    }
}
