//! What a store is, and the one that keeps nothing.

use push_core::Change;
use push_message::UnixMillis;

use crate::StoreError;

/// Where changes are written down.
pub trait Store: Send {
    /// Writes the changes in order, all or none, and returns when they are as durable as the settings ask.
    ///
    /// `now` tells which remembered transmissions have outlived their time.
    ///
    /// # Errors
    /// Nothing of the changes is written then. [`StoreError::is_change`] tells a contradiction in the changes from a store
    /// that cannot write.
    fn commit(
        &mut self,
        now: UnixMillis,
        changes: &mut dyn Iterator<Item = &Change>,
    ) -> Result<(), StoreError>;

    /// Writes several sets of changes in order, each all or none by itself, with one sync for all of them.
    ///
    /// # Errors
    /// Nothing of any set is written then. A set that contradicts what is written down fails alone, with its error in its
    /// place of the answer.
    fn commit_each(
        &mut self,
        now: UnixMillis,
        sets: &[&[Change]],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError>;

    /// Work that may wait until a commit is answered, such as moving the log into the database. Called once before the first
    /// commit and after every one; `idle` says that nothing waits to be written.
    ///
    /// # Errors
    /// What was committed stays so; the work is tried again at the next call.
    fn maintain(&mut self, idle: bool) -> Result<(), StoreError>;

    /// Ends the store so that the next start is a clean one.
    ///
    /// # Errors
    /// What was committed stays so; the next start has to recover.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// What a commit of a store on disk survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A loss of power: every commit is synced before it is answered.
    #[default]
    PowerLoss,
    /// The end of the process, however sudden; after a loss of power the latest commits may be gone, or the database be
    /// damaged.
    Process,
}

/// The settings of a [`SqliteStore`](crate::SqliteStore).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// What a commit survives.
    pub durability: Durability,
    /// Octets of database pages held in memory, 65,536 at least.
    pub page_cache_octets: u32,
    /// Frames (pages) of the write-ahead log from which on they are moved into the database.
    pub checkpoint_frames: u32,
    /// New events in one commit from which on they share rows, up to 64 to a row: many are written for little more than one
    /// then. 0: each has a row of its own.
    pub shared_rows_from: u32,
    /// Transmissions remembered; the ones that end soonest give way.
    pub max_remembered: u32,
    /// Pages that the database may have; absent: as many as the file system takes. To note what is gone it may take a few more.
    pub max_pages: Option<u32>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            page_cache_octets: 256 << 10,
            checkpoint_frames: 1_000,
            shared_rows_from: 4,
            max_remembered: 65_536,
            max_pages: None,
        }
    }
}

/// A store that keeps nothing: what the machine holds in memory is all there is, and it ends with the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryStore;

impl Store for MemoryStore {
    fn commit(
        &mut self,
        _: UnixMillis,
        _: &mut dyn Iterator<Item = &Change>,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit_each(
        &mut self,
        _: UnixMillis,
        sets: &[&[Change]],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        Ok(sets.iter().map(|_| Ok(())).collect())
    }

    fn maintain(&mut self, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
