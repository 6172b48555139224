//! A Push Client in memory, and clients that speak in raw octets.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses a part"
)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use push_api::{
    BatchAcknowledgeAnswer, BatchAcknowledgement, Caller, DeadLetter, DeadLetterQuery,
    DeliveredEvent, DeregistrationAnswer, DeregistrationQuery, EventPorts, EventStory, EventStream,
    Exchange, ExplainAnswer, ExplainRequest, Explanation, FetchQuery, HandlerAttempt, HandlerState,
    Happening, Owner, PushEventView, PushService, Reason, Refusal, Refused, Registration,
    RegistrationAnswer, RegistrationRequest, Server, ServerAnswer, SessionAnswer, SessionAnswered,
    SessionApplication, SessionCheck, SessionTask, SessionTasks, SettleAnswer, SettleDeadLetters,
    Status, SubmitAnswer, SubmitRequest, Submitted, SubscribeQuery, WatchQuery, WatchStream,
    Watched, WatchedEvent, WatchedPush, WatchedRegistration,
};
use push_http::{HttpSettings, Tokens, serve_tcp, serve_unix};
use push_message::{Headers, ServerAddress};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// An event in memory.
#[derive(Debug, Clone)]
pub(crate) struct FakeEvent {
    pub(crate) id: u64,
    pub(crate) content: Arc<[u8]>,
    pub(crate) parameters: Headers,
    pub(crate) headers: Headers,
}

impl FakeEvent {
    pub(crate) fn new(id: u64, content: &[u8]) -> Self {
        Self {
            id,
            content: content.into(),
            parameters: [("charset", "utf-8")].into_iter().collect(),
            headers: [("X-Wap-Application-Id", "x-wap-application:mms.ua")]
                .into_iter()
                .collect(),
        }
    }
}

impl DeliveredEvent for FakeEvent {
    fn view(&self) -> PushEventView<'_> {
        PushEventView {
            id: self.id,
            registration_id: 7,
            push_application_id: Cow::Borrowed("x-wap-application:mms.ua"),
            application_id: Some("urn:example:app"),
            content_type: "text/plain",
            parameters: &self.parameters,
            content: &self.content,
            headers: &self.headers,
            protocol: "OTA-WSP",
            bearer: "IP",
            server: &ServerAddress::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            server_names: &[],
            originator: Some("+4917099999"),
            device: Some("modem0"),
            ports: EventPorts {
                dest: Some(2948),
                orig: Some(9200),
            },
            received_at: 1_700_000_000_000,
            attempt: 1,
            authenticated: true,
            trusted: false,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) registrations: BTreeMap<String, (Owner, RegistrationRequest)>,
    pub(crate) waiting: VecDeque<FakeEvent>,
    pub(crate) acknowledged: Vec<BatchAcknowledgement>,
    pub(crate) callers: Vec<Caller>,
    pub(crate) subscriptions: Vec<SubscribeQuery>,
    pub(crate) fetches: Vec<FetchQuery>,
    pub(crate) watches: Vec<WatchQuery>,
    pub(crate) watched: VecDeque<Watched>,
    pub(crate) open_watches: usize,
    pub(crate) letters: Vec<DeadLetterQuery>,
    pub(crate) settled: Vec<SettleDeadLetters>,
    pub(crate) open_streams: usize,
    pub(crate) open_fetches: usize,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) ended: bool,
}

/// A Push Client in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn push(&self, events: impl IntoIterator<Item = FakeEvent>) {
        self.state().waiting.extend(events);
        self.changed.notify_waiters();
    }

    pub(crate) fn watched(&self, watched: impl IntoIterator<Item = Watched>) {
        self.state().watched.extend(watched);
        self.changed.notify_waiters();
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_waiters();
    }

    /// Waits until the state is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if wanted(&self.state()) {
                return;
            }
            changed.await;
        }
    }

    fn enter(&self, caller: &Caller) -> Result<(), Refusal> {
        let mut state = self.state();
        state.callers.push(caller.clone());
        state.refusal.clone().map_or(Ok(()), Err)
    }
}

/// The events of one subscription.
pub(crate) struct FakeEvents(Fake);

impl EventStream for FakeEvents {
    type Event = FakeEvent;

    async fn next(&mut self, events: &mut Vec<FakeEvent>, limit: usize) -> usize {
        self.0
            .until(|state| state.ended || !state.waiting.is_empty())
            .await;
        let mut state = self.0.state();
        let count = state.waiting.len().min(limit);
        events.extend(state.waiting.drain(..count));
        count
    }
}

impl Drop for FakeEvents {
    fn drop(&mut self) {
        self.0.change(|state| state.open_streams -= 1);
    }
}

/// What goes on, as one watcher sees it.
pub(crate) struct FakeWatching(Fake);

impl WatchStream for FakeWatching {
    async fn next(&mut self) -> Option<Watched> {
        self.0
            .until(|state| state.ended || !state.watched.is_empty())
            .await;
        self.0.state().watched.pop_front()
    }
}

impl Drop for FakeWatching {
    fn drop(&mut self) {
        self.0.change(|state| state.open_watches -= 1);
    }
}

fn registration() -> WatchedRegistration {
    WatchedRegistration {
        registration_id: "0000000000000007".to_owned(),
        owner: "uid:1000".to_owned(),
        push_application_id: "x-wap-application:mms.ua".to_owned(),
        application_id: Some("urn:example:app".to_owned()),
    }
}

fn watched_push() -> Box<WatchedPush> {
    Box::new(WatchedPush {
        verdict: "accepted".to_owned(),
        detail: Some("accepted".to_owned()),
        id: Some("0000000000000001".to_owned()),
        registration_id: Some("0000000000000007".to_owned()),
        owner: Some("uid:1000".to_owned()),
        push_application_id: Some("x-wap-application:mms.ua".to_owned()),
        application_id: Some("urn:example:app".to_owned()),
        content_type: "text/plain".to_owned(),
        content_length: 1,
        protocol: "OTA-WSP".to_owned(),
        bearer: "GSM-SMS".to_owned(),
        server: "+491710760000".to_owned(),
        originator: Some("+4917099999".to_owned()),
        port: Some(2948),
        parameters: vec![("charset".to_owned(), "utf-8".to_owned())],
        headers: vec![("Date".to_owned(), "today".to_owned())],
        content: Some("eA==".to_owned()),
    })
}

/// One thing of every kind, with every member that it may have.
pub(crate) fn everything_watched() -> Vec<Watched> {
    let event = || WatchedEvent {
        id: "0000000000000001".to_owned(),
        registration: Some(registration()),
    };
    let some = |text: &str| Some(text.to_owned());
    let happenings = vec![
        Happening::Judged(watched_push()),
        Happening::Registered(registration()),
        Happening::Deregistered(registration()),
        Happening::RegistrationRefused {
            owner: "uid:1000".to_owned(),
            reason: "invalidRequest".to_owned(),
            option: some("Accept"),
            detail: "no media type".to_owned(),
        },
        Happening::RegistrationChanged {
            registration: registration(),
            cause: "lost".to_owned(),
            detail: "nobody is there".to_owned(),
        },
        Happening::Delivered {
            event: event(),
            attempt: 1,
        },
        Happening::Accepted(event()),
        Happening::Delayed {
            event: event(),
            until: 9,
        },
        Happening::Died(event()),
        Happening::Replayed(event()),
        Happening::Dropped(event()),
        Happening::Expired(event()),
        Happening::HandlerFailed {
            registration: registration(),
            until: 9,
            reason: "nobody is there".to_owned(),
        },
        Happening::Handled {
            event: event(),
            attempt: 2,
            scheme: "exec".to_owned(),
            outcome: "exit status 3".to_owned(),
            output: "no".to_owned(),
            took: 5,
        },
        Happening::ServerChanged {
            uri: "sip:ims.example.net".to_owned(),
            protocol: "OTA-SIP".to_owned(),
            state: "unreachable".to_owned(),
            reason: some("no answer"),
        },
        Happening::Malformed {
            protocol: "OTA-WSP".to_owned(),
            server: "192.0.2.7".to_owned(),
            verdict: "truncated".to_owned(),
            length: 3,
            detail: "ends early".to_owned(),
        },
        Happening::Missed { count: 3 },
    ];
    let watched = happenings.into_iter();
    watched.map(|what| Watched { time: 5, what }).collect()
}

struct OpenFetch(Fake);

impl Drop for OpenFetch {
    fn drop(&mut self) {
        self.0.change(|state| state.open_fetches -= 1);
    }
}

fn servers() -> Vec<ServerAnswer> {
    vec![ServerAnswer {
        uri: "sip:psa@ims.example.net".to_owned(),
        protocol: "OTA-SIP".to_owned(),
        state: "rejected".to_owned(),
        reason: Some("403".to_owned()),
    }]
}

/// The story of an event, with every member that it may have.
fn story(id: String) -> EventStory {
    EventStory {
        id,
        state: "waiting".to_owned(),
        detail: "it waits".to_owned(),
        registration_id: Some("0000000000000007".to_owned()),
        owner: Some("uid:1000".to_owned()),
        push_application_id: Some("x-wap-application:mms.ua".to_owned()),
        application_id: Some("urn:example:app".to_owned()),
        content_type: Some("text/plain".to_owned()),
        content_length: Some(1),
        server: Some("192.0.2.7".to_owned()),
        received_at: Some(1_700_000_000_000),
        attempts: Some(2),
        failures: Some(1),
        not_before: Some(1_700_000_005_000),
        expires_at: Some(1_700_000_009_000),
        handler_attempts: vec![HandlerAttempt {
            time: 1_700_000_000_001,
            attempt: 1,
            scheme: "exec".to_owned(),
            outcome: "exit status 75".to_owned(),
            output: "no network".to_owned(),
            took: 12,
        }],
    }
}

/// What a session helper is asked.
pub(crate) fn session_check() -> SessionCheck {
    SessionCheck {
        task: 3,
        application: SessionApplication {
            name: "org.example.App".to_owned(),
            path: "/org/pushcai/Handler".to_owned(),
        },
    }
}

#[derive(Debug)]
struct FakeTasks(VecDeque<SessionTask>);

impl SessionTasks for FakeTasks {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<SessionTask>> + Send + '_>> {
        let next = self.0.pop_front();
        Box::pin(async { next })
    }
}

impl PushService for Fake {
    type Event = FakeEvent;
    type Events = FakeEvents;
    type Watching = FakeWatching;

    async fn register(
        &self,
        caller: Caller,
        request: RegistrationRequest,
    ) -> Result<RegistrationAnswer, Refusal> {
        self.enter(&caller)?;
        self.state()
            .registrations
            .insert(request.push_application_id.clone(), (caller.owner, request));
        Ok(RegistrationAnswer {
            result: "success".to_owned(),
            handler_secret: Some("whsec_AQID".to_owned()),
            registration_id: "0000000000000007".to_owned(),
            servers: servers(),
        })
    }

    async fn deregister(
        &self,
        caller: Caller,
        query: DeregistrationQuery,
    ) -> Result<DeregistrationAnswer, Refusal> {
        self.enter(&caller)?;
        let removed = self
            .state()
            .registrations
            .remove(&query.push_application_id);
        removed
            .map(|_| DeregistrationAnswer {
                result: "success".to_owned(),
                servers: servers(),
            })
            .ok_or_else(|| {
                Refusal::of_option(
                    Reason::NotRegistered,
                    "pushApplicationID",
                    format!("`{}` is not registered", query.push_application_id),
                )
            })
    }

    async fn registrations(&self, caller: Caller) -> Result<Vec<Registration>, Refusal> {
        self.enter(&caller)?;
        let state = self.state();
        let registrations = state.registrations.values();
        Ok(registrations
            .map(|(owner, request)| Registration {
                registration_id: "0000000000000007".to_owned(),
                owner: owner.as_str().to_owned(),
                request: request.clone(),
                state: "active".to_owned(),
                registered_at: 1,
                waiting_events: state.waiting.len(),
                unacknowledged_events: 0,
                connected: state.open_streams > 0,
                handler_state: Some(HandlerState {
                    state: "resting".to_owned(),
                    failures: 2,
                    until: Some(9),
                    reason: Some("nobody is there".to_owned()),
                }),
            })
            .collect())
    }

    async fn session_tasks(&self, caller: Caller) -> Result<Box<dyn SessionTasks>, Refusal> {
        self.enter(&caller)?;
        Ok(Box::new(FakeTasks(VecDeque::from([
            SessionTask::check(&session_check()),
            SessionTask::close(5),
            SessionTask::replaced(),
        ]))))
    }

    async fn session_answers(
        &self,
        caller: Caller,
        answers: Vec<SessionAnswer>,
    ) -> Result<SessionAnswered, Refusal> {
        self.enter(&caller)?;
        Ok(SessionAnswered {
            taken: answers.len(),
        })
    }

    async fn subscribe(
        &self,
        caller: Caller,
        query: SubscribeQuery,
    ) -> Result<FakeEvents, Refusal> {
        self.enter(&caller)?;
        self.change(|state| {
            state.subscriptions.push(query);
            state.open_streams += 1;
        });
        Ok(FakeEvents(self.clone()))
    }

    async fn fetch(&self, caller: Caller, query: FetchQuery) -> Result<Vec<FakeEvent>, Refusal> {
        self.enter(&caller)?;
        let (wait, limit) = (query.wait, query.limit as usize);
        self.change(|state| {
            state.fetches.push(query);
            state.open_fetches += 1;
        });
        let _open = OpenFetch(self.clone());
        // Here a wait ends with an event or not at all: no test depends on time.
        if wait > Duration::ZERO {
            self.until(|state| !state.waiting.is_empty()).await;
        }
        let mut state = self.state();
        let count = state.waiting.len().min(limit);
        Ok(state.waiting.drain(..count).collect())
    }

    async fn acknowledge(
        &self,
        caller: Caller,
        acknowledgements: Vec<BatchAcknowledgement>,
    ) -> Result<BatchAcknowledgeAnswer, Refusal> {
        self.enter(&caller)?;
        let (known, unknown): (Vec<_>, Vec<_>) = acknowledgements
            .into_iter()
            .partition(|acknowledgement| acknowledgement.id.len() == 16);
        let answer = BatchAcknowledgeAnswer {
            acknowledged: known.len(),
            refused: unknown
                .into_iter()
                .map(|unknown| {
                    let detail = format!("`{}` is no event of yours", unknown.id);
                    (unknown.id, "notRegistered".to_owned(), detail)
                })
                .collect(),
        };
        self.change(|state| state.acknowledged.extend(known));
        Ok(answer)
    }

    async fn dead_letters(
        &self,
        caller: Caller,
        query: DeadLetterQuery,
    ) -> Result<Vec<DeadLetter>, Refusal> {
        self.enter(&caller)?;
        self.state().letters.push(query);
        Ok(vec![DeadLetter {
            id: "0000000000000001".to_owned(),
            registration_id: "0000000000000007".to_owned(),
            owner: "uid:1000".to_owned(),
            push_application_id: "x-wap-application:mms.ua".to_owned(),
            application_id: Some("urn:example:app".to_owned()),
            content_type: "text/plain".to_owned(),
            content_length: 1,
            protocol: "OTA-WSP".to_owned(),
            server: "192.0.2.7".to_owned(),
            received_at: 1_700_000_000_000,
            attempts: 3,
            reason: Some("exit status 3".to_owned()),
        }])
    }

    async fn settle_dead_letters(
        &self,
        caller: Caller,
        request: SettleDeadLetters,
    ) -> Result<SettleAnswer, Refusal> {
        self.enter(&caller)?;
        let unknown = request.ids.iter().filter(|id| id.len() != 16).map(|id| {
            let detail = format!("`{id}` is no dead letter of yours");
            (id.clone(), "notRegistered".to_owned(), detail)
        });
        let refused: Vec<_> = unknown.collect();
        let settled = request.ids.len() - refused.len();
        self.state().settled.push(request);
        Ok(SettleAnswer { settled, refused })
    }

    async fn watch(&self, caller: Caller, query: WatchQuery) -> Result<FakeWatching, Refusal> {
        self.enter(&caller)?;
        self.change(|state| {
            state.watches.push(query);
            state.open_watches += 1;
        });
        Ok(FakeWatching(self.clone()))
    }

    async fn status(&self, caller: Caller) -> Result<Status, Refusal> {
        self.enter(&caller)?;
        Ok(Status {
            version: "1".to_owned(),
            listening: vec![("OTA-WSP".to_owned(), "127.0.0.1:2948".to_owned())],
            counters: [("pushes".to_owned(), 3)].into(),
            ..Status::default()
        })
    }

    async fn servers(&self, caller: Caller) -> Result<Vec<Server>, Refusal> {
        self.enter(&caller)?;
        Ok(vec![Server {
            uri: "http://ppg.example.net".to_owned(),
            protocol: "OTA-HTTP".to_owned(),
            state: "confirmed".to_owned(),
            id: Some("ppg.example.net".to_owned()),
            secure: Some(false),
            cpi_tag: Some("AQIDBA==".to_owned()),
            connections: Some(1),
            last_exchange: Some(Exchange::at(
                "OPTIONS",
                Some("500 Registered".to_owned()),
                1_700_000_000_123,
            )),
            ..Server::default()
        }])
    }

    async fn explain(
        &self,
        caller: Caller,
        request: ExplainRequest,
    ) -> Result<ExplainAnswer, Refusal> {
        self.enter(&caller)?;
        Ok(ExplainAnswer {
            explanation: request.push_application_id.map(|id| Explanation {
                verdict: "noSuchApplication".to_owned(),
                steps: vec![format!("nobody is registered for {id}")],
            }),
            event: request.event_id.map(story),
            recent: vec![Refused {
                received_at: 2,
                verdict: "contentType".to_owned(),
                push_application_id: Some("x-wap-application:mms.ua".to_owned()),
                content_type: Some("text/plain".to_owned()),
                protocol: "OTA-WSP".to_owned(),
                server: "127.0.0.1".to_owned(),
                length: 3,
                detail: "nobody accepts text/plain".to_owned(),
            }],
        })
    }

    async fn submit(
        &self,
        caller: Caller,
        request: SubmitRequest,
    ) -> Result<SubmitAnswer, Refusal> {
        self.enter(&caller)?;
        let submitted = |octets: Vec<u8>| Submitted {
            verdict: "accepted".to_owned(),
            event_id: Some("0000000000000001".to_owned()),
            detail: Some(format!("{} octets", octets.len())),
        };
        Ok(SubmitAnswer {
            result: "success".to_owned(),
            results: request.octets()?.into_iter().map(submitted).collect(),
        })
    }

    async fn metrics(&self) -> String {
        "# TYPE pushes counter\npushes_total 3\n# EOF\n".to_owned()
    }
}

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
    fn new(stream: T) -> Self {
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
