//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

/// Why a store could not be opened, or could not write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another store of this one, works on the database.
    #[error(
        "the database {} is in use by another process; stop that one (or its sqlite3 shell), or give each daemon a \
         state directory of its own", path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The directory is missing, or it or a file in it cannot be written.
    #[error(
        "the state directory or database {} cannot be written: {source}; create it and let the daemon's user write to it",
        path.display()
    )]
    NotWritable {
        /// What cannot be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is something else. It was not touched.
    #[error("{} is no database of Pushcai: {detail}; it was left as it is, name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        detail: String,
    },
    /// The database was written by a later version. It was not touched.
    #[error(
        "the database {} has schema version {found}, this program knows up to {known}; it was left as it is, run the \
         program that wrote it or a later one", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest version known here.
        known: u32,
    },
    /// The database is damaged. It was not touched.
    #[error(
        "the database {} is damaged: {detail}; it was left as it is, restore a copy or move it away to start afresh",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// Where and how.
        detail: String,
    },
    /// A change contradicts what is written down. Only the transaction that holds it is at fault.
    #[error("a change cannot be applied: {detail}")]
    Change {
        /// Which and why.
        detail: String,
    },
    /// There is no room on the file system, or the database has reached its bound.
    #[error("there is no room for the database: {detail}; nothing was written, free some space")]
    Full {
        /// What `SQLite` says.
        detail: String,
    },
    /// Anything else that the file system or `SQLite` reports.
    #[error("the database failed while {doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What it says.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Whether the fault lies with the changes of one transaction, so that others of its group can be written.
    pub const fn is_change(&self) -> bool {
        matches!(self, Self::Change { .. })
    }

    /// What `SQLite` reported while `doing` something to an open database.
    pub(crate) fn while_doing(doing: &'static str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match source.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                Self::Change {
                    detail: format!("{doing}: {source}"),
                }
            }
            Some(ErrorCode::DiskFull) => Self::Full {
                detail: format!("{doing}: {source}"),
            },
            _ => Self::Sqlite { doing, source },
        }
    }
}
