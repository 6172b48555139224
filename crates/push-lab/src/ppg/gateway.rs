//! The gateway itself: its ports, its connections, and what it knows of terminals.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection::{About, BoxedStream, Connection, ConnectionError, Direction};
use super::cpi::{Context, CpiStore};
use super::events::{Events, PpgEvent};
use super::registration::{self, RegisterError, Registration};
use super::settings::PpgSettings;
use super::tls::{TestAuthority, TlsError};
use super::wire::AnswerError;
use crate::events::Log;

/// Why a gateway cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PpgError {
    /// It cannot listen there.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running Push Proxy Gateway. Copies of it are the same gateway, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Ppg {
    guard: Arc<Guard>,
}

/// Ends the gateway's tasks when the last handle goes.
#[derive(Debug)]
struct Guard(Arc<Inner>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.tasks().abort_all();
        self.0.connections().clear();
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: Arc<PpgSettings>,
    pub(super) log: Log<PpgEvent>,
    authority: TestAuthority,
    acceptor: DebugAcceptor,
    listening: Vec<SocketAddr>,
    tls_listening: Vec<SocketAddr>,
    pap: Option<SocketAddr>,
    next_id: AtomicU64,
    connections: Mutex<Vec<Connection>>,
    /// Grows with every registration and every end of a connection.
    pub(super) changes: watch::Sender<u64>,
    accepted: mpsc::Sender<Connection>,
    accepted_receiver: tokio::sync::Mutex<mpsc::Receiver<Connection>>,
    store: Mutex<CpiStore>,
    pub(super) routes: Mutex<BTreeMap<String, super::settings::Route>>,
    tasks: Mutex<JoinSet<()>>,
    pub(super) deliveries: super::delivery::Deliveries,
    pub(super) submissions: super::pap::Submissions,
}

struct DebugAcceptor(TlsAcceptor);

impl std::fmt::Debug for DebugAcceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

/// How many accepted connections wait for [`Ppg::accepted`]; beyond that the newest are not told there.
const MAX_ACCEPTED: usize = 10_000;

impl Ppg {
    /// Opens the ports, and serves from then on.
    pub async fn start(settings: PpgSettings) -> Result<Self, PpgError> {
        let authority = match &settings.authority {
            Some(authority) => authority.clone(),
            None => TestAuthority::new("Test authority of a Push Proxy Gateway")?,
        };
        let names = if settings.certificate_names.is_empty() {
            let own = ["localhost", "127.0.0.1", "::1", &settings.id];
            own.iter().map(|name| (*name).to_owned()).collect()
        } else {
            settings.certificate_names.clone()
        };
        let acceptor = authority.acceptor(&names, settings.ask_for_certificate)?;
        let plain = listen(&settings.listen).await?;
        let secured = listen(&settings.tls_listen).await?;
        let mut front = listen(settings.pap.as_slice()).await?;
        let front = front.pop();
        let addresses = |listeners: &[TcpListener]| {
            listeners
                .iter()
                .filter_map(|listener| listener.local_addr().ok())
                .collect()
        };
        let (accepted, accepted_receiver) = mpsc::channel(MAX_ACCEPTED);
        let bounds = &settings.bounds;
        let inner = Arc::new(Inner {
            store: Mutex::new(CpiStore::new(bounds.contexts, bounds.tags)),
            routes: Mutex::new(settings.routes.clone()),
            deliveries: super::delivery::Deliveries::default(),
            submissions: super::pap::Submissions::default(),
            log: Log::new(),
            authority,
            acceptor: DebugAcceptor(acceptor),
            listening: addresses(&plain),
            tls_listening: addresses(&secured),
            pap: front.as_ref().and_then(|front| front.local_addr().ok()),
            next_id: AtomicU64::new(1),
            connections: Mutex::default(),
            changes: watch::Sender::new(0),
            accepted,
            accepted_receiver: tokio::sync::Mutex::new(accepted_receiver),
            tasks: Mutex::default(),
            settings: Arc::new(settings),
        });
        for (listeners, tls) in [(plain, false), (secured, true)] {
            for listener in listeners {
                inner.spawn(serve(Arc::clone(&inner), listener, tls));
            }
        }
        if let Some(front) = front {
            inner.spawn(super::pap::serve(Arc::clone(&inner), front));
        }
        Ok(Self {
            guard: Arc::new(Guard(inner)),
        })
    }

    /// Where terminals connect to, plain; the ports are the real ones.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.inner().listening
    }

    /// Where terminals connect to with TLS.
    pub fn tls_listening(&self) -> &[SocketAddr] {
        &self.inner().tls_listening
    }

    /// Where push initiators connect to; messages go to the path `/pap` there.
    pub fn pap(&self) -> Option<SocketAddr> {
        self.inner().pap
    }

    /// Who signed its certificate.
    pub fn authority(&self) -> &TestAuthority {
        &self.inner().authority
    }

    /// All that happens, from the start on.
    pub fn events(&self) -> Events {
        self.inner().log.read()
    }

    /// The first event ever for which `wanted` gives a value, once it has happened.
    pub async fn once<T>(&self, wanted: impl FnMut(PpgEvent) -> Option<T>) -> Option<T> {
        self.events().until(wanted).await
    }

    /// Dials a terminal (PO-TCP), with TLS in which the gateway is the server, or without; and asks for registration where the
    /// settings say so. That the terminal refuses is told as an event; the connection is there nevertheless.
    pub async fn connect(
        &self,
        terminal: SocketAddr,
        tls: bool,
    ) -> Result<Connection, ConnectionError> {
        self.inner().connect(terminal, tls).await
    }

    /// The next connection that a terminal has opened (TO-TCP). Registration goes on by itself where the settings say so.
    pub async fn accepted(&self) -> Option<Connection> {
        self.inner().accepted_receiver.lock().await.recv().await
    }

    /// All connections that are open.
    pub fn connections(&self) -> Vec<Connection> {
        self.inner().connections().clone()
    }

    /// Asks for registration on this connection, with all that belongs to it: credentials and challenges in both directions.
    pub async fn register(&self, connection: &Connection) -> Result<Registration, RegisterError> {
        registration::register(self.inner(), connection).await
    }

    /// What is known of a terminal on a bearer.
    pub fn context(&self, terminal: &str, bearer: Option<u8>) -> Option<Context> {
        self.inner().store().context(terminal, bearer).cloned()
    }

    /// All that is known of terminals.
    pub fn store(&self) -> CpiStore {
        self.inner().store().clone()
    }

    /// Says where a terminal is.
    pub fn route(&self, terminal: &str, route: super::settings::Route) {
        let routes = self.inner().routes.lock();
        let mut routes = routes.unwrap_or_else(PoisonError::into_inner);
        routes.insert(terminal.to_owned(), route);
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.guard.0
    }
}

impl Inner {
    pub(super) async fn connect(
        self: &Arc<Self>,
        terminal: SocketAddr,
        tls: bool,
    ) -> Result<Connection, ConnectionError> {
        let connection = self.open_to(terminal, tls).await?;
        if self.settings.register {
            // What comes of it is told as an event.
            drop(registration::register(self, &connection).await);
        }
        Ok(connection)
    }

    /// Dials a terminal, and asks for nothing.
    pub(super) async fn open_to(
        self: &Arc<Self>,
        terminal: SocketAddr,
        tls: bool,
    ) -> Result<Connection, ConnectionError> {
        let unreachable = |error: io::Error| ConnectionError::Unreachable {
            peer: terminal,
            reason: error.to_string(),
        };
        let limit = self.settings.bounds.answer_time;
        let stream = timeout(limit, self.dial(terminal))
            .await
            .map_err(|_| ConnectionError::Timeout(limit))?
            .map_err(unreachable)?;
        self.open(stream, terminal, Direction::PpgOriginated, tls)
            .await
    }

    async fn dial(&self, terminal: SocketAddr) -> io::Result<TcpStream> {
        let Some(source) = self.settings.source else {
            return TcpStream::connect(terminal).await;
        };
        let socket = match terminal {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(SocketAddr::new(source, 0))?;
        socket.connect(terminal).await
    }

    /// Makes a connection of a stream, once TLS is established where it is wanted.
    async fn open(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        direction: Direction,
        tls: bool,
    ) -> Result<Connection, ConnectionError> {
        // Small requests must not wait for each other.
        drop(stream.set_nodelay(true));
        let stream: BoxedStream = if tls {
            Box::new(self.secure(stream, peer).await?)
        } else {
            Box::new(stream)
        };
        let about = About {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            peer,
            direction,
            tls,
        };
        let mut connections = self.connections();
        if connections.len() >= self.settings.bounds.connections {
            return Err(ConnectionError::NoRoom);
        }
        let settings = Arc::clone(&self.settings);
        let connection = Connection::new(about, stream, settings, self.log.clone());
        connections.push(connection.clone());
        drop(connections);
        let inner = Arc::downgrade(self);
        let watched = connection.clone();
        self.spawn(async move {
            let why = watched.closed().await;
            if let Some(inner) = inner.upgrade() {
                inner.forget(&watched, &why);
            }
        });
        Ok(connection)
    }

    async fn secure(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Result<tokio_rustls::server::TlsStream<TcpStream>, ConnectionError> {
        let limit = self.settings.bounds.answer_time;
        let failure = match timeout(limit, self.acceptor.0.accept(stream)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {limit:?}"),
        };
        self.log.tell(PpgEvent::TlsFailed {
            peer,
            reason: failure.clone(),
        });
        Err(ConnectionError::Tls {
            peer,
            reason: failure,
        })
    }

    fn forget(&self, connection: &Connection, why: &AnswerError) {
        self.connections()
            .retain(|candidate| !candidate.same(connection));
        self.log.tell(PpgEvent::Closed {
            connection: connection.id(),
            reason: why.to_string(),
        });
        self.changed();
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(super) fn store(&self) -> MutexGuard<'_, CpiStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something for as long as the gateway runs.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

async fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, PpgError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| PpgError::Listen {
                address: *address,
                error,
            })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Takes connections of terminals.
async fn serve(inner: Arc<Inner>, listener: TcpListener, tls: bool) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors, or the peer has gone already: there will be another one to accept.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let accepting = Arc::clone(&inner);
        inner.spawn(async move {
            let direction = Direction::TerminalOriginated;
            let Ok(connection) = accepting.open(stream, peer, direction, tls).await else {
                return;
            };
            // Beyond the bound nobody wants to know.
            drop(accepting.accepted.try_send(connection.clone()));
            if accepting.settings.register {
                // What comes of it is told as an event.
                drop(registration::register(&accepting, &connection).await);
            }
        });
    }
}
