//! A Push Client with its HTTP interface, in this process and a temporary directory.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use push_client::http::{
    AnnounceOn, Authentication, Connect, Contact, Host, Ppg as Gateway, PpgId,
};
use push_client::sessions::{ContactPoint, SessionGateway, SessionsSettings, Start};
use push_client::short_messages::{Intake, ShortMessageSettings};
use push_client::{Builder, EngineError, OtaHttpSettings, OtaWspSettings};
use push_http::HttpSettings;
use push_lab::ppg::Ppg;
use push_lab::session::SessionServer;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::commands::demo::sip::Network;
use crate::commands::demo::{gateway, session, sip};
use crate::failure::Failure;

/// What the demo plays on.
pub(super) struct Stage {
    directory: TempDir,
    udp: SocketAddr,
    http: SocketAddr,
    ppg: Ppg,
    session_server: SessionServer,
    sip: Network,
    client: push_client::Client,
    engine: JoinHandle<Result<(), EngineError>>,
    server: JoinHandle<io::Result<()>>,
    stop: oneshot::Sender<()>,
}

impl Stage {
    /// Starts a gateway, a Push Client that knows it and writes its journal to a database, and the interface for applications.
    pub(super) async fn build() -> Result<Self, Failure> {
        let ppg = gateway::start().await?;
        let session_server = session::start().await?;
        let sip = sip::start().await?;
        let directory = tempfile::tempdir().map_err(|error| failed("a directory", &error))?;
        let (client, engine) = Builder::new()
            .store(directory.path().join("push.db"))
            .ota_wsp(over_wsp(&session_server))
            .short_messages(ShortMessageSettings {
                submitted: true,
                ..ShortMessageSettings::default()
            })
            .ota_http(over_http(&ppg))
            .ota_sip(sip.settings())
            .build()
            .map_err(|error| failed("the Push Client", &error))?;
        let engine = tokio::spawn(engine.run());
        let udp = client.listening().first().copied();
        let udp = udp.ok_or_else(|| failed("the Push Client", &"it listens nowhere"))?;
        let http = client.listening_tcp().first().map(|(_, address)| *address);
        let http = http.ok_or_else(|| failed("the Push Client", &"it takes no connections"))?;
        let listener = UnixListener::bind(directory.path().join("api.sock"))
            .map_err(|error| failed("the interface for applications", &error))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(push_http::serve_unix(
            listener,
            client.clone(),
            HttpSettings::default(),
            async move { drop(stopped.await) },
        ));
        Ok(Self {
            directory,
            udp,
            http,
            ppg,
            session_server,
            sip,
            client,
            engine,
            server,
            stop,
        })
    }

    /// Where it takes pushes.
    pub(super) const fn udp(&self) -> SocketAddr {
        self.udp
    }

    /// Where gateways reach it.
    pub(super) const fn http(&self) -> SocketAddr {
        self.http
    }

    /// The gateway.
    pub(super) const fn ppg(&self) -> &Ppg {
        &self.ppg
    }

    /// The push server with sessions.
    pub(super) const fn session_server(&self) -> &SessionServer {
        &self.session_server
    }

    /// The SIP network.
    pub(super) const fn sip(&self) -> &Network {
        &self.sip
    }

    /// The way of short messages.
    pub(super) fn intake(&self) -> Intake {
        self.client.intake()
    }

    /// Where applications reach it.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("api.sock")
    }

    /// Ends everything in order and removes the directory.
    pub(super) async fn tear_down(self) -> Result<(), Failure> {
        drop(self.stop);
        let ended = self
            .server
            .await
            .map_err(|error| failed("the interface", &error))?;
        ended.map_err(|error| failed("the interface", &error))?;
        self.client.shut_down().await;
        let ended = self
            .engine
            .await
            .map_err(|error| failed("the Push Client", &error))?;
        ended.map_err(|error| failed("the Push Client", &error))?;
        self.directory
            .close()
            .map_err(|error| failed("the directory", &error))
    }
}

/// OTA-WSP: a port for datagrams, and a server with which sessions are opened when it asks for one.
fn over_wsp(server: &SessionServer) -> OtaWspSettings {
    let address = server.address();
    let gateway = SessionGateway {
        id: PpgId(session::ID.into()),
        contact: ContactPoint {
            host: Host::Ip(address.ip()),
            port: address.port(),
        },
        addresses: Vec::new(),
        start: Start::Request,
        bearer: None,
    };
    OtaWspSettings {
        listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        sessions: Some(SessionsSettings {
            gateways: vec![gateway],
            ..SessionsSettings::default()
        }),
        ..OtaWspSettings::default()
    }
}

/// OTA-HTTP both ways: a port for gateways, and one gateway to dial.
fn over_http(ppg: &Ppg) -> OtaHttpSettings {
    let mut settings = OtaHttpSettings {
        listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        ..OtaHttpSettings::default()
    };
    settings.terminal.ppgs = vec![Gateway {
        id: PpgId(gateway::ID.into()),
        contact: ppg.listening().first().map(|address| Contact {
            host: Host::Ip(address.ip()),
            port: address.port(),
            secure: false,
        }),
        addresses: Vec::new(),
        tls_name: None,
        prov_url: None,
        terminal_id: None,
        terminal_secret: None,
        basic_in_clear: true,
        authentication: Authentication::None,
        ppg_secret: None,
        bearer: None,
        connect: Connect::WhenNeeded,
        announce_on: AnnounceOn::NewConnection,
    }];
    settings
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("the demo cannot use {what}: {error}"))
}
