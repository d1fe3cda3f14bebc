//! A cap on a meter per period.

use std::fmt;
use std::str::FromStr;

use keycap_base::Timestamp;

use crate::cost::parse_measured;
use crate::{AccountId, Amount, Meter, Period, PeriodError};

/// The most limits one account carries.
pub const MAX_LIMITS: usize = 8;

/// What a limit counts and how often it starts anew. An account has at most one limit of each kind,
/// so a changed cap keeps what was spent.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct LimitKey {
    /// What is counted.
    pub meter: Meter,
    /// How often it starts anew.
    pub period: Period,
}

/// A cap on a meter per period.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Limit {
    #[serde(flatten)]
    key: LimitKey,
    cap: Amount,
}

impl Limit {
    /// At most `cap` of `meter` in each `period`. A cap of zero admits nothing.
    ///
    /// # Errors
    /// When the cap is above [`Amount::MAX_CAP`].
    pub fn new(meter: Meter, cap: Amount, period: Period) -> Result<Self, LimitError> {
        if cap > Amount::MAX_CAP {
            return Err(LimitError::CapTooLarge { meter, cap });
        }
        Ok(Self { key: LimitKey { meter, period }, cap })
    }

    /// What the limit counts and how often.
    #[must_use]
    pub fn key(&self) -> &LimitKey {
        &self.key
    }

    /// The most that may be spent and held in one window.
    #[must_use]
    pub fn cap(&self) -> Amount {
        self.cap
    }
}

/// `"$5 per day"`, `"60 requests per minute"`, `"$100 per month@15 Europe/Berlin"`: a cap and a
/// period, each exactly as it prints.
///
/// ```
/// use keycap_budget::Limit;
///
/// let limit: Limit = "$5 per day".parse()?;
/// assert_eq!(limit.to_string(), "$5.00 per day");
/// assert!("5 per day".parse::<Limit>().is_err());
/// # Ok::<(), keycap_budget::LimitError>(())
/// ```
impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let unreadable = |why: String| LimitError::Unreadable { given: quoted(text), why };
        let (cap, period) =
            text.split_once(" per ").ok_or_else(|| unreadable("it has no \" per \"".to_owned()))?;
        let measured = parse_measured(cap, Amount::MAX_CAP);
        let (meter, cap) = measured.map_err(|error| unreadable(error.to_string()))?;
        let period = period.parse().map_err(|error: PeriodError| unreadable(error.to_string()))?;
        Self::new(meter, cap, period)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.key.meter.format(self.cap), self.key.period)
    }
}

fn quoted(text: &str) -> String {
    text.chars().take(80).collect()
}

/// An account's limits: at most [`MAX_LIMITS`], one for each meter and period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<Limit>", into = "Vec<Limit>")]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// No limit at all: the account only counts.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These limits.
    ///
    /// # Errors
    /// When there are more than [`MAX_LIMITS`], or two of one meter and period.
    pub fn of(limits: impl IntoIterator<Item = Limit>) -> Result<Self, LimitError> {
        limits.into_iter().try_fold(Self::none(), Self::with)
    }

    /// These limits and one more.
    ///
    /// # Errors
    /// When there are [`MAX_LIMITS`] already, or one of the same meter and period.
    pub fn with(mut self, limit: Limit) -> Result<Self, LimitError> {
        if self.find(limit.key()).is_some() {
            return Err(LimitError::Twice(limit.key));
        }
        if self.0.len() == MAX_LIMITS {
            return Err(LimitError::TooMany);
        }
        self.0.push(limit);
        Ok(self)
    }

    /// The limit of this meter and period.
    #[must_use]
    pub fn find(&self, key: &LimitKey) -> Option<&Limit> {
        self.0.iter().find(|limit| limit.key() == key)
    }

    /// These limits after a template's word turned from `before` into `after`: only the limits that
    /// it added, changed or took away.
    pub(crate) fn reworded(&self, before: &Self, after: &Self) -> Result<Self, LimitError> {
        let same = |key: &LimitKey| before.find(key) == after.find(key);
        let kept = self.iter().filter_map(|limit| match same(limit.key()) {
            true => Some(limit),
            false => after.find(limit.key()),
        });
        let is_new = |limit: &&Limit| !same(limit.key()) && self.find(limit.key()).is_none();
        Self::of(kept.chain(after.iter().filter(is_new)).cloned())
    }

    /// The limits, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter()
    }
}

impl TryFrom<Vec<Limit>> for Limits {
    type Error = LimitError;
    fn try_from(limits: Vec<Limit>) -> Result<Self, LimitError> {
        Self::of(limits)
    }
}

impl From<Limits> for Vec<Limit> {
    fn from(limits: Limits) -> Self {
        limits.0
    }
}

/// A limit that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// A cap above the largest.
    #[error("the cap {} is too large; the largest is {}", meter.format(*cap), meter.format(Amount::MAX_CAP))]
    CapTooLarge {
        /// What it counts.
        meter: Meter,
        /// The cap that was asked for.
        cap: Amount,
    },
    /// Two limits of one meter and period.
    #[error("two limits on {} per {}; an account has one of each kind", .0.meter, .0.period)]
    Twice(LimitKey),
    /// A text that is not a limit.
    #[error("{given:?} is not a limit: {why}; a limit reads like \"$5 per day\"")]
    Unreadable {
        /// The text, at most 80 characters of it.
        given: String,
        /// What was wrong.
        why: String,
    },
    /// More limits than an account carries.
    #[error("more than {MAX_LIMITS} limits on one account")]
    TooMany,
}

/// One limit of one account in one window: what is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// Whose counter.
    pub account: AccountId,
    /// Which limit.
    pub limit: LimitKey,
    /// When its window starts.
    pub start: Timestamp,
}

impl CounterKey {
    /// Until when the counter is kept: one period past the end of its window. `None` is for ever.
    #[must_use]
    pub fn retained_until(&self) -> Option<Timestamp> {
        self.limit.period.retained_until(&self.limit.period.window(self.start))
    }
}

/// What one limit has counted in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counter {
    /// Charges and captures, less refunds and reversed captures.
    pub spent: Amount,
    /// What open holds have set aside.
    pub held: Amount,
    /// The part of `spent` that has no row of its own: folded requests, and rows that retention
    /// took away (I2).
    pub carried: Amount,
    /// All that was ever recorded here without a hold to cover it: what may stand above the cap (I1).
    pub uncovered: Amount,
}
