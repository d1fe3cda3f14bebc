//! Counters.

use keycap_base::Timestamp;
use keycap_budget::{Counter, CounterKey};
use rusqlite::{Row, params};

use super::{Names, Rows, amount, bound, limit_key};
use crate::StoreError;

const FIND: &str = "SELECT spent, held, carried, uncovered FROM counters
    WHERE account = ?1 AND meter = ?2 AND period = ?3 AND start = ?4";

const PUT: &str = "INSERT INTO counters
        (account, meter, period, start, keep_until, spent, held, carried, uncovered)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT DO UPDATE SET
        spent = excluded.spent, held = excluded.held, carried = excluded.carried,
        uncovered = excluded.uncovered";

const DROP: &str = "DELETE FROM counters
    WHERE account = ?1 AND meter = ?2 AND period = ?3 AND start = ?4";

/// `held = 0` is what the partial index covers.
const STALE: &str = "SELECT account, meter, period, start FROM counters
    WHERE held = 0 AND keep_until IS NOT NULL AND keep_until <= ?1
    ORDER BY keep_until LIMIT ?2";

const ALL: &str = "SELECT account, meter, period, start, spent, held, carried, uncovered
    FROM counters";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND, PUT, DROP, STALE];

impl Rows {
    pub(crate) fn counter(&mut self, key: &CounterKey) -> Result<Option<Counter>, StoreError> {
        let Self { connection, names } = self;
        let Some(account) = names.find(connection, &key.account)? else { return Ok(None) };
        let mut find = connection.prepare_cached(FIND)?;
        let (meter, period) = (key.limit.meter.name(), key.limit.period.to_string());
        let mut found = find.query(params![account, meter, period, key.start.as_millis()])?;
        found.next()?.map(|row| counter(row, 0)).transpose()
    }

    pub(crate) fn put_counter(
        &mut self,
        key: &CounterKey,
        counter: &Counter,
    ) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        connection.prepare_cached(PUT)?.execute(params![
            names.number(connection, &key.account)?,
            key.limit.meter.name(),
            key.limit.period.to_string(),
            key.start.as_millis(),
            key.retained_until().map(Timestamp::as_millis),
            counter.spent.units(),
            counter.held.units(),
            counter.carried.units(),
            counter.uncovered.units(),
        ])?;
        Ok(())
    }

    pub(crate) fn drop_counter(&mut self, key: &CounterKey) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let account = names.number(connection, &key.account)?;
        let (meter, period) = (key.limit.meter.name(), key.limit.period.to_string());
        let mut forget = connection.prepare_cached(DROP)?;
        forget.execute(params![account, meter, period, key.start.as_millis()])?;
        Ok(())
    }

    /// Counters that nothing holds and that need not be kept at `now`, oldest first.
    pub(crate) fn stale_counters(
        &mut self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<CounterKey>, StoreError> {
        let Self { connection, names } = self;
        let mut find = connection.prepare_cached(STALE)?;
        let mut found = find.query(params![now.as_millis(), bound(most)])?;
        let mut keys = Vec::new();
        while let Some(row) = found.next()? {
            keys.push(key(row, names, connection)?);
        }
        Ok(keys)
    }

    /// Every counter, by key.
    pub(crate) fn counters(&mut self) -> Result<Vec<(CounterKey, Counter)>, StoreError> {
        let Self { connection, names } = self;
        let mut all = connection.prepare(ALL)?;
        let mut found = all.query([])?;
        let mut counters = Vec::new();
        while let Some(row) = found.next()? {
            counters.push((key(row, names, connection)?, counter(row, 4)?));
        }
        counters.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(counters)
    }
}

/// The key, from the first four columns.
fn key(
    row: &Row<'_>,
    names: &mut Names,
    connection: &rusqlite::Connection,
) -> Result<CounterKey, StoreError> {
    let (meter, period): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(CounterKey {
        account: names.id(connection, row.get(0)?)?,
        limit: limit_key(&meter, &period)?,
        start: Timestamp::from_millis(row.get(3)?),
    })
}

/// The counter, from four columns.
fn counter(row: &Row<'_>, first: usize) -> Result<Counter, StoreError> {
    Ok(Counter {
        spent: amount(row.get(first)?)?,
        held: amount(row.get(first + 1)?)?,
        carried: amount(row.get(first + 2)?)?,
        uncovered: amount(row.get(first + 3)?)?,
    })
}
