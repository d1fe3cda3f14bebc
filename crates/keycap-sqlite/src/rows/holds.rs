//! Holds.

use keycap_base::Timestamp;
use keycap_budget::{
    AccountId, ChargeId, Claim, Hold, HoldId, HoldState, Leg, OnExpiry, OwnerId, Sweep,
};
use rusqlite::{Connection, Params, Row, params};

use super::pack::{Packer, Unpacker, unknown};
use super::{Names, Rows, bound};
use crate::StoreError;

macro_rules! select {
    ($end:literal) => {
        concat!("SELECT root, id, owner, expires_at, body FROM holds ", $end)
    };
}

const FIND: &str = select!("WHERE root = ?1 AND id = ?2");

const PUT: &str = "INSERT INTO holds (root, id, owner, expires_at, kept_from, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT DO UPDATE SET
        owner = excluded.owner, expires_at = excluded.expires_at, kept_from = excluded.kept_from,
        body = excluded.body";

/// For a hold whose other columns stay: the indexes over them need not be touched.
const PUT_BODY: &str = "UPDATE holds SET body = ?3 WHERE root = ?1 AND id = ?2";

const NEWEST: &str = "SELECT max(id) FROM holds WHERE root = ?1";

const DROP: &str = "DELETE FROM holds WHERE root = ?1 AND id = ?2";

const EXPIRED: &str =
    select!("WHERE kept_from IS NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2");

/// Open holds of the owners between two living ones.
const OF_OWNERS: &str =
    select!("WHERE kept_from IS NULL AND owner > ?1 AND owner < ?2 ORDER BY owner LIMIT ?3");

const ENDED: &str =
    select!("WHERE kept_from IS NOT NULL AND kept_from < ?1 ORDER BY kept_from LIMIT ?2");

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND, PUT, PUT_BODY, NEWEST, DROP, EXPIRED, OF_OWNERS, ENDED];

impl Rows {
    pub(crate) fn hold(
        &mut self,
        root: &AccountId,
        id: HoldId,
    ) -> Result<Option<Hold>, StoreError> {
        let Self { connection, names } = self;
        let Some(root) = names.find(connection, root)? else { return Ok(None) };
        let mut find = connection.prepare_cached(FIND)?;
        let mut found = find.query(params![root, id.as_bytes()])?;
        found.next()?.map(|row| hold(row, names, connection)).transpose()
    }

    /// Writes a hold over what the database is known to have, if that is known.
    pub(crate) fn put_hold(
        &mut self,
        hold: &Hold,
        written: Option<&Hold>,
    ) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let root = names.number(connection, &hold.root)?;
        if written.is_some_and(|written| columns(written) == columns(hold)) {
            let body = body(hold, names, connection)?;
            connection.prepare_cached(PUT_BODY)?.execute(params![
                root,
                hold.id.as_bytes(),
                body
            ])?;
            return Ok(());
        }
        connection.prepare_cached(PUT)?.execute(params![
            root,
            hold.id.as_bytes(),
            owner(hold.owner),
            hold.expires_at.as_millis(),
            hold.kept_from().map(Timestamp::as_millis),
            body(hold, names, connection)?,
        ])?;
        Ok(())
    }

    /// The newest id under this root.
    pub(crate) fn newest_hold(&mut self, root: &AccountId) -> Result<Option<HoldId>, StoreError> {
        self.newest(NEWEST, root, HoldId::from_bytes)
    }

    pub(crate) fn drop_hold(&mut self, root: &AccountId, id: HoldId) -> Result<(), StoreError> {
        let Self { connection, names } = self;
        let root = names.number(connection, root)?;
        connection.prepare_cached(DROP)?.execute(params![root, id.as_bytes()])?;
        Ok(())
    }

    /// Open holds that a sweep ends: by expiry, or by owner.
    pub(crate) fn open_holds(
        &mut self,
        sweep: &Sweep,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Hold>, StoreError> {
        match sweep {
            Sweep::Expired => self.select_holds(EXPIRED, params![now.as_millis(), bound(most)]),
            Sweep::OwnersExcept(living) => self.holds_except(living, most),
        }
    }

    /// Open holds of the owners before, between and after the living ones.
    fn holds_except(&mut self, living: &[OwnerId], most: usize) -> Result<Vec<Hold>, StoreError> {
        // No owner's id is all zeros or all ones: both are of another version of UUID.
        let mut bounds = vec![[0; 16], [0xff; 16]];
        bounds.extend(living.iter().map(|id| *id.as_bytes()));
        bounds.sort_unstable();
        let mut holds = Vec::new();
        for (above, below) in bounds.iter().zip(bounds.iter().skip(1)) {
            let left = most.saturating_sub(holds.len());
            holds.extend(self.select_holds(OF_OWNERS, params![above, below, bound(left)])?);
        }
        Ok(holds)
    }

    /// Holds whose retention counts from before `instant`, oldest first.
    pub(crate) fn ended_holds(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Hold>, StoreError> {
        self.select_holds(ENDED, params![instant.as_millis(), bound(most)])
    }

    /// Every hold, by root and id.
    pub(crate) fn holds(&mut self) -> Result<Vec<Hold>, StoreError> {
        let mut all = self.select_holds(select!(""), [])?;
        all.sort_by(|one, other| (&one.root, one.id).cmp(&(&other.root, other.id)));
        Ok(all)
    }

    fn select_holds(&mut self, sql: &str, params: impl Params) -> Result<Vec<Hold>, StoreError> {
        let Self { connection, names } = self;
        let mut select = connection.prepare_cached(sql)?;
        let mut found = select.query(params)?;
        let mut holds = Vec::new();
        while let Some(row) = found.next()? {
            holds.push(hold(row, names, connection)?);
        }
        Ok(holds)
    }
}

/// What the indexes are over.
fn columns(hold: &Hold) -> (OwnerId, Timestamp, Option<Timestamp>) {
    (hold.owner, hold.expires_at, hold.kept_from())
}

fn owner(owner: OwnerId) -> [u8; 16] {
    *owner.as_bytes()
}

fn body(hold: &Hold, names: &mut Names, connection: &Connection) -> Result<Vec<u8>, StoreError> {
    let mut row = Packer::new(names, connection);
    row.account(&hold.account)?;
    row.chain(&hold.chain)?;
    pack_claim(&mut row, &hold.claim);
    row.cost(&hold.granted);
    row.instant(hold.opened_at);
    row.byte(match hold.on_expiry {
        OnExpiry::Capture => 0,
        OnExpiry::Release => 1,
    });
    row.option(hold.exposure, Packer::amount);
    row.count(hold.legs.len());
    for leg in &hold.legs {
        row.account(&leg.account)?;
        row.limit(&leg.limit);
        row.instant(leg.start);
        row.amount(leg.amount);
        row.amount(leg.captured);
    }
    pack_state(&mut row, hold.state);
    row.option(hold.ended_at, Packer::instant);
    Ok(row.finish())
}

fn hold(found: &Row<'_>, names: &mut Names, connection: &Connection) -> Result<Hold, StoreError> {
    let root = names.id(connection, found.get(0)?)?;
    let id = super::read_id(found, 1, HoldId::from_bytes)?;
    let owner = super::read_id(found, 2, OwnerId::from_bytes)?;
    let bytes = found.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
    let mut row = Unpacker::new(bytes, names, connection)?;
    let hold = Hold {
        id,
        root,
        owner,
        expires_at: Timestamp::from_millis(found.get(3)?),
        account: row.account()?,
        chain: row.chain()?,
        claim: claim(&mut row)?,
        granted: row.cost()?,
        opened_at: row.instant()?,
        on_expiry: match row.byte()? {
            0 => OnExpiry::Capture,
            1 => OnExpiry::Release,
            other => return Err(unknown("way to end a hold", other)),
        },
        exposure: row.option(Unpacker::amount)?,
        legs: row.list(leg)?,
        state: state(&mut row)?,
        ended_at: row.option(Unpacker::instant)?,
    };
    row.finish()?;
    Ok(hold)
}

fn leg(row: &mut Unpacker<'_>) -> Result<Leg, StoreError> {
    Ok(Leg {
        account: row.account()?,
        limit: row.limit()?,
        start: row.instant()?,
        amount: row.amount()?,
        captured: row.amount()?,
    })
}

fn pack_claim(row: &mut Packer<'_>, claim: &Claim) {
    match claim {
        Claim::Chain(cost) => {
            row.byte(0);
            row.cost(cost);
        }
        Claim::Room(cost) => {
            row.byte(1);
            row.cost(cost);
        }
        Claim::Limit(limit, amount) => {
            row.byte(2);
            row.limit(limit);
            row.amount(*amount);
        }
    }
}

fn claim(row: &mut Unpacker<'_>) -> Result<Claim, StoreError> {
    Ok(match row.byte()? {
        0 => Claim::Chain(row.cost()?),
        1 => Claim::Room(row.cost()?),
        2 => Claim::Limit(row.limit()?, row.amount()?),
        other => return Err(unknown("claim", other)),
    })
}

fn pack_state(row: &mut Packer<'_>, state: HoldState) {
    let (byte, end) = match state {
        HoldState::Open => (0, None),
        HoldState::Released => (1, None),
        HoldState::Captured => (2, None),
        HoldState::Settled { by, folded } => (3, Some((by, folded))),
        HoldState::Replaced { by, folded } => (4, Some((by, folded))),
    };
    row.byte(byte);
    if let Some((by, folded)) = end {
        row.raw(by.as_bytes());
        row.amount(folded);
    }
}

fn state(row: &mut Unpacker<'_>) -> Result<HoldState, StoreError> {
    let by = |row: &mut Unpacker<'_>| {
        let id = ChargeId::from_bytes(row.raw()?);
        id.map_err(|error| StoreError::damaged(error.to_string()))
    };
    Ok(match row.byte()? {
        0 => HoldState::Open,
        1 => HoldState::Released,
        2 => HoldState::Captured,
        3 => HoldState::Settled { by: by(row)?, folded: row.amount()? },
        4 => HoldState::Replaced { by: by(row)?, folded: row.amount()? },
        other => return Err(unknown("state of a hold", other)),
    })
}
