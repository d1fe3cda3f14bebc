//! The table of keys that the application had before Keycap, and the query it has for it.
//!
//! The table is the application's: it hashes its keys with SHA-256 and writes the digest as
//! hexadecimal digits. Keycap never writes here and never sees more of a key than its digest.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keycap::{Digest, Identity, Scopes, Subject, Timestamp};
use rusqlite::{Connection, OpenFlags, Row};

/// The first part of every subject of this table: `shop::acme`.
pub(crate) const PROVIDER: &str = "shop";

/// How long a look-up waits while somebody writes: less than a gate gives a verification.
const BUSY_WAIT: Duration = Duration::from_secs(2);

const FIND: &str = "SELECT id, customer, scopes, expires_at, revoked_at
    FROM api_keys WHERE sha256 = ?1";

/// Whatever keeps the table from answering.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The table, by the file it is in.
#[derive(Clone)]
pub(crate) struct ApiKeys(pub(crate) Arc<PathBuf>);

/// A row.
pub(crate) struct ApiKey {
    id: i64,
    customer: Subject,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl ApiKeys {
    /// The key with this digest. Blocks.
    ///
    /// The file is opened anew each time, read-only: a look-up is rare, so this costs nothing that
    /// matters, needs no lock, and notices when the file was replaced or taken away.
    pub(crate) fn find(&self, digest: &Digest) -> Result<Option<ApiKey>, Fault> {
        let table = Connection::open_with_flags(&*self.0, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        table.busy_timeout(BUSY_WAIT)?;
        let mut query = table.prepare(FIND)?;
        let mut rows = query.query([digest.to_hex()])?;
        rows.next()?.map(ApiKey::read).transpose()
    }
}

impl ApiKey {
    /// A row that makes no sense is a fault, not a key that never expires.
    fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let instant = |column| {
            let seconds: Option<i64> = row.get(column)?;
            let millis = seconds.map(|seconds| seconds.saturating_mul(1_000));
            Ok::<_, rusqlite::Error>(millis.map(Timestamp::from_millis))
        };
        let (customer, scopes): (String, String) = (row.get("customer")?, row.get("scopes")?);
        Ok(Self {
            id: row.get("id")?,
            customer: Subject::new(PROVIDER, &customer)?,
            scopes: Scopes::literal(scopes.split(' ')),
            expires_at: instant("expires_at")?,
            revoked_at: instant("revoked_at")?,
        })
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// What Keycap may know of the key. The customer is the subject, so all keys of one customer spend
    /// from one budget; a template could give each key, by its id, a budget of its own.
    pub(crate) fn identity(self, now: Timestamp) -> Identity {
        let mut identity = Identity::new(self.customer, now);
        identity.key_id = Some(self.id.to_string().into());
        identity.scopes = self.scopes;
        identity.expires_at = self.expires_at;
        identity
    }
}
