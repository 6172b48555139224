//! A Push Client in memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use push_api::{
    BatchAcknowledgeAnswer, BatchAcknowledgement, Caller, DeadLetter, DeadLetterQuery,
    DeliveredEvent, DeregistrationAnswer, DeregistrationQuery, EventPorts, EventStream, Exchange,
    ExplainAnswer, ExplainRequest, Explanation, FetchQuery, HandlerState, Owner, PushEventView,
    PushService, Reason, Refusal, Refused, Registration, RegistrationAnswer, RegistrationRequest,
    Server, SessionAnswer, SessionAnswered, SessionTask, SessionTasks, SettleAnswer,
    SettleDeadLetters, Status, SubmitAnswer, SubmitRequest, Submitted, SubscribeQuery, WatchQuery,
    WatchStream, Watched,
};
use push_message::{Headers, ServerAddress};
use tokio::sync::Notify;

use super::samples::{servers, session_check, session_loss, story};

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

struct OpenFetch(Fake);

impl Drop for OpenFetch {
    fn drop(&mut self) {
        self.0.change(|state| state.open_fetches -= 1);
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
            SessionTask::lost(&session_loss()),
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

    async fn registration_changes(&self, caller: Caller) -> Result<Vec<Watched>, Refusal> {
        self.enter(&caller)?;
        Ok(Vec::new())
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
