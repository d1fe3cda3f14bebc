//! The schema and the steps that lead to it. Steps go forward only; what has been released never
//! changes.

use keycap_base::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::StoreError;

/// Says in the file's header that it is ours: the bytes `KCAP`.
pub(crate) const APPLICATION_ID: u32 = 0x4b43_4150;

/// What leads from each version to the next; the first one from an empty file to version 1.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// The version this code reads and writes.
pub(crate) const NEWEST: u32 = {
    assert!(STEPS.len() < 1_000, "a version fits its field");
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    {
        STEPS.len() as u32
    }
};

/// The recorded version; zero for an empty file.
pub(crate) fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Takes the steps that are missing, each in a transaction that also records it.
pub(crate) fn migrate(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    take(connection, STEPS, now)
}

fn take(connection: &mut Connection, steps: &[&str], now: Timestamp) -> Result<(), StoreError> {
    let done = version(connection)?;
    for (version, step) in (1_u32..).zip(steps).filter(|(version, _)| *version > done) {
        let step_on = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version == 1 {
            step_on.pragma_update(None, "application_id", APPLICATION_ID)?;
            step_on.execute_batch(
                "CREATE TABLE migrations (version INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT",
            )?;
        }
        step_on.execute_batch(step)?;
        record(&step_on, version, now)?;
        step_on.commit()?;
    }
    Ok(())
}

fn record(step: &Transaction<'_>, version: u32, now: Timestamp) -> Result<(), StoreError> {
    step.pragma_update(None, "user_version", version)?;
    step.execute(
        "INSERT INTO migrations (version, at) VALUES (?1, ?2)",
        (version, now.as_millis()),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(connection: &Connection) -> Vec<(u32, i64)> {
        let mut all = connection.prepare("SELECT version, at FROM migrations ORDER BY 1").unwrap();
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn missing_steps_are_taken_once_and_recorded() {
        let mut connection = Connection::open_in_memory().unwrap();
        let at = Timestamp::from_millis;
        let steps = ["CREATE TABLE one (x)", "CREATE TABLE two (x)", "CREATE TABLE three (x)"];
        take(&mut connection, &steps[..2], at(10)).unwrap();
        take(&mut connection, &steps[..2], at(20)).unwrap();
        assert_eq!(
            (version(&connection).unwrap(), recorded(&connection)),
            (2, vec![(1, 10), (2, 10)])
        );
        take(&mut connection, &steps, at(30)).unwrap();
        assert_eq!(recorded(&connection), [(1, 10), (2, 10), (3, 30)]);
        connection.execute("INSERT INTO three VALUES (1)", []).unwrap();
    }

    #[test]
    fn a_step_that_fails_leaves_no_trace() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE one (x)", "CREATE TABLE two (x); CREATE TABLE one (x)"];
        assert!(take(&mut connection, &steps, Timestamp::EPOCH).is_err());
        assert_eq!((version(&connection).unwrap(), recorded(&connection).len()), (1, 1));
        assert!(connection.execute("INSERT INTO two VALUES (1)", []).is_err());
    }
}
