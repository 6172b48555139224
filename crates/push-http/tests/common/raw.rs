//! Clients that speak in raw octets.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The document of a refusal, after a look at what every refusal has.
    pub(crate) fn problem(&self) -> serde_json::Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let document = self.json();
        assert_eq!(document["status"], self.status);
        assert_eq!(document["result"], "failure");
        document
    }

    pub(crate) fn detail(&self) -> String {
        self.problem()["detail"].as_str().unwrap().to_owned()
    }
}

/// A client that speaks in raw octets, and reads answers whole or piece by piece.
pub(crate) struct Client<T> {
    pub(crate) stream: T,
    read: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).await.unwrap();
    }

    pub(crate) async fn ask(&mut self, method: &str, target: &str, body: &str) -> Answer {
        self.send(request(method, target, "", body)).await;
        self.answer_to(method).await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    pub(crate) async fn answer_to(&mut self, method: &str) -> Answer {
        let mut answer = self.head().await;
        let length = answer
            .header("content-length")
            .map(|length| length.parse().unwrap());
        answer.body = match length {
            _ if method == "HEAD" => Vec::new(),
            Some(length) => self.octets(length).await,
            None => self.chunks().await,
        };
        answer
    }

    /// The status line and the headers.
    pub(crate) async fn head(&mut self) -> Answer {
        let head = String::from_utf8(self.up_to(b"\r\n\r\n").await.unwrap()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Answer {
            status,
            headers,
            body: Vec::new(),
        }
    }

    /// One chunk of a chunked body; `None` for the last.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.up_to(b"\r\n").await?;
        let digits = std::str::from_utf8(&line).unwrap().trim_end();
        let length = usize::from_str_radix(digits, 16).unwrap();
        let mut chunk = self.octets(length + 2).await;
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            body.extend(chunk);
        }
        body
    }

    async fn octets(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.more().await, "the connection ended within a body");
        }
        self.read.drain(..length).collect()
    }

    /// Reads up to `end`; `None` where the connection ends before.
    pub(crate) async fn up_to(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self
                .read
                .windows(end.len())
                .position(|octets| octets == end);
            if let Some(start) = found {
                return Some(self.read.drain(..start + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads more; `false` at the end, however the connection ends.
    async fn more(&mut self) -> bool {
        self.stream
            .read_buf(&mut self.read)
            .await
            .is_ok_and(|count| count > 0)
    }

    /// Whether the connection ends without another octet.
    pub(crate) async fn ended(&mut self) -> bool {
        self.read.is_empty() && !self.more().await
    }
}

/// The octets of a request. `headers` are whole lines; a body makes it JSON.
pub(crate) fn request(method: &str, target: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let entity = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{entity}\r\n{body}")
}
