//! A listener under test.

use std::path::PathBuf;
use std::time::Duration;

use push_http::{HttpSettings, Tokens, serve_tcp, serve_unix};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::fake::Fake;
use super::raw::{Answer, Client};

/// A listener under test, its fake Push Client, and how to stop it.
pub(crate) struct Served {
    pub(crate) fake: Fake,
    pub(crate) socket: PathBuf,
    pub(crate) address: Option<std::net::SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
    _directory: tempfile::TempDir,
}

pub(crate) const TOKENS: &str = "lab 0123456789abcdef\nroot fedcba9876543210 admin\n";

/// Settings under which no test meets a deadline that it does not ask for.
pub(crate) fn settings() -> HttpSettings {
    HttpSettings {
        heartbeat: Duration::ZERO,
        ..HttpSettings::default()
    }
}

impl Served {
    pub(crate) fn unix(settings: HttpSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("api.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let fake = Fake::default();
        let (stop, stopped) = oneshot::channel();
        let service = fake.clone();
        let task = tokio::spawn(async move {
            serve_unix(listener, service, settings, async {
                drop(stopped.await);
            })
            .await
        });
        Self {
            fake,
            socket,
            address: None,
            stop: Some(stop),
            task,
            _directory: directory,
        }
    }

    pub(crate) async fn tcp(settings: HttpSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = Fake::default();
        let (stop, stopped) = oneshot::channel();
        let service = fake.clone();
        let tokens = Tokens::parse(TOKENS).unwrap();
        let task = tokio::spawn(async move {
            serve_tcp(listener, tokens, service, settings, async {
                drop(stopped.await);
            })
            .await
        });
        Self {
            fake,
            socket: PathBuf::new(),
            address: Some(address),
            stop: Some(stop),
            task,
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) async fn connect(&self) -> Client<UnixStream> {
        Client::new(UnixStream::connect(&self.socket).await.unwrap())
    }

    pub(crate) async fn connect_tcp(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address.unwrap()).await.unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, target: &str, body: &str) -> Answer {
        self.connect().await.ask(method, target, body).await
    }

    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stopped(self) -> std::io::Result<()> {
        drop(self.stop);
        self.task.await.unwrap()
    }
}
