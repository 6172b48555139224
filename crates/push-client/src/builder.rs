//! How a Push Client is put together.

mod offer;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use push_core::{PushClient, Settings, Snapshot};
use push_ota::sia::{Reach, SiaSettings};
use push_store::{SqliteStore, StoreError, StoreSettings, Writer, WriterSettings};
use tokio::sync::{Semaphore, mpsc};

use crate::client::{Client, Listening};
use crate::clock::Clock;
use crate::engine::{
    Backing, Engine, Listener, OtaHttp, OtaSip, Parts, PushSessions, SessionInitiation,
    ShortMessages,
};
use crate::handlers::HandlerSeam;
use crate::mailbox::{Mailbox, Notice};
use crate::ota_http::{self, LinkParts, OtaHttpSettings, Tls, TlsError};
use crate::ota_sip::{OtaSipSettings, SocketError, Sockets};
use crate::ota_wsp::OtaWspSettings;
use crate::settings::{ClientSettings, Durability};
use crate::short_messages::{ShortMessageSettings, Source};

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
    ota_wsp: OtaWspSettings,
    ota_http: OtaHttpSettings,
    ota_sip: Option<OtaSipSettings>,
    session_initiation: SiaSettings,
    short_messages: ShortMessageSettings,
    sources: Vec<Arc<dyn Source>>,
    handlers: Option<HandlerSeam>,
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
    /// A TCP address cannot be listened on.
    #[error(
        "cannot listen on TCP {address}: {source}; stop who listens there, or list another address"
    )]
    ListenTcp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificates of OTA-HTTP cannot be used.
    #[error("OTA-HTTP over TLS: {0}")]
    Tls(#[from] TlsError),
    /// The certificates of OTA-SIP cannot be used.
    #[error("OTA-SIP over TLS: {0}")]
    SipTls(TlsError),
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
        self.ota_wsp.listen.push(address);
        self
    }

    /// Speaks OTA-WSP, where there is something to listen on or there are sessions. Takes the place of what [`listen`](Self::listen) named.
    #[must_use]
    pub fn ota_wsp(mut self, settings: OtaWspSettings) -> Self {
        self.ota_wsp = settings;
        self
    }

    /// Speaks OTA-HTTP, where there is a port to listen on or a gateway to dial.
    #[must_use]
    pub fn ota_http(mut self, settings: OtaHttpSettings) -> Self {
        self.ota_http = settings;
        self
    }

    /// Speaks OTA-SIP.
    #[must_use]
    pub fn ota_sip(mut self, settings: OtaSipSettings) -> Self {
        self.ota_sip = Some(settings);
        self
    }

    /// Which session initiation requests are followed, whatever protocol they come by and ask for. None are where neither
    /// OTA-HTTP nor sessions of OTA-WSP are spoken.
    #[must_use]
    pub fn session_initiation(mut self, settings: SiaSettings) -> Self {
        self.session_initiation = settings;
        self
    }

    /// The bounds of short messages, and whether they are submitted.
    #[must_use]
    pub fn short_messages(mut self, settings: ShortMessageSettings) -> Self {
        self.short_messages = settings;
        self
    }

    /// Takes short messages from one more source, which runs beside the engine.
    #[must_use]
    pub fn source(mut self, source: impl Source) -> Self {
        self.sources.push(Arc::new(source));
        self
    }

    /// Takes registrations with event handlers, which are carried out beside the engine.
    #[must_use]
    pub fn handlers(mut self, handlers: HandlerSeam) -> Self {
        let host = &handlers.host;
        self.core.handler_schemes = host.schemes();
        self.core.handler_schemes.extend(host.own_schemes());
        self.handlers = Some(handlers);
        self
    }

    /// Opens the store, binds the sockets, and gives the handle and the engine that has to run for it.
    ///
    /// Has to be called within a tokio runtime with I/O and time.
    pub fn build(mut self) -> Result<(Client, Engine), BuildError> {
        // The store comes first: whoever cannot have it must not take the pushes of the one who has.
        let mailbox = Arc::new(Mailbox::default());
        let (backing, mut snapshot) = self.open_store(&mailbox)?;
        let listeners = self.bind()?;
        let over_tcp = self.bind_tcp()?;
        let tls = Tls::load(&self.ota_http.tls, &self.ota_http.terminal)?;
        self.refuse_missing_tls(tls.as_ref())?;
        let ambiguous = self.ota_sip.as_ref().map(|sip| sip.ambiguous);
        let ota_sip = self.open_sip()?;
        self.offer(&listeners, &over_tcp, ota_sip.as_ref().zip(ambiguous));
        let duplicate_window = self.core.duplicate_window;
        let clock = Clock::start();
        let max_window = self.core.max_window;
        let segments = std::mem::take(&mut snapshot.segments);
        let core = PushClient::new(self.core, Clock::seed(), snapshot, clock.now());
        let (sender, requests) =
            mpsc::channel(self.client.request_queue.clamp(1, Semaphore::MAX_PERMITS));
        let ota_http = self.ota_http.is_on().then(|| {
            OtaHttp::new(&self.ota_http, over_tcp, &core, |cpi| LinkParts {
                tls,
                clock,
                mailbox: Arc::clone(&mailbox),
                cpi,
                duplicate_window,
                recent_refusals: self.client.recent_refusals,
                show_personal_data: self.client.show_personal_data,
            })
        });
        let reach = Reach {
            http: ota_http.as_ref().map(OtaHttp::terminal),
            sessions: self.ota_wsp.gateways(),
        };
        let session_initiation = SessionInitiation::new(reach, self.session_initiation);
        let (mut short_messages, intake) = ShortMessages::new(&self.short_messages, self.sources);
        short_messages.restore(segments, clock.now());
        let listening: Vec<_> = listeners.iter().map(Listener::address).collect();
        let hosts = listening.iter().map(SocketAddr::ip).collect();
        let listening = Listening {
            datagrams: listening,
            connections: ota_http
                .iter()
                .flat_map(OtaHttp::services)
                .copied()
                .collect(),
            sip: ota_sip.iter().flat_map(OtaSip::services).copied().collect(),
        };
        let sessions = self.ota_wsp.sessions;
        let sessions =
            sessions.map(|sessions| PushSessions::new(sessions, hosts, self.ota_wsp.stop_timeout));
        let client = Client::new(
            sender,
            Arc::clone(&mailbox),
            max_window,
            listening,
            intake,
            self.short_messages.submitters,
            self.handlers
                .as_ref()
                .map(|handlers| Arc::clone(&handlers.host)),
        );
        let engine = Engine::new(Parts {
            core,
            clock,
            settings: self.client,
            listeners,
            max_own_ports: self.ota_wsp.max_own_ports,
            ota_http,
            ota_sip,
            sessions,
            session_initiation,
            short_messages,
            backing,
            mailbox,
            handlers: self.handlers.map(|handlers| handlers.wanted),
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

    /// The sockets and certificates of OTA-SIP, where it is spoken.
    fn open_sip(&mut self) -> Result<Option<OtaSip>, BuildError> {
        let Some(settings) = self.ota_sip.take() else {
            return Ok(None);
        };
        let tls = settings.connector().map_err(BuildError::SipTls)?;
        let sockets = Sockets::open(&settings).map_err(|error| match error {
            SocketError::Udp(address, source) => BuildError::Listen { address, source },
            SocketError::Tcp(address, source) => BuildError::ListenTcp { address, source },
        })?;
        Ok(Some(OtaSip::new(settings, sockets, tls)))
    }

    fn bind(&self) -> Result<Vec<Listener>, BuildError> {
        let bind = |&address: &SocketAddr| {
            Listener::bind(address, self.client.receive_buffer)
                .map_err(|source| BuildError::Listen { address, source })
        };
        self.ota_wsp.listen.iter().map(bind).collect()
    }

    fn bind_tcp(&self) -> Result<Vec<ota_http::Listener>, BuildError> {
        let plain = self.ota_http.listen.iter().map(|address| (*address, false));
        let secure = self
            .ota_http
            .tls_listen
            .iter()
            .map(|address| (*address, true));
        let bind = |(address, secure)| {
            ota_http::Listener::bind(address, secure)
                .map_err(|source| BuildError::ListenTcp { address, source })
        };
        plain.chain(secure).map(bind).collect()
    }

    fn refuse_missing_tls(&self, tls: Option<&Tls>) -> Result<(), BuildError> {
        let contacts = self.ota_http.terminal.ppgs.iter();
        let mut contacts = contacts.filter_map(|ppg| ppg.contact.as_ref());
        let wanted = !self.ota_http.tls_listen.is_empty() || contacts.any(|contact| contact.secure);
        if wanted && tls.is_none() {
            let missing = "there is a port or a gateway with TLS: name ca_file, the authorities of the gateways";
            return Err(TlsError::Incomplete(missing).into());
        }
        Ok(())
    }
}
