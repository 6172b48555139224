//! How a Push Client is put together.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use push_core::{ProtocolSettings, PushClient, Settings, Snapshot};
use push_message::{Bearer, Protocol};
use push_store::{SqliteStore, StoreError, StoreSettings, Writer, WriterSettings};
use tokio::sync::{Semaphore, mpsc};

use crate::client::Client;
use crate::clock::Clock;
use crate::engine::{Backing, Engine, Listener, Parts};
use crate::mailbox::{Mailbox, Notice};
use crate::settings::{ClientSettings, Durability};

/// Puts a Push Client together.
///
/// By default it listens nowhere and writes nothing down.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    core: Settings,
    client: ClientSettings,
    store: Option<PathBuf>,
    store_settings: StoreSettings,
    durability: Durability,
    listen: Vec<SocketAddr>,
}

/// Why a Push Client could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A UDP address cannot be listened on.
    #[error(
        "cannot listen on UDP {address}: {source}; stop who listens there, or list another address"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread to the store.
    #[error("cannot start the store's thread: {0}")]
    Thread(io::Error),
}

impl Builder {
    /// A Push Client that listens nowhere and writes nothing down.
    pub fn new() -> Self {
        Self::default()
    }

    /// The settings of the machine. Which protocols it offers is set by [`listen`](Self::listen).
    #[must_use]
    pub fn core_settings(mut self, settings: Settings) -> Self {
        self.core = settings;
        self
    }

    /// The settings of the driver.
    #[must_use]
    pub fn client_settings(mut self, settings: ClientSettings) -> Self {
        self.client = settings;
        self
    }

    /// Writes everything down in the database at `path`, whose directory exists.
    #[must_use]
    pub fn store(mut self, path: impl Into<PathBuf>) -> Self {
        self.store = Some(path.into());
        self
    }

    /// The settings of the store; the durability is set by [`durability`](Self::durability).
    #[must_use]
    pub fn store_settings(mut self, settings: StoreSettings) -> Self {
        self.store_settings = settings;
        self
    }

    /// What an accepted push survives, where there is a store. [`Durability::None`] opens none.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Takes connectionless pushes over WSP on one more UDP address; the first one's port is the standard port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Opens the store, binds the sockets, and gives the handle and the engine that has to run for it.
    ///
    /// Has to be called within a tokio runtime with I/O and time.
    pub fn build(mut self) -> Result<(Client, Engine), BuildError> {
        // The store comes first: whoever cannot have it must not take the pushes of the one who has.
        let mailbox = Arc::new(Mailbox::default());
        let (backing, snapshot) = self.open_store(&mailbox)?;
        let listeners = self.bind()?;
        self.offer(&listeners);
        let clock = Clock::start();
        let max_window = self.core.max_window;
        let core = PushClient::new(self.core, Clock::seed(), snapshot, clock.now());
        let (sender, requests) =
            mpsc::channel(self.client.request_queue.clamp(1, Semaphore::MAX_PERMITS));
        let listening = listeners.iter().map(Listener::address).collect();
        let client = Client::new(sender, Arc::clone(&mailbox), max_window, listening);
        let engine = Engine::new(Parts {
            core,
            clock,
            settings: self.client,
            listeners,
            backing,
            mailbox,
            requests,
        });
        Ok((client, engine))
    }

    fn open_store(&self, mailbox: &Arc<Mailbox>) -> Result<(Backing, Snapshot), BuildError> {
        let durability = match self.durability {
            Durability::PowerLoss => push_store::Durability::PowerLoss,
            Durability::Process => push_store::Durability::Process,
            Durability::None => return Ok((Backing::Memory, Snapshot::default())),
        };
        let Some(path) = &self.store else {
            return Ok((Backing::Memory, Snapshot::default()));
        };
        let settings = StoreSettings {
            durability,
            ..self.store_settings.clone()
        };
        let (store, snapshot) = SqliteStore::open(path, &settings)?;
        let mailbox = Arc::clone(mailbox);
        let answer = move |answers: Vec<_>| {
            mailbox.post(
                answers
                    .into_iter()
                    .map(|(ticket, result)| Notice::Persisted(ticket, result)),
            );
        };
        // Each transaction has a change at least, so the bounds on changes bound the transactions.
        let settings = WriterSettings {
            queue: self.client.max_unwritten,
            group: self.client.group_changes,
            group_changes: self.client.group_changes,
        };
        let writer = Writer::start(store, settings, answer).map_err(BuildError::Thread)?;
        Ok((Backing::Writer(writer), snapshot))
    }

    fn bind(&self) -> Result<Vec<Listener>, BuildError> {
        let bind = |&address: &SocketAddr| {
            Listener::bind(address, self.client.receive_buffer)
                .map_err(|source| BuildError::Listen { address, source })
        };
        self.listen.iter().map(bind).collect()
    }

    /// Offers the ports that are listened on to applications.
    fn offer(&mut self, listeners: &[Listener]) {
        let mut ports: Vec<u16> = Vec::new();
        for listener in listeners {
            let port = listener.address().port();
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        if ports.is_empty() {
            self.core.protocols.remove(&Protocol::OtaWsp);
            return;
        }
        let settings = ProtocolSettings {
            explicit_registration: false,
            tells_instances_apart: false,
            any_port_is_standard: false,
            bearers: BTreeMap::from([(Bearer::Ip, ports)]),
            own_ports: false,
        };
        self.core.protocols.insert(Protocol::OtaWsp, settings);
    }
}
