//! The scopes that somebody grants.

use std::fmt;
use std::str::FromStr;

use crate::allowance::{Allowance, Unchecked};
use crate::scope::{Scope, ScopeError, ScopePattern};

/// The most patterns one [`Scopes`] holds.
pub const MAX_SCOPES: usize = 64;

/// What a key or account grants: everything, or a bounded set of [`ScopePattern`]s.
///
/// The empty set grants nothing; it is the default. Equal sets are equal in any order. Displayed
/// sorted, separated by spaces; `*` stands for everything (and is not read back: say
/// [`Scopes::all`]).
///
/// ```
/// use keycap_base::{Scope, Scopes};
///
/// let granted = Scopes::of(["chat", "proxy.*"])?;
/// assert!(granted.allows(&Scope::new("proxy.models")?));
/// assert!(!granted.allows(&Scope::new("admin")?));
/// assert_eq!(granted.to_string(), "chat proxy.*");
/// # Ok::<(), keycap_base::ScopeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Unchecked<ScopePattern>")]
pub struct Scopes(Allowance<ScopePattern>);

impl Scopes {
    /// Grants everything.
    #[must_use]
    pub fn all() -> Self {
        Self(Allowance::All)
    }

    /// Grants nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(Allowance::none())
    }

    /// Grants what any of `patterns` grants.
    ///
    /// # Errors
    /// [`ScopeError`] for the first text that is no pattern, or more than [`MAX_SCOPES`] of them.
    pub fn of<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, ScopeError> {
        let patterns = patterns.into_iter().map(ScopePattern::new);
        Allowance::only(patterns, MAX_SCOPES).map(Self)
    }

    /// Grants exactly the scopes that somebody else asserts: each text is one scope, never a pattern.
    ///
    /// For what a provider says of a key it owns. `proxy.*` or `*` in its list is a name of its own
    /// making that must not turn into a grant of everything under it, so a text that is no [`Scope`]
    /// (a `*`, too long, a character scopes may not have) grants nothing and is left out. Of more than
    /// [`MAX_SCOPES`] distinct ones the first are kept: a list that is too long grants less, never
    /// more. Reads no further than the first that does not fit.
    ///
    /// ```
    /// use keycap_base::{Scope, Scopes};
    ///
    /// let granted = Scopes::literal(["chat", "proxy.*", "*", "two words"]);
    /// assert_eq!(granted, Scopes::of(["chat"])?);
    /// assert!(!granted.allows(&Scope::new("proxy.models")?));
    /// # Ok::<(), keycap_base::ScopeError>(())
    /// ```
    #[must_use]
    pub fn literal<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let scopes = texts.into_iter().filter_map(|text| Scope::new(text).ok());
        Self(Allowance::at_most(scopes.map(ScopePattern::from), MAX_SCOPES))
    }

    /// Whether `scope` is granted.
    #[must_use]
    pub fn allows(&self, scope: &Scope) -> bool {
        self.0.any(|pattern| pattern.allows(scope))
    }

    /// Grants what both grant. Of more than [`MAX_SCOPES`] patterns in common the first are kept: it
    /// may grant less than both then, never more.
    ///
    /// ```
    /// use keycap_base::Scopes;
    ///
    /// let key = Scopes::of(["chat", "proxy.*"])?;
    /// let account = Scopes::of(["proxy.models", "usage"])?;
    /// assert_eq!(key.and(&account), Scopes::of(["proxy.models"])?);
    /// assert_eq!(key.and(&Scopes::all()), key);
    /// # Ok::<(), keycap_base::ScopeError>(())
    /// ```
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let Some(one) = self.patterns() else { return other.clone() };
        let Some(two) = other.patterns() else { return self.clone() };
        // Patterns are prefixes: of two that overlap, one is within the other.
        let within = |narrow: &&ScopePattern, wide: &[ScopePattern]| {
            wide.iter().any(|pattern| pattern.covers(narrow))
        };
        let in_two = one.iter().filter(|pattern| within(pattern, two));
        let in_one = two.iter().filter(|pattern| within(pattern, one));
        Self(Allowance::at_most(in_two.chain(in_one).cloned(), MAX_SCOPES))
    }

    /// The patterns, sorted; `None` when everything is granted.
    #[must_use]
    pub fn patterns(&self) -> Option<&[ScopePattern]> {
        self.0.members()
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self::none()
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    /// Reads patterns separated by spaces (RFC 6749 §3.3). The empty text grants nothing.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::of(text.split(' ').filter(|pattern| !pattern.is_empty()))
    }
}

impl TryFrom<&str> for Scopes {
    type Error = ScopeError;

    fn try_from(text: &str) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl<P: AsRef<str>, const N: usize> TryFrom<[P; N]> for Scopes {
    type Error = ScopeError;

    fn try_from(patterns: [P; N]) -> Result<Self, ScopeError> {
        Self::of(patterns)
    }
}

impl TryFrom<Unchecked<ScopePattern>> for Scopes {
    type Error = ScopeError;

    fn try_from(read: Unchecked<ScopePattern>) -> Result<Self, ScopeError> {
        Allowance::check(read, MAX_SCOPES).map(Self)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::new(text).unwrap()
    }

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("s{number}")).collect()
    }

    #[test]
    fn the_empty_set_grants_nothing_and_all_grants_everything() {
        assert!(!Scopes::none().allows(&scope("chat")));
        assert_eq!("".parse(), Ok(Scopes::none()));
        assert_eq!(Scopes::default(), Scopes::none());
        assert!(Scopes::all().allows(&scope("chat")));
        assert_eq!(Scopes::all().patterns(), None);
        assert_ne!(Scopes::all(), Scopes::none());
    }

    #[test]
    fn a_star_in_a_text_does_not_grant_everything() {
        assert_eq!("*".parse::<Scopes>(), Err(ScopeError::Everything));
        assert_eq!("chat *".parse::<Scopes>(), Err(ScopeError::Everything));
    }

    #[test]
    fn the_bound_counts_distinct_patterns() {
        assert!(Scopes::of(numbered(MAX_SCOPES)).is_ok());
        assert_eq!(Scopes::of(numbered(MAX_SCOPES + 1)), Err(ScopeError::TooMany));
        assert!(Scopes::of(std::iter::repeat_n("chat", MAX_SCOPES + 1)).is_ok());
        assert_eq!(Scopes::of((0..).map(|n| format!("s{n}"))), Err(ScopeError::TooMany));
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let one: Scopes = "b  a b".parse().unwrap();
        assert_eq!(one, Scopes::of(["a", "b"]).unwrap());
        assert_eq!(one.to_string(), "a b");
    }

    #[test]
    fn p6_what_others_assert_is_never_a_pattern() {
        let dot = "s".repeat(crate::MAX_SCOPE_BYTES);
        let too_long = format!("{dot}s");
        for nothing in ["*", "proxy.*", "a*", "", "a b", "a\"b", "é", "a\n", &too_long] {
            assert_eq!(Scopes::literal([nothing]), Scopes::none(), "{nothing:?}");
            assert_eq!(Scopes::literal(["chat", nothing]), Scopes::of(["chat"]).unwrap());
        }
        assert_eq!(Scopes::literal([&dot]), Scopes::of([&dot]).unwrap());
        assert_eq!(Scopes::literal(std::iter::empty::<&str>()), Scopes::none());
    }

    #[test]
    fn of_more_scopes_than_the_bound_the_first_are_granted() {
        let most = numbered(MAX_SCOPES);
        assert_eq!(Scopes::literal(&most), Scopes::of(&most).unwrap());
        assert_eq!(Scopes::literal(numbered(MAX_SCOPES + 1)), Scopes::of(&most).unwrap());
        assert_eq!(Scopes::literal((0..).map(|n| format!("s{n}"))), Scopes::of(&most).unwrap());
        let wild = std::iter::repeat_n("*", MAX_SCOPES).chain(std::iter::repeat_n("a", 99));
        assert_eq!(Scopes::literal(wild.chain(["b"])), Scopes::of(["a", "b"]).unwrap());
    }

    #[test]
    fn deserialising_runs_the_same_check() {
        for scopes in [Scopes::all(), Scopes::none(), Scopes::of(["chat", "proxy.*"]).unwrap()] {
            let text = serde_json::to_string(&scopes).unwrap();
            assert_eq!(serde_json::from_str::<Scopes>(&text).unwrap(), scopes, "{text}");
        }
        assert_eq!(serde_json::to_string(&Scopes::all()).unwrap(), r#""all""#);
        assert_eq!(serde_json::to_string(&Scopes::none()).unwrap(), r#"{"only":[]}"#);
        let too_many = serde_json::json!({ "only": numbered(MAX_SCOPES + 1) }).to_string();
        assert!(serde_json::from_str::<Scopes>(&too_many).is_err());
        assert!(serde_json::from_str::<Scopes>(r#"{"only":["*"]}"#).is_err());
    }

    #[test]
    fn what_two_grant_is_what_both_grant() {
        let both = |one: &str, two: &str| {
            let (one, two): (Scopes, Scopes) = (one.parse().unwrap(), two.parse().unwrap());
            assert_eq!(one.and(&two), two.and(&one));
            one.and(&two).to_string()
        };
        assert_eq!(both("chat usage", "chat admin"), "chat");
        assert_eq!(
            both("proxy.*", "proxy proxy.chat proxy.models.* proxyx.a"),
            "proxy.chat proxy.models.*"
        );
        assert_eq!(both("proxy.*", "proxy. usage"), "");
        assert_eq!(both("proxy.*", "proxy.*"), "proxy.*");
        for scopes in [Scopes::all(), Scopes::none(), "chat".parse().unwrap()] {
            assert_eq!(
                (scopes.and(&Scopes::all()), Scopes::all().and(&scopes)),
                (scopes.clone(), scopes.clone())
            );
            assert_eq!(scopes.and(&Scopes::none()), Scopes::none());
        }
    }

    #[test]
    fn what_two_grant_is_bounded() {
        let wide = Scopes::of(["a.*", "s.*"]).unwrap();
        let most = Scopes::of((0..MAX_SCOPES).map(|n| format!("s.{n}"))).unwrap();
        assert_eq!(wide.and(&most), most);
        let under_a = (1..MAX_SCOPES).map(|n| format!("a.{n}")).chain(["s.*".to_owned()]);
        let under_s = (1..MAX_SCOPES).map(|n| format!("s.{n}")).chain(["a.*".to_owned()]);
        let (one, two) = (Scopes::of(under_a).unwrap(), Scopes::of(under_s).unwrap());
        let both = one.and(&two);
        assert_eq!(both.patterns().map(<[_]>::len), Some(MAX_SCOPES));
        for pattern in both.patterns().unwrap() {
            let asked = scope(pattern.as_str());
            assert!(one.allows(&asked) && two.allows(&asked), "{pattern}");
        }
    }

    fn token() -> impl Strategy<Value = String> {
        prop_oneof![Just("proxy.".to_owned()), Just(String::new())].prop_flat_map(|prefix| {
            "[!#-)+-\\[\\]-~]{1,8}".prop_map(move |rest| format!("{prefix}{rest}"))
        })
    }

    /// Few cases by default; as many as `PROPTEST_CASES` says otherwise.
    fn config() -> ProptestConfig {
        match std::env::var_os("PROPTEST_CASES") {
            Some(_) => ProptestConfig::default(),
            None => ProptestConfig::with_cases(128),
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn a_set_allows_exactly_what_one_of_its_patterns_allows(
            granted in prop::collection::vec(token(), 0..8),
            under in prop::collection::vec(token(), 0..4),
            asked in token(),
        ) {
            let patterns: Vec<_> =
                granted.iter().cloned().chain(under.iter().map(|prefix| format!("{prefix}.*"))).collect();
            let scopes = Scopes::of(&patterns).unwrap();
            let expected = granted.contains(&asked)
                || under.iter().any(|prefix| {
                    asked.len() > prefix.len() + 1 && asked.starts_with(&format!("{prefix}."))
                });
            prop_assert_eq!(scopes.allows(&scope(&asked)), expected);
        }

        #[test]
        fn p6_others_grant_what_they_name_and_nothing_else(
            texts in prop::collection::vec(prop_oneof![token(), ".{0,6}", "[a-p.*]{1,8}"], 0..80),
            asked in prop_oneof![token(), "[a-p.]{1,8}"],
        ) {
            let granted = Scopes::literal(&texts);
            prop_assert!(!granted.allows(&scope(&asked)) || texts.contains(&asked));
            let bound = granted.patterns().map(<[_]>::len);
            prop_assert!(bound.is_some_and(|count| count <= MAX_SCOPES));
            if texts.len() <= MAX_SCOPES {
                prop_assert_eq!(granted.allows(&scope(&asked)), texts.contains(&asked));
            }
        }

        #[test]
        fn what_two_grant_allows_exactly_what_both_allow(
            one in prop::collection::vec("[ab](\\.[ab]){0,2}(\\.\\*)?", 0..8),
            two in prop::collection::vec("[ab](\\.[ab]){0,2}(\\.\\*)?", 0..8),
            asked in "[ab](\\.[ab]){0,3}\\.?",
        ) {
            let (one, two, asked) = (Scopes::of(one).unwrap(), Scopes::of(two).unwrap(), scope(&asked));
            prop_assert_eq!(one.and(&two).allows(&asked), one.allows(&asked) && two.allows(&asked));
        }

        #[test]
        fn what_is_displayed_reads_back(patterns in prop::collection::vec(token(), 0..8)) {
            let scopes = Scopes::of(&patterns).unwrap();
            prop_assert_eq!(scopes.to_string().parse::<Scopes>(), Ok(scopes));
        }
    }
}
