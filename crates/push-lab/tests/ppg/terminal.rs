//! A terminal that says what a test tells it to say.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came: its head, with all octets, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        let line = lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value)
        });
        line.map(str::trim)
    }
}

/// The terminal's side of a connection.
pub(crate) struct Terminal<S = TcpStream> {
    stream: S,
    octets: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Terminal<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            octets: Vec::new(),
        }
    }

    /// The next request, or nothing where the gateway has closed.
    pub(crate) async fn asked(&mut self) -> Option<Asked> {
        let end = loop {
            if let Some(at) = self.octets.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.octets).await.unwrap() == 0 {
                assert_eq!(self.octets, b"");
                return None;
            }
        };
        let head: Vec<u8> = self.octets.drain(..end).collect();
        let mut asked = Asked {
            head: String::from_utf8(head).unwrap(),
            body: Vec::new(),
        };
        let length = asked.header("Content-Length");
        let length = length.map_or(0, |length| length.parse().unwrap());
        while self.octets.len() < length {
            assert!(self.stream.read_buf(&mut self.octets).await.unwrap() > 0);
        }
        asked.body = self.octets.drain(..length).collect();
        Some(asked)
    }

    pub(crate) async fn say(&mut self, octets: &str) {
        self.stream.write_all(octets.as_bytes()).await.unwrap();
    }

    /// Answers with a status line and headers, without a body.
    pub(crate) async fn answer(&mut self, status: &str, headers: &[&str]) {
        let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
        let length = if status.starts_with("204") {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        self.say(&format!("HTTP/1.1 {status}\r\n{headers}{length}\r\n"))
            .await;
    }

    /// Reads a request and answers it with 204 and these headers.
    pub(crate) async fn serve(&mut self, headers: &[&str]) -> Asked {
        let asked = self.asked().await.expect("a request");
        self.answer("204 No Content", headers).await;
        asked
    }
}

/// The answer to a first registration.
pub(crate) const REGISTERED: &[&str] = &[
    "X-Wap-Push-OTA-Version: 1.0",
    "X-Wap-Push-Status: 501 Registered",
    "X-Wap-CPITag: AAECAw==",
    "X-Wap-Push-Accept: text/*",
    "X-Wap-Push-Accept-AppID: x-wap-application:wml.ua, x-example:app",
    "X-Wap-Push-MaxMsgSize: 100",
    "X-Wap-Push-Accept-MaxPushReq: 2",
    "X-Wap-Terminal-Id: 4100",
    "X-Wap-Bearer-Indication: 0B",
];

/// Takes one connection of the gateway.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) async fn accept(listener: &TcpListener) -> Terminal {
    Terminal::new(listener.accept().await.unwrap().0)
}

pub(crate) async fn dial(gateway: SocketAddr) -> Terminal {
    Terminal::new(TcpStream::connect(gateway).await.unwrap())
}
