//! A Push Client with its HTTP interface, in this process and a temporary directory.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use push_client::{Builder, EngineError};
use push_http::HttpSettings;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// What the demo plays on.
pub(super) struct Stage {
    directory: TempDir,
    udp: SocketAddr,
    client: push_client::Client,
    engine: JoinHandle<Result<(), EngineError>>,
    server: JoinHandle<io::Result<()>>,
    stop: oneshot::Sender<()>,
}

impl Stage {
    /// Starts a Push Client that writes its journal to a database, and its interface for applications.
    pub(super) fn build() -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| failed("a directory", &error))?;
        let (client, engine) = Builder::new()
            .store(directory.path().join("push.db"))
            .listen((Ipv4Addr::LOCALHOST, 0).into())
            .build()
            .map_err(|error| failed("the Push Client", &error))?;
        let engine = tokio::spawn(engine.run());
        let udp = client.listening().first().copied();
        let udp = udp.ok_or_else(|| failed("the Push Client", &"it listens nowhere"))?;
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

fn failed(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("the demo cannot use {what}: {error}"))
}
