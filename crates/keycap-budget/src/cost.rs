//! Amounts on one or more meters.

use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;

use crate::amount::{Amount, AmountError};
use crate::meter::{Meter, MeterError, Written};
use crate::text::{Quoted, serde_as_text};

/// The most meters one cost may name.
pub const MAX_METERS: usize = 8;

/// What stands between the amounts of a cost on several meters.
const SEPARATOR: &str = " + ";

/// What something costs: up to [`MAX_METERS`] meters, each with an amount up to
/// [`Amount::MAX_OPERATION`].
///
/// Written as `$0.0125`, `12.5 usd` or `300 tokens`, several joined by ` + `; printed sorted by
/// meter, dollars with `$` and at least two decimals, and exactly, so that it reads back as itself.
/// A meter of which it takes nothing is not named; a cost of nothing prints as `$0.00`.
///
/// ```
/// use keycap_budget::{Amount, Cost, Meter};
///
/// let cost: Cost = "12.5 usd + 300 tokens".parse()?;
/// assert_eq!(cost.amount(&Meter::TOKENS), Amount::from_units(300));
/// assert_eq!(cost.amount(&Meter::CREDITS), Amount::ZERO);
/// assert_eq!(cost.to_string(), "300 tokens + $12.50");
/// assert!("0.5 tokens".parse::<Cost>().is_err());
/// # Ok::<(), keycap_budget::CostError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Sorted by meter, each once, none zero, none above `Amount::MAX_OPERATION`.
    parts: SmallVec<[(Meter, Amount); 2]>,
}

impl Cost {
    /// A cost of nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// `amount` of `meter`.
    ///
    /// # Errors
    ///
    /// When `amount` is above [`Amount::MAX_OPERATION`].
    pub fn of(meter: Meter, amount: Amount) -> Result<Self, CostError> {
        Self::none().with(meter, amount)
    }

    /// `count` requests.
    #[must_use]
    pub fn requests(count: u32) -> Self {
        Self::within_bounds(Meter::REQUESTS, Amount::from_units(count))
    }

    /// `count` tokens.
    #[must_use]
    pub fn tokens(count: u32) -> Self {
        Self::within_bounds(Meter::TOKENS, Amount::from_units(count))
    }

    /// One part, of an amount known to be at most [`Amount::MAX_OPERATION`].
    pub(crate) fn within_bounds(meter: Meter, amount: Amount) -> Self {
        let mut cost = Self::none();
        if !amount.is_zero() {
            cost.parts.push((meter, amount));
        }
        cost
    }

    /// This cost with `amount` on `meter`, instead of what was there.
    ///
    /// # Errors
    ///
    /// When `amount` is above [`Amount::MAX_OPERATION`], or this would be one meter too many.
    pub fn with(self, meter: Meter, amount: Amount) -> Result<Self, CostError> {
        if amount > Amount::MAX_OPERATION {
            return Err(AmountError::too_large(&meter, amount, Amount::MAX_OPERATION).into());
        }
        let mut cost = self.without(&meter);
        if amount.is_zero() {
            return Ok(cost);
        }
        if cost.parts.len() == MAX_METERS {
            return Err(CostError(Reason::TooManyMeters));
        }
        let place = cost.parts.partition_point(|(held, _)| *held < meter);
        cost.parts.insert(place, (meter, amount));
        Ok(cost)
    }

    /// This cost without `meter`.
    #[must_use]
    pub fn without(mut self, meter: &Meter) -> Self {
        self.parts.retain(|(held, _)| held != meter);
        self
    }

    /// How much of `meter` it takes; zero for a meter it does not name.
    #[must_use]
    pub fn amount(&self, meter: &Meter) -> Amount {
        self.iter().find(|(held, _)| *held == meter).map_or(Amount::ZERO, |(_, amount)| amount)
    }

    /// Its meters and amounts, sorted by meter, none of them zero.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Meter, Amount)> {
        self.parts.iter().map(|(meter, amount)| (meter, *amount))
    }

    /// Whether it takes nothing of any meter.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.parts.is_empty()
    }

    /// Both costs together.
    ///
    /// # Errors
    ///
    /// When the sum breaks a bound of [`Cost`].
    pub fn plus(&self, other: &Self) -> Result<Self, CostError> {
        other.iter().try_fold(self.clone(), |sum, (meter, amount)| {
            // Two amounts within bounds are far from overflowing.
            let total = sum.amount(meter).checked_add(amount).unwrap_or(Amount::MAX_CAP);
            sum.with(meter.clone(), total)
        })
    }

    /// What is left of this cost after `other`; `None` when `other` takes more of some meter.
    #[must_use]
    pub fn checked_minus(&self, other: &Self) -> Option<Self> {
        let covers = other.iter().all(|(meter, amount)| amount <= self.amount(meter));
        covers.then(|| self.minus_saturating(other))
    }

    /// What is left of this cost after `other`, nothing where `other` takes more.
    #[must_use]
    pub fn minus_saturating(&self, other: &Self) -> Self {
        let left = |(meter, amount): &mut (Meter, Amount)| {
            *amount = amount.saturating_sub(other.amount(meter));
            !amount.is_zero()
        };
        let mut rest = self.clone();
        rest.parts.retain(left);
        rest
    }
}

impl FromStr for Cost {
    type Err = CostError;

    fn from_str(text: &str) -> Result<Self, CostError> {
        let mut cost = Self::none();
        let mut named = SmallVec::<[Meter; MAX_METERS]>::new();
        for part in text.split(SEPARATOR) {
            let (meter, amount) = parse_part(part)?;
            if named.contains(&meter) {
                return Err(CostError(Reason::NamedTwice(meter)));
            }
            if named.len() == MAX_METERS {
                return Err(CostError(Reason::TooManyMeters));
            }
            named.push(meter.clone());
            cost = cost.with(meter, amount)?;
        }
        Ok(cost)
    }
}

/// One amount with its meter: `$0.01`, `0.01 usd`, `300 tokens`.
fn parse_part(text: &str) -> Result<(Meter, Amount), CostError> {
    parse_measured(text, Amount::MAX_OPERATION)
}

/// An amount with its meter, of at most `most`.
pub(crate) fn parse_measured(text: &str, most: Amount) -> Result<(Meter, Amount), CostError> {
    let meter = if text.contains('$') {
        Meter::USD
    } else {
        let (_, name) =
            text.rsplit_once(' ').ok_or_else(|| CostError(Reason::NotAPart(Quoted::new(text))))?;
        Meter::new(name)?
    };
    let amount = meter.parse_up_to(most, text)?;
    Ok((meter, amount))
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return Written { meter: &Meter::USD, amount: Amount::ZERO }.fmt(f);
        }
        for (place, (meter, amount)) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(SEPARATOR)?;
            }
            Written { meter, amount }.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Cost);

/// Why something is not a cost. Its text says what was wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct CostError(Reason);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Amount(AmountError),
    #[error(transparent)]
    Meter(MeterError),
    #[error("{0} is not a number and its meter; write such as `$0.01`, `0.01 usd` or `300 tokens`")]
    NotAPart(Quoted),
    #[error("the meter `{0}` is named twice; name each meter once")]
    NamedTwice(Meter),
    #[error("a cost names at most {MAX_METERS} meters")]
    TooManyMeters,
}

impl From<AmountError> for CostError {
    fn from(error: AmountError) -> Self {
        Self(Reason::Amount(error))
    }
}

impl From<MeterError> for CostError {
    fn from(error: MeterError) -> Self {
        Self(Reason::Meter(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_built_in_meters_take_no_heap() {
        let two = Cost::requests(1).plus(&crate::usd!(0.01).into()).unwrap();
        assert!(!two.parts.spilled());
        assert!(two.plus(&Cost::tokens(1)).unwrap().parts.spilled());
    }
}
