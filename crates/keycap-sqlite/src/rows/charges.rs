//! Charges.

use std::sync::{Arc, LazyLock};

use keycap_base::Timestamp;
use keycap_budget::{AccountId, Charge, ChargeId, ChargeLeg, Fit};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Params, Row, params};

use super::pack::{Packer, Unpacker, unknown};
use super::{Names, Rows, bound};
use crate::StoreError;

const FIND: &str = "SELECT root, id, account, body FROM charges WHERE root = ?1 AND id = ?2";

const PUT: &str = "INSERT INTO charges (root, id, account, kept_from, body)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET body = excluded.body";

/// How many rows one statement adds, where there are as many.
const MANY: usize = 32;

static ADD: LazyLock<String> = LazyLock::new(|| add(1));

static ADD_MANY: LazyLock<String> = LazyLock::new(|| add(MANY));

/// Adds so many rows. If it fails the whole transaction is undone, so the statement need not be able to
/// undo itself: getting ready for that would take longer than adding the rows.
fn add(rows: usize) -> String {
    let rows = vec!["(?, ?, ?, ?, ?)"; rows].join(", ");
    format!("INSERT OR FAIL INTO charges (root, id, account, kept_from, body) VALUES {rows}")
}

const NEWEST: &str = "SELECT max(id) FROM charges WHERE root = ?1";

const DROP: &str = "DELETE FROM charges WHERE root = ?1 AND id = ?2";

const DROP_REFUNDS: &str = "DELETE FROM refunds WHERE root = ?1 AND charge = ?2";

const OLD: &str = "SELECT root, id, account, body FROM charges
    WHERE kept_from < ?1 ORDER BY kept_from LIMIT ?2";

const OF_ACCOUNT: &str = "SELECT root, id, account, body FROM charges
    WHERE account = ?1 ORDER BY id DESC LIMIT ?2";

const OF_ACCOUNT_BEFORE: &str = "SELECT root, id, account, body FROM charges
    WHERE account = ?1 AND id < ?3 ORDER BY id DESC LIMIT ?2";

#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[FIND, PUT, NEWEST, DROP, DROP_REFUNDS, OLD, OF_ACCOUNT, OF_ACCOUNT_BEFORE];

impl Rows {
    pub(crate) fn charge(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Charge>, StoreError> {
        let Self { connection, names } = self;
        let Some(root) = names.find(connection, root)? else { return Ok(None) };
        let mut find = connection.prepare_cached(FIND)?;
        let mut found = find.query(params![root, id.as_bytes()])?;
        found.next()?.map(|row| charge(row, names, connection)).transpose()
    }

    pub(crate) fn put_charge(&mut self, charge: &Charge) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let (root, account) =
            (names.number(connection, &charge.root)?, names.number(connection, &charge.account)?);
        connection.prepare_cached(PUT)?.execute(params![
            root,
            charge.id.as_bytes(),
            account,
            charge.kept_from().as_millis(),
            body(charge, names, connection)?,
        ])?;
        Ok(())
    }

    /// Adds charges whose ids are new.
    pub(crate) fn add_charges(&mut self, charges: &[Arc<Charge>]) -> Result<(), StoreError> {
        let (many, few) = charges.as_chunks::<MANY>();
        for rows in many {
            self.add(&ADD_MANY, rows)?;
        }
        few.iter().try_for_each(|row| self.add(&ADD, std::slice::from_ref(row)))
    }

    fn add(&mut self, sql: &str, charges: &[Arc<Charge>]) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let mut add = connection.prepare_cached(sql)?;
        let mut place = 0;
        let mut bind = |value: ToSqlOutput<'_>| {
            place += 1;
            add.raw_bind_parameter(place, value)
        };
        for charge in charges {
            bind(names.number(connection, &charge.root)?.into())?;
            bind(charge.id.as_bytes().as_slice().into())?;
            bind(names.number(connection, &charge.account)?.into())?;
            bind(charge.kept_from().as_millis().into())?;
            bind(body(charge, names, connection)?.into())?;
        }
        add.raw_execute()?;
        Ok(())
    }

    /// The newest id under this root.
    pub(crate) fn newest_charge(
        &mut self,
        root: &AccountId,
    ) -> Result<Option<ChargeId>, StoreError> {
        self.newest(NEWEST, root, ChargeId::from_bytes)
    }

    /// Forgets a charge and its refunds.
    pub(crate) fn drop_charge(&mut self, root: &AccountId, id: ChargeId) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let root = names.number(connection, root)?;
        for sql in [DROP_REFUNDS, DROP] {
            connection.prepare_cached(sql)?.execute(params![root, id.as_bytes()])?;
        }
        Ok(())
    }

    /// Charges whose retention counts from before `instant`, oldest first.
    pub(crate) fn old_charges(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Charge>, StoreError> {
        self.select_charges(OLD, params![instant.as_millis(), bound(most)])
    }

    /// The account's own charges, newest id first.
    pub(crate) fn charges_of(
        &mut self,
        account: &AccountId,
        before: Option<ChargeId>,
        most: usize,
    ) -> Result<Vec<Charge>, StoreError> {
        let Some(account) = self.names.find(&self.connection, account)? else {
            return Ok(Vec::new());
        };
        match before {
            None => self.select_charges(OF_ACCOUNT, params![account, bound(most)]),
            Some(id) => {
                let bounds = params![account, bound(most), id.as_bytes()];
                self.select_charges(OF_ACCOUNT_BEFORE, bounds)
            }
        }
    }

    /// Every charge, by root and id.
    pub(crate) fn charges(&mut self) -> Result<Vec<Charge>, StoreError> {
        let mut all = self.select_charges("SELECT root, id, account, body FROM charges", [])?;
        all.sort_by(|one, other| (&one.root, one.id).cmp(&(&other.root, other.id)));
        Ok(all)
    }

    fn select_charges(
        &mut self,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<Charge>, StoreError> {
        let Self { connection, names } = self;
        let mut select = connection.prepare_cached(sql)?;
        let mut found = select.query(params)?;
        let mut charges = Vec::new();
        while let Some(row) = found.next()? {
            charges.push(charge(row, names, connection)?);
        }
        Ok(charges)
    }
}

fn body(
    charge: &Charge,
    names: &mut Names,
    connection: &Connection,
) -> Result<Vec<u8>, StoreError> {
    let mut row = Packer::new(names, connection);
    row.instant(charge.at);
    row.chain(&charge.chain)?;
    row.cost(&charge.cost);
    row.labels(&charge.tags);
    row.count(charge.legs.len());
    for leg in &charge.legs {
        row.account(&leg.account)?;
        row.limit(&leg.limit);
        row.instant(leg.start);
        row.amount(leg.amount);
        row.amount(leg.uncovered);
        row.amount(leg.refunded);
    }
    row.cost(&charge.refunded);
    row.byte(match charge.fit {
        Fit::Within => 0,
        Fit::Over => 1,
    });
    row.option(charge.folded, Packer::amount);
    Ok(row.finish())
}

fn charge(
    found: &Row<'_>,
    names: &mut Names,
    connection: &Connection,
) -> Result<Charge, StoreError> {
    let root = names.id(connection, found.get(0)?)?;
    let account = names.id(connection, found.get(2)?)?;
    let id = super::read_id(found, 1, ChargeId::from_bytes)?;
    let bytes = found.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    let mut row = Unpacker::new(bytes, names, connection)?;
    let charge = Charge {
        id,
        account,
        root,
        at: row.instant()?,
        chain: row.chain()?,
        cost: row.cost()?,
        tags: row.labels()?,
        legs: row.list(leg)?,
        refunded: row.cost()?,
        fit: match row.byte()? {
            0 => Fit::Within,
            1 => Fit::Over,
            other => return Err(unknown("fit", other)),
        },
        folded: row.option(Unpacker::amount)?,
    };
    row.finish()?;
    Ok(charge)
}

fn leg(row: &mut Unpacker<'_>) -> Result<ChargeLeg, StoreError> {
    Ok(ChargeLeg {
        account: row.account()?,
        limit: row.limit()?,
        start: row.instant()?,
        amount: row.amount()?,
        uncovered: row.amount()?,
        refunded: row.amount()?,
    })
}
