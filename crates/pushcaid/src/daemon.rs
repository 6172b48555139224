//! The daemon: its parts put together, run, and ended in order.

use std::fs::{self, DirBuilder};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use push_client::http::{Authentication, Connect, Ppg};
use push_client::modem::{ModemManager, Ofono};
use push_client::sessions::{SessionGateway, Start};
use push_client::sip::{AgentSettings, Transport};
use push_client::smpp::{Smpp, SmppError};
use push_client::{
    BuildError, Builder, Client, Durability, Engine, EngineError, HandlerHost, HandlerSeam,
};
use push_dbus::DbusSettings;
use push_handlers::imports::Imports;
use push_handlers::ofono_side::OfonoSide;
use push_handlers::{Handlers, Runner};
use push_http::{HttpSettings, InvalidTokens, Tokens};
use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::config::{Config, PeersWiring, SipWiring, Wiring};
use crate::manager::{Manager, notify_ready, notify_stopping};
use crate::sip_instance::{self, SipInstanceError};
use crate::socket::BoundSocket;

/// Why the daemon could not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A value of the configuration means nothing.
    #[error("the configuration is wrong: {0}")]
    Configuration(String),
    /// Nothing can be logged.
    #[error("cannot log: {0}")]
    Logging(io::Error),
    /// The runtime cannot be started.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// What the service manager passed cannot be used.
    #[error("cannot use what the service manager passed: {0}")]
    Activation(io::Error),
    /// The directory of the store cannot be made.
    #[error("cannot make the state directory {}: {source}; set state_dir to a place that this user may write to", path.display())]
    StateDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users could read or change the store.
    #[error("the state directory {} {fault}: others could read pushes there; let it belong to this user, with mode 700", path.display())]
    StateDirectoryOpen {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// Another process listens on the Unix socket.
    #[error("another process listens on {}; is pushcaid running already?", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// The Unix socket cannot be had.
    #[error("cannot listen on {}: {source}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The TCP address cannot be listened on.
    #[error("cannot listen on TCP {address}: {source}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The tokens cannot be taken.
    #[error(transparent)]
    Tokens(#[from] InvalidTokens),
    /// The name of the terminal's instance cannot be had.
    #[error(transparent)]
    SipInstance(#[from] SipInstanceError),
    /// The Push Client cannot be started.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// A message centre cannot be used.
    #[error("a message centre cannot be used: {0}")]
    MessageCentre(#[from] SmppError),
    /// The Push Client ended badly.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A task ended before its time.
    #[error("a part of the daemon ended before its time: {0}")]
    Ended(String),
}

/// A daemon whose parts are open, but do not run.
#[derive(Debug)]
pub struct Daemon {
    client: Client,
    engine: Engine,
    runner: Runner,
    peers: PeersWiring,
    api: Option<(UnixListener, Option<BoundSocket>)>,
    tcp: Option<(std::net::TcpListener, Tokens)>,
    http: HttpSettings,
    dbus: Option<DbusSettings>,
    gateways: Vec<Ppg>,
    session_gateways: Vec<SessionGateway>,
    sip: Option<Core>,
    signals: [Signal; 3],
}

/// What is said of the SIP core when the daemon starts.
#[derive(Debug)]
struct Core {
    registrar: Box<str>,
    transport: Transport,
    /// How many Push Sender Agents there are.
    agents: usize,
}

impl Core {
    fn of(sip: SipWiring) -> Self {
        let AgentSettings {
            account,
            push_sender_agents,
            ..
        } = sip.settings.agent;
        Self {
            registrar: account.registrar,
            transport: account.transport,
            agents: push_sender_agents.len(),
        }
    }
}

/// What the connectionless service is called where listeners are listed.
const OTA_WSP: &str = "OTA-WSP";

type Listening = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

impl Daemon {
    /// Opens the store and every socket. Has to be called within a tokio runtime with I/O and time.
    pub fn open(config: &Config, wiring: Wiring, manager: Manager) -> Result<Self, DaemonError> {
        // From here on a SIGTERM is an order to end well, even while the store is read.
        let signals = signals().map_err(DaemonError::Runtime)?;
        if wiring.durability != Durability::None {
            make_state_directory(&config.general.state_dir)?;
        }
        let tcp = open_tcp(config)?;
        let own = std::iter::once(Arc::clone(&wiring.peers.scheme));
        let schemes = wiring.handlers.schemes.iter().cloned().chain(own);
        let handlers = Handlers::new(schemes.collect())
            .with_session_helpers(wiring.handlers.session_helpers.clone());
        let handlers = Arc::new(handlers);
        let (seam, wanted) = push_client::handlers(Arc::clone(&handlers) as Arc<dyn HandlerHost>);
        let (client, engine) = build(&wiring, seam)?;
        let runner = Runner::new(handlers, wanted, client.clone(), wiring.handlers.runner);
        // The socket comes last: what connects to it finds everything else in place.
        let api = match manager.api {
            Some(listener) => Some((listener, None)),
            None => open_socket(config, wiring.socket_mode)?,
        };
        Ok(Self {
            client,
            engine,
            runner,
            peers: wiring.peers,
            api,
            tcp,
            http: wiring.http,
            dbus: wiring.dbus,
            gateways: wiring.ota_http.terminal.ppgs,
            session_gateways: wiring
                .ota_wsp
                .sessions
                .map_or_else(Vec::new, |sessions| sessions.gateways),
            sip: wiring.ota_sip.map(Core::of),
            signals,
        })
    }

    /// The handle to the daemon's Push Client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Runs until SIGTERM or SIGINT, then ends well: applications first, then the store.
    pub async fn run(self) -> Result<(), DaemonError> {
        let Self {
            client,
            engine,
            runner,
            peers,
            api,
            tcp,
            http,
            dbus,
            gateways,
            session_gateways,
            sip,
            signals,
        } = self;
        let mut engine = tokio::spawn(engine.run());
        let (stop, stopped) = watch::channel(false);
        let (api, bound) = api.map_or((None, None), |(listener, bound)| (Some(listener), bound));
        let mut listening = JoinSet::new();
        for listener in listeners(&client, api, tcp, &http, &stopped)? {
            listening.spawn(listener);
        }
        if let Some(settings) = dbus {
            let serving = push_dbus::serve(client.clone(), settings, until(stopped.clone()));
            listening.spawn(async {
                serving.await;
                Ok(())
            });
        }
        let mut handlers = tokio::spawn(runner.run(until(stopped.clone())));
        let read_again = Arc::new(Notify::new());
        let mut beside = serve_peers(peers, &client, &read_again, &stopped);
        announce(&client, &gateways, &session_gateways, sip.as_ref());
        let ended_early = tokio::select! {
            () = ordered_to_end(signals, &read_again) => None,
            Some(ended) = listening.join_next() => Some(format!("an interface for applications: {ended:?}")),
            ended = &mut handlers => Some(format!("the event handlers: {ended:?}")),
            ended = &mut engine => Some(format!("the engine: {ended:?}")),
        };
        notify_stopping();
        stop.send_replace(true);
        while listening.join_next().await.is_some() {}
        drop(bound);
        while beside.join_next().await.is_some() {}
        if !handlers.is_finished() {
            handlers
                .await
                .map_err(|error| DaemonError::Ended(error.to_string()))?;
        }
        if let Some(what) = ended_early {
            client.shut_down().await;
            return Err(DaemonError::Ended(what));
        }
        client.shut_down().await;
        engine
            .await
            .map_err(|error| DaemonError::Ended(error.to_string()))??;
        tracing::info!("ended");
        Ok(())
    }
}

/// What exists for other push daemons, each part as a task.
fn serve_peers(
    peers: PeersWiring,
    client: &Client,
    read_again: &Arc<Notify>,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let imports = Imports::new(peers.imports, client.clone());
    tasks.spawn(imports.run(Arc::clone(read_again), until(stopped.clone())));
    let ofono_side = OfonoSide::new(peers.ofono_side, client.clone(), peers.agents);
    if peers.serves_ofono_side {
        tasks.spawn(ofono_side.run(until(stopped.clone())));
    } else {
        tasks.spawn(ofono_side.retire());
    }
    tasks
}

fn build(wiring: &Wiring, handlers: HandlerSeam) -> Result<(Client, Engine), DaemonError> {
    let mut builder = Builder::new()
        .core_settings(wiring.core.clone())
        .client_settings(wiring.client.clone())
        .store_settings(wiring.store.clone())
        .durability(wiring.durability)
        .ota_wsp(wiring.ota_wsp.clone())
        .ota_http(wiring.ota_http.clone())
        .short_messages(wiring.short_messages.clone())
        .session_initiation(wiring.session_initiation.clone())
        .handlers(handlers)
        .store(&wiring.database);
    for centre in &wiring.message_centres {
        builder = builder.source(Smpp::new(centre.clone())?);
    }
    if let Some(sip) = &wiring.ota_sip {
        builder = builder.ota_sip(sip_instance::named(sip)?);
    }
    if let Some(settings) = &wiring.modem_manager {
        builder = builder.source(ModemManager::new(settings.clone()));
    }
    if let Some(settings) = &wiring.ofono {
        builder = builder.source(Ofono::new(settings.clone()));
    }
    // Pushes are nobody else's business: the database is made for this user alone, wherever it is.
    let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
    let built = builder.build();
    rustix::process::umask(mask);
    Ok(built?)
}

fn make_state_directory(path: &Path) -> Result<(), DaemonError> {
    let failed = |source| DaemonError::StateDirectory {
        path: path.to_owned(),
        source,
    };
    if let Ok(metadata) = fs::metadata(path)
        && metadata.is_dir()
    {
        return check_state_directory(path, &metadata);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed)
}

/// Whoever owns the directory, or may write to it, could have put a database of their own there.
fn check_state_directory(path: &Path, metadata: &fs::Metadata) -> Result<(), DaemonError> {
    let owner = metadata.uid();
    let own = rustix::process::geteuid().as_raw();
    let fault = if owner != own && owner != 0 {
        format!("belongs to user {owner}")
    } else if metadata.mode() & 0o002 != 0 {
        format!("has mode {:o}", metadata.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(DaemonError::StateDirectoryOpen {
        path: path.to_owned(),
        fault,
    })
}

fn open_tcp(config: &Config) -> Result<Option<(std::net::TcpListener, Tokens)>, DaemonError> {
    let (Some(address), Some(token_file)) = (config.api.tcp, &config.api.token_file) else {
        return Ok(None);
    };
    let tokens = Tokens::read(token_file)?;
    let failed = |source| DaemonError::Tcp { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    Ok(Some((listener, tokens)))
}

fn open_socket(
    config: &Config,
    mode: u32,
) -> Result<Option<(UnixListener, Option<BoundSocket>)>, DaemonError> {
    let path = &config.api.socket;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let (listener, bound) = BoundSocket::bind(path, mode)?;
    Ok(Some((listener, Some(bound))))
}

/// The interfaces for applications, each as a task to run.
fn listeners(
    client: &Client,
    api: Option<UnixListener>,
    tcp: Option<(std::net::TcpListener, Tokens)>,
    http: &HttpSettings,
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<Listening>, DaemonError> {
    let mut tasks: Vec<Listening> = Vec::new();
    if let Some(listener) = api {
        listener
            .set_nonblocking(true)
            .map_err(DaemonError::Runtime)?;
        let listener =
            tokio::net::UnixListener::from_std(listener).map_err(DaemonError::Runtime)?;
        let end = until(stopped.clone());
        tasks.push(Box::pin(push_http::serve_unix(
            listener,
            client.clone(),
            http.clone(),
            end,
        )));
    }
    if let Some((listener, tokens)) = tcp {
        listener
            .set_nonblocking(true)
            .map_err(DaemonError::Runtime)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(DaemonError::Runtime)?;
        let end = until(stopped.clone());
        tasks.push(Box::pin(push_http::serve_tcp(
            listener,
            tokens,
            client.clone(),
            http.clone(),
            end,
        )));
    }
    Ok(tasks)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the end as well.
    stopped.wait_for(|stopped| *stopped).await.ok();
}

fn announce(
    client: &Client,
    gateways: &[Ppg],
    session_gateways: &[SessionGateway],
    sip: Option<&Core>,
) {
    let over_udp = client.listening().iter();
    let over_udp = over_udp.map(|address| (OTA_WSP, *address));
    let over_tcp = client.listening_tcp().iter().copied();
    let mut services = Vec::new();
    let over_sip = client.listening_sip().iter().copied();
    for (service, address) in over_udp.chain(over_tcp).chain(over_sip) {
        tracing::info!(service, %address, "listening");
        services.push(format!("{address} ({service})"));
    }
    for Ppg {
        id,
        contact,
        authentication,
        connect,
        ..
    } in gateways
    {
        let tls = contact.as_ref().is_some_and(|contact| contact.secure);
        let dialled = contact.is_some();
        let connect = word_of_connect(*connect);
        let authentication = word_of_authentication(*authentication);
        tracing::info!(ppg = %id, dialled, tls, connect, authentication, "gateway");
    }
    for gateway in session_gateways {
        let start = word_of_start(gateway.start);
        tracing::info!(ppg = %gateway.id, start, "gateway with sessions");
    }
    if let Some(core) = sip {
        let Core {
            registrar,
            transport,
            agents,
        } = core;
        tracing::info!(%registrar, %transport, agents, "SIP core");
    }
    let services = if services.is_empty() {
        "nowhere".to_owned()
    } else {
        services.join(", ")
    };
    let gateways = gateways.len() + session_gateways.len() + usize::from(sip.is_some());
    tracing::info!(listening = %services, gateways, version = env!("CARGO_PKG_VERSION"), "ready");
    notify_ready(&format!("listening for pushes on {services}"));
}

/// As the configuration has it.
const fn word_of_start(start: Start) -> &'static str {
    match start {
        Start::Always => "always",
        Start::Registration => "registration",
        Start::Request => "request",
    }
}

/// As the configuration has it.
const fn word_of_connect(connect: Connect) -> &'static str {
    match connect {
        Connect::Always => "always",
        Connect::WhenNeeded => "when-needed",
        Connect::Never => "never",
    }
}

/// As the configuration has it.
const fn word_of_authentication(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::None => "none",
        Authentication::Basic => "basic",
        Authentication::Digest => "digest",
        Authentication::Any => "any",
    }
}

/// SIGTERM, SIGINT and SIGHUP.
fn signals() -> io::Result<[Signal; 3]> {
    Ok([
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ])
}

async fn ordered_to_end(
    [mut terminate, mut interrupt, mut hang_up]: [Signal; 3],
    read_again: &Notify,
) {
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            _ = hang_up.recv() => {
                tracing::info!("SIGHUP: files to import are read again; restart the daemon to read its configuration again");
                read_again.notify_one();
            }
        }
    }
}
