//! Refunds.

use keycap_budget::{AccountId, ChargeId, Refund};
use rusqlite::{Connection, Row, params};

use super::pack::{Packer, Unpacker};
use super::{Names, Rows};
use crate::StoreError;

const FIND: &str = "SELECT id, charge, body FROM refunds WHERE root = ?1 AND id = ?2";

const PUT: &str = "INSERT INTO refunds (root, id, charge, body) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET charge = excluded.charge, body = excluded.body";

const ALL: &str = "SELECT id, charge, body, root FROM refunds";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND, PUT];

impl Rows {
    pub(crate) fn refund(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Refund>, StoreError> {
        let Self { connection, names } = self;
        let Some(root) = names.find(connection, root)? else { return Ok(None) };
        let mut find = connection.prepare_cached(FIND)?;
        let mut found = find.query(params![root, id.as_bytes()])?;
        found.next()?.map(|row| refund(row, names, connection)).transpose()
    }

    pub(crate) fn put_refund(
        &mut self,
        root: &AccountId,
        refund: &Refund,
    ) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let root = names.number(connection, root)?;
        let mut row = Packer::new(names, connection);
        row.account(&refund.account)?;
        row.cost(&refund.cost);
        row.instant(refund.at);
        connection.prepare_cached(PUT)?.execute(params![
            root,
            refund.id.as_bytes(),
            refund.charge.as_bytes(),
            row.finish(),
        ])?;
        Ok(())
    }

    /// Every refund, by root and id.
    pub(crate) fn refunds(&mut self) -> Result<Vec<Refund>, StoreError> {
        let Self { connection, names } = self;
        let mut all = connection.prepare(ALL)?;
        let mut found = all.query([])?;
        let mut refunds = Vec::new();
        while let Some(row) = found.next()? {
            let root = names.id(connection, row.get(3)?)?;
            refunds.push((root, refund(row, names, connection)?));
        }
        refunds.sort_by(|one, other| (&one.0, one.1.id).cmp(&(&other.0, other.1.id)));
        Ok(refunds.into_iter().map(|(_, refund)| refund).collect())
    }
}

fn refund(
    found: &Row<'_>,
    names: &mut Names,
    connection: &Connection,
) -> Result<Refund, StoreError> {
    let id = super::read_id(found, 0, ChargeId::from_bytes)?;
    let charge = super::read_id(found, 1, ChargeId::from_bytes)?;
    let bytes = found.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    let mut row = Unpacker::new(bytes, names, connection)?;
    let (account, cost, at) = (row.account()?, row.cost()?, row.instant()?);
    row.finish()?;
    Ok(Refund { id, charge, account, cost, at })
}
