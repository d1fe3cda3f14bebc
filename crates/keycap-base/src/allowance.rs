//! Everything, or a bounded set: the shape that scopes, resources and networks have in common.

use std::collections::BTreeSet;

/// Either everything or the members of a sorted set without duplicates.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Allowance<T> {
    /// No restriction.
    All,
    /// These and nothing else; an empty set allows nothing.
    Only(Box<[T]>),
}

/// An allowance as it is read, before its bound was checked.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unchecked<T> {
    All,
    Only(Vec<T>),
}

/// The set has more distinct members than its bound.
#[derive(Debug)]
pub(crate) struct TooMany;

impl<T: Ord> Allowance<T> {
    /// The set of `members`, of which at most `most` may be distinct. Stops reading at the first
    /// member too many.
    pub(crate) fn only<X: From<TooMany>>(
        members: impl IntoIterator<Item = Result<T, X>>,
        most: usize,
    ) -> Result<Self, X> {
        let mut set = BTreeSet::new();
        for member in members {
            set.insert(member?);
            if set.len() > most {
                return Err(TooMany.into());
            }
        }
        Ok(Self::Only(set.into_iter().collect()))
    }

    /// The set of the first `most` distinct `members`. Stops reading at the first member too many.
    pub(crate) fn at_most(members: impl IntoIterator<Item = T>, most: usize) -> Self {
        let mut set = BTreeSet::new();
        for member in members {
            if set.len() == most && !set.contains(&member) {
                break;
            }
            set.insert(member);
        }
        Self::Only(set.into_iter().collect())
    }

    /// Checks what was read.
    pub(crate) fn check<X: From<TooMany>>(read: Unchecked<T>, most: usize) -> Result<Self, X> {
        match read {
            Unchecked::All => Ok(Self::All),
            Unchecked::Only(members) => Self::only(members.into_iter().map(Ok), most),
        }
    }
}

impl<T> Allowance<T> {
    /// Nothing at all.
    pub(crate) fn none() -> Self {
        Self::Only(Box::default())
    }

    /// Whether everything is allowed, or any member fits.
    pub(crate) fn any(&self, fits: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::Only(members) => members.iter().any(fits),
        }
    }

    /// The members; `None` when everything is allowed.
    pub(crate) fn members(&self) -> Option<&[T]> {
        match self {
            Self::All => None,
            Self::Only(members) => Some(members),
        }
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Allowance<T> {
    /// `*`, or the members separated by single spaces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Only(members) = self else {
            return f.write_str("*");
        };
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{member}")?;
        }
        Ok(())
    }
}

/// As much of a refused text as an error message should repeat.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
