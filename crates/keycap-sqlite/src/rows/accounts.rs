//! Accounts.

use keycap_base::Timestamp;
use keycap_budget::{Account, AccountId, Applied, Terms};
use rusqlite::{Row, params};

use super::{Rows, from_json, json};
use crate::StoreError;

/// A root's own row names no root.
macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT account.id, parent.id, COALESCE(root.id, account.id), account.height,
                account.version, account.opened_at, account.terms, account.applied, account.number
            FROM accounts AS account
            LEFT JOIN accounts AS parent ON parent.number = account.parent
            LEFT JOIN accounts AS root ON root.number = account.root ",
            $end
        )
    };
}

const FIND: &str = select!("WHERE account.id = ?1");

const PUT: &str = "INSERT INTO accounts
        (id, parent, root, height, version, opened_at, terms, applied)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (id) DO UPDATE SET
        parent = excluded.parent, height = excluded.height, version = excluded.version,
        terms = excluded.terms, applied = excluded.applied";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND, PUT];

impl Rows {
    pub(crate) fn account(&mut self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let mut find = self.connection.prepare_cached(FIND)?;
        let mut found = find.query([id.as_str()])?;
        let Some(row) = found.next()? else { return Ok(None) };
        self.names.note(id, row.get(8)?);
        account(row).map(Some)
    }

    /// Every account, by id.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut all = self.connection.prepare(select!("ORDER BY account.id"))?;
        all.query_and_then([], account)?.collect()
    }

    /// Writes an account; a new one gets a number.
    pub(crate) fn put_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let mut number = |id| names.number(connection, id).map(Some);
        let parent = account.parent.as_ref().map_or(Ok(None), &mut number)?;
        let root = match account.root == account.id {
            true => None,
            false => number(&account.root)?,
        };
        connection.prepare_cached(PUT)?.execute(params![
            account.id.as_str(),
            parent,
            root,
            whole(account.height)?,
            whole(account.version)?,
            account.opened_at.as_millis(),
            json(&account.terms)?,
            json(&account.applied)?,
        ])?;
        Ok(())
    }
}

fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    let name = |text: String| super::read(&text, str::parse);
    let parent: Option<String> = row.get(1)?;
    let (terms, applied): (Terms, Applied) = (from_json(row, 6)?, from_json(row, 7)?);
    Ok(Account {
        id: name(row.get(0)?)?,
        parent: parent.map(name).transpose()?,
        root: name(row.get(2)?)?,
        height: unsigned(row.get(3)?)?,
        version: unsigned(row.get(4)?)?,
        opened_at: Timestamp::from_millis(row.get(5)?),
        terms: terms.shared_with(&applied.terms),
        applied,
    })
}

/// A number as SQLite keeps them.
fn whole<N: TryInto<i64>>(number: N) -> Result<i64, StoreError> {
    number.try_into().map_err(|_| StoreError::damaged("a number too large to be kept"))
}

/// A number that is never negative.
fn unsigned<N: TryFrom<i64>>(number: i64) -> Result<N, StoreError> {
    N::try_from(number).map_err(|_| StoreError::damaged(format!("{number} where a count stands")))
}
