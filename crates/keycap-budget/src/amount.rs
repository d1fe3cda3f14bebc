//! How much of a meter: a whole number of its smallest unit.

use serde::{Deserialize, Serialize};

use crate::decimal::Fault;
use crate::meter::Meter;
use crate::text::Quoted;

/// A number of a meter's smallest unit: 0 to 9,223,372,036,854,775,807, never negative.
///
/// For `usd` the unit is the nanodollar (10⁻⁹ dollar); every other meter counts whole units.
///
/// ```
/// use keycap_budget::Amount;
///
/// let cent = Amount::new(10_000_000)?;
/// assert_eq!(cent.checked_add(cent), Some(Amount::new(20_000_000)?));
/// assert_eq!(cent.checked_sub(Amount::MAX_CAP), None);
/// # Ok::<(), keycap_budget::AmountError>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most one operation may take on one meter: 10¹⁵ units, a million dollars.
    pub const MAX_OPERATION: Self = Self(1_000_000_000_000_000);
    /// The largest cap: 9·10¹⁸ units, nine billion dollars.
    pub const MAX_CAP: Self = Self(9_000_000_000_000_000_000);

    /// An amount of `units`.
    ///
    /// # Errors
    ///
    /// When `units` is negative.
    pub const fn new(units: i64) -> Result<Self, AmountError> {
        match Self::checked(units) {
            Some(amount) => Ok(amount),
            None => Err(AmountError(Reason::Negative(units))),
        }
    }

    /// As [`new`](Self::new), for constants.
    pub(crate) const fn checked(units: i64) -> Option<Self> {
        if units < 0 { None } else { Some(Self(units)) }
    }

    /// An amount of `units`; always fits.
    #[must_use]
    pub const fn from_units(units: u32) -> Self {
        Self(units as i64)
    }

    /// The number of units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it overflows.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// The difference, unless `other` is larger.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        if other.0 > self.0 { None } else { Some(Self(self.0 - other.0)) }
    }

    /// Both together, for parts of one counter: the counter itself is checked, so its parts cannot
    /// saturate.
    #[must_use]
    pub(crate) const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing when `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        match self.checked_sub(other) {
            Some(rest) => rest,
            None => Self::ZERO,
        }
    }

    /// The smaller of the two.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if other.0 < self.0 { other } else { self }
    }

    /// The larger of the two.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if other.0 > self.0 { other } else { self }
    }
}

impl TryFrom<i64> for Amount {
    type Error = AmountError;

    fn try_from(units: i64) -> Result<Self, AmountError> {
        Self::new(units)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// Why a number is not an amount. Its text says what was wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct AmountError(Reason);

impl AmountError {
    pub(crate) fn too_large(meter: &Meter, amount: Amount, most: Amount) -> Self {
        Self(Reason::TooLarge { amount: meter.format(amount), most: meter.format(most) })
    }

    pub(crate) fn unreadable(text: &str, meter: &Meter, fault: Fault, most: Amount) -> Self {
        let text = Quoted::new(text);
        Self(match fault {
            Fault::TooFine => {
                Reason::TooFine { text, decimals: meter.decimals(), meter: meter.clone() }
            }
            Fault::TooLarge => {
                Reason::TooLarge { amount: text.to_string(), most: meter.format(most) }
            }
            other => Reason::Unreadable { text, meter: meter.clone(), advice: other.advice() },
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("an amount is never negative, and this one is {0}")]
    Negative(i64),
    #[error("{amount} is too large; the most is {most}")]
    TooLarge { amount: String, most: String },
    #[error("{text} has too many decimals; {meter} counts {decimals} of them")]
    TooFine { text: Quoted, meter: Meter, decimals: u32 },
    #[error("{text} is not an amount of {meter}: {advice}")]
    Unreadable { text: Quoted, meter: Meter, advice: &'static str },
}
