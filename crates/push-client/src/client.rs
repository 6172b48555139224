//! The handle to a running Push Client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use push_core::{
    Acknowledgement, Answer, DeadLetters, DeregistrationRequest, EventId, Fate, Input,
    RegistrationId, RegistrationRequest, RequestTicket, Selector, ServerReport, SubscriberId,
};
use push_message::{Owner, Reason, Refusal};
use tokio::sync::{mpsc, oneshot};

use crate::engine::{Request, Subscription};
use crate::event::{Event, Events};
use crate::handlers::HandlerHost;
use crate::mailbox::{Mailbox, Notice};
use crate::short_messages::Intake;

/// A handle to a Push Client. Cheap to clone; every clone talks to the same engine, which ends when the last one is dropped.
///
/// An application of this process speaks through [`Client::application`]; a binding through
/// [`PushService`](push_api::PushService).
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Shared {
    mailbox: Arc<Mailbox>,
    /// The next ticket, and the next subscriber: none is used twice.
    next: AtomicU64,
    max_window: u32,
    listening: Listening,
    intake: Intake,
    /// Owners that may submit short messages, beside administrators.
    submitters: Vec<String>,
    handler_host: Option<Arc<dyn HandlerHost>>,
}

/// What is listened on.
#[derive(Debug)]
pub(crate) struct Listening {
    /// For OTA-WSP.
    pub(crate) datagrams: Vec<SocketAddr>,
    /// For OTA-HTTP, by what is spoken.
    pub(crate) connections: Vec<(&'static str, SocketAddr)>,
    /// For OTA-SIP, by what is spoken.
    pub(crate) sip: Vec<(&'static str, SocketAddr)>,
}

/// An application of this process (Push-CAI 5), with the owner that its embedder states.
#[derive(Debug, Clone)]
pub struct Application {
    client: Client,
    owner: Owner,
}

/// The answer to a registration that succeeded (Push-CAI 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The registration.
    pub registration: RegistrationId,
    /// What each Push Server said; none where no server has to be told.
    pub servers: Vec<ServerReport>,
}

impl Client {
    pub(crate) fn new(
        requests: mpsc::Sender<Request>,
        mailbox: Arc<Mailbox>,
        max_window: u32,
        listening: Listening,
        intake: Intake,
        submitters: Vec<String>,
        handler_host: Option<Arc<dyn HandlerHost>>,
    ) -> Self {
        let shared = Shared {
            mailbox,
            next: AtomicU64::new(1),
            max_window,
            listening,
            intake,
            submitters,
            handler_host,
        };
        Self {
            shared: Arc::new(shared),
            requests,
        }
    }

    /// An application of this process. Two with equal `owner` are one owner's, who sees the registrations of both.
    pub fn application(&self, owner: impl Into<Arc<str>>) -> Application {
        Application {
            client: self.clone(),
            owner: Owner::proved(owner),
        }
    }

    /// The UDP addresses that are listened on, in the order in which they were asked for.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.shared.listening.datagrams
    }

    /// The TCP addresses that are listened on, in the order in which they were asked for: `OTA-HTTP`, then `OTA-HTTP-TLS`.
    pub fn listening_tcp(&self) -> &[(&'static str, SocketAddr)] {
        &self.shared.listening.connections
    }

    /// The addresses that OTA-SIP is listened for on: `OTA-SIP-UDP`, `OTA-SIP-TCP`, `OTA-SIP-MSRP`, as far as there are such.
    pub fn listening_sip(&self) -> &[(&'static str, SocketAddr)] {
        &self.shared.listening.sip
    }

    /// Says that the network has changed, or come back: the binding of OTA-SIP is renewed at once. What is not said shows later,
    /// when something cannot be sent or is not answered.
    pub async fn network_changed(&self) {
        // An engine that has ended has no binding.
        self.requests.send(Request::NetworkChanged).await.ok();
    }

    /// Where short messages are handed over that no source beside the engine delivers.
    pub fn intake(&self) -> Intake {
        self.shared.intake.clone()
    }

    pub(crate) fn handler_host(&self) -> Option<&dyn HandlerHost> {
        self.shared.handler_host.as_deref()
    }

    pub(crate) fn submitters(&self) -> &[String] {
        &self.shared.submitters
    }

    /// Asks the engine to stop: it takes nothing more, writes what is under way, ends every stream and closes the store.
    /// [`Engine::run`](crate::Engine::run) returns when that is done.
    pub async fn shut_down(&self) {
        // An engine that has ended already needs no request.
        self.requests.send(Request::ShutDown).await.ok();
    }

    pub(crate) async fn register_for(
        &self,
        owner: Owner,
        request: RegistrationRequest,
    ) -> Result<Registered, Refusal> {
        let answer = self
            .ask(|ticket| Input::Register {
                ticket,
                owner,
                request,
            })
            .await?;
        if let Answer::Registered {
            registration,
            servers,
        } = answer
        {
            Ok(Registered {
                registration,
                servers,
            })
        } else {
            Err(unexpected(answer))
        }
    }

    pub(crate) async fn deregister_for(
        &self,
        owner: Owner,
        request: DeregistrationRequest,
    ) -> Result<Vec<ServerReport>, Refusal> {
        let answer = self
            .ask(|ticket| Input::Deregister {
                ticket,
                owner,
                request,
            })
            .await?;
        if let Answer::Deregistered { servers } = answer {
            Ok(servers)
        } else {
            Err(unexpected(answer))
        }
    }

    pub(crate) async fn acknowledge_for(
        &self,
        owner: Owner,
        acknowledgements: Vec<Acknowledgement>,
    ) -> Result<Vec<(EventId, Refusal)>, Refusal> {
        let answer = self
            .ask(|ticket| Input::Acknowledge {
                ticket,
                owner,
                acknowledgements,
            })
            .await?;
        if let Answer::Acknowledged { refused } = answer {
            Ok(refused)
        } else {
            Err(unexpected(answer))
        }
    }

    /// Replays or drops dead letters of an owner, or (absent) of anybody: how many are settled, and which were refused.
    pub(crate) async fn settle_for(
        &self,
        owner: Option<Owner>,
        letters: DeadLetters,
        fate: Fate,
    ) -> Result<(usize, Vec<(EventId, Refusal)>), Refusal> {
        let answer = self
            .ask(|ticket| Input::SettleDeadLetters {
                ticket,
                owner,
                letters,
                fate,
            })
            .await?;
        if let Answer::Settled { settled, refused } = answer {
            Ok((settled, refused))
        } else {
            Err(unexpected(answer))
        }
    }

    pub(crate) async fn fetch_for(
        &self,
        owner: Owner,
        selector: Selector,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Event>, Refusal> {
        let ticket = self.next_ticket();
        let (answer, answered) = oneshot::channel();
        let input = Input::Fetch {
            ticket,
            owner,
            selector,
            limit,
            wait,
        };
        self.send(Request::Ask {
            ticket,
            input,
            answer,
        })
        .await?;
        let mut waiting = WaitingFetch {
            ticket,
            mailbox: Some(&self.shared.mailbox),
        };
        let answer = answered.await;
        waiting.mailbox = None;
        let answer = answer.map_err(|_| stopped())?;
        if let Answer::Fetched(deliveries) = answer {
            Ok(deliveries.into_iter().map(Event::new).collect())
        } else {
            Err(unexpected(answer))
        }
    }

    pub(crate) async fn subscribe_for(
        &self,
        owner: Owner,
        selector: Selector,
        after: Option<EventId>,
        window: Option<u32>,
    ) -> Result<Events, Refusal> {
        let window = window
            .unwrap_or(u32::MAX)
            .min(self.shared.max_window)
            .max(1);
        let (sender, deliveries) = mpsc::channel(usize::try_from(window).unwrap_or(usize::MAX));
        let subscriber = SubscriberId(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let events = Events::new(deliveries, subscriber, Arc::clone(&self.shared.mailbox));
        let (answer, answered) = oneshot::channel();
        let subscription = Subscription {
            subscriber,
            owner,
            selector,
            after,
            window,
            deliveries: sender,
            answer,
        };
        self.send(Request::Subscribe(subscription)).await?;
        answered.await.map_err(|_| stopped())??;
        Ok(events)
    }

    async fn ask(&self, input: impl FnOnce(RequestTicket) -> Input) -> Result<Answer, Refusal> {
        let ticket = self.next_ticket();
        let (answer, answered) = oneshot::channel();
        self.send(Request::Ask {
            ticket,
            input: input(ticket),
            answer,
        })
        .await?;
        answered.await.map_err(|_| stopped())
    }

    /// Has the engine answer a question of its own.
    pub(crate) async fn query<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.send(request(answer)).await?;
        answered.await.map_err(|_| stopped())
    }

    /// Waits while the engine's queue is full.
    pub(crate) async fn send(&self, request: Request) -> Result<(), Refusal> {
        self.requests.send(request).await.map_err(|_| stopped())
    }

    fn next_ticket(&self) -> RequestTicket {
        RequestTicket(self.shared.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Application {
    /// The owner.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Registers the application (Push-CAI 5.1).
    pub async fn register(&self, request: RegistrationRequest) -> Result<Registered, Refusal> {
        self.client.register_for(self.owner.clone(), request).await
    }

    /// Deregisters the application (Push-CAI 5.2); gives what each Push Server said.
    pub async fn deregister(
        &self,
        request: DeregistrationRequest,
    ) -> Result<Vec<ServerReport>, Refusal> {
        self.client
            .deregister_for(self.owner.clone(), request)
            .await
    }

    /// Streams the owner's events; at most the machine's `max_window` of them are unacknowledged at a time.
    pub async fn subscribe(&self, selector: Selector) -> Result<Events, Refusal> {
        self.client
            .subscribe_for(self.owner.clone(), selector, None, None)
            .await
    }

    /// Takes at most `limit` of the owner's waiting events, and waits for the first one.
    pub async fn fetch(
        &self,
        selector: Selector,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Event>, Refusal> {
        self.client
            .fetch_for(self.owner.clone(), selector, limit, wait)
            .await
    }

    /// Acknowledges events; returns once that is durable, with those that were refused.
    pub async fn acknowledge(
        &self,
        acknowledgements: Vec<Acknowledgement>,
    ) -> Result<Vec<(EventId, Refusal)>, Refusal> {
        self.client
            .acknowledge_for(self.owner.clone(), acknowledgements)
            .await
    }
}

/// Takes a fetch back if its future is dropped.
struct WaitingFetch<'a> {
    ticket: RequestTicket,
    mailbox: Option<&'a Mailbox>,
}

impl Drop for WaitingFetch<'_> {
    fn drop(&mut self) {
        if let Some(mailbox) = self.mailbox {
            mailbox.post([Notice::FetchDropped(self.ticket)]);
        }
    }
}

/// The refusal for whoever asks an engine that has ended.
fn stopped() -> Refusal {
    Refusal::new(
        Reason::StoreFailed,
        "the Push Client is stopping; ask again when it runs",
    )
}

/// The refusal in an answer, or what an answer means that belongs to another question.
fn unexpected(answer: Answer) -> Refusal {
    match answer {
        Answer::Refused(refusal) => refusal,
        Answer::Registered { .. }
        | Answer::Deregistered { .. }
        | Answer::Fetched(_)
        | Answer::Settled { .. }
        | Answer::Acknowledged { .. } => Refusal::new(
            Reason::StoreFailed,
            "the Push Client gave the answer to another question",
        ),
    }
}
