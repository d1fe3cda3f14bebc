//! Opening: the lock, what kind of file it is, the schema, and the dead predecessor's holds.

mod connect;
mod file;
mod ground;
mod lock;

use std::io;
use std::path::{Path, PathBuf};

use keycap_budget::{Books, Operation, Outcome, Progress, Sweep};
use rusqlite::Connection;

pub(crate) use self::connect::reader;
pub(crate) use self::ground::Ground;
use self::lock::Lock;
use crate::error::Reason;
use crate::rows::Rows;
use crate::shelf::SqlShelf;
use crate::writer::Desk;
use crate::{OpenError, Options, SqliteStore, StoreError, schema};

/// Opens the database at `path`.
pub(crate) async fn open(path: &Path, options: Options) -> Result<SqliteStore, OpenError> {
    let given = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        let path = file::resolve(&given)?;
        let desk = take_over(&path, &options)?;
        SqliteStore::start(path, desk, &options)
    });
    opening.await.unwrap_or_else(|_| {
        Err(OpenError::Database { path: path.to_owned(), source: Reason::Panicked.into() })
    })
}

/// Becomes the process that writes.
fn take_over(path: &Path, options: &Options) -> Result<Desk, OpenError> {
    file::check_names(path)?;
    // Looked at before the lock so that a file of somebody else gets no lock file beside it, and
    // again once nobody can be creating it. Not while this very process may be writing: closing a
    // file gives up all POSIX locks of a process on it, those of its SQLite connections too
    // (<https://www.sqlite.org/howtocorrupt.html>).
    if !Lock::may_be_held(path) {
        file::check(path)?;
    }
    let lock = Lock::take(path, options.lock_wait)?;
    file::check(path)?;
    let broken = |source| OpenError::Database { path: path.to_owned(), source };
    let mut connection = connect::writer(path, options).map_err(broken)?;
    check_writable(path, &connection)?;
    check_version(path, &connection)?;
    schema::migrate(&mut connection, options.clock.now()).map_err(broken)?;
    connect::write_ahead(&connection, options).map_err(broken)?;
    let shelf = SqlShelf::new(Rows::new(connection));
    let books = Books::new(shelf, options.retention);
    let mut desk = Desk::new(books, options.clock.clone(), Ground::new(path, lock));
    end_holds(&mut desk).map_err(broken)?;
    Ok(desk)
}

/// SQLite opens what it may not write for reading, and says so only at the first write.
fn check_writable(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let readonly = connection.is_readonly("main").map_err(StoreError::from);
    match readonly.map_err(|source| OpenError::Database { path: path.to_owned(), source })? {
        false => Ok(()),
        true => {
            let denied = io::Error::new(io::ErrorKind::PermissionDenied, "it cannot be written");
            Err(OpenError::File { path: path.to_owned(), source: denied })
        }
    }
}

fn check_version(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let path = || -> PathBuf { path.to_owned() };
    let version = schema::version(connection);
    let found = version.map_err(|source| OpenError::Database { path: path(), source })?;
    match found {
        ..=schema::NEWEST => Ok(()),
        found => Err(OpenError::NewerSchema { path: path(), found, known: schema::NEWEST }),
    }
}

/// Ends every open hold by its policy: the lock proves that their owners are dead.
fn end_holds(desk: &mut Desk) -> Result<(), StoreError> {
    let everyone = Operation::Sweep(Sweep::OwnersExcept(Vec::new()));
    loop {
        desk.begin()?;
        let swept = desk.apply(std::slice::from_ref(&everyone))?;
        desk.commit()?;
        let more = Outcome::Swept { holds: keycap_budget::MAX_SWEEP, progress: Progress::More };
        if swept != [Ok(more)] {
            return Ok(());
        }
    }
}
