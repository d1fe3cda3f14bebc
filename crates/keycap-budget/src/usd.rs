//! Dollars: how they are written, and constants of them checked at compile time.

use std::fmt;
use std::str::FromStr;

use crate::amount::{Amount, AmountError};
use crate::cost::Cost;
use crate::decimal::{self, Fault};
use crate::meter::Meter;
use crate::text::serde_as_text;

/// Decimals of a dollar that are counted: nanodollars.
pub(crate) const DECIMALS: u32 = 9;

/// Decimals of a dollar that are always written, and the most that are.
const LEAST_DECIMALS: usize = 2;
const MOST_DECIMALS: usize = DECIMALS as usize;

/// Nanodollars in a dollar.
const DOLLAR: i64 = 10_i64.pow(DECIMALS);

/// Reads `$0.01`, `0.01 usd` or `0.01` as nanodollars, at most `most`.
pub(crate) const fn parse(text: &[u8], most: Amount) -> Result<Amount, Fault> {
    let number = match text {
        [b'$', number @ ..] | [number @ .., b' ', b'u', b's', b'd'] => number,
        number => number,
    };
    decimal::parse(number, DECIMALS, most)
}

/// Writes `amount` exactly, with at least two decimals and no needless zeros after them.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, amount: Amount) -> fmt::Result {
    let nanos = amount.units();
    let (mut decimals, mut count) = (nanos % DOLLAR, MOST_DECIMALS);
    while count > LEAST_DECIMALS && decimals % 10 == 0 {
        decimals /= 10;
        count -= 1;
    }
    write!(f, "${}.{decimals:0count$}", nanos / DOLLAR)
}

/// A number of dollars that one operation may take: $0.00 to $1000000.00, in nanodollars.
///
/// Written in code with [`usd!`](crate::usd!).
///
/// ```
/// use keycap_budget::{Cost, Usd, usd};
///
/// const PRICE: Usd = usd!(0.0125);
/// assert_eq!(PRICE.to_string(), "$0.0125");
/// assert_eq!(Cost::from(PRICE), "$0.0125".parse::<Cost>()?);
/// # Ok::<(), keycap_budget::CostError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(Amount);

impl Usd {
    /// Nanodollars, as an amount of [`Meter::USD`].
    #[must_use]
    pub const fn amount(self) -> Amount {
        self.0
    }

    /// What [`usd!`](crate::usd!) calls with the source text of its literal.
    #[doc(hidden)]
    #[must_use]
    #[expect(clippy::panic, reason = "evaluated by the compiler only, which reports it")]
    pub const fn from_literal(source: &str) -> Self {
        let text = match source.as_bytes() {
            [b'"', text @ .., b'"'] | text => text,
        };
        match parse(text, Amount::MAX_OPERATION) {
            Ok(amount) => Self(amount),
            Err(Fault::TooFine) => panic!("a dollar has at most 9 decimals"),
            Err(Fault::TooLarge) => panic!("one operation takes at most $1000000.00"),
            Err(fault) => panic!("{}", fault.advice()),
        }
    }
}

impl FromStr for Usd {
    type Err = AmountError;

    /// Reads `$0.01`, `0.01 usd` or `0.01`.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        Meter::USD.parse_up_to(Amount::MAX_OPERATION, text).map(Self)
    }
}

impl From<Usd> for Cost {
    fn from(usd: Usd) -> Self {
        Self::within_bounds(Meter::USD, usd.0)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

serde_as_text!(Usd);

/// A constant number of dollars, exact and checked by the compiler: [`Usd`](crate::Usd).
///
/// Takes a number or a string literal, by the rule that [`Cost`](crate::Cost) reads `usd` with.
///
/// ```
/// use keycap_budget::usd;
///
/// assert_eq!(usd!(0.01), usd!("$0.01"));
/// assert_eq!(usd!(3).to_string(), "$3.00");
/// ```
///
/// What does not fit exactly does not compile:
///
/// ```compile_fail
/// keycap_budget::usd!(0.0000000001);
/// ```
/// ```compile_fail
/// keycap_budget::usd!(-1);
/// ```
/// ```compile_fail
/// keycap_budget::usd!(1e-2);
/// ```
/// ```compile_fail
/// keycap_budget::usd!(1000000.01);
/// ```
/// ```compile_fail
/// keycap_budget::usd!("1,000");
/// ```
#[macro_export]
macro_rules! usd {
    ($dollars:literal) => {{
        // An item, unlike a `const` block, is evaluated by `cargo check` too.
        const DOLLARS: $crate::Usd = $crate::Usd::from_literal(::core::stringify!($dollars));
        DOLLARS
    }};
}
