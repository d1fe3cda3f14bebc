//! How the parts of a row that nobody searches by are packed into bytes.
//!
//! Whole numbers are LEB128 (negative ones zigzag), texts end with a byte that UTF-8 never has, and
//! accounts are their numbers. The first byte names the layout, so that another can follow.

use std::fmt::Display;
use std::io::Write as _;

use keycap_base::{Labels, Timestamp};
use keycap_budget::{AccountId, Amount, Cost, LimitKey, Meter};
use rusqlite::Connection;

use super::Names;
use crate::StoreError;

/// The layout written today.
const LAYOUT: u8 = 1;

/// Ends a text: no byte of UTF-8 is this one.
const END: u8 = 0xff;

/// Packs one row.
pub(super) struct Packer<'a> {
    bytes: Vec<u8>,
    names: &'a mut Names,
    connection: &'a Connection,
}

/// Unpacks one row.
pub(super) struct Unpacker<'a> {
    bytes: &'a [u8],
    names: &'a mut Names,
    connection: &'a Connection,
}

impl<'a> Packer<'a> {
    pub(super) fn new(names: &'a mut Names, connection: &'a Connection) -> Self {
        let mut bytes = Vec::with_capacity(192);
        bytes.push(LAYOUT);
        Self { bytes, names, connection }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        loop {
            let low = (number & 0x7f).to_le_bytes()[0];
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(super) fn amount(&mut self, amount: Amount) {
        self.number(amount.units().unsigned_abs());
    }

    pub(super) fn instant(&mut self, instant: Timestamp) {
        let millis = instant.as_millis();
        self.number(((millis << 1) ^ (millis >> 63)).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.raw(text.as_bytes());
        self.byte(END);
    }

    /// A text that is printed in place.
    fn printed(&mut self, text: impl Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.bytes, "{text}");
        self.byte(END);
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, pack: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            pack(self, value);
        }
    }

    pub(super) fn account(&mut self, id: &AccountId) -> Result<(), StoreError> {
        let number = self.names.number(self.connection, id)?;
        self.number(number.cast_unsigned());
        Ok(())
    }

    pub(super) fn chain(&mut self, chain: &[AccountId]) -> Result<(), StoreError> {
        self.count(chain.len());
        chain.iter().try_for_each(|id| self.account(id))
    }

    pub(super) fn limit(&mut self, limit: &LimitKey) {
        self.text(limit.meter.name());
        self.printed(&limit.period);
    }

    pub(super) fn cost(&mut self, cost: &Cost) {
        self.count(cost.iter().len());
        for (meter, amount) in cost.iter() {
            self.text(meter.name());
            self.amount(amount);
        }
    }

    pub(super) fn labels(&mut self, labels: &Labels) {
        self.count(labels.len());
        for (key, value) in labels {
            self.text(key);
            self.text(value);
        }
    }
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(
        bytes: &'a [u8],
        names: &'a mut Names,
        connection: &'a Connection,
    ) -> Result<Self, StoreError> {
        match bytes.split_first() {
            Some((&LAYOUT, bytes)) => Ok(Self { bytes, names, connection }),
            Some((other, _)) => Err(StoreError::damaged(format!("a row of layout {other}"))),
            None => Err(StoreError::damaged("an empty row")),
        }
    }

    /// Says that everything was read.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        match self.bytes {
            [] => Ok(()),
            more => Err(StoreError::damaged(format!("{} bytes too many in a row", more.len()))),
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        let (byte, rest) = self.bytes.split_first().ok_or_else(cut_short)?;
        self.bytes = rest;
        Ok(*byte)
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or_else(cut_short)?;
        self.bytes = rest;
        Ok(*bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            let placed = low << shift;
            if placed >> shift != low {
                break;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(StoreError::damaged("a number with too many digits"))
    }

    pub(super) fn list<T>(
        &mut self,
        mut unpack: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let count = self.number()?;
        (0..count).map(|_| unpack(self)).collect()
    }

    pub(super) fn option<T>(
        &mut self,
        unpack: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.byte()? {
            0 => Ok(None),
            1 => unpack(self).map(Some),
            other => Err(unknown("option", other)),
        }
    }

    pub(super) fn amount(&mut self) -> Result<Amount, StoreError> {
        super::amount(self.number()?.cast_signed())
    }

    pub(super) fn instant(&mut self) -> Result<Timestamp, StoreError> {
        let zigzag = self.number()?;
        let millis = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        Ok(Timestamp::from_millis(millis))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, StoreError> {
        let end = self.bytes.iter().position(|byte| *byte == END).ok_or_else(cut_short)?;
        let (text, rest) = self.bytes.split_at_checked(end).ok_or_else(cut_short)?;
        self.bytes = rest;
        self.byte()?;
        std::str::from_utf8(text).map_err(|_| StoreError::damaged("a text that is not UTF-8"))
    }

    pub(super) fn account(&mut self) -> Result<AccountId, StoreError> {
        let number = self.number()?;
        self.names.id(self.connection, number.cast_signed())
    }

    pub(super) fn chain(&mut self) -> Result<Vec<AccountId>, StoreError> {
        self.list(Self::account)
    }

    pub(super) fn limit(&mut self) -> Result<LimitKey, StoreError> {
        let (meter, period) = (self.text()?, self.text()?);
        super::limit_key(meter, period)
    }

    pub(super) fn cost(&mut self) -> Result<Cost, StoreError> {
        let parts = self.list(|row| Ok((super::read(row.text()?, Meter::new)?, row.amount()?)))?;
        parts
            .into_iter()
            .try_fold(Cost::none(), |cost, (meter, amount)| cost.with(meter, amount))
            .map_err(|error| StoreError::damaged(error.to_string()))
    }

    pub(super) fn labels(&mut self) -> Result<Labels, StoreError> {
        let labels = self.list(|row| Ok((row.text()?, row.text()?)))?;
        Labels::of(labels).map_err(|error| StoreError::damaged(error.to_string()))
    }
}

fn cut_short() -> StoreError {
    StoreError::damaged("a row that ends too early")
}

/// A byte that stands for nothing known.
pub(super) fn unknown(what: &str, byte: u8) -> StoreError {
    StoreError::damaged(format!("{byte} is no {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few by default; as many as `PROPTEST_CASES` says otherwise.
    fn runs() -> ProptestConfig {
        match std::env::var_os("PROPTEST_CASES") {
            Some(_) => ProptestConfig::default(),
            None => ProptestConfig::with_cases(64),
        }
    }

    /// What is read back of what was packed, and whether all of it was read.
    fn unpacked<T>(
        pack: impl FnOnce(&mut Packer<'_>),
        unpack: impl Fn(&mut Unpacker<'_>) -> Result<T, StoreError>,
    ) -> T {
        let (mut names, connection) = (Names::default(), Connection::open_in_memory().unwrap());
        let mut row = Packer::new(&mut names, &connection);
        pack(&mut row);
        let bytes = row.finish();
        for shorter in 0..bytes.len() {
            let cut = Unpacker::new(&bytes[..shorter], &mut names, &connection);
            assert!(cut.and_then(|mut row| unpack(&mut row)).is_err(), "cut to {shorter} bytes");
        }
        let mut row = Unpacker::new(&bytes, &mut names, &connection).unwrap();
        let value = unpack(&mut row).unwrap();
        row.finish().unwrap();
        value
    }

    proptest! {
        #![proptest_config(runs())]

        #[test]
        fn numbers_instants_and_texts_read_as_they_were_written(
            number: u64, millis: i64, text: String, option: Option<u32>,
        ) {
            let instant = Timestamp::from_millis(millis);
            let amount = option.map(Amount::from_units);
            let read = unpacked(
                |row| {
                    row.number(number);
                    row.instant(instant);
                    row.text(&text);
                    row.option(amount, Packer::amount);
                },
                |row| {
                    let text = |row: &mut Unpacker<'_>| row.text().map(str::to_owned);
                    Ok((row.number()?, row.instant()?, text(row)?, row.option(Unpacker::amount)?))
                },
            );
            prop_assert_eq!(read, (number, instant, text, amount));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let (mut names, connection) = (Names::default(), Connection::open_in_memory().unwrap());
            let bytes = [&[LAYOUT], &*bytes].concat();
            let mut row = Unpacker::new(&bytes, &mut names, &connection).unwrap();
            let _ = row.labels().and_then(|_| row.cost()).and_then(|_| row.limit());
        }
    }

    #[test]
    fn the_ends_of_the_numbers_fit() {
        for number in [0, 0x7f, 0x80, u64::MAX] {
            assert_eq!(unpacked(|row| row.number(number), |row| row.number()), number);
        }
        for millis in [i64::MIN, -1, 0, 1, i64::MAX] {
            let instant = Timestamp::from_millis(millis);
            assert_eq!(unpacked(|row| row.instant(instant), |row| row.instant()), instant);
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        let (mut names, connection) = (Names::default(), Connection::open_in_memory().unwrap());
        let mut bytes = vec![LAYOUT];
        bytes.extend([0xff; 9]);
        for (last, fits) in [(1, true), (2, false)] {
            bytes.truncate(10);
            bytes.push(last);
            let mut row = Unpacker::new(&bytes, &mut names, &connection).unwrap();
            assert_eq!(row.number().is_ok(), fits, "{last}");
        }
    }

    #[test]
    fn bytes_that_are_left_over_are_refused() {
        let (mut names, connection) = (Names::default(), Connection::open_in_memory().unwrap());
        let row = Unpacker::new(&[LAYOUT, 0], &mut names, &connection).unwrap();
        assert!(row.finish().is_err());
        assert!(Unpacker::new(&[LAYOUT + 1], &mut names, &connection).is_err());
        assert!(Unpacker::new(&[], &mut names, &connection).is_err());
    }
}
