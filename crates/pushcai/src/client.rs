//! HTTP to the daemon, over its Unix socket or TCP.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Collected, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use push_api::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::arguments::Connection;
use crate::failure::Failure;
use crate::stream::Stream;

/// How long the daemon may take to answer, beside what it was asked to wait.
const PATIENCE: Duration = Duration::from_mins(2);
/// After this time without a sign the kernel asks whether the daemon is still there, over TCP.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// The most octets of one answer.
const MAX_ANSWER: usize = 256 << 20;

/// Where the daemon is.
#[derive(Debug)]
enum Address {
    Unix(PathBuf),
    Tcp {
        address: String,
        authorization: HeaderValue,
    },
}

/// A connection to the daemon, opened when it is needed.
#[derive(Debug)]
pub(crate) struct Client {
    address: Address,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) fn new(connection: &Connection) -> Result<Self, Failure> {
        let address = match (&connection.tcp, &connection.token_file) {
            (Some(address), Some(file)) => Address::Tcp {
                address: address.clone(),
                authorization: read_token(file)?,
            },
            (Some(_) | None, Some(_) | None) => Address::Unix(connection.socket.clone()),
        };
        Ok(Self::at(address))
    }

    /// A client of the daemon at this socket.
    pub(crate) const fn unix(path: PathBuf) -> Self {
        Self::at(Address::Unix(path))
    }

    const fn at(address: Address) -> Self {
        Self {
            address,
            sender: None,
        }
    }

    /// Asks, and reads the answer; a refusal is a failure.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Failure> {
        parse(&self.text(path, Duration::ZERO).await?)
    }

    /// Asks for something that may take this long to come, and reads it as it is.
    pub(crate) async fn text(&mut self, path: &str, wait: Duration) -> Result<Bytes, Failure> {
        let request = self.request(Method::GET, path, Bytes::new())?;
        self.exchange(request, wait).await
    }

    /// Asks to delete, and reads the answer.
    pub(crate) async fn delete<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Failure> {
        let request = self.request(Method::DELETE, path, Bytes::new())?;
        parse(&self.exchange(request, Duration::ZERO).await?)
    }

    /// Sends a document, and reads the answer as it is.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        document: &impl Serialize,
    ) -> Result<Bytes, Failure> {
        let body =
            serde_json::to_vec(document).map_err(|error| Failure::Other(error.to_string()))?;
        let request = self.request(Method::POST, path, Bytes::from(body))?;
        self.exchange(request, Duration::ZERO).await
    }

    /// Opens a stream of events behind the last one that is known.
    pub(crate) async fn stream(
        &mut self,
        path: &str,
        last: Option<&str>,
    ) -> Result<Stream, Failure> {
        let mut request = self.request(Method::GET, path, Bytes::new())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert("last-event-id", id);
        }
        // A connection that still carries the last stream is of no use.
        self.sender = None;
        let response = self.patiently(request, Duration::ZERO).await?;
        if response.status().is_success() {
            return Ok(Stream::new(response.into_body()));
        }
        Err(self.refusal(response).await)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let has_body = !body.is_empty();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| Failure::Other(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host());
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Address::Tcp { authorization, .. } = &self.address {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    fn host(&self) -> HeaderValue {
        let host = match &self.address {
            Address::Tcp { address, .. } => HeaderValue::from_str(address).ok(),
            Address::Unix(_) => None,
        };
        host.unwrap_or(HeaderValue::from_static("localhost"))
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        wait: Duration,
    ) -> Result<Bytes, Failure> {
        let response = self.patiently(request, wait).await?;
        if response.status().is_success() {
            return self.body(response).await;
        }
        Err(self.refusal(response).await)
    }

    async fn patiently(
        &mut self,
        request: Request<Full<Bytes>>,
        wait: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let patience = PATIENCE.saturating_add(wait);
        match tokio::time::timeout(patience, self.send(request)).await {
            Ok(result) => result,
            Err(_) => Err(self.unreachable(&format!("no answer within {} s", patience.as_secs()))),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let mut sender = match self.ready().await {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| self.unreachable(&error.to_string()))?;
        self.sender = Some(sender);
        Ok(response)
    }

    /// The connection of the last request, if it can take another one.
    async fn ready(&mut self) -> Option<SendRequest<Full<Bytes>>> {
        let mut sender = self.sender.take()?;
        sender.ready().await.ok().map(|()| sender)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                self.shake_hands(stream.map_err(|error| self.not_connected(&error))?)
                    .await
            }
            Address::Tcp { address, .. } => {
                let stream = TcpStream::connect(address).await.and_then(kept_alive);
                self.shake_hands(stream.map_err(|error| self.not_connected(&error))?)
                    .await
            }
        }
    }

    async fn shake_hands(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error.to_string()))?;
        // What goes wrong on the connection is told to whoever waits for an answer on it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn body(&self, response: Response<Incoming>) -> Result<Bytes, Failure> {
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        body.map(Collected::to_bytes).map_err(|error| {
            if error.is::<LengthLimitError>() {
                Failure::answer(format_args!("it has more than {MAX_ANSWER} octets"))
            } else {
                self.unreachable(&format!("the answer broke off: {error}"))
            }
        })
    }

    async fn refusal(&self, response: Response<Incoming>) -> Failure {
        let status = response.status();
        let document = match self.body(response).await {
            Ok(document) => document,
            Err(failure) => return failure,
        };
        match parse::<Problem>(&document) {
            Ok(problem) => Failure::Refused(Box::new(problem)),
            Err(_) => Failure::answer(format_args!("status {status} without a problem document")),
        }
    }

    fn not_connected(&self, error: &io::Error) -> Failure {
        match &self.address {
            Address::Unix(path) if error.kind() == io::ErrorKind::PermissionDenied => {
                let path = path.display();
                Failure::Unreachable {
                    message: format!("cannot reach the daemon at {path}: {error}"),
                    hint: format!(
                        "your user may not open {path}; ask who runs pushcaid for access"
                    ),
                }
            }
            Address::Unix(_) | Address::Tcp { .. } => self.unreachable(&error.to_string()),
        }
    }

    fn unreachable(&self, cause: &str) -> Failure {
        let (place, hint) = match &self.address {
            Address::Unix(path) => (
                path.display().to_string(),
                "start pushcaid, or name its socket with --socket PATH or PUSHCAI_SOCKET",
            ),
            Address::Tcp { address, .. } => (
                address.clone(),
                "start pushcaid with `tcp` set in [api], or give its address with --tcp HOST:PORT",
            ),
        };
        Failure::Unreachable {
            message: format!("cannot reach the daemon at {place}: {cause}"),
            hint: hint.to_owned(),
        }
    }
}

/// Writes a path with its query: parameters without a value are left out.
pub(crate) fn with_query<'a>(
    path: &str,
    parameters: impl IntoIterator<Item = (&'a str, Option<String>)>,
) -> String {
    let mut all = path.to_owned();
    let given = parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    for (index, (name, value)) in given.enumerate() {
        all.push(if index == 0 { '?' } else { '&' });
        all.push_str(name);
        all.push('=');
        all.push_str(&percent_encoded(&value));
    }
    all
}

/// Writes all octets but the unreserved ones of RFC 3986 as `%` and two digits.
pub(crate) fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|octet| match octet {
        b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    });
    encoded.collect()
}

/// Reads a document.
pub(crate) fn parse<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(octets).map_err(Failure::answer)
}

/// Lets the kernel ask now and then whether the daemon is still there: a stream may be quiet for long.
fn kept_alive(stream: TcpStream) -> io::Result<TcpStream> {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// The token of a file that holds it alone, or of the first line (`NAME TOKEN`) of the daemon's own file of tokens.
fn read_token(file: &Path) -> Result<HeaderValue, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    let value =
        token_in(&text).and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    let mut value = value.ok_or_else(|| {
        let file = file.display();
        Failure::Other(format!(
            "{file}: there is no token; write it on a line, alone or behind a name"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn token_in(text: &str) -> Option<&str> {
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let line = lines.find(|line| !line.is_empty())?;
    let mut words = line.split_whitespace();
    let first = words.next()?;
    Some(words.next().unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_percent_encoded() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(with_query("/v1/events", [("a", None)]), "/v1/events");
        assert_eq!(
            with_query(
                "/v1/events",
                [("a", some("x:y z&é+")), ("b", None), ("c", some("1"))]
            ),
            "/v1/events?a=x%3Ay%20z%26%C3%A9%2B&c=1"
        );
    }

    #[test]
    fn tokens_stand_alone_or_behind_a_name() {
        assert_eq!(token_in("secret # alone\n"), Some("secret"));
        assert_eq!(
            token_in("# of the lab\n\nlab secret admin\nother token\n"),
            Some("secret")
        );
        assert_eq!(token_in(" # nothing\n"), None);
    }
}
