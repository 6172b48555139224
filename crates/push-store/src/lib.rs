//! Durable storage of registrations, the journal of events and the duplicate window.
//!
//! A [`Store`] writes [`Change`](push_core::Change)s, all or none. [`SqliteStore`] keeps them in one `SQLite` database,
//! [`MemoryStore`] nowhere. The [`Writer`] is the thread that owns a store: whatever waits when it comes round is written
//! as one group with one sync, then every ticket of the group is answered.
//!
//! ```
//! use push_core::{Change, PersistTicket, RegistrationId};
//! use push_message::UnixMillis;
//! use push_store::{SqliteStore, StoreSettings, Transaction, Writer, WriterSettings};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("pushcai.db");
//! let (store, snapshot) = SqliteStore::open(&path, &StoreSettings::default())?;
//! assert!(snapshot.events.is_empty());
//! let (answers, answered) = std::sync::mpsc::channel();
//! let writer = Writer::start(store, WriterSettings::default(), move |group| {
//!     answers.send(group).ok();
//! })?;
//! writer.submit(&mut vec![Transaction {
//!     ticket: PersistTicket(1),
//!     now: UnixMillis(0),
//!     changes: vec![Change::RemoveRegistration(RegistrationId(7))],
//! }])?;
//! assert_eq!(answered.recv()?, [(PersistTicket(1), Ok(()))]);
//! writer.shut_down()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod batch;
mod encoding;
mod error;
mod sqlite;
mod store;
mod text;
mod writer;

pub use error::StoreError;
pub use sqlite::SqliteStore;
pub use store::{Durability, MemoryStore, Store, StoreSettings};
pub use writer::{SubmitError, Transaction, Writer, WriterSettings};
