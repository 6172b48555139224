//! The engine: one task that owns the machine, its sockets, its timer and its way to the store.

mod announcing;
mod answer;
mod kernel;
mod ota_http;
mod ota_sip;
mod persistence;
mod ports;
mod request;
mod sessions;
mod short_messages;
mod sia;
mod socket;
mod standings;
mod story;
mod telling;
mod timer;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use push_api::WatchedKind;
use push_core::{
    Answer, Delivery, Input, Now, Output, PushClient, RegistrationId, RequestTicket, SubscriberId,
};
use push_message::{ReceivedPush, Refusal};
use push_ota::sia::Sia;
use push_ota::wsp::connectionless::{self, Datagram};
use tokio::sync::{mpsc, oneshot};

use crate::changes::Changes;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::handlers::Wanted;
use crate::mailbox::{Mailbox, Notice};
use crate::masked::Masked;
use crate::recent::{self, Recent};
use crate::reports::Reports;
use crate::resolver::Resolver;
use crate::settings::ClientSettings;
use crate::watchers::Watchers;

use announcing::Announcing;
use persistence::Persistence;
use ports::OwnPorts;
use socket::Reading;
use standings::Standings;
use timer::Timer;

pub(crate) use ota_http::OtaHttp;
pub(crate) use ota_sip::OtaSip;
pub(crate) use persistence::Backing;
pub(crate) use request::{Request, Subscription};
pub(crate) use sessions::PushSessions;
pub(crate) use short_messages::ShortMessages;
pub(crate) use sia::SessionInitiation;
pub(crate) use socket::Listener;

/// Requests taken from the channel before others get their turn.
const REQUEST_BATCH: usize = 64;

/// Batches of datagrams that are taken at most after the order to stop: a flood cannot put the end off.
const MAX_DRAINS: u32 = 64;

/// Runs a [`Client`](crate::Client): give [`Engine::run`] to a task of a tokio runtime, of whatever flavour.
#[derive(Debug)]
pub struct Engine {
    core: PushClient,
    clock: Clock,
    timer: Timer,
    settings: ClientSettings,
    listeners: Vec<Listener>,
    own_ports: OwnPorts,
    buffer: Box<[u8]>,
    persistence: Persistence,
    mailbox: Arc<Mailbox>,
    notices: Vec<Notice>,
    /// Where wanted handlers are told, if anybody carries out any.
    handlers: Option<Arc<Mailbox<Wanted>>>,
    requests: mpsc::Receiver<Request>,
    batch: Vec<Request>,
    answers: BTreeMap<RequestTicket, oneshot::Sender<Answer>>,
    subscribers: BTreeMap<SubscriberId, mpsc::Sender<Delivery>>,
    subscribing: Vec<(SubscriberId, oneshot::Sender<Result<(), Refusal>>)>,
    resolver: Resolver,
    counters: Counters,
    recent: Recent,
    reports: Reports,
    /// Why the handlers that rest could not be reached the last time.
    handler_failures: BTreeMap<RegistrationId, String>,
    watchers: Watchers,
    /// Registrations that are not what they were, for those who were away.
    changes: Changes,
    announcing: Announcing,
    standings: Standings,
    ota_http: Option<OtaHttp>,
    ota_sip: Option<OtaSip>,
    sessions: Option<PushSessions>,
    session_initiation: Option<SessionInitiation>,
    short_messages: ShortMessages,
    store_failure: Option<String>,
    pushes: u64,
    stopping: bool,
    /// Batches of datagrams that are taken at most after the order to stop.
    drains_left: u32,
}

/// What an [`Engine`] is made of.
pub(crate) struct Parts {
    pub(crate) core: PushClient,
    pub(crate) clock: Clock,
    pub(crate) settings: ClientSettings,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) max_own_ports: usize,
    pub(crate) ota_http: Option<OtaHttp>,
    pub(crate) ota_sip: Option<OtaSip>,
    pub(crate) sessions: Option<PushSessions>,
    pub(crate) session_initiation: Option<SessionInitiation>,
    pub(crate) short_messages: ShortMessages,
    pub(crate) backing: Backing,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) handlers: Option<Arc<Mailbox<Wanted>>>,
    pub(crate) requests: mpsc::Receiver<Request>,
}

/// Why an engine ended badly.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store could not be closed cleanly. What was reported as written is written.
    #[error("the store could not be closed cleanly: {0}")]
    Store(#[from] push_store::StoreError),
}

impl Engine {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            core,
            clock,
            settings,
            listeners,
            max_own_ports,
            ota_http,
            ota_sip,
            sessions,
            session_initiation,
            short_messages,
            backing,
            mailbox,
            handlers,
            requests,
        } = parts;
        Self {
            core,
            timer: Timer::new(clock),
            clock,
            // One octet more than is taken shows that a datagram was longer.
            buffer: vec![
                0;
                settings
                    .datagram_limits
                    .datagram_length
                    .saturating_add(1)
                    .min(65_536)
            ]
            .into(),
            persistence: Persistence::new(backing, settings.max_unwritten),
            resolver: Resolver::new(settings.max_resolving, Arc::clone(&mailbox)),
            recent: Recent::new(settings.recent_refusals),
            reports: Reports::new(settings.handler_reports, settings.handler_report_octets),
            handler_failures: BTreeMap::new(),
            watchers: Watchers::new(&settings),
            changes: Changes::new(settings.registration_changes),
            settings,
            own_ports: OwnPorts::new(&listeners, max_own_ports),
            listeners,
            mailbox,
            notices: Vec::new(),
            handlers,
            requests,
            batch: Vec::new(),
            answers: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            subscribing: Vec::new(),
            counters: Counters::default(),
            announcing: Announcing::default(),
            standings: Standings::default(),
            ota_http,
            ota_sip,
            sessions,
            session_initiation,
            short_messages,
            store_failure: None,
            pushes: 0,
            stopping: false,
            drains_left: 0,
        }
    }

    /// Runs until [`Client::shut_down`](crate::Client::shut_down) is called or every client is dropped; then nothing more is
    /// taken, what is under way is written, streams end, and the store is closed.
    pub async fn run(mut self) -> Result<(), EngineError> {
        let now = self.clock.now();
        self.start_http(now);
        self.start_sip(now);
        self.start_sessions(now);
        self.resolve_hosts(now);
        self.short_messages.start();
        self.carry_out(now);
        while !self.has_ended() {
            self.wait().await;
            if self.turn() {
                // More datagrams wait: whoever reads the events gets a turn before they are taken.
                tokio::task::yield_now().await;
            }
        }
        self.answers.clear();
        self.subscribers.clear();
        self.persistence.close()?;
        Ok(())
    }

    /// Whether everything that was under way has come to its end after the order to stop.
    fn has_ended(&self) -> bool {
        self.stopping
            && self.persistence.is_idle()
            && self.drains_left == 0
            && self.ota_http.as_ref().is_none_or(OtaHttp::has_ended)
            && self.ota_sip.as_ref().is_none_or(OtaSip::has_ended)
            && self.sessions.as_ref().is_none_or(PushSessions::has_ended)
            && self.short_messages.has_ended()
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) {
        poll_fn(|context| self.poll_ready(context)).await;
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut ready = self
            .mailbox
            .poll_take(context, &mut self.notices, usize::MAX)
            .is_ready()
            || self.drains_left > 0;
        ready |= self.timer.poll(context);
        if self.takes_more() {
            match self
                .requests
                .poll_recv_many(context, &mut self.batch, REQUEST_BATCH)
            {
                Poll::Ready(0) => {
                    self.stop();
                    ready = true;
                }
                Poll::Ready(_) => ready = true,
                Poll::Pending => {}
            }
        }
        // Connections have requests under way that are answered after the order to stop as well.
        if self.persistence.has_room()
            && let Some(http) = &mut self.ota_http
        {
            ready |= http.poll_questions(context);
        }
        if self.persistence.has_room()
            && let Some(sip) = &mut self.ota_sip
        {
            ready |= sip.poll_ready(context);
        }
        if self.persistence.has_room()
            && let Some(sessions) = &mut self.sessions
        {
            ready |= sessions.poll_readable(context);
        }
        // The same holds for sources, which are put off.
        if self.persistence.has_room() {
            ready |= self.short_messages.poll_submissions(context);
        }
        ready |= self.short_messages.poll_ended(self.stopping, context);
        if self.takes_datagrams() {
            for listener in &mut self.listeners {
                ready |= listener.poll_readable(context);
            }
        }
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Whether there is room for more: while the store lags behind, datagrams wait in the kernel and requests in their channel.
    const fn takes_more(&self) -> bool {
        !self.stopping && self.persistence.has_room()
    }

    /// Whether datagrams are taken: while there is room for more, and so many batches after the order to stop.
    const fn takes_datagrams(&self) -> bool {
        self.takes_more() || self.drains_left > 0
    }

    /// Does everything that waits once, and says whether datagrams still wait or may wait.
    fn turn(&mut self) -> bool {
        let now = self.clock.now();
        self.take_requests(now);
        self.take_notices(now);
        self.take_questions(now);
        self.take_submissions(now);
        let more = self.take_datagrams(now);
        let more_on_sip = self.take_sip(now);
        let more_on_sessions = self.take_session_datagrams(now);
        if self.timer.is_due(now) {
            self.core.handle_timeout(now);
            self.http_timeout(now);
            self.sip_timeout(now);
            self.sessions_timeout(now);
            self.short_messages_timeout(now);
        }
        self.carry_out(now);
        self.drain(more) || more_on_sip || more_on_sessions
    }

    /// Counts the last batches down. Of the first one nothing is concluded: the runtime may not have looked at the sockets.
    const fn drain(&mut self, more: bool) -> bool {
        let first = self.drains_left == MAX_DRAINS;
        self.drains_left = if more || first {
            self.drains_left.saturating_sub(1)
        } else {
            0
        };
        more || first
    }

    fn take_requests(&mut self, now: Now) {
        let mut batch = std::mem::take(&mut self.batch);
        self.counters.requests += batch.len() as u64;
        for request in batch.drain(..) {
            self.take_request(request, now);
        }
        self.batch = batch;
    }

    fn take_request(&mut self, request: Request, now: Now) {
        match request {
            Request::Ask { answer, .. } if answer.is_closed() => {}
            Request::Ask {
                ticket,
                input,
                answer,
            } => {
                self.answers.insert(ticket, answer);
                self.core.handle_input(input, now);
            }
            Request::Tell(input) => self.core.handle_input(input, now),
            Request::Handled(reports) => {
                for report in reports {
                    self.handled(report, now);
                }
            }
            Request::Subscribe(subscription) => self.subscribe(subscription, now),
            Request::NetworkChanged => self.network_changed(now),
            Request::ShutDown => self.stop(),
            Request::Registrations { .. }
            | Request::Status { .. }
            | Request::Servers { .. }
            | Request::Explain { .. }
            | Request::DeadLetters { .. }
            | Request::RegistrationChanges { .. }
            | Request::Watch { .. }
            | Request::Metrics { .. } => self.report(request, now),
        }
    }

    fn subscribe(&mut self, subscription: Subscription, now: Now) {
        let Subscription {
            subscriber,
            owner,
            selector,
            after,
            window,
            deliveries,
            answer,
        } = subscription;
        if deliveries.is_closed() {
            return;
        }
        self.counters.subscriptions += 1;
        self.subscribers.insert(subscriber, deliveries);
        self.subscribing.push((subscriber, answer));
        self.core.handle_input(
            Input::Subscribe {
                subscriber,
                owner,
                selector,
                after,
                window,
            },
            now,
        );
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.requests.close();
        // What the kernel holds was sent to us: it is taken before the end.
        self.drains_left = MAX_DRAINS;
        let now = self.clock.now();
        self.stop_http(now);
        self.stop_sip(now);
        self.stop_sessions(now);
        self.stop_short_messages(now);
        tracing::info!("stopping");
    }

    fn take_notices(&mut self, now: Now) {
        let mut notices = std::mem::take(&mut self.notices);
        for notice in notices.drain(..) {
            match notice {
                Notice::Persisted(ticket, result) => {
                    self.persistence.answered();
                    self.persisted(ticket, result, now);
                }
                Notice::OtaHttp(event) => self.take_http(event, now),
                Notice::Unsubscribed(subscriber) => self.unsubscribe(subscriber, now),
                Notice::FetchDropped(ticket) => {
                    self.answers.remove(&ticket);
                    self.core.handle_input(Input::CancelFetch { ticket }, now);
                }
                Notice::Resolved(host, addresses) => {
                    self.counters.hosts_resolved += 1;
                    self.resolver.finished(&host);
                    if let Some(initiation) = &mut self.session_initiation {
                        initiation.hosts.resolved(&host, &addresses);
                    }
                    self.sip_host_resolved(&host, &addresses, now);
                    self.session_host_resolved(&host, &addresses, now);
                    self.core
                        .handle_input(Input::Resolved { host, addresses }, now);
                }
            }
        }
        self.notices = notices;
    }

    fn unsubscribe(&mut self, subscriber: SubscriberId, now: Now) {
        if self.subscribers.remove(&subscriber).is_some() {
            self.core
                .handle_input(Input::Unsubscribe { subscriber }, now);
        }
    }

    /// Takes datagrams from each readable socket, and says whether one of them has more that may be taken.
    fn take_datagrams(&mut self, now: Now) -> bool {
        if !self.takes_datagrams() {
            return false;
        }
        let mut listeners = std::mem::take(&mut self.listeners);
        for listener in &mut listeners {
            self.take_datagrams_from(listener, now);
        }
        let more = listeners.iter().any(Listener::is_readable);
        self.listeners = listeners;
        more
    }

    fn take_datagrams_from(&mut self, listener: &mut Listener, now: Now) {
        for _ in 0..self.settings.datagram_batch {
            if !listener.is_readable() {
                break;
            }
            let port = listener.address().port();
            match listener.read(&mut self.buffer) {
                Reading::Datagram(length, source) => self.take_datagram(length, source, port, now),
                Reading::Empty => {}
                Reading::Failed(error) => {
                    self.counters.socket_errors += 1;
                    tracing::warn!(address = %listener.address(), %error, "cannot read from a socket");
                }
            }
        }
    }

    fn take_datagram(&mut self, length: usize, source: std::net::SocketAddr, port: u16, now: Now) {
        self.counters.datagrams += 1;
        self.counters.datagram_octets += length as u64;
        let octets = self.buffer.get(..length).unwrap_or_default();
        let datagram = Datagram {
            octets,
            source,
            destination_port: port,
            received: now.unix,
        };
        let shown = self.settings.show_personal_data;
        tracing::trace!(length, source = %Masked::new(source, shown), port, "datagram");
        match connectionless::receive(&datagram, &self.settings.datagram_limits) {
            Ok(push) if self.session_initiation.is_some() && Sia::is_for(&push) => {
                // The connectionless service carries no answer.
                self.take_session_initiation(&push, now);
            }
            Ok(push) => {
                let ticket = self.next_push();
                self.hand_over(ticket, Arc::new(push), now);
            }
            Err(refusal) => {
                self.counters.refuse_datagram(refusal.as_str());
                tracing::debug!(%refusal, source = %Masked::new(source, shown), length, "datagram refused");
                if self.watchers.want(WatchedKind::Malformed) {
                    self.tell_malformed(recent::malformed(now.unix, source, length, &refusal));
                }
                self.recent.malformed(now.unix, source, length, refusal);
            }
        }
    }

    /// Names a push. Requests of applications count from zero up, pushes from the top down.
    const fn next_push(&mut self) -> RequestTicket {
        self.pushes += 1;
        RequestTicket(u64::MAX - self.pushes)
    }

    /// Hands a push that came in one piece to the machine, which judges it.
    fn hand_over(&mut self, ticket: RequestTicket, push: Arc<ReceivedPush>, now: Now) {
        let segments = Box::default();
        let input = Input::Push {
            ticket,
            push,
            segments,
        };
        self.core.handle_input(input, now);
    }

    /// Carries out every effect that the machine asks for.
    fn carry_out(&mut self, now: Now) {
        loop {
            self.carry_out_core(now);
            let told = self.carry_out_http(now)
                | self.carry_out_sip(now)
                | self.carry_out_sessions(now)
                | self.take_deferred_session_initiations(now)
                | self.carry_out_short_messages(now)
                | self.watch_servers(now);
            if !self.flush_to_store(now) && !told {
                break;
            }
        }
        for (_, answer) in self.subscribing.drain(..) {
            // The application may have gone meanwhile; its stream says so by itself.
            answer.send(Ok(())).ok();
        }
        let core = self.core.poll_timeout().map(|(deadline, _)| deadline);
        let http = self.ota_http.as_ref().and_then(OtaHttp::poll_timeout);
        let sip = self.ota_sip.as_ref().and_then(OtaSip::poll_timeout);
        let sessions = self.sessions.as_ref().and_then(PushSessions::poll_timeout);
        let short_messages = self.short_messages.poll_timeout();
        let initiation = self.session_initiation_timeout();
        let deadlines = [core, http, sip, sessions, initiation, short_messages];
        self.timer.arm(deadlines.into_iter().flatten().min());
    }

    /// Carries out what the machine of the Push Client asks for.
    fn carry_out_core(&mut self, now: Now) {
        while let Some(output) = self.core.poll_output() {
            self.carry_out_one(output, now);
        }
    }

    fn carry_out_one(&mut self, output: Output, now: Now) {
        match output {
            Output::Persist { ticket, changes } => self.persistence.add(ticket, changes, now),
            Output::Announce {
                ticket,
                capabilities,
            } => self.announce(ticket, capabilities, now),
            Output::OpenPort {
                ticket,
                protocol,
                bearer,
                port,
            } => self.open_port(ticket, (protocol, bearer, port), now),
            Output::ClosePort { port, .. } => self.close_port(port),
            Output::Resolve { host } => self.resolver.resolve(host),
            Output::Answer { ticket, answer } => self.answer(ticket, answer),
            // The connectionless service carries no answer.
            Output::Judged { ticket, verdict } => {
                self.judged_short_message(ticket, &verdict, now);
                self.judged_on_sip(ticket, &verdict, now);
                self.judged_on_session(ticket, &verdict, now);
                self.judged(ticket, verdict);
            }
            Output::Deliver {
                subscriber,
                delivery,
            } => self.deliver(subscriber, delivery, now),
            Output::SubscriptionRefused {
                subscriber,
                refusal,
            } => self.refuse_subscription(subscriber, refusal),
            Output::Activate { record, probe } => self.want(Wanted::Handler { record, probe }),
            Output::Deactivate { registration } => self.want(Wanted::NoLonger(registration)),
            Output::Occurred(occurrence) => self.note(occurrence, now),
        }
    }

    fn deliver(&mut self, subscriber: SubscriberId, delivery: Delivery, now: Now) {
        let Some(deliveries) = self.subscribers.get(&subscriber) else {
            return;
        };
        if let Err(error) = deliveries.try_send(delivery) {
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                self.counters.subscriptions_overrun += 1;
                tracing::warn!("a stream holds more events than its window; it is ended");
            }
            self.unsubscribe(subscriber, now);
        }
    }

    /// Tells whoever carries out handlers.
    fn want(&mut self, wanted: Wanted) {
        if let Wanted::Handler { record, .. } = &wanted {
            self.counters.activate(record);
        }
        if let Some(handlers) = &self.handlers {
            handlers.post([wanted]);
        }
    }

    fn refuse_subscription(&mut self, subscriber: SubscriberId, refusal: Refusal) {
        self.subscribers.remove(&subscriber);
        if let Some(index) = self
            .subscribing
            .iter()
            .position(|(candidate, _)| *candidate == subscriber)
        {
            let (_, answer) = self.subscribing.swap_remove(index);
            // The application may have gone meanwhile, which ends the matter as well.
            answer.send(Err(refusal)).ok();
        }
    }

    fn answer(&mut self, ticket: RequestTicket, answer: Answer) {
        if let Some(waiting) = self.answers.remove(&ticket) {
            // Whoever asked may be gone. Events in the answer are delivered again once their acknowledgement is overdue.
            waiting.send(answer).ok();
        }
    }
}
