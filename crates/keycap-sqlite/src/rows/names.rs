//! Accounts have numbers, so that rows that name them stay small.

use hashbrown::HashMap;
use keycap_budget::AccountId;
use rusqlite::{Connection, OptionalExtension as _};

use crate::StoreError;

/// The most accounts whose numbers are remembered; beyond it the memory starts anew.
const MAX_NAMES: usize = 65_536;

const NUMBER: &str = "SELECT number FROM accounts WHERE id = ?1";

const ID: &str = "SELECT id FROM accounts WHERE number = ?1";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[NUMBER, ID];

/// Remembers which account has which number. A number is given once and stays.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<AccountId, i64>,
    ids: HashMap<i64, AccountId>,
}

impl Names {
    /// Forgets everything, such as numbers that were given and not committed.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.ids.clear();
    }

    /// Notes a number.
    pub(super) fn note(&mut self, id: &AccountId, number: i64) {
        if self.ids.len() >= MAX_NAMES {
            self.clear();
        }
        self.numbers.insert(id.clone(), number);
        self.ids.insert(number, id.clone());
    }

    /// The account's number, if it has one.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        id: &AccountId,
    ) -> Result<Option<i64>, StoreError> {
        if let Some(number) = self.numbers.get(id) {
            return Ok(Some(*number));
        }
        let mut find = connection.prepare_cached(NUMBER)?;
        let number: Option<i64> = find.query_row([id.as_str()], |row| row.get(0)).optional()?;
        if let Some(number) = number {
            self.note(id, number);
        }
        Ok(number)
    }

    /// The number of an account that must have one.
    pub(super) fn number(
        &mut self,
        connection: &Connection,
        id: &AccountId,
    ) -> Result<i64, StoreError> {
        let unknown = || StoreError::damaged(format!("account {id} has no row"));
        self.find(connection, id)?.ok_or_else(unknown)
    }

    /// The account of a number that must stand for one.
    pub(super) fn id(
        &mut self,
        connection: &Connection,
        number: i64,
    ) -> Result<AccountId, StoreError> {
        if let Some(id) = self.ids.get(&number) {
            return Ok(id.clone());
        }
        let mut find = connection.prepare_cached(ID)?;
        let text: Option<String> = find.query_row([number], |row| row.get(0)).optional()?;
        let text = text.ok_or_else(|| StoreError::damaged(format!("no account {number}")))?;
        let id = super::read(&text, str::parse)?;
        self.note(&id, number);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_names_is_bounded() {
        let mut names = Names::default();
        let last = i64::try_from(MAX_NAMES).unwrap();
        for number in 0..last {
            names.note(&AccountId::new(number.to_string()).unwrap(), number);
        }
        assert_eq!((names.ids.len(), names.numbers.len()), (MAX_NAMES, MAX_NAMES));
        names.note(&AccountId::new("one-more").unwrap(), last);
        assert_eq!((names.ids.len(), names.numbers.len()), (1, 1));
    }
}
