//! What is counted.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::amount::{Amount, AmountError};
use crate::text::{Quoted, serde_as_text};
use crate::{decimal, usd};

/// The longest name of a meter, in bytes.
pub const MAX_METER_NAME: usize = 32;

/// What is counted: `usd`, `tokens`, `requests`, `credits`, or the application's own.
///
/// A name is one lower-case letter followed by at most 31 lower-case letters, digits, `_`, `.` or
/// `-`. Meters compare, sort, hash and serialise as their names. `usd` is counted in nanodollars,
/// every other meter in whole units.
///
/// ```
/// use keycap_budget::{Amount, Meter};
///
/// let pages: Meter = "pages".parse()?;
/// assert_eq!(pages.format(Amount::from_units(3)), "3 pages");
/// assert_eq!("usd".parse::<Meter>()?, Meter::USD);
/// assert_eq!(Meter::USD.format(Amount::from_units(12_500_000)), "$0.0125");
/// # Ok::<(), keycap_budget::MeterError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Meter(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Usd,
    Tokens,
    Requests,
    Credits,
    /// A checked name that is none of the above.
    Custom(Arc<str>),
}

impl Meter {
    /// Dollars, counted in nanodollars.
    pub const USD: Self = Self(Kind::Usd);
    /// Tokens of a language model.
    pub const TOKENS: Self = Self(Kind::Tokens);
    /// Requests.
    pub const REQUESTS: Self = Self(Kind::Requests);
    /// Credits of the application.
    pub const CREDITS: Self = Self(Kind::Credits);

    /// The meter of that name.
    ///
    /// # Errors
    ///
    /// When `name` is not a meter's name.
    pub fn new(name: &str) -> Result<Self, MeterError> {
        Ok(Self(match name {
            "usd" => Kind::Usd,
            "tokens" => Kind::Tokens,
            "requests" => Kind::Requests,
            "credits" => Kind::Credits,
            other if is_name(other) => Kind::Custom(other.into()),
            other => return Err(MeterError(Quoted::new(other))),
        }))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Usd => "usd",
            Kind::Tokens => "tokens",
            Kind::Requests => "requests",
            Kind::Credits => "credits",
            Kind::Custom(name) => name,
        }
    }

    /// How many decimals an amount has when written: 9 for `usd`, otherwise 0.
    #[must_use]
    pub const fn decimals(&self) -> u32 {
        match self.0 {
            Kind::Usd => usd::DECIMALS,
            _ => 0,
        }
    }

    /// `amount` as text, exactly: `$0.01` for `usd`, otherwise such as `300 tokens`.
    #[must_use]
    pub fn format(&self, amount: Amount) -> String {
        self.written(amount).to_string()
    }

    /// The same without a text of its own, for what is written into a larger one.
    pub fn written(&self, amount: Amount) -> impl fmt::Display {
        Written { meter: self, amount }
    }

    /// Reads an amount of this meter, up to [`Amount::MAX_CAP`]: `$0.05`, `0.05 usd` or `0.05` for
    /// `usd`; `300 tokens` or `300` for `tokens`.
    ///
    /// ```
    /// use keycap_budget::{Amount, Meter};
    ///
    /// assert_eq!(Meter::USD.parse_amount("0.05")?, Amount::new(50_000_000)?);
    /// assert!(Meter::TOKENS.parse_amount("1.5").is_err());
    /// # Ok::<(), keycap_budget::AmountError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `text` is not exactly such an amount.
    pub fn parse_amount(&self, text: &str) -> Result<Amount, AmountError> {
        self.parse_up_to(Amount::MAX_CAP, text)
    }

    pub(crate) fn parse_up_to(&self, most: Amount, text: &str) -> Result<Amount, AmountError> {
        let amount = match &self.0 {
            Kind::Usd => usd::parse(text.as_bytes(), most),
            _ => decimal::parse(self.strip_name(text).as_bytes(), 0, most),
        };
        amount.map_err(|fault| AmountError::unreadable(text, self, fault, most))
    }

    fn strip_name<'a>(&self, text: &'a str) -> &'a str {
        text.strip_suffix(self.name()).and_then(|number| number.strip_suffix(' ')).unwrap_or(text)
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_METER_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
}

/// An amount on its meter, as people write it.
pub(crate) struct Written<'a> {
    pub(crate) meter: &'a Meter,
    pub(crate) amount: Amount,
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meter.0 {
            Kind::Usd => usd::write(f, self.amount),
            _ => write!(f, "{} {}", self.amount.units(), self.meter),
        }
    }
}

impl Ord for Meter {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl PartialOrd for Meter {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Meter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl FromStr for Meter {
    type Err = MeterError;

    fn from_str(name: &str) -> Result<Self, MeterError> {
        Self::new(name)
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

serde_as_text!(Meter);

/// A text that is not a meter's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not the name of a meter: write a lower-case letter, then up to 31 of a-z, 0-9, `_`, `.` and `-`"
)]
pub struct MeterError(Quoted);
