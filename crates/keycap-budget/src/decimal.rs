//! The one rule for reading decimal numbers, the same at compile time and at run time.
//!
//! A number is ASCII digits with at most one point between them. It is read exactly or not at all:
//! nothing is rounded, clamped or guessed.

use crate::amount::Amount;

/// Why a text is not a number that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    Negative,
    Plus,
    Exponent,
    Separator,
    Space,
    Stranger,
    SecondPoint,
    NothingBeforePoint,
    NothingAfterPoint,
    TooFine,
    TooLarge,
}

impl Fault {
    /// What is wrong and what would be right.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Empty => "there is no number; write one such as 0.01",
            Self::Negative => "an amount is never negative",
            Self::Plus => "write the number without a sign, and join amounts with \" + \"",
            Self::Exponent => "write all digits out instead of an exponent",
            Self::Separator => {
                "write the digits without separators, and the decimals after a point"
            }
            Self::Space => "write no spaces, but for one before the name of the meter",
            Self::Stranger => "only the digits 0 to 9 and one point are understood",
            Self::SecondPoint => "there is more than one point",
            Self::NothingBeforePoint => "write a digit before the point",
            Self::NothingAfterPoint => "write a digit after the point, or no point",
            Self::TooFine => "it has more decimals than the meter counts",
            Self::TooLarge => "it is too large",
        }
    }

    const fn of(byte: u8, previous: Option<u8>) -> Self {
        match byte {
            b'-' if previous.is_none() => Self::Negative,
            b'+' => Self::Plus,
            b'e' | b'E' if previous.is_some() => Self::Exponent,
            b',' | b'_' | b'\'' => Self::Separator,
            b' ' => Self::Space,
            _ => Self::Stranger,
        }
    }
}

/// Reads `text` as a count of units of 10^-`decimals`, at most `most`.
pub(crate) const fn parse(text: &[u8], decimals: u32, most: Amount) -> Result<Amount, Fault> {
    let mut units = 0;
    let mut places = None;
    let mut previous = None;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        match *byte {
            digit @ b'0'..=b'9' => match push(units, places, digit, decimals) {
                Ok(pushed) => (units, places) = pushed,
                Err(fault) => return Err(fault),
            },
            b'.' if places.is_some() => return Err(Fault::SecondPoint),
            b'.' if previous.is_none() => return Err(Fault::NothingBeforePoint),
            b'.' => places = Some(0),
            other => return Err(Fault::of(other, previous)),
        }
        previous = Some(*byte);
        rest = tail;
    }
    match previous {
        None => Err(Fault::Empty),
        Some(b'.') => Err(Fault::NothingAfterPoint),
        Some(_) => scale(units, places, decimals, most),
    }
}

/// `units` and the decimal `places` seen so far, with one more digit.
///
/// A zero past the last decimal changes nothing and is let through.
const fn push(
    units: i64,
    places: Option<u32>,
    digit: u8,
    decimals: u32,
) -> Result<(i64, Option<u32>), Fault> {
    let places = match places {
        Some(seen) if seen == decimals && digit == b'0' => return Ok((units, places)),
        Some(seen) if seen == decimals => return Err(Fault::TooFine),
        Some(seen) => Some(seen + 1),
        None => None,
    };
    match append(units, (digit - b'0') as i64) {
        Some(units) => Ok((units, places)),
        None => Err(Fault::TooLarge),
    }
}

const fn scale(
    mut units: i64,
    places: Option<u32>,
    decimals: u32,
    most: Amount,
) -> Result<Amount, Fault> {
    let mut place = match places {
        Some(seen) => seen,
        None => 0,
    };
    while place < decimals {
        units = match append(units, 0) {
            Some(units) => units,
            None => return Err(Fault::TooLarge),
        };
        place += 1;
    }
    match Amount::checked(units) {
        Some(amount) if units <= most.units() => Ok(amount),
        _ => Err(Fault::TooLarge),
    }
}

const fn append(units: i64, digit: i64) -> Option<i64> {
    match units.checked_mul(10) {
        Some(tens) => tens.checked_add(digit),
        None => None,
    }
}
