//! The store in one `SQLite` database.
//!
//! The database is held with an exclusive lock and a write-ahead log whose index stays in this process's memory, so a
//! commit costs the pages written and, under [`Durability::PowerLoss`], one sync of the log. The log is moved into the
//! database after the answers are out, by [`Store::maintain`], and is used again from its start.

mod batches;
mod journal;
mod open;
mod read;
mod schema;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use push_core::{Change, Snapshot};
use push_message::UnixMillis;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::{Durability, Store, StoreError, StoreSettings};
use batches::Batches;
use write::{Counters, Database, Statements};

/// A store in one `SQLite` database and its write-ahead log beside it (`-wal`).
///
/// The directory that holds the database is locked for as long as the store lives: one store a directory.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    counters: Counters,
    batches: Batches,
    /// Frames in the log after the last commit; the greatest number after one that failed.
    log_frames: Arc<AtomicU32>,
    /// Whether the log was given its room on the file system.
    log_allocated: bool,
    path: PathBuf,
    settings: StoreSettings,
    /// Declared last, so that it goes after the connection.
    _directory: open::DirectoryLock,
}

impl SqliteStore {
    /// Opens the database, or makes a new one where there is none, and reads what it holds.
    ///
    /// A database that an earlier version wrote is brought up to date. A new one appears under its name only when it is
    /// whole. After a shutdown that was not clean, the whole database is checked.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::NotWritable`], [`StoreError::Foreign`], [`StoreError::Newer`] and
    /// [`StoreError::Damaged`] as they say; the files are left as they were.
    pub fn open(path: &Path, settings: &StoreSettings) -> Result<(Self, Snapshot), StoreError> {
        let directory = open::lock_directory(path)?;
        open::leaving_no_log(path, || Self::open_locked(path, settings, directory))
    }

    fn open_locked(
        path: &Path,
        settings: &StoreSettings,
        directory: open::DirectoryLock,
    ) -> Result<(Self, Snapshot), StoreError> {
        let mut connection = open::open_connection(path, settings)?;
        let (snapshot, counters, batches) = read::read_snapshot(&connection, path)?;
        let log_frames = Arc::new(AtomicU32::new(0));
        let of_hook = Arc::clone(&log_frames);
        let ready = open::set_for_work(&connection, settings).and_then(|()| {
            connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, frames| {
                of_hook.store(u32::try_from(frames).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            }))
        });
        ready.map_err(|error| open::explain(path, error))?;
        let store = Self {
            connection,
            counters,
            batches,
            log_frames,
            log_allocated: settings.durability == Durability::Process,
            path: path.to_owned(),
            settings: settings.clone(),
            _directory: directory,
        };
        Ok((store, snapshot))
    }

    /// Runs `work` in a transaction; what fails leaves nothing behind, here or in the database.
    ///
    /// What finds no room runs again without taking batches apart, and beyond the bound on pages where it `only_removes`: to mark
    /// what is gone may need a page, and what makes room must not fail for want of it.
    fn in_transaction<T>(
        &mut self,
        only_removes: bool,
        work: impl Fn(Database<'_>, &mut Counters) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.try_transaction(true, &work);
        let bound = self.settings.max_pages.filter(|_| only_removes);
        let may_do = bound.is_some() || self.batches.are_overdue();
        if !(may_do && matches!(result, Err(StoreError::Full { .. }))) {
            return result;
        }
        let Some(bound) = bound else {
            return self.try_transaction(false, work);
        };
        let explain = |error| StoreError::while_doing("bounding the database", error);
        open::bound_pages(&self.connection, u32::MAX - 1).map_err(explain)?;
        let result = self.try_transaction(false, work);
        open::bound_pages(&self.connection, bound).map_err(explain)?;
        result
    }

    fn try_transaction<T>(
        &mut self,
        takes_apart: bool,
        work: impl Fn(Database<'_>, &mut Counters) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut counters = self.counters.clone();
        let connection = &self.connection;
        let database = Database {
            connection,
            batches: &self.batches,
            settings: &self.settings,
            takes_apart,
        };
        run(connection, "beginning a transaction", "BEGIN IMMEDIATE")?;
        let result = work(database, &mut counters).and_then(|value| {
            run(connection, "committing", "COMMIT")?;
            Ok(value)
        });
        match &result {
            Ok(_) => {
                self.batches.take_up(std::mem::take(&mut counters.staged));
                self.counters = counters;
            }
            // Where the log cannot grow, moving it into the database gives it room from its start.
            Err(error) if !error.is_change() => self.log_frames.store(u32::MAX, Ordering::Relaxed),
            Err(_) => {}
        }
        if !connection.is_autocommit() {
            run(connection, "rolling back", "ROLLBACK")?;
        }
        result
    }
}

impl Store for SqliteStore {
    fn commit(
        &mut self,
        now: UnixMillis,
        changes: &mut dyn Iterator<Item = &Change>,
    ) -> Result<(), StoreError> {
        let changes: Vec<&Change> = changes.collect();
        if changes.is_empty() {
            return Ok(());
        }
        let only_removes = changes.iter().copied().all(removes);
        self.in_transaction(only_removes, |database, counters| {
            let mut statements = Statements::new(database, counters);
            statements.apply(&mut changes.iter().copied())?;
            statements.finish(now)
        })
    }

    fn commit_each(
        &mut self,
        now: UnixMillis,
        sets: &[&[Change]],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let only_removes = sets.iter().copied().flatten().all(removes);
        self.in_transaction(only_removes, |database, counters| {
            sets.iter()
                .map(|set| commit_one(database, counters, now, set))
                .collect()
        })
    }

    fn maintain(&mut self, idle: bool) -> Result<(), StoreError> {
        if !self.log_allocated {
            self.log_allocated = true;
            // Without the room beforehand every commit works, if slower: each that makes the log longer syncs its length.
            open::allocate_log(&self.path, self.settings.checkpoint_frames).ok();
        }
        // Moving the log while nothing waits delays nobody, so it is done sooner then.
        let bound = self.settings.checkpoint_frames / if idle { 2 } else { 1 };
        if self.log_frames.load(Ordering::Relaxed) < bound.max(1) {
            return Ok(());
        }
        checkpoint(&self.connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
        self.log_frames.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        let doing = "closing";
        if self.settings.durability == Durability::Process {
            run(&self.connection, doing, "PRAGMA synchronous=FULL")?;
        }
        checkpoint(&self.connection, "PRAGMA wal_checkpoint(TRUNCATE)")?;
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .map_err(|error| StoreError::while_doing(doing, error))?;
        self.connection
            .close()
            .map_err(|(_, error)| StoreError::while_doing(doing, error))
    }
}

/// Whether a change leaves less behind than there was.
const fn removes(change: &Change) -> bool {
    match change {
        Change::RemoveRegistration(_) | Change::RemoveEvent(_) | Change::RemoveSegments(_) => true,
        Change::PutRegistration(_)
        | Change::InsertEvent(_)
        | Change::AssignEvent { .. }
        | Change::SetEventState { .. }
        | Change::PutSegment(_)
        | Change::Remember { .. } => false,
    }
}

/// Applies one set inside a savepoint. The outer failure is one of the store, the inner one of the set.
fn commit_one(
    database: Database<'_>,
    counters: &mut Counters,
    now: UnixMillis,
    set: &[Change],
) -> Result<Result<(), StoreError>, StoreError> {
    let connection = database.connection;
    let mut tried = counters.clone();
    run(connection, "setting a savepoint", "SAVEPOINT one")?;
    let mut statements = Statements::new(database, &mut tried);
    let applied = statements
        .apply(&mut set.iter())
        .and_then(|()| statements.finish(now));
    drop(statements);
    match applied {
        Ok(()) => *counters = tried,
        Err(error) if error.is_change() => {
            run(connection, "rolling back", "ROLLBACK TO one")?;
            run(connection, "releasing a savepoint", "RELEASE one")?;
            return Ok(Err(error));
        }
        Err(error) => return Err(error),
    }
    run(connection, "releasing a savepoint", "RELEASE one")?;
    Ok(Ok(()))
}

/// Runs a statement without parameters, and any rows it gives into the void.
fn run(connection: &Connection, doing: &'static str, statement: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(statement)
        .and_then(|mut statement| statement.raw_execute())
        .map(|_| ())
        .map_err(|error| StoreError::while_doing(doing, error))
}

fn checkpoint(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection
        .query_row(statement, [], |_| Ok(()))
        .map_err(|error| StoreError::while_doing("moving the log into the database", error))
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::*;

    fn pragma(store: &SqliteStore, name: &str) -> String {
        store
            .connection
            .pragma_query_value(None, name, |row| row.get::<_, Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    }

    #[test]
    fn durability_is_in_force() {
        for (durability, synchronous) in [
            (Durability::PowerLoss, "Integer(2)"),
            (Durability::Process, "Integer(0)"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("pushcai.db");
            let settings = StoreSettings {
                durability,
                ..StoreSettings::default()
            };
            // The first round makes the database, the second finds it.
            for _ in 0..2 {
                let (store, _) = SqliteStore::open(&path, &settings).unwrap();
                assert_eq!(pragma(&store, "synchronous"), synchronous);
                assert_eq!(pragma(&store, "journal_mode"), "Text(\"wal\")");
                assert_eq!(pragma(&store, "locking_mode"), "Text(\"exclusive\")");
                assert_eq!(pragma(&store, "cache_size"), "Integer(-256)");
                assert_eq!(pragma(&store, "mmap_size"), "Integer(0)");
                assert_eq!(pragma(&store, "user_version"), "Integer(4)");
                Box::new(store).close().unwrap();
            }
        }
    }
}
