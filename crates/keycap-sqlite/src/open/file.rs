//! What kind of file stands where the database is to be, told from its first bytes alone: opening
//! somebody else's database with SQLite could already change it.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::OpenError;
use crate::schema::APPLICATION_ID;

/// The header of an SQLite database: <https://www.sqlite.org/fileformat.html#the_database_header>.
const HEADER: usize = 100;
/// What it begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where the application id stands in it, big-endian.
const APPLICATION_ID_AT: usize = 68;

/// The one path of the file, however it was named, so that two names share one lock.
pub(super) fn resolve(given: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::File { path: given.to_owned(), source };
    match given.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        resolved => return resolved.map_err(failed),
    }
    let name = given.file_name().ok_or_else(|| failed(ErrorKind::InvalidFilename.into()))?;
    let directory = match given.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    Ok(directory.canonicalize().map_err(failed)?.join(name))
}

/// Refuses a file that has a second name: each name would have a lock and a log of its own.
pub(super) fn check_names(path: &Path) -> Result<(), OpenError> {
    // A directory has many names by nature; what it is not is told when it is read.
    let file = path.metadata().ok().filter(Metadata::is_file);
    match file.map_or(1, |metadata| names(&metadata)) {
        ..=1 => Ok(()),
        names => Err(OpenError::Linked { path: path.to_owned(), names }),
    }
}

#[cfg(unix)]
fn names(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

/// Elsewhere the library does not tell.
#[cfg(not(unix))]
fn names(_metadata: &Metadata) -> u64 {
    1
}

/// Refuses a file that is not ours. One that is empty, or not there, will be.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let header = match read_header(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        header => header.map_err(failed)?,
    };
    if header.is_empty() || is_unfinished(path, &header) {
        return Ok(());
    }
    let id = header.get(APPLICATION_ID_AT..).and_then(|rest| rest.first_chunk());
    match id.copied().map(u32::from_be_bytes).filter(|_| header.starts_with(MAGIC)) {
        Some(APPLICATION_ID) => Ok(()),
        Some(application_id) => Err(OpenError::Foreign { path: path.to_owned(), application_id }),
        None => Err(OpenError::NotADatabase { path: path.to_owned() }),
    }
}

fn read_header(path: &Path) -> io::Result<Vec<u8>> {
    let mut header = Vec::with_capacity(HEADER);
    let most = u64::try_from(HEADER).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut header)?;
    Ok(header)
}

/// Whether a crash in the middle of creating it left pages but no first one. The journal beside it
/// makes SQLite start over.
fn is_unfinished(path: &Path, header: &[u8]) -> bool {
    header.iter().all(|byte| *byte == 0) && beside(path, "-journal").exists()
}

/// The file beside `path` with this added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_of_one_file_are_one_path() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        let direct = resolve(&directory.path().join("k.db")).unwrap();
        assert_eq!(resolve(&inside.join("../k.db")).unwrap(), direct);
        std::fs::write(&direct, "").unwrap();
        assert_eq!(resolve(&inside.join("../k.db")).unwrap(), direct);
    }

    #[test]
    fn a_path_without_a_place_is_refused() {
        for wrong in ["", "/", "..", "/no/such/directory/k.db"] {
            let refused = resolve(Path::new(wrong)).and_then(|path| check(&path));
            assert!(matches!(refused, Err(OpenError::File { .. })), "{wrong:?}: {refused:?}");
        }
    }

    #[test]
    fn a_directory_is_not_said_to_be_linked() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("inside")).unwrap();
        let refused = check_names(directory.path()).and_then(|()| check(directory.path()));
        assert!(matches!(refused, Err(OpenError::File { .. })), "{refused:?}");
    }

    #[test]
    fn pages_without_a_first_one_are_ours_only_with_a_journal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.db");
        std::fs::write(&path, [0; 8_192]).unwrap();
        assert!(matches!(check(&path), Err(OpenError::NotADatabase { .. })));
        std::fs::write(beside(&path, "-journal"), "").unwrap();
        assert!(check(&path).is_ok());
    }
}
