//! What the application did before Keycap came: made a table, and issued keys.
//!
//! Only for trying the example out. An application that has such a table needs none of this.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS api_keys (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE, -- of the key, as 64 hexadecimal digits
    customer TEXT NOT NULL,
    scopes TEXT NOT NULL,        -- separated by spaces
    expires_at INTEGER,          -- seconds since 1970
    revoked_at INTEGER
)";

const INSERT: &str = "INSERT INTO api_keys (sha256, customer, scopes, expires_at, revoked_at)
    VALUES (?1, ?2, ?3, ?4, ?5)";

/// The keys that were issued. Only their digests are in the table.
pub(crate) struct Issued {
    pub(crate) good: String,
    pub(crate) revoked: String,
    pub(crate) expired: String,
}

/// Makes the table if there is none, and issues three keys if it is empty.
pub(crate) fn issue(file: &Path) -> anyhow::Result<Option<Issued>> {
    let mut table = Connection::open(file).context("open the table of keys")?;
    table.execute(CREATE, []).context("make the table of keys")?;
    let rows: i64 = table.query_one("SELECT count(*) FROM api_keys", [], |row| row.get(0))?;
    if rows > 0 {
        return Ok(None);
    }
    let issued = Issued { good: random()?, revoked: random()?, expired: random()? };
    let long_ago = Some(1_600_000_000_i64);
    let all = table.transaction()?;
    let insert = |key: &str, expires_at: Option<i64>, revoked_at: Option<i64>| {
        all.execute(INSERT, params![sha256(key), "acme", "chat", expires_at, revoked_at])
    };
    insert(&issued.good, None, None)?;
    insert(&issued.revoked, None, long_ago)?;
    insert(&issued.expired, long_ago, None)?;
    all.commit()?;
    Ok(Some(issued))
}

/// A key as this application writes its own.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(format!("shop_{}", hex(&bytes)))
}

fn sha256(key: &str) -> String {
    hex(&Sha256::digest(key))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
