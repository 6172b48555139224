//! One connection to a terminal: the gateway asks, the terminal answers, whoever opened it (WAP-235 7.2.4).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::answer::Answer;
use super::authentication::{Challenge, basic};
use super::events::PpgEvent;
use super::message::{HttpPush, OptionsRequest, Tag};
use super::settings::{PpgSettings, Secret};
use super::wire::{self, AnswerError, Limits, Reader};
use crate::events::Log;

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The gateway (PO-TCP).
    PpgOriginated,
    /// The terminal (TO-TCP).
    TerminalOriginated,
}

/// What can go wrong on a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// No connection could be opened.
    #[error("{peer} cannot be reached: {reason}")]
    Unreachable {
        /// The terminal's address.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// TLS could not be established.
    #[error("TLS with {peer} cannot be established: {reason}")]
    Tls {
        /// The terminal's address.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// No answer could be read.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The answer did not come in time.
    #[error("the terminal did not answer within {0:?}")]
    Timeout(Duration),
    /// The gateway holds as many connections as it may.
    #[error("the gateway has no room for another connection")]
    NoRoom,
}

/// A stream of octets, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream whose type does not matter.
pub(super) type BoxedStream = Box<dyn Stream>;

/// How many answers that nobody asked for are kept for [`Connection::read_answer`].
const MAX_UNASKED: usize = 10_000;

/// An open connection. Copies of it are the same connection, which ends at the latest with the last of them.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.shared.about.id)
            .field("peer", &self.shared.about.peer)
            .finish_non_exhaustive()
    }
}

/// What is known of a connection when it is open.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    pub(super) direction: Direction,
    pub(super) tls: bool,
}

struct Shared {
    about: About,
    settings: Arc<PpgSettings>,
    log: Log<PpgEvent>,
    writer: AsyncMutex<Option<WriteHalf<BoxedStream>>>,
    waiting: Arc<Waiting>,
    unasked: AsyncMutex<mpsc::Receiver<Result<Answer, AnswerError>>>,
    closing: watch::Sender<bool>,
    reader: AbortHandle,
    state: Mutex<State>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.reader.abort();
        self.waiting.end(&AnswerError::Closed);
    }
}

/// What was learnt on a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Whether a request was sent already.
    pub(super) asked: bool,
    /// The tag that is assumed to be valid.
    pub(super) tag: Option<String>,
    /// Who is at the other end, and on which bearer.
    pub(super) terminal: Option<(String, Option<u8>)>,
    /// Whether it has proved that.
    pub(super) authenticated: bool,
    /// How the terminal asked the gateway who it is.
    pub(super) challenge: Option<Challenge>,
}

/// Requests whose answers have not come.
#[derive(Debug)]
struct Waiting {
    requests: Mutex<VecDeque<Request>>,
    /// Why the connection ended.
    ended: watch::Sender<Option<AnswerError>>,
}

#[derive(Debug)]
struct Request {
    method: String,
    answer: oneshot::Sender<Result<Answer, AnswerError>>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a request, unless the connection has ended.
    fn push(&self, request: Request) -> Result<(), AnswerError> {
        let mut requests = self.lock();
        if let Some(error) = self.ended.borrow().clone() {
            return Err(error);
        }
        requests.push_back(request);
        Ok(())
    }

    /// Tells everybody that nothing more will come.
    fn end(&self, error: &AnswerError) {
        let mut requests = self.lock();
        self.ended.send_modify(|ended| {
            ended.get_or_insert_with(|| error.clone());
        });
        for request in requests.drain(..) {
            // Whoever asked may have given up.
            drop(request.answer.send(Err(error.clone())));
        }
    }
}

impl Connection {
    /// Takes an open stream.
    pub(super) fn new(
        about: About,
        stream: BoxedStream,
        settings: Arc<PpgSettings>,
        log: Log<PpgEvent>,
    ) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        let limits = Limits {
            head: settings.bounds.answer_head,
            body: settings.bounds.body,
        };
        let waiting = Arc::new(Waiting {
            requests: Mutex::default(),
            ended: watch::Sender::new(None),
        });
        let (unasked_sender, unasked) = mpsc::channel(MAX_UNASKED);
        let task = ReaderTask {
            id: about.id,
            reader: Reader::new(reading, limits),
            waiting: Arc::clone(&waiting),
            unasked: unasked_sender,
            log: log.clone(),
        };
        let reader = tokio::spawn(task.run()).abort_handle();
        log.tell(PpgEvent::Opened {
            connection: about.id,
            peer: about.peer,
            direction: about.direction,
            tls: about.tls,
        });
        Self {
            shared: Arc::new(Shared {
                about,
                settings,
                log,
                writer: AsyncMutex::new(Some(writing)),
                waiting,
                unasked: AsyncMutex::new(unasked),
                closing: watch::Sender::new(false),
                reader,
                state: Mutex::default(),
            }),
        }
    }

    /// A number of its own within the gateway.
    pub fn id(&self) -> u64 {
        self.shared.about.id
    }

    /// The terminal's address.
    pub fn peer(&self) -> SocketAddr {
        self.shared.about.peer
    }

    /// Who opened it.
    pub fn direction(&self) -> Direction {
        self.shared.about.direction
    }

    /// Whether it is secured.
    pub fn is_tls(&self) -> bool {
        self.shared.about.tls
    }

    /// The Terminal-ID and the bearer that were registered on it.
    pub fn terminal(&self) -> Option<(String, Option<u8>)> {
        self.state().terminal.clone()
    }

    /// The tag that is assumed to be valid.
    pub fn tag(&self) -> Option<String> {
        self.state().tag.clone()
    }

    /// Sends a registration request and waits for the answer.
    pub async fn options(&self, request: &OptionsRequest) -> Result<Answer, ConnectionError> {
        let headers = self.headers(
            &request.tag,
            &request.headers,
            None,
            "OPTIONS",
            &request.path,
        );
        let octets = wire::request("OPTIONS", &request.path, &headers, b"");
        self.ask("OPTIONS", &headers, &octets).await
    }

    /// Sends a push and waits for the answer.
    pub async fn post(&self, push: &HttpPush) -> Result<Answer, ConnectionError> {
        let (headers, octets) = self.post_octets(push);
        self.ask("POST", &headers, &octets).await
    }

    /// Sends several pushes at once and then waits for the answers, which come in the same order.
    pub async fn pipeline(&self, pushes: &[HttpPush]) -> Vec<Result<Answer, ConnectionError>> {
        let mut octets = Vec::new();
        let mut answers = Vec::new();
        {
            let mut writer = self.shared.writer.lock().await;
            for push in pushes {
                let (headers, request) = self.post_octets(push);
                octets.extend_from_slice(&request);
                answers.push(self.expect("POST", &headers));
            }
            self.write(writer.as_mut(), &octets).await;
        }
        let mut all = Vec::with_capacity(answers.len());
        for answer in answers {
            all.push(self.wait(answer).await);
        }
        all
    }

    /// The octets that [`Connection::post`] would send.
    pub fn octets_of(&self, push: &HttpPush) -> Vec<u8> {
        self.post_octets(push).1
    }

    /// Sends another request of the gateway's own making: any method, these headers beside the usual ones, this body.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Answer, ConnectionError> {
        let headers = self.headers(&Tag::Absent, headers, None, method, path);
        let octets = wire::request(method, path, &headers, body);
        self.ask(method, &headers, &octets).await
    }

    /// Sends octets as they are and expects no answer; if one comes, [`Connection::read_answer`] has it.
    pub async fn send_raw(&self, octets: &[u8]) -> Result<(), ConnectionError> {
        let mut writer = self.shared.writer.lock().await;
        if self.write(writer.as_mut(), octets).await {
            Ok(())
        } else {
            Err(self.why_ended().into())
        }
    }

    /// Sends octets as they are and waits for one answer.
    pub async fn exchange_raw(&self, octets: &[u8]) -> Result<Answer, ConnectionError> {
        self.ask("", &[], octets).await
    }

    /// The next answer that belongs to no request of [`Connection::options`] and the like.
    pub async fn read_answer(&self) -> Result<Answer, ConnectionError> {
        let limit = self.shared.settings.bounds.answer_time;
        let mut unasked = self.shared.unasked.lock().await;
        match timeout(limit, unasked.recv()).await {
            Ok(Some(answer)) => Ok(answer?),
            Ok(None) => Err(self.why_ended().into()),
            Err(_) => Err(ConnectionError::Timeout(limit)),
        }
    }

    /// Ends the gateway's half; answers can still come.
    pub async fn finish(&self) {
        if let Some(mut writer) = self.shared.writer.lock().await.take() {
            // The terminal may have closed already.
            drop(writer.shutdown().await);
            // The other half keeps the stream open.
        }
    }

    /// Ends the connection at once, without reading what is still to come.
    pub async fn close(&self) {
        self.shared.closing.send_replace(true);
        self.shared.reader.abort();
        self.shared.writer.lock().await.take();
        self.shared.waiting.end(&AnswerError::Broken(
            "the gateway closed the connection".to_owned(),
        ));
    }

    /// Waits until the connection has ended, and says why.
    pub async fn closed(&self) -> AnswerError {
        let mut ended = self.shared.waiting.ended.subscribe();
        let why = ended.wait_for(Option::is_some).await;
        why.ok()
            .and_then(|why| why.clone())
            .unwrap_or(AnswerError::Closed)
    }

    /// Whether it is still open, as far as is known.
    pub fn is_open(&self) -> bool {
        self.shared.waiting.ended.borrow().is_none()
    }

    /// What was learnt on it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are the same connection.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    fn why_ended(&self) -> AnswerError {
        let ended = self.shared.waiting.ended.borrow();
        ended.clone().unwrap_or(AnswerError::Closed)
    }

    fn post_octets(&self, push: &HttpPush) -> (Vec<(String, String)>, Vec<u8>) {
        let (content_type, body) = push.body();
        let info = (!push.info.is_empty()).then(|| push.info.join(","));
        let mut headers = self.headers(&push.tag, &push.headers, info, "POST", &push.path);
        for (name, value) in [
            ("Content-Type", content_type),
            ("Content-Length", body.len().to_string()),
        ] {
            if !has(&headers, name) {
                headers.push((name.to_owned(), value));
            }
        }
        let octets = wire::request("POST", &push.path, &headers, &body);
        (headers, octets)
    }

    /// The gateway's own headers, then the given ones, which go before those of the same name.
    fn headers(
        &self,
        tag: &Tag,
        given: &[(String, String)],
        info: Option<String>,
        method: &str,
        path: &str,
    ) -> Vec<(String, String)> {
        let settings = &self.shared.settings;
        let mut state = self.state();
        let first = !std::mem::replace(&mut state.asked, true);
        let version = settings
            .versions
            .clone()
            .filter(|_| first || settings.versions_always);
        let tag = match tag {
            Tag::Known => state.tag.clone(),
            Tag::Absent => None,
            Tag::Exactly(tag) => Some(tag.clone()),
        };
        let po_tcp = self.shared.about.direction == Direction::PpgOriginated;
        let prov_url = settings.prov_url.clone().filter(|_| first && po_tcp);
        let authorization = authorization(settings, &state, method, path);
        drop(state);
        let own = [
            ("Host", settings.host.clone()),
            ("X-Wap-Push-OTA-Version", version),
            ("X-Wap-CPITag", tag),
            ("X-Wap-Push-ProvURL", prov_url),
            ("X-Wap-Push-Info", info),
            ("Authorization", authorization),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        own.filter(|(name, _)| !has(given, name))
            .chain(given.iter().cloned())
            .collect()
    }

    async fn ask(
        &self,
        method: &str,
        headers: &[(String, String)],
        octets: &[u8],
    ) -> Result<Answer, ConnectionError> {
        let answer = {
            let mut writer = self.shared.writer.lock().await;
            let answer = self.expect(method, headers);
            // Where writing fails, the answer may have come nevertheless: a terminal that refuses early need not read on.
            self.write(writer.as_mut(), octets).await;
            answer
        };
        self.wait(answer).await
    }

    fn expect(
        &self,
        method: &str,
        headers: &[(String, String)],
    ) -> Result<oneshot::Receiver<Result<Answer, AnswerError>>, AnswerError> {
        let (answer, receiver) = oneshot::channel();
        self.shared.waiting.push(Request {
            method: method.to_owned(),
            answer,
        })?;
        let tag = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("X-Wap-CPITag"));
        self.shared.log.tell(PpgEvent::Asked {
            connection: self.id(),
            method: method.to_owned(),
            tag: tag.map(|(_, tag)| tag.clone()),
        });
        Ok(receiver)
    }

    async fn wait(
        &self,
        answer: Result<oneshot::Receiver<Result<Answer, AnswerError>>, AnswerError>,
    ) -> Result<Answer, ConnectionError> {
        let limit = self.shared.settings.bounds.answer_time;
        let answer = match timeout(limit, answer?).await {
            Ok(Ok(answer)) => answer?,
            Ok(Err(_)) => return Err(self.why_ended().into()),
            Err(_) => return Err(ConnectionError::Timeout(limit)),
        };
        if let Some(tag) = answer.tag() {
            self.state().tag = Some(tag.to_owned());
        }
        Ok(answer)
    }

    /// Whether all of it could be written in time, before the connection ended or was closed.
    async fn write(&self, writer: Option<&mut WriteHalf<BoxedStream>>, octets: &[u8]) -> bool {
        let Some(writer) = writer else { return false };
        let mut closing = self.shared.closing.subscribe();
        let mut ended = self.shared.waiting.ended.subscribe();
        let writing = async {
            writer.write_all(octets).await?;
            writer.flush().await
        };
        let limit = self.shared.settings.bounds.answer_time;
        tokio::select! {
            written = timeout(limit, writing) => matches!(written, Ok(Ok(()))),
            _ = closing.wait_for(|closing| *closing) => false,
            _ = ended.wait_for(Option::is_some) => false,
        }
    }
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers
        .iter()
        .any(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
}

/// The gateway's credentials, where it is time to show them.
fn authorization(
    settings: &PpgSettings,
    state: &State,
    method: &str,
    path: &str,
) -> Option<String> {
    let password = settings.password.as_ref().map(Secret::reveal)?;
    match &state.challenge {
        Some(challenge) if settings.authorize_always => {
            Some(challenge.answer(&settings.id, password, method, path))
        }
        Some(_) | None if settings.unasked => Some(basic(&settings.id, password)),
        Some(_) | None => None,
    }
}

/// What reads answers and gives them to whoever asked.
struct ReaderTask {
    id: u64,
    reader: Reader<ReadHalf<BoxedStream>>,
    waiting: Arc<Waiting>,
    unasked: mpsc::Sender<Result<Answer, AnswerError>>,
    log: Log<PpgEvent>,
}

impl ReaderTask {
    async fn run(mut self) {
        loop {
            if let Err(error) = self.one().await {
                self.waiting.end(&error);
                return;
            }
        }
    }

    async fn one(&mut self) -> Result<(), AnswerError> {
        let mut answer = self.reader.head().await?;
        if (100..200).contains(&answer.status) {
            return Ok(());
        }
        let request = self.waiting.lock().pop_front();
        let method = request.as_ref().map(|request| request.method.clone());
        let method = method.unwrap_or_default();
        let body = self.reader.body(&answer, method == "HEAD").await;
        let result = match body {
            Ok(body) => {
                answer.body = body;
                Ok(answer)
            }
            Err(error) => Err(error),
        };
        if let Ok(answer) = &result {
            self.log.tell(PpgEvent::Answered {
                connection: self.id,
                method,
                status: answer.status,
                push_status: answer.push_code(),
                tag: answer.tag().map(str::to_owned),
            });
        }
        let failed = result.clone().err();
        match request {
            // Whoever asked may have given up.
            Some(request) => drop(request.answer.send(result)),
            // Beyond the bound, what nobody asked for is forgotten.
            None => drop(self.unasked.try_send(result)),
        }
        failed.map_or(Ok(()), Err)
    }
}
