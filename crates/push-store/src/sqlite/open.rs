//! Files: finding out what is there before anything is touched, and making what is not.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, APPLICATION_ID, MIGRATIONS};
use crate::{Durability, StoreError, StoreSettings};

/// The first octets of every `SQLite` database, and the length of its header.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_LENGTH: usize = 100;

/// The lock on the directory of a database.
#[derive(Debug)]
pub(super) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // A process that is being started may hold a copy of the descriptor for a moment more, and with it the lock.
        self.0.unlock().ok();
    }
}

/// Locks the directory of the database for this process.
pub(super) fn lock_directory(path: &Path) -> Result<DirectoryLock, StoreError> {
    let directory = directory_of(path);
    let not_writable = |source| StoreError::NotWritable {
        path: directory.to_owned(),
        source,
    };
    let file = File::open(directory).map_err(not_writable)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        // A file system without such locks still has those that SQLite takes on the database.
        Ok(()) | Err(TryLockError::Error(_)) => {
            probe_directory(path).map_err(not_writable)?;
            Ok(DirectoryLock(file))
        }
    }
}

/// Opens the database so that closing it changes no octet of it, whatever was found; makes it where there is none.
pub(super) fn open_connection(
    path: &Path,
    settings: &StoreSettings,
) -> Result<Connection, StoreError> {
    let not_writable = |source| StoreError::NotWritable {
        path: path.to_owned(),
        source,
    };
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(mut file) => {
            check_header(path, &mut file)?;
            check_length(path, &file)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(not_writable(error)),
    }
    let was_unclean = has_log(path);
    let connection = connect(path, settings).map_err(|error| explain(path, error))?;
    let version = check_version(&connection, path)?;
    if was_unclean {
        check_whole(&connection, path)?;
    }
    schema::migrate(&connection, MIGRATIONS, version).map_err(|error| explain(path, error))?;
    schema::check(&connection, path)?;
    Ok(connection)
}

/// Removes the empty log that `SQLite` makes beside a database that was then refused.
pub(super) fn leaving_no_log<T>(
    path: &Path,
    open: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let log = beside(path, "-wal");
    let had_log = log.exists();
    let result = open();
    let is_ours = !had_log && !matches!(result, Ok(_) | Err(StoreError::InUse { .. }));
    if is_ours && fs::metadata(&log).is_ok_and(|log| log.len() == 0) {
        // It is empty: what matters to the caller is why the database was refused.
        fs::remove_file(&log).ok();
    }
    result
}

/// Gives the log zeros behind its end, as many as it will have before it is used again from its start; or nothing where
/// there is no room for all. Frames are written over them without a new length of the file to sync. They are no frames
/// themselves: each of those has a page number other than 0.
pub(super) fn allocate_log(path: &Path, frames: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(beside(path, "-wal"))?;
    let length = file.metadata()?.len();
    // A commit may begin just before the bound and go beyond it.
    let frames = u64::from(frames.min(GREATEST_ALLOCATION)) * 9 / 8;
    let wanted = frames * (u64::from(PAGE_OCTETS) + 24) + 32;
    let mut zeros = io::repeat(0).take(wanted.saturating_sub(length));
    let allocated = io::copy(&mut zeros, &mut file).and_then(|_| file.sync_all());
    if allocated.is_err() {
        file.set_len(length)?;
    }
    allocated
}

/// Frames (pages) of the log that are given room beforehand at most: 16 MiB.
const GREATEST_ALLOCATION: u32 = 4_096;

/// Sets what holds while the store works: durability, and no bound or pace of the log but our own.
pub(super) fn set_for_work(
    connection: &Connection,
    settings: &StoreSettings,
) -> rusqlite::Result<()> {
    let synchronous = match settings.durability {
        Durability::PowerLoss => "FULL",
        Durability::Process => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    connection.query_row("PRAGMA journal_size_limit=-1", [], |_| Ok(()))?;
    // Reading everything has filled the cache with pages that are not needed soon.
    connection.execute_batch("PRAGMA shrink_memory")?;
    if let Some(pages) = settings.max_pages {
        bound_pages(connection, pages)?;
    }
    Ok(())
}

/// Bounds the pages of the database; one that has more keeps them.
pub(super) fn bound_pages(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))
}

/// What `SQLite` reported about a database that is being opened.
pub(super) fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path,
            detail: error.to_string(),
        },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::NotWritable {
                path,
                source: io::Error::other(error),
            }
        }
        _ => StoreError::while_doing("opening", error),
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Makes and removes a file, because permissions alone do not tell: the file system may be mounted for reading only.
fn probe_directory(path: &Path) -> io::Result<()> {
    let probe = beside(path, "-new");
    remove_if_present(&probe)?;
    File::create_new(&probe)?;
    fs::remove_file(&probe)
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Reads the header before `SQLite` does, which would recover, and so change, a database that is not ours.
fn check_header(path: &Path, file: &mut File) -> Result<(), StoreError> {
    let mut header = [0; HEADER_LENGTH];
    let foreign = |detail: String| StoreError::Foreign {
        path: path.to_owned(),
        detail,
    };
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(foreign(format!(
                "it has fewer than the {HEADER_LENGTH} octets of a database's header"
            )));
        }
        Err(source) => {
            return Err(StoreError::NotWritable {
                path: path.to_owned(),
                source,
            });
        }
    }
    if !header.starts_with(MAGIC) {
        return Err(foreign("it is no SQLite database".to_owned()));
    }
    let application = number_at(&header, 68);
    if application != APPLICATION_ID {
        return Err(foreign(format!(
            "it is the SQLite database of another program (application_id {application:#010x})"
        )));
    }
    check_known(path, number_at(&header, 60))
}

/// Whether the last end was unclean: a clean one leaves no log.
fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// A database without a log ends with a whole page.
fn check_length(path: &Path, file: &File) -> Result<(), StoreError> {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if has_log(path) || length.is_multiple_of(u64::from(PAGE_OCTETS)) {
        return Ok(());
    }
    Err(StoreError::Damaged {
        path: path.to_owned(),
        detail: format!("it ends within a page, after {length} octets"),
    })
}

fn number_at(header: &[u8; HEADER_LENGTH], offset: usize) -> u32 {
    let octets = header.get(offset..).and_then(|rest| rest.first_chunk());
    octets.copied().map_or(0, u32::from_be_bytes)
}

fn check_known(path: &Path, found: u32) -> Result<(), StoreError> {
    let known = schema::latest(MIGRATIONS);
    if found <= known {
        return Ok(());
    }
    Err(StoreError::Newer {
        path: path.to_owned(),
        found,
        known,
    })
}

/// Makes a whole database under another name, and gives it its own only then.
fn create(path: &Path) -> Result<(), StoreError> {
    let unfinished = beside(path, "-new");
    let not_writable = |source| StoreError::NotWritable {
        path: path.to_owned(),
        source,
    };
    for suffix in ["-wal", "-journal"] {
        let log = beside(path, suffix);
        if log.exists() {
            return Err(StoreError::Damaged {
                path: path.to_owned(),
                detail: format!("only its log {} is there", log.display()),
            });
        }
    }
    for leftover in ["-new", "-new-journal", "-new-wal"] {
        remove_if_present(&beside(path, leftover)).map_err(not_writable)?;
    }
    fill(&unfinished).map_err(|error| explain(path, error))?;
    fs::rename(&unfinished, path)
        .and_then(|()| File::open(directory_of(path))?.sync_all())
        .map_err(not_writable)
}

fn fill(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.query_row("PRAGMA locking_mode=EXCLUSIVE", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "page_size", PAGE_OCTETS)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    schema::migrate(&connection, MIGRATIONS, 0)?;
    // The mode is kept in the file's header; closing leaves no log behind.
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)
}

/// Octets a page of a new database.
const PAGE_OCTETS: u32 = 4_096;

fn connect(path: &Path, settings: &StoreSettings) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Only a store that is closed as such moves its log into the database: until then, and after a failure, the files
    // stay as they are.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(Duration::ZERO)?;
    // Before the first access: the index of the log is in memory then, rather than in a shared file.
    connection.query_row("PRAGMA locking_mode=EXCLUSIVE", [], |_| Ok(()))?;
    let cache_kibibytes = i64::from(settings.page_cache_octets.max(1 << 16) / 1024);
    connection.pragma_update(None, "cache_size", -cache_kibibytes)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The version as the log has it, which may be later than the header of the database.
fn check_version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let version = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| explain(path, error))?;
    check_known(path, version)?;
    Ok(version)
}

fn check_whole(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| explain(path, error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged {
        path: path.to_owned(),
        detail: verdict,
    })
}
