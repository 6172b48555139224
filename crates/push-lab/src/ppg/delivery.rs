//! All that a gateway does to bring a push to a terminal.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::timeout;

use super::answer::Answer;
use super::connection::{Connection, ConnectionError};
use super::cpi::Cpi;
use super::events::PpgEvent;
use super::gateway::{Inner, Ppg};
use super::message::{HttpPush, Tag};
use super::registration::{self, Authentication, Next, RegisterError};
use super::settings::Route;
use crate::Sender;

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The terminal took it (400, 401).
    Accepted,
    /// The terminal refuses it, with this push status.
    Refused(u16),
    /// It was not sent: the terminal does not take such pushes.
    Unfit(Unfit),
    /// It was not sent: the terminal did not connect in time, or cannot be reached.
    Unreachable(String),
    /// It was not sent: the queue is full.
    QueueFull,
    /// It was sent, and the answer did not come, or says nothing about it.
    Unanswered(String),
    /// Credentials are missing or wrong, on either side.
    NotAuthenticated(String),
    /// It was taken back while it waited.
    Cancelled,
    /// It was not sent: its time was over.
    Expired,
}

/// Why a push does not suit a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Its content type is not in X-Wap-Push-Accept.
    ContentType,
    /// Its application is not in X-Wap-Push-Accept-AppID.
    Application,
    /// It is longer than X-Wap-Push-MaxMsgSize.
    Size,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushResult {
    /// How it ended.
    pub outcome: Outcome,
    /// All answers to its POSTs, in their order.
    pub answers: Vec<Answer>,
    /// The bearer that it went over.
    pub bearer: Option<u8>,
}

/// What waits and what is under way.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    count: AtomicUsize,
    terminals: Mutex<BTreeMap<String, Arc<Lane>>>,
}

/// The pushes of one terminal.
#[derive(Debug)]
struct Lane {
    /// First come, first served: held from when a push waits until its request is on its way.
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
    under_way: watch::Sender<u32>,
}

impl Deliveries {
    fn lane(&self, terminal: &str) -> Arc<Lane> {
        let mut terminals = self
            .terminals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lane = terminals.entry(terminal.to_owned()).or_insert_with(|| {
            Arc::new(Lane {
                turn: tokio::sync::Mutex::new(()),
                waiting: AtomicUsize::new(0),
                under_way: watch::Sender::new(0),
            })
        });
        Arc::clone(lane)
    }

    fn forget(&self, terminal: &str) {
        let mut terminals = self
            .terminals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The map and whoever forgets hold it: nobody else does.
        if terminals
            .get(terminal)
            .is_some_and(|lane| Arc::strong_count(lane) <= 2)
        {
            terminals.remove(terminal);
        }
    }
}

/// Counts for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> (Self, usize) {
        let before = count.fetch_add(1, Ordering::SeqCst);
        (Self(count), before)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One of the pushes that may be under way at the same time.
struct Slot(Arc<Lane>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0
            .under_way
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// A hold on a push that is to be delivered: as long as it waits, it can be taken back.
#[derive(Debug)]
pub(super) struct Ticket(watch::Sender<Phase>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Waiting,
    UnderWay,
    Stopped(Outcome),
}

impl Ticket {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Phase::Waiting))
    }

    /// Ends the push with this outcome, unless it is under way or has been stopped before.
    pub(super) fn stop(&self, outcome: Outcome) -> bool {
        self.0.send_if_modified(|phase| {
            let waits = *phase == Phase::Waiting;
            if waits {
                *phase = Phase::Stopped(outcome);
            }
            waits
        })
    }

    /// From now on it cannot be taken back; false where it has been.
    fn claim(&self) -> bool {
        self.0.send_if_modified(|phase| {
            let waits = *phase == Phase::Waiting;
            if waits {
                *phase = Phase::UnderWay;
            }
            waits
        });
        *self.0.borrow() == Phase::UnderWay
    }

    /// It waits again: the terminal has not taken it.
    fn release(&self) {
        self.0.send_if_modified(|phase| {
            let under_way = *phase == Phase::UnderWay;
            if under_way {
                *phase = Phase::Waiting;
            }
            under_way
        });
    }

    /// Waits until it is stopped, and says how it ended.
    pub(super) async fn stopped(&self) -> Outcome {
        let mut phases = self.0.subscribe();
        let stopped = phases.wait_for(|phase| matches!(phase, Phase::Stopped(_)));
        match stopped.await.as_deref() {
            Ok(Phase::Stopped(outcome)) => outcome.clone(),
            Ok(Phase::Waiting | Phase::UnderWay) | Err(_) => Outcome::Cancelled,
        }
    }
}

impl Ppg {
    /// Brings a push to a terminal, however long that takes within the [`Policy`](super::Policy): waits until it is connected, dials it or sends it
    /// a session initiation request, registers it where that is needed, respects its capabilities, shows credentials, and tries
    /// again where the protocol allows.
    ///
    /// Pushes to one terminal go out in the order of these calls, as long as none has to be tried again.
    pub async fn push(&self, terminal: &str, push: HttpPush) -> PushResult {
        deliver(self.inner(), terminal, push, &Ticket::new()).await
    }
}

pub(super) async fn deliver(
    inner: &Arc<Inner>,
    terminal: &str,
    push: HttpPush,
    ticket: &Ticket,
) -> PushResult {
    let (counted, before) = Counted::new(&inner.deliveries.count);
    let mut delivery = Delivery {
        inner,
        terminal,
        push,
        ticket,
        answers: Vec::new(),
        bearer: None,
        retries_left: inner.settings.policy.retries,
        losses_left: inner.settings.policy.retries_after_loss,
        registrations_left: 3,
    };
    let outcome = if before >= inner.settings.bounds.pushes {
        Outcome::QueueFull
    } else {
        let lane = inner.deliveries.lane(terminal);
        let outcome = tokio::select! {
            outcome = delivery.run(&lane) => outcome,
            outcome = ticket.stopped() => outcome,
        };
        inner.deliveries.forget(terminal);
        outcome
    };
    drop(counted);
    inner.log.tell(PpgEvent::Pushed {
        terminal: terminal.to_owned(),
        outcome: outcome.clone(),
    });
    PushResult {
        outcome,
        answers: delivery.answers,
        bearer: delivery.bearer,
    }
}

struct Delivery<'a> {
    inner: &'a Arc<Inner>,
    terminal: &'a str,
    push: HttpPush,
    ticket: &'a Ticket,
    answers: Vec<Answer>,
    bearer: Option<u8>,
    retries_left: u32,
    losses_left: u32,
    registrations_left: u32,
}

/// What to do after a try.
enum Step {
    Done(Outcome),
    Again,
}

impl Delivery<'_> {
    async fn run(&mut self, lane: &Arc<Lane>) -> Outcome {
        loop {
            match self.attempt(lane).await {
                Step::Done(outcome) => return outcome,
                Step::Again => {}
            }
        }
    }

    async fn attempt(&mut self, lane: &Arc<Lane>) -> Step {
        let (waiting, before) = Counted::new(&lane.waiting);
        let turn = lane.turn.lock().await;
        let (connection, cpi) = match self.connected(before).await {
            Ok(found) => found,
            Err(outcome) => return Step::Done(outcome),
        };
        if let Some(unfit) = self.unfit(&cpi) {
            return Step::Done(Outcome::Unfit(unfit));
        }
        let slot = self.slot(lane, &cpi).await;
        if !self.ticket.claim() {
            return Step::Done(self.ticket.stopped().await);
        }
        drop(waiting);
        // The request is queued at the connection before the next one may be.
        let step = {
            let post = self.post(&connection);
            tokio::pin!(post);
            let early = tokio::select! {
                biased;
                step = &mut post => Some(step),
                () = tokio::task::yield_now() => None,
            };
            drop(turn);
            match early {
                Some(step) => step,
                None => post.await,
            }
        };
        drop(slot);
        step
    }

    /// A connection on which the terminal is registered, and what it takes.
    async fn connected(&mut self, before: usize) -> Result<(Connection, Cpi), Outcome> {
        let patience = self.inner.settings.policy.patience;
        let mut changes = self.inner.changes.subscribe();
        let waiting = async {
            let mut called = false;
            loop {
                changes.mark_unchanged();
                if let Some(found) = self.find() {
                    return Ok(found);
                }
                if !called {
                    called = true;
                    self.inner.log.tell(PpgEvent::Queued {
                        terminal: self.terminal.to_owned(),
                        waiting: before + 1,
                    });
                    self.call().await?;
                    continue;
                }
                if changes.changed().await.is_err() {
                    return Err(Outcome::Unreachable("the gateway has ended".to_owned()));
                }
            }
        };
        let found = timeout(patience, waiting).await.unwrap_or_else(|_| {
            let why = format!("the terminal did not connect within {patience:?}");
            Err(Outcome::Unreachable(why))
        })?;
        self.bearer = found.0.terminal().and_then(|(_, bearer)| bearer);
        Ok(found)
    }

    /// The newest open connection of the terminal whose CPI is known.
    fn find(&self) -> Option<(Connection, Cpi)> {
        let connections = self.inner.connections().clone();
        let store = self.inner.store();
        connections.into_iter().rev().find_map(|connection| {
            let (terminal, bearer) = connection.terminal()?;
            if terminal != self.terminal || !connection.is_open() {
                return None;
            }
            let cpi = store.context(&terminal, bearer)?.cpi()?.clone();
            Some((connection, cpi))
        })
    }

    /// Makes the terminal connect, where it is known how.
    async fn call(&self) -> Result<(), Outcome> {
        let route = {
            let routes = self.inner.routes.lock();
            let routes = routes.unwrap_or_else(PoisonError::into_inner);
            routes.get(self.terminal).cloned().unwrap_or_default()
        };
        let Route {
            listens,
            initiation,
        } = route;
        if let Some((address, tls)) = listens {
            let connection = self.inner.connect(address, tls).await;
            let connection = connection.map_err(|error| Outcome::Unreachable(error.to_string()))?;
            let registered = connection.terminal().is_some();
            if !registered && !self.inner.settings.register {
                // Whoever wants no registration by itself wants one for a push nevertheless.
                drop(registration::register(self.inner, &connection).await);
            }
            return Ok(());
        }
        if let Some((address, datagram)) = initiation {
            self.initiate(address, &datagram)
                .await
                .map_err(|error| Outcome::Unreachable(error.to_string()))?;
        }
        Ok(())
    }

    async fn initiate(
        &self,
        destination: std::net::SocketAddr,
        datagram: &[u8],
    ) -> std::io::Result<()> {
        let any: std::net::IpAddr = match destination {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let source = self.inner.settings.source.unwrap_or(any);
        let sender = Sender::bind(std::net::SocketAddr::new(source, 0)).await?;
        sender.send(destination, datagram).await?;
        self.inner.log.tell(PpgEvent::Initiated {
            terminal: self.terminal.to_owned(),
            destination,
        });
        Ok(())
    }

    fn unfit(&self, cpi: &Cpi) -> Option<Unfit> {
        if !self.inner.settings.policy.honour_capabilities {
            return None;
        }
        let application = self
            .push
            .named_application()
            .unwrap_or("x-wap-application:wml.ua");
        let size = u64::try_from(self.push.content.len()).unwrap_or(u64::MAX);
        if !cpi.takes(application) {
            Some(Unfit::Application)
        } else if !cpi.accepts(&self.push.content_type) {
            Some(Unfit::ContentType)
        } else if size > cpi.max_msg_size {
            Some(Unfit::Size)
        } else {
            None
        }
    }

    /// Waits until one more push may be under way.
    async fn slot(&self, lane: &Arc<Lane>, cpi: &Cpi) -> Slot {
        let most = if self.inner.settings.policy.honour_max_push_req {
            cpi.max_push_req.max(1)
        } else {
            u32::MAX
        };
        let mut under_way = lane.under_way.subscribe();
        // The sender lives as long as the lane.
        drop(under_way.wait_for(|count| *count < most).await);
        lane.under_way.send_modify(|count| *count += 1);
        Slot(Arc::clone(lane))
    }

    async fn post(&mut self, connection: &Connection) -> Step {
        let inner = Arc::clone(self.inner);
        let mut authentication = Authentication::new(&inner.settings, "POST");
        loop {
            let mut push = self.push.clone();
            if !self.inner.settings.policy.send_tag && push.tag == Tag::Known {
                push.tag = Tag::Absent;
            }
            push.headers.extend(authentication.headers());
            let answer = match connection.post(&push).await {
                Ok(answer) => answer,
                Err(error) => {
                    // Answers on this connection could no longer be told apart from the one that is missing.
                    connection.close().await;
                    return self.lost(&error);
                }
            };
            self.answers.push(answer.clone());
            match authentication.judge(connection, &answer) {
                Ok(Next::Again) => {}
                Ok(Next::Settled) => return self.settled(connection, &answer).await,
                Err(error) => return Step::Done(Outcome::NotAuthenticated(error.to_string())),
            }
        }
    }

    /// Nobody knows whether the terminal has it: sent again, it is for the terminal to see that it is the same.
    fn lost(&mut self, error: &ConnectionError) -> Step {
        if self.losses_left == 0 {
            return Step::Done(Outcome::Unanswered(error.to_string()));
        }
        self.losses_left -= 1;
        Step::Again
    }

    async fn settled(&mut self, connection: &Connection, answer: &Answer) -> Step {
        match answer.push_code() {
            Some(400) => Step::Done(Outcome::Accepted),
            Some(401) => {
                // Taken, though the tag has changed: what is known now is old.
                drop(self.validate(connection, answer.tag()).await);
                Step::Done(Outcome::Accepted)
            }
            Some(256) if self.registrations_left > 0 => {
                self.registrations_left -= 1;
                self.ticket.release();
                match self.validate(connection, answer.tag()).await {
                    Ok(()) => Step::Again,
                    Err(RegisterError::Connection(error)) => self.lost(&error),
                    Err(error) => Step::Done(Outcome::NotAuthenticated(error.to_string())),
                }
            }
            Some(234 | 237) if self.retries_left > 0 => {
                let policy = &self.inner.settings.policy;
                let before = policy.retries.saturating_sub(self.retries_left);
                self.retries_left -= 1;
                self.ticket.release();
                let delay = policy.retry_delay;
                tokio::time::sleep(delay.saturating_mul(1 << before.min(16))).await;
                Step::Again
            }
            Some(code) => Step::Done(Outcome::Refused(code)),
            None => Step::Done(Outcome::Unanswered(format!(
                "HTTP status {} without a push status",
                answer.status
            ))),
        }
    }

    /// The tag has changed: its CPI is known from earlier, or the terminal is asked for it.
    async fn validate(
        &self,
        connection: &Connection,
        tag: Option<&str>,
    ) -> Result<(), RegisterError> {
        if let (Some(tag), Some((terminal, bearer))) = (tag, connection.terminal()) {
            let known = self.inner.store().assume(&terminal, bearer, tag);
            if known {
                return Ok(());
            }
        }
        registration::register(self.inner, connection).await?;
        Ok(())
    }
}
