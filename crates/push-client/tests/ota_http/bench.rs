//! A client that runs, and a gateway that writes its octets by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use push_api::{ExplainRequest, PushService as _};
use push_client::http::{Contact, Host, Ppg, PpgId};
use push_client::{
    Application, Builder, Client, EngineError, Event, Events, OtaHttpSettings, RegistrationRequest,
    Selector,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use crate::common::{PATIENCE, administrator, next_change, within};

pub(crate) const WML: &str = "x-wap-application:wml.ua";
pub(crate) const LOOPBACK: &str = "127.0.0.1:0";

/// A client that runs, but for while it is held.
pub(crate) struct Bench {
    pub(crate) client: Client,
    engine: JoinHandle<Result<(), EngineError>>,
    held: watch::Sender<bool>,
}

impl Bench {
    pub(crate) fn start(settings: OtaHttpSettings) -> Self {
        Self::start_with(Builder::new(), settings)
    }

    pub(crate) fn start_with(builder: Builder, settings: OtaHttpSettings) -> Self {
        let (client, engine) = builder.ota_http(settings).build().unwrap();
        let (held, mut holds) = watch::channel(false);
        let mut running = Box::pin(engine.run());
        // The engine has a turn only while nobody holds it; connections have theirs all the time.
        let engine = tokio::spawn(async move {
            loop {
                holds.wait_for(|held| !held).await.unwrap();
                tokio::select! {
                    biased;
                    _ = holds.wait_for(|held| *held) => {}
                    ended = &mut running => return ended,
                }
            }
        });
        Self {
            client,
            engine,
            held,
        }
    }

    /// Keeps the engine from judging anything, or lets it.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.client.listening_tcp()[0].1
    }

    pub(crate) async fn gateway(&self) -> Gateway<TcpStream> {
        Gateway::new(TcpStream::connect(self.address()).await.unwrap())
    }

    pub(crate) async fn register(&self, id: &str) -> Application {
        let application = self.client.application(format!("owner of {id}"));
        application.register(request(id)).await.unwrap();
        application
    }

    pub(crate) async fn status(&self) -> push_api::Status {
        self.client.status(administrator()).await.unwrap()
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn status_until(
        &self,
        wanted: impl Fn(&push_api::Status) -> bool,
    ) -> push_api::Status {
        within(async {
            loop {
                let status = self.status().await;
                if wanted(&status) {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    pub(crate) async fn servers(&self) -> Vec<push_api::Server> {
        self.client.servers(administrator()).await.unwrap()
    }

    /// Waits until the gateways are as wanted.
    pub(crate) async fn servers_until(&self, wanted: impl Fn(&[push_api::Server]) -> bool) {
        within(async {
            while !wanted(&self.servers().await) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The words of the last refusals, newest first.
    pub(crate) async fn refusals(&self) -> Vec<String> {
        let explained = self
            .client
            .explain(administrator(), ExplainRequest::default())
            .await
            .unwrap();
        explained
            .recent
            .into_iter()
            .map(|refused| refused.verdict)
            .collect()
    }

    pub(crate) async fn stop(self) {
        self.client.shut_down().await;
        within(self.engine).await.unwrap().unwrap();
    }
}

pub(crate) fn request(id: &str) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: id.to_owned(),
        ..RegistrationRequest::default()
    }
}

pub(crate) async fn stream(application: &Application) -> Events {
    application.subscribe(Selector::default()).await.unwrap()
}

pub(crate) async fn next(events: &mut Events) -> Event {
    within(events.next_event()).await.unwrap()
}

/// A terminal that listens on loopback and knows no gateway.
pub(crate) fn listening() -> OtaHttpSettings {
    OtaHttpSettings {
        listen: vec![LOOPBACK.parse().unwrap()],
        ..OtaHttpSettings::default()
    }
}

/// A gateway that is dialled at `address`.
pub(crate) fn ppg(id: &str, address: SocketAddr, secure: bool) -> Ppg {
    Ppg {
        id: PpgId(id.into()),
        contact: Some(Contact {
            host: Host::Ip(address.ip()),
            port: address.port(),
            secure,
        }),
        addresses: Vec::new(),
        tls_name: None,
        prov_url: None,
        terminal_id: None,
        terminal_secret: None,
        basic_in_clear: true,
        authentication: push_client::http::Authentication::None,
        ppg_secret: None,
        bearer: None,
        connect: push_client::http::Connect::Always,
        announce_on: push_client::http::AnnounceOn::NewConnection,
    }
}

/// A registration request.
pub(crate) fn options(headers: &str) -> String {
    format!("OPTIONS /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\n{headers}\r\n")
}

/// The body of a push: text to an application.
pub(crate) fn message(application: &str, text: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: {application}\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// The head of a push with these headers beside the usual ones.
pub(crate) fn post_head(headers: &str) -> String {
    format!("POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\n{headers}\r\n")
}

/// A push of text to the WML user agent.
pub(crate) fn post(text: &str) -> String {
    post_with("", text)
}

/// The same with more headers.
pub(crate) fn post_with(headers: &str, text: &str) -> String {
    let body = message(WML, text);
    let length = body.len();
    post_head(&format!("{headers}Content-Length: {length}\r\n")) + &body
}

/// One end of a connection, as a gateway has it.
pub(crate) struct Gateway<S> {
    stream: S,
    unread: Vec<u8>,
}

/// What the terminal answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Answer {
    /// The three digits of the push status.
    pub(crate) fn push_status(&self) -> &str {
        self.headers
            .get("x-wap-push-status")
            .map_or("none", |status| &status[..3])
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }

    /// Both statuses.
    pub(crate) fn statuses(&self) -> (u16, &str) {
        (self.http, self.push_status())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gateway<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).await.unwrap();
    }

    /// Sends, where the other end still takes it.
    pub(crate) async fn try_send(&mut self, octets: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(octets.as_ref()).await
    }

    /// Sends, and gives the answer.
    pub(crate) async fn ask(&mut self, octets: impl AsRef<[u8]>) -> Answer {
        self.send(octets).await;
        self.answer().await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        within(self.next_answer()).await.unwrap()
    }

    /// The connection has ended without a further answer.
    pub(crate) async fn ended(&mut self) {
        let answer = within(self.next_answer()).await;
        assert!(answer.is_none(), "{answer:?}");
    }

    /// The connection has ended, whatever was written before.
    pub(crate) async fn closed(&mut self) {
        let mut octets = Vec::new();
        // A reset is an end, too.
        within(self.stream.read_to_end(&mut octets)).await.ok();
    }

    /// Sends nothing more.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    async fn next_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
            }
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap();
        let http = status.split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        };
        let headers: BTreeMap<String, String> = lines.map(header).collect();
        let body = headers.get("content-length").map_or("0", |length| length);
        assert_eq!(body, "0", "an answer has no body");
        Some(Answer { http, headers })
    }

    pub(crate) const fn inner(&self) -> &S {
        &self.stream
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}
