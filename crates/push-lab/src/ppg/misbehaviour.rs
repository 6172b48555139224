//! What a gateway, or whoever calls itself one, can do wrong towards a terminal.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::answer::Answer;
use super::connection::{Connection, ConnectionError};
use super::events::PpgEvent;
use super::gateway::Ppg;
use super::message::{HttpPush, OptionsRequest, PATH, Tag};
use super::wire::AnswerError;
use crate::Random;

/// A way to misbehave. Each is done with one well-formed push at hand, which is spoilt or repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMisbehaviour {
    /// A tag that the terminal never sent.
    WrongTag,
    /// The head octet by octet, with a pause before each.
    SlowHead,
    /// The body octet by octet, with a pause before each.
    SlowBody,
    /// A head that never ends.
    EndlessHead,
    /// Half of a head, and then the gateway's side of the connection ends.
    HalfHead,
    /// Half of a body, and then the gateway's side of the connection ends.
    HalfBody,
    /// The whole request, and then the gateway's side of the connection ends: the answer can still come.
    HalfClosed,
    /// A protocol version that no terminal has.
    BadVersion,
    /// A version header that is none.
    BrokenVersion,
    /// `HTTP/2.0` in the request line.
    BadHttpVersion,
    /// Content-Length and then Transfer-Encoding.
    LengthAndChunked,
    /// Transfer-Encoding and then Content-Length.
    ChunkedAndLength,
    /// Two lengths that differ.
    TwoLengths,
    /// Lines that end with a line feed alone.
    BareLineFeed,
    /// A carriage return within a value.
    BareCarriageReturn,
    /// A header that goes on in the next line.
    FoldedHeader,
    /// A chunked body whose chunks have extensions.
    ChunkExtensions,
    /// A space before a header's colon.
    SpaceBeforeColon,
    /// A length with a sign.
    SignedLength,
    /// A zero octet within a header.
    ZeroInHeader,
    /// Thousands of headers.
    HeaderFlood,
    /// One header as long as a book.
    LongHeader,
    /// A length of 1 GiB, and a few octets.
    HugeLength,
    /// A body whose inner response has no status line.
    BrokenEntity,
    /// A body that ends within the inner headers.
    CutEntity,
    /// A length inside that is not the true one.
    WrongInnerLength,
    /// Random octets instead of a request.
    Garbage,
    /// Random octets in the clear, whatever is expected, and nothing else.
    GarbageInTls,
    /// Connections that are opened and closed at once, one after another.
    ReconnectStorm,
    /// Very many pushes at once, before any answer is read.
    PipeliningFlood,
    /// A push whose connection is closed before the answer is read, and then the same push again.
    DuplicateAfterClose,
    /// An unknown path.
    UnknownPath,
    /// A method that the terminal's resource does not have.
    UnknownMethod,
    /// A connection on which nothing is ever sent.
    Silence,
}

impl HttpMisbehaviour {
    /// Every kind with the word for it on a command line.
    pub const ALL: &[(&'static str, Self)] = &[
        ("wrong-tag", Self::WrongTag),
        ("slow-head", Self::SlowHead),
        ("slow-body", Self::SlowBody),
        ("endless-head", Self::EndlessHead),
        ("half-head", Self::HalfHead),
        ("half-body", Self::HalfBody),
        ("half-closed", Self::HalfClosed),
        ("bad-version", Self::BadVersion),
        ("broken-version", Self::BrokenVersion),
        ("bad-http-version", Self::BadHttpVersion),
        ("length-and-chunked", Self::LengthAndChunked),
        ("chunked-and-length", Self::ChunkedAndLength),
        ("two-lengths", Self::TwoLengths),
        ("bare-lf", Self::BareLineFeed),
        ("bare-cr", Self::BareCarriageReturn),
        ("folded-header", Self::FoldedHeader),
        ("chunk-extensions", Self::ChunkExtensions),
        ("space-before-colon", Self::SpaceBeforeColon),
        ("signed-length", Self::SignedLength),
        ("zero-in-header", Self::ZeroInHeader),
        ("header-flood", Self::HeaderFlood),
        ("long-header", Self::LongHeader),
        ("huge-length", Self::HugeLength),
        ("broken-entity", Self::BrokenEntity),
        ("cut-entity", Self::CutEntity),
        ("wrong-inner-length", Self::WrongInnerLength),
        ("garbage", Self::Garbage),
        ("garbage-in-tls", Self::GarbageInTls),
        ("reconnect-storm", Self::ReconnectStorm),
        ("pipelining-flood", Self::PipeliningFlood),
        ("duplicate-after-close", Self::DuplicateAfterClose),
        ("unknown-path", Self::UnknownPath),
        ("unknown-method", Self::UnknownMethod),
        ("silence", Self::Silence),
    ];

    /// The kind that this word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("", |(name, _)| name)
    }

    /// The octets of a spoilt request, where the misbehaviour is in the octets alone.
    ///
    /// `octets` is the well-formed request. Nothing for a kind that is more than one request, or that takes time.
    pub fn octets(self, octets: &[u8], seed: u64) -> Option<Vec<u8>> {
        let parts = Parts::new(octets);
        let inserted = |lines: &str| Some(parts.with_lines(lines));
        match self {
            Self::BadHttpVersion => {
                Some(parts.with_line(&parts.line.replace("HTTP/1.1", "HTTP/2.0")))
            }
            Self::UnknownPath => Some(parts.with_line(&parts.line.replace("/wappush", "/other"))),
            Self::LengthAndChunked => Some(parts.chunked(true, false, "")),
            Self::ChunkedAndLength => Some(parts.chunked(true, true, "")),
            Self::ChunkExtensions => Some(parts.chunked(false, true, ";lab=\"1\";x")),
            Self::TwoLengths => inserted(&format!("Content-Length: {}\r\n", parts.body.len() + 7)),
            Self::SignedLength => Some(parts.with_length(&format!("+{}", parts.body.len()))),
            Self::HugeLength => Some(parts.with_length(&(1_u64 << 30).to_string())),
            Self::BareLineFeed => Some(parts.joined("\n", "\n")),
            Self::BareCarriageReturn => inserted("X-Lab: a\rX-Hidden: b\r\n"),
            Self::FoldedHeader => inserted("X-Lab: a\r\n b\r\n"),
            Self::SpaceBeforeColon => inserted("X-Lab : a\r\n"),
            Self::ZeroInHeader => inserted("X-Lab: a\0b\r\n"),
            Self::HeaderFlood => inserted(&"X-Lab: a\r\n".repeat(5_000)),
            Self::LongHeader => inserted(&format!("X-Lab: {}\r\n", "a".repeat(1 << 20))),
            Self::HalfHead => Some(octets.iter().copied().take(parts.head_length / 2).collect()),
            Self::HalfBody => {
                let half = octets.len().saturating_sub(parts.body.len() / 2 + 1);
                Some(octets.iter().copied().take(half).collect())
            }
            Self::Garbage | Self::GarbageInTls => Some(garbage(seed)),
            Self::WrongTag
            | Self::SlowHead
            | Self::SlowBody
            | Self::EndlessHead
            | Self::HalfClosed
            | Self::BadVersion
            | Self::BrokenVersion
            | Self::BrokenEntity
            | Self::CutEntity
            | Self::WrongInnerLength
            | Self::ReconnectStorm
            | Self::PipeliningFlood
            | Self::DuplicateAfterClose
            | Self::UnknownMethod
            | Self::Silence => None,
        }
    }
}

/// How far a misbehaviour goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The pause before each octet of the slow kinds.
    pub pause: Duration,
    /// How long it goes on at most, and how long the end of the connection is waited for.
    pub patience: Duration,
    /// How many connections or pushes the storms and floods have.
    pub count: usize,
    /// What chance begins with.
    pub seed: u64,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            pause: Duration::from_millis(200),
            patience: Duration::from_mins(1),
            count: 200,
            seed: 1,
        }
    }
}

/// What a terminal did about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Its answers, in their order.
    pub answers: Vec<Answer>,
    /// Why the connection ended; nothing where it is still open.
    pub ended: Option<String>,
    /// What else can be said about it.
    pub note: Option<String>,
}

impl Reaction {
    fn of(results: Vec<Result<Answer, ConnectionError>>) -> Self {
        let mut reaction = Self {
            answers: Vec::new(),
            ended: None,
            note: None,
        };
        for result in results {
            match result {
                Ok(answer) => reaction.answers.push(answer),
                Err(ConnectionError::Timeout(limit)) => {
                    reaction.note = Some(format!("no answer within {limit:?}"));
                }
                Err(error) => reaction.ended = Some(error.to_string()),
            }
        }
        reaction
    }
}

/// Whom to misbehave towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A terminal that listens (PO-TCP).
    Dial {
        /// Where.
        address: SocketAddr,
        /// Whether it wants TLS there.
        tls: bool,
    },
    /// The terminals that connect next (TO-TCP).
    Accepted,
}

impl Ppg {
    /// Misbehaves once towards a terminal, with a push at hand, and tells what the terminal did.
    ///
    /// Where the settings ask for registration, that comes first on each connection, and well-behaved.
    pub async fn misbehave(
        &self,
        kind: HttpMisbehaviour,
        push: &HttpPush,
        target: Target,
        extent: &Extent,
    ) -> Result<Reaction, ConnectionError> {
        let stage = Stage {
            ppg: self,
            target,
            extent,
        };
        match kind {
            HttpMisbehaviour::GarbageInTls => stage.noise().await,
            HttpMisbehaviour::ReconnectStorm => stage.storm().await,
            HttpMisbehaviour::Silence => {
                let connection = stage.bare(stage.tls()).await?;
                Ok(stage.end_of(&connection, Vec::new()).await)
            }
            HttpMisbehaviour::DuplicateAfterClose => stage.duplicate(push).await,
            HttpMisbehaviour::PipeliningFlood => {
                let connection = stage.connect().await?;
                let pushes = vec![push.clone(); extent.count];
                Ok(Reaction::of(connection.pipeline(&pushes).await))
            }
            HttpMisbehaviour::SlowHead | HttpMisbehaviour::SlowBody => {
                let connection = stage.connect().await?;
                Ok(stage.slowly(kind, push, &connection).await)
            }
            HttpMisbehaviour::EndlessHead => {
                let connection = stage.connect().await?;
                Ok(stage.endless(&connection).await)
            }
            HttpMisbehaviour::HalfClosed
            | HttpMisbehaviour::HalfHead
            | HttpMisbehaviour::HalfBody => {
                let connection = stage.connect().await?;
                let octets = connection.octets_of(push);
                let octets = kind.octets(&octets, extent.seed).unwrap_or(octets);
                Ok(stage.half(&connection, &octets).await)
            }
            HttpMisbehaviour::BadHttpVersion
            | HttpMisbehaviour::LengthAndChunked
            | HttpMisbehaviour::ChunkedAndLength
            | HttpMisbehaviour::TwoLengths
            | HttpMisbehaviour::BareLineFeed
            | HttpMisbehaviour::BareCarriageReturn
            | HttpMisbehaviour::FoldedHeader
            | HttpMisbehaviour::ChunkExtensions
            | HttpMisbehaviour::SpaceBeforeColon
            | HttpMisbehaviour::SignedLength
            | HttpMisbehaviour::ZeroInHeader
            | HttpMisbehaviour::HeaderFlood
            | HttpMisbehaviour::LongHeader
            | HttpMisbehaviour::HugeLength
            | HttpMisbehaviour::UnknownPath
            | HttpMisbehaviour::Garbage => {
                let connection = stage.connect().await?;
                let octets = connection.octets_of(push);
                let octets = kind.octets(&octets, extent.seed).unwrap_or(octets);
                Ok(stage.patiently(connection.exchange_raw(&octets)).await)
            }
            HttpMisbehaviour::WrongTag => {
                let tag = Tag::Exactly("/////w==".to_owned());
                stage.post(push.clone().tag(tag)).await
            }
            HttpMisbehaviour::BadVersion => stage.version("7.0,8.*").await,
            HttpMisbehaviour::BrokenVersion => stage.version("one.zero").await,
            HttpMisbehaviour::UnknownMethod => {
                let connection = stage.connect().await?;
                let asked = connection.request("PUT", PATH, &[], b"");
                Ok(stage.patiently(asked).await)
            }
            HttpMisbehaviour::BrokenEntity => {
                let broken = *b"no status line\r\n\r\nx";
                stage
                    .post(push.clone().entity("application/http", broken))
                    .await
            }
            HttpMisbehaviour::CutEntity => {
                let cut = *b"HTTP/1.1 200 OK\r\nContent-Type: text/pl";
                stage
                    .post(push.clone().entity("application/http", cut))
                    .await
            }
            HttpMisbehaviour::WrongInnerLength => {
                let wrong = (push.content.len() + 1_000).to_string();
                let push = push.clone().push_header("Content-Length", &wrong);
                stage.post(push).await
            }
        }
    }
}

/// What a misbehaviour takes place on.
struct Stage<'a> {
    ppg: &'a Ppg,
    target: Target,
    extent: &'a Extent,
}

impl Stage<'_> {
    const fn tls(&self) -> bool {
        match self.target {
            Target::Dial { tls, .. } => tls,
            Target::Accepted => false,
        }
    }

    /// A connection on which the terminal is registered, where the settings ask for that.
    async fn connect(&self) -> Result<Connection, ConnectionError> {
        let Target::Dial { address, tls } = self.target else {
            let connection = self.bare(false).await?;
            if self.ppg.inner().settings.register {
                self.registered(connection.id()).await;
            }
            return Ok(connection);
        };
        self.ppg.connect(address, tls).await
    }

    async fn post(&self, push: HttpPush) -> Result<Reaction, ConnectionError> {
        let connection = self.connect().await?;
        Ok(self.patiently(connection.post(&push)).await)
    }

    async fn version(&self, value: &str) -> Result<Reaction, ConnectionError> {
        let connection = self.connect().await?;
        let request = OptionsRequest::new().header("X-Wap-Push-OTA-Version", value);
        Ok(self.patiently(connection.options(&request)).await)
    }

    async fn bare(&self, tls: bool) -> Result<Connection, ConnectionError> {
        match self.target {
            Target::Dial { address, .. } => self.ppg.inner().open_to(address, tls).await,
            Target::Accepted => {
                let accepted = timeout(self.extent.patience, self.ppg.accepted()).await;
                accepted
                    .map_err(|_| ConnectionError::Timeout(self.extent.patience))?
                    .ok_or_else(|| AnswerError::Closed.into())
            }
        }
    }

    /// Waits until registration on an accepted connection is settled, whatever came of it.
    async fn registered(&self, id: u64) {
        let settled = |event| {
            if let PpgEvent::Registered { connection, .. }
            | PpgEvent::NotRegistered { connection, .. }
            | PpgEvent::Closed { connection, .. } = event
            {
                return (connection == id).then_some(());
            }
            None
        };
        drop(timeout(self.extent.patience, self.ppg.once(settled)).await);
    }

    async fn patiently(
        &self,
        asked: impl Future<Output = Result<Answer, ConnectionError>>,
    ) -> Reaction {
        let answer = timeout(self.extent.patience, asked).await;
        let answer = answer.unwrap_or(Err(ConnectionError::Timeout(self.extent.patience)));
        Reaction::of(vec![answer])
    }

    /// Waits for the end of the connection.
    async fn end_of(
        &self,
        connection: &Connection,
        results: Vec<Result<Answer, ConnectionError>>,
    ) -> Reaction {
        let mut reaction = Reaction::of(results);
        match timeout(self.extent.patience, connection.closed()).await {
            Ok(why) => reaction.ended = Some(why.to_string()),
            Err(_) => reaction.note = Some(format!("still open after {:?}", self.extent.patience)),
        }
        reaction
    }

    async fn duplicate(&self, push: &HttpPush) -> Result<Reaction, ConnectionError> {
        let connection = self.connect().await?;
        connection.send_raw(&connection.octets_of(push)).await?;
        connection.close().await;
        let again = self.connect().await?;
        Ok(self.patiently(again.post(push)).await)
    }

    async fn half(&self, connection: &Connection, octets: &[u8]) -> Reaction {
        let sent = connection.send_raw(octets).await;
        connection.finish().await;
        self.patiently(async {
            sent?;
            connection.read_answer().await
        })
        .await
    }

    async fn slowly(
        &self,
        kind: HttpMisbehaviour,
        push: &HttpPush,
        connection: &Connection,
    ) -> Reaction {
        let octets = connection.octets_of(push);
        let at_once = if kind == HttpMisbehaviour::SlowBody {
            Parts::new(&octets).head_length
        } else {
            0
        };
        let (fast, slow) = octets.split_at(at_once.min(octets.len()));
        let sending = async {
            connection.send_raw(fast).await?;
            for octet in slow {
                sleep(self.extent.pause).await;
                connection.send_raw(&[*octet]).await?;
            }
            Ok(())
        };
        self.race(sending, connection).await
    }

    async fn endless(&self, connection: &Connection) -> Reaction {
        let sending = async {
            connection
                .send_raw(b"OPTIONS /wappush HTTP/1.1\r\n")
                .await?;
            loop {
                sleep(self.extent.pause).await;
                connection.send_raw(b"X-Lab: again\r\n").await?;
            }
        };
        self.race(sending, connection).await
    }

    /// Sends and reads at the same time: an answer may come before all is sent, and an end, too.
    async fn race(
        &self,
        sending: impl Future<Output = Result<(), ConnectionError>>,
        connection: &Connection,
    ) -> Reaction {
        let sending = async {
            // Where sending failed, the answer or the end is there to be read.
            drop(sending.await);
            std::future::pending::<()>().await;
        };
        self.patiently(async {
            tokio::select! {
                answer = connection.read_answer() => answer,
                () = sending => Err(AnswerError::Closed.into()),
            }
        })
        .await
    }

    /// Octets that belong to no protocol, in the clear.
    async fn noise(&self) -> Result<Reaction, ConnectionError> {
        let connection = self.bare(false).await?;
        // A terminal that refuses early closes early.
        drop(connection.send_raw(&garbage(self.extent.seed)).await);
        Ok(self.end_of(&connection, Vec::new()).await)
    }

    async fn storm(&self) -> Result<Reaction, ConnectionError> {
        let mut opened = 0;
        let mut refused = None;
        for _ in 0..self.extent.count {
            match self.bare(false).await {
                Ok(connection) => {
                    opened += 1;
                    connection.close().await;
                }
                Err(error) => refused = Some(error.to_string()),
            }
        }
        // After the storm, the terminal serves as before.
        let connection = self.connect().await?;
        let request = OptionsRequest::new();
        let mut reaction = self.patiently(connection.options(&request)).await;
        let refused = refused.map(|why| format!("; the last failure: {why}"));
        reaction.note = Some(format!(
            "{opened} of {} were opened{}",
            self.extent.count,
            refused.unwrap_or_default()
        ));
        Ok(reaction)
    }
}

fn garbage(seed: u64) -> Vec<u8> {
    let mut octets = Random::new(seed).octets(512);
    // Neither a letter, with which a method begins, nor the first octet of TLS.
    if let Some(first) = octets.first_mut() {
        *first |= 0x80;
    }
    octets.extend_from_slice(b"\r\n\r\n");
    octets
}

/// A request taken apart.
struct Parts {
    line: String,
    headers: String,
    body: Vec<u8>,
    head_length: usize,
}

impl Parts {
    fn new(octets: &[u8]) -> Self {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
        let head_length = end.map_or(octets.len(), |end| end + 4);
        let (head, body) = octets.split_at(head_length);
        let head = String::from_utf8_lossy(head).into_owned();
        let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
        Self {
            line: line.to_owned(),
            headers: headers.strip_suffix("\r\n").unwrap_or(headers).to_owned(),
            body: body.to_vec(),
            head_length,
        }
    }

    fn build(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let mut octets = format!("{line}\r\n{headers}\r\n").into_bytes();
        octets.extend_from_slice(body);
        octets
    }

    fn with_line(&self, line: &str) -> Vec<u8> {
        Self::build(line, &self.headers, &self.body)
    }

    fn with_lines(&self, lines: &str) -> Vec<u8> {
        Self::build(&self.line, &format!("{}{lines}", self.headers), &self.body)
    }

    fn without_length(&self) -> String {
        let lines = self.headers.split_inclusive("\r\n");
        lines
            .filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"))
            .collect()
    }

    fn with_length(&self, length: &str) -> Vec<u8> {
        let headers = format!("{}Content-Length: {length}\r\n", self.without_length());
        Self::build(&self.line, &headers, &self.body)
    }

    /// With a chunked body, with a length beside it or not, and in this order.
    fn chunked(&self, length: bool, coding_first: bool, extension: &str) -> Vec<u8> {
        let coding = "Transfer-Encoding: chunked\r\n".to_owned();
        let length = if length {
            format!("Content-Length: {}\r\n", self.body.len())
        } else {
            String::new()
        };
        let both = if coding_first {
            coding + &length
        } else {
            length + &coding
        };
        let mut body = format!("{:x}{extension}\r\n", self.body.len()).into_bytes();
        body.extend_from_slice(&self.body);
        body.extend_from_slice(format!("\r\n0{extension}\r\n\r\n").as_bytes());
        Self::build(&self.line, &(self.without_length() + &both), &body)
    }

    /// With another end of line.
    fn joined(&self, end: &str, last: &str) -> Vec<u8> {
        let headers = self.headers.replace("\r\n", end);
        let mut octets = format!("{}{end}{headers}{last}", self.line).into_bytes();
        octets.extend_from_slice(&self.body);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Length: 4\r\n\r\nbody";

    fn spoilt(kind: HttpMisbehaviour) -> String {
        let octets = kind.octets(REQUEST, 1).unwrap();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn requests_are_spoilt_in_the_place_that_is_meant() {
        use HttpMisbehaviour as Kind;
        let head = "POST /wappush HTTP/1.1\r\nHost:\r\n";
        let chunked = "Transfer-Encoding: chunked\r\n";
        for (kind, expected) in [
            (
                Kind::LengthAndChunked,
                format!("{head}Content-Length: 4\r\n{chunked}\r\n4\r\nbody\r\n0\r\n\r\n"),
            ),
            (
                Kind::ChunkedAndLength,
                format!("{head}{chunked}Content-Length: 4\r\n\r\n4\r\nbody\r\n0\r\n\r\n"),
            ),
            (
                Kind::ChunkExtensions,
                format!("{head}{chunked}\r\n4;lab=\"1\";x\r\nbody\r\n0;lab=\"1\";x\r\n\r\n"),
            ),
            (
                Kind::TwoLengths,
                format!("{head}Content-Length: 4\r\nContent-Length: 11\r\n\r\nbody"),
            ),
            (
                Kind::SignedLength,
                format!("{head}Content-Length: +4\r\n\r\nbody"),
            ),
            (
                Kind::HugeLength,
                format!("{head}Content-Length: 1073741824\r\n\r\nbody"),
            ),
            (
                Kind::BareLineFeed,
                "POST /wappush HTTP/1.1\nHost:\nContent-Length: 4\n\nbody".to_owned(),
            ),
            (
                Kind::FoldedHeader,
                format!("{head}Content-Length: 4\r\nX-Lab: a\r\n b\r\n\r\nbody"),
            ),
            (
                Kind::SpaceBeforeColon,
                format!("{head}Content-Length: 4\r\nX-Lab : a\r\n\r\nbody"),
            ),
            (
                Kind::UnknownPath,
                "POST /other HTTP/1.1\r\nHost:\r\nContent-Length: 4\r\n\r\nbody".to_owned(),
            ),
            (Kind::HalfBody, format!("{head}Content-Length: 4\r\n\r\nb")),
        ] {
            assert_eq!(spoilt(kind), expected, "{kind:?}");
        }
        assert!(spoilt(Kind::HeaderFlood).lines().count() > 5_000);
        assert!(spoilt(Kind::LongHeader).len() > 1 << 20);
        assert!(!spoilt(Kind::HalfHead).contains("Content-Length"));
    }

    #[test]
    fn every_kind_has_a_word() {
        let mut words: Vec<_> = HttpMisbehaviour::ALL.iter().map(|(word, _)| word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), HttpMisbehaviour::ALL.len());
        for (word, kind) in HttpMisbehaviour::ALL {
            assert_eq!(HttpMisbehaviour::parse(word), Some(*kind));
            assert_eq!(kind.word(), *word);
        }
        assert_eq!(HttpMisbehaviour::parse("none"), None);
    }

    #[test]
    fn garbage_begins_no_protocol() {
        for seed in 0..50 {
            assert!(garbage(seed)[0] >= 0x80);
        }
        assert_eq!(garbage(3), garbage(3));
    }
}
