//! The rows as SQLite keeps them: one file for each kind, and no decision anywhere.
//!
//! What rows are searched by stands in columns. The rest of an account is JSON; the rest of a hold, a
//! charge or a refund, of which there are many, is packed (`pack`).

mod accounts;
mod charges;
mod counters;
mod holds;
pub(crate) mod keys;
mod names;
mod pack;
#[cfg(test)]
mod plans;
mod refunds;

use std::fmt::Display;

use keycap_base::Timestamp;
use keycap_budget::{AccountId, Amount, Horizon, LimitKey, Meter};
use rusqlite::{Connection, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::names::Names;
use crate::StoreError;

/// Rows over one connection.
#[derive(Debug)]
pub(crate) struct Rows {
    connection: Connection,
    names: Names,
}

impl Rows {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, names: Names::default() }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// What a query for the newest id under a root finds.
    fn newest<T, E: Display>(
        &mut self,
        sql: &str,
        root: &AccountId,
        id: impl FnOnce([u8; 16]) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        let Self { connection, names } = self;
        let Some(root) = names.find(connection, root)? else { return Ok(None) };
        let mut find = connection.prepare_cached(sql)?;
        let newest: Option<[u8; 16]> = find.query_row([root], |row| row.get(0))?;
        newest.map(|bytes| id_of(bytes, id)).transpose()
    }

    /// How far forgetting has come.
    pub(crate) fn horizon(&self) -> Result<Horizon, StoreError> {
        let mut find = self.connection.prepare_cached("SELECT pruned_at, ids FROM horizon")?;
        let (pruned_at, ids) = find.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Horizon {
            pruned_at: Timestamp::from_millis(pruned_at),
            ids: Timestamp::from_millis(ids),
        })
    }

    pub(crate) fn put_horizon(&self, horizon: Horizon) -> Result<(), StoreError> {
        let mut put =
            self.connection.prepare_cached("UPDATE horizon SET pruned_at = ?1, ids = ?2")?;
        put.execute([horizon.pruned_at.as_millis(), horizon.ids.as_millis()])?;
        Ok(())
    }
}

/// How many rows to ask for.
fn bound(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn amount(units: i64) -> Result<Amount, StoreError> {
    Amount::new(units).map_err(|error| StoreError::damaged(error.to_string()))
}

/// Reads a text of the database.
fn read<'a, T, E: Display>(
    text: &'a str,
    read: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<T, StoreError> {
    read(text).map_err(|error| StoreError::damaged(error.to_string()))
}

fn limit_key(meter: &str, period: &str) -> Result<LimitKey, StoreError> {
    Ok(LimitKey { meter: read(meter, Meter::new)?, period: read(period, str::parse)? })
}

/// Writes a part of a row as JSON.
fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::damaged(error.to_string()))
}

/// Reads a column of JSON.
fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    read(text, serde_json::from_str)
}

/// Reads an id from a column of sixteen bytes.
fn read_id<T, E: Display>(
    row: &Row<'_>,
    column: usize,
    id: impl FnOnce([u8; 16]) -> Result<T, E>,
) -> Result<T, StoreError> {
    id_of(row.get(column)?, id)
}

fn id_of<T, E: Display>(
    bytes: [u8; 16],
    id: impl FnOnce([u8; 16]) -> Result<T, E>,
) -> Result<T, StoreError> {
    id(bytes).map_err(|error| StoreError::damaged(error.to_string()))
}
