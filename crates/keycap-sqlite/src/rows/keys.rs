//! Issued keys: digests, never secrets.

use keycap_base::Timestamp;
use keycap_verify::{
    Digest, DisplayPrefix, ExpirySetting, Insertion, KeyId, KeyPage, KeyRecord, Owner, Page,
    Revocation,
};
use rusqlite::{Connection, Params, Row, params};

use super::{bound, from_json, json, read};
use crate::StoreError;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, digest, display_prefix, owner, account, scopes, labels, created_at,
                expires_at, revoked_at, last_used_at
            FROM keys ",
            $end
        )
    };
}

/// Nothing happens when the id or the digest is taken.
const INSERT: &str = "INSERT INTO keys (id, digest, display_prefix, owner, account, scopes, labels,
        created_at, expires_at, revoked_at, last_used_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT DO NOTHING";

const BY_DIGEST: &str = select!("WHERE digest = ?1");

const BY_ID: &str = select!("WHERE id = ?1");

const OF_OWNER: &str = select!("WHERE owner = ?1 AND id > ?2 ORDER BY id LIMIT ?3");

const IS_THERE: &str = "SELECT 1 FROM keys WHERE id = ?1";

const REVOKE: &str = "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";

const SET_EXPIRY: &str = "UPDATE keys SET expires_at = ?2 WHERE id = ?1";

const TOUCH: &str = "UPDATE keys SET last_used_at = ?2
    WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";

#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[INSERT, BY_DIGEST, BY_ID, OF_OWNER, IS_THERE, REVOKE, SET_EXPIRY, TOUCH];

/// Adds a key; never changes one.
pub(crate) fn insert(connection: &Connection, key: &KeyRecord) -> Result<Insertion, StoreError> {
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        key.id.to_string(),
        key.digest.as_bytes(),
        key.display_prefix.as_ref().map(DisplayPrefix::as_str),
        key.owner.as_str(),
        &*key.account,
        json(&key.scopes)?,
        json(&key.labels)?,
        key.created_at.as_millis(),
        key.expires_at.map(Timestamp::as_millis),
        key.revoked_at.map(Timestamp::as_millis),
        key.last_used_at.map(Timestamp::as_millis),
    ])?;
    Ok(if inserted == 0 { Insertion::Duplicate } else { Insertion::Inserted })
}

pub(crate) fn by_digest(
    connection: &Connection,
    digest: &Digest,
) -> Result<Option<KeyRecord>, StoreError> {
    find(connection, BY_DIGEST, [digest.as_bytes()])
}

pub(crate) fn by_id(connection: &Connection, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
    find(connection, BY_ID, [id.to_string()])
}

/// Revokes a key; the first revocation's time stays.
pub(crate) fn revoke(
    connection: &Connection,
    id: &KeyId,
    at: Timestamp,
) -> Result<Revocation, StoreError> {
    let mut revoke = connection.prepare_cached(REVOKE)?;
    Ok(match revoke.execute(params![id.to_string(), at.as_millis()])? {
        0 if is_there(connection, id)? => Revocation::AlreadyRevoked,
        0 => Revocation::Unknown,
        _ => Revocation::Revoked,
    })
}

pub(crate) fn set_expiry(
    connection: &Connection,
    id: &KeyId,
    expires_at: Option<Timestamp>,
) -> Result<ExpirySetting, StoreError> {
    let mut set = connection.prepare_cached(SET_EXPIRY)?;
    let set = set.execute(params![id.to_string(), expires_at.map(Timestamp::as_millis)])?;
    Ok(if set == 0 { ExpirySetting::Unknown } else { ExpirySetting::Set })
}

/// One page of an owner's keys, by id.
pub(crate) fn of_owner(
    connection: &Connection,
    owner: &Owner,
    page: Page,
) -> Result<KeyPage, StoreError> {
    // Every id sorts after the empty text.
    let after = page.begins_after().map_or_else(String::new, |id| id.to_string());
    let mut select = connection.prepare_cached(OF_OWNER)?;
    let page_and_one = bound(page.size().saturating_add(1));
    let found = select.query_and_then(params![owner.as_str(), after, page_and_one], key)?;
    Ok(KeyPage::cut(page, found.collect::<Result<_, _>>()?))
}

/// Notes when keys were last used; never moves a time back.
pub(crate) fn touch(
    connection: &Connection,
    last_used: &[(KeyId, Timestamp)],
) -> Result<(), StoreError> {
    let mut touch = connection.prepare_cached(TOUCH)?;
    for (id, at) in last_used {
        touch.execute(params![id.to_string(), at.as_millis()])?;
    }
    Ok(())
}

fn is_there(connection: &Connection, id: &KeyId) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached(IS_THERE)?.exists([id.to_string()])?)
}

fn find(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<KeyRecord>, StoreError> {
    let mut find = connection.prepare_cached(sql)?;
    find.query_and_then(params, key)?.next().transpose()
}

fn key(row: &Row<'_>) -> Result<KeyRecord, StoreError> {
    let instant = |column| -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = row.get(column)?;
        Ok(millis.map(Timestamp::from_millis))
    };
    let (id, owner): (String, String) = (row.get(0)?, row.get(3)?);
    let display_prefix: Option<String> = row.get(2)?;
    Ok(KeyRecord {
        id: read(&id, str::parse)?,
        digest: Digest::from_bytes(row.get(1)?),
        display_prefix: display_prefix.map(|text| read(&text, DisplayPrefix::new)).transpose()?,
        owner: read(&owner, str::parse)?,
        account: row.get(4)?,
        scopes: from_json(row, 5)?,
        labels: from_json(row, 6)?,
        created_at: Timestamp::from_millis(row.get(7)?),
        expires_at: instant(8)?,
        revoked_at: instant(9)?,
        last_used_at: instant(10)?,
    })
}
