//! The server itself: its port, its sessions, and what it sends and receives.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::events::{Ending, SessionEvent, SessionEvents, SessionLog};
use super::initiator::Answer;
use super::responder::{self, Response};
use super::settings::{Behaviour, Manner, SessionSettings};
use super::wsp::{self, Greeting};
use super::wtp::{self, Pdu};
use crate::ppg::SirBuilder;

/// How long a datagram may be.
const MAX_DATAGRAM: usize = 65_536;

/// A running session server. Copies of it are the same server, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct SessionServer {
    guard: Arc<Guard>,
}

/// Ends the server's tasks when the last handle goes.
#[derive(Debug)]
struct Guard(Arc<Inner>);

impl Drop for Guard {
    fn drop(&mut self) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.abort_all();
    }
}

/// A session as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: u32,
    /// Where the terminal is.
    pub peer: SocketAddr,
    /// What the terminal said of itself when it opened or resumed it.
    pub greeting: Greeting,
    /// Whether the terminal has acknowledged that it stands.
    pub acknowledged: bool,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// Where a transaction belongs: the terminal, and the identifier without its direction.
pub(super) type Key = (SocketAddr, u16);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: SessionSettings,
    pub(super) log: SessionLog,
    socket: UdpSocket,
    address: SocketAddr,
    state: Mutex<State>,
    /// Grows with every change of a session.
    changes: watch::Sender<u64>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) behaviour: Behaviour,
    pub(super) sessions: BTreeMap<u32, Session>,
    last_session: u32,
    /// The server's own transactions.
    pub(super) initiated: BTreeMap<Key, mpsc::Sender<Answer>>,
    pub(super) last_tids: BTreeMap<SocketAddr, u16>,
    pub(super) lanes: BTreeMap<SocketAddr, Arc<tokio::sync::Mutex<()>>>,
    /// Those of terminals, and the order in which they came.
    pub(super) responses: BTreeMap<Key, Response>,
    pub(super) order: VecDeque<Key>,
    sent: u32,
    received: u32,
    held: Option<(SocketAddr, Vec<u8>)>,
    taps: Vec<mpsc::Sender<(SocketAddr, Vec<u8>)>>,
}

impl SessionServer {
    /// Opens the port, and serves from then on.
    pub async fn start(settings: SessionSettings) -> io::Result<Self> {
        let socket = UdpSocket::bind(settings.listen).await?;
        let state = State {
            behaviour: settings.behaviour.clone(),
            sessions: BTreeMap::new(),
            last_session: 0,
            initiated: BTreeMap::new(),
            last_tids: BTreeMap::new(),
            lanes: BTreeMap::new(),
            responses: BTreeMap::new(),
            order: VecDeque::new(),
            sent: 0,
            received: 0,
            held: None,
            taps: Vec::new(),
        };
        let inner = Arc::new(Inner {
            address: socket.local_addr()?,
            socket,
            settings,
            log: SessionLog::new(),
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            tasks: Mutex::default(),
        });
        inner.spawn(serve(Arc::clone(&inner)));
        Ok(Self {
            guard: Arc::new(Guard(inner)),
        })
    }

    /// Where terminals reach it; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.inner().address
    }

    /// All that happens, from the start on.
    pub fn events(&self) -> SessionEvents {
        self.inner().log.read()
    }

    /// The first event ever for which `wanted` gives a value, once it has happened.
    pub async fn once<T>(&self, wanted: impl FnMut(SessionEvent) -> Option<T>) -> Option<T> {
        self.events().until(wanted).await
    }

    /// All sessions that stand.
    pub fn sessions(&self) -> Vec<Session> {
        self.inner().state().sessions.values().cloned().collect()
    }

    /// The newest session that stands and that the terminal has acknowledged, once there is one.
    pub async fn connected(&self) -> u32 {
        let newest = |state: &State| {
            let mut sessions = state.sessions.values().rev();
            sessions
                .find(|session| session.acknowledged)
                .map(|session| session.id)
        };
        self.inner().when(newest).await
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.inner().state().behaviour = behaviour;
    }

    /// Asks a terminal by a datagram to open a session, as a connectionless push from the server's own port.
    pub async fn invite(&self, terminal: SocketAddr, request: &SirBuilder) -> io::Result<()> {
        let datagram = request.push().encode().map_err(io::Error::other)?;
        self.inner().socket.send_to(&datagram, terminal).await?;
        self.inner().log.tell(SessionEvent::Invited {
            terminal,
            octets: datagram.len(),
        });
        Ok(())
    }

    /// Sends any octets at all from the server's port.
    pub async fn send(&self, terminal: SocketAddr, octets: &[u8]) -> io::Result<()> {
        self.inner().socket.send_to(octets, terminal).await?;
        Ok(())
    }

    /// Ends a session, and tells the terminal.
    pub async fn disconnect(&self, session: u32) {
        let ended = self.inner().end(session, Ending::ByServer);
        if let Some(ended) = ended {
            self.tell(ended.peer, &wsp::disconnect(session)).await;
        }
    }

    /// Suspends a session, and tells the terminal.
    pub async fn suspend(&self, session: u32) {
        let found = self
            .inner()
            .change(session, |session| session.suspended = true);
        if let Some(found) = found {
            self.inner().log.tell(SessionEvent::Suspended { session });
            self.tell(found.peer, &wsp::suspend(session)).await;
        }
    }

    /// Sends a PDU of WSP by a transaction that needs no answer.
    async fn tell(&self, peer: SocketAddr, pdu: &[u8]) {
        self.inner()
            .transact(peer, pdu, &Manner::unconfirmed())
            .await;
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.guard.0
    }
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something for as long as the server runs.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// The first value that `wanted` finds, now or after some change.
    pub(super) async fn when<T>(&self, wanted: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(found) = wanted(&self.state()) {
                return found;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// A new session; those of the same terminal's address and port end.
    pub(super) fn open(&self, peer: SocketAddr, greeting: Greeting, acknowledged: bool) -> u32 {
        let mut state = self.state();
        let same = |session: &&Session| session.peer == peer;
        let mut ended: Vec<_> = state
            .sessions
            .values()
            .filter(same)
            .map(|one| (one.id, Ending::Replaced))
            .collect();
        if state.sessions.len() >= self.settings.bounds.sessions {
            let first = state.sessions.keys().next();
            ended.extend(first.map(|first| (*first, Ending::Forgotten)));
        }
        for (session, _) in &ended {
            state.sessions.remove(session);
        }
        state.last_session = state.last_session.wrapping_add(1);
        let id = state.last_session;
        let session = Session {
            id,
            peer,
            greeting,
            acknowledged,
            suspended: false,
        };
        state.sessions.insert(id, session);
        drop(state);
        for (session, reason) in ended {
            self.log.tell(SessionEvent::Ended { session, reason });
        }
        if acknowledged {
            self.log.tell(SessionEvent::Connected { session: id, peer });
        }
        self.changed();
        id
    }

    /// Ends a session, and says what it was.
    pub(super) fn end(&self, session: u32, reason: Ending) -> Option<Session> {
        let ended = self.state().sessions.remove(&session)?;
        self.log.tell(SessionEvent::Ended { session, reason });
        self.changed();
        Some(ended)
    }

    /// Changes a session, and says what it is now.
    pub(super) fn change(
        &self,
        session: u32,
        change: impl FnOnce(&mut Session),
    ) -> Option<Session> {
        let mut state = self.state();
        let found = state.sessions.get_mut(&session)?;
        change(found);
        let found = found.clone();
        drop(state);
        self.changed();
        Some(found)
    }

    /// All that terminals send from now on.
    pub(super) fn tap(&self) -> mpsc::Receiver<(SocketAddr, Vec<u8>)> {
        let (sender, receiver) = mpsc::channel(10_000);
        self.state().taps.push(sender);
        receiver
    }

    /// Sends a datagram, if nothing happens to it on its way.
    pub(super) async fn transmit(&self, peer: SocketAddr, octets: Vec<u8>) {
        let (datagrams, lost) = self.state().on_the_way(peer, octets.clone());
        if self.settings.trace {
            self.log.tell(SessionEvent::Sent { peer, octets, lost });
        }
        for (peer, datagram) in datagrams {
            // A terminal that is gone is found out by its silence.
            drop(self.socket.send_to(&datagram, peer).await);
        }
    }

    async fn receive(self: &Arc<Self>, peer: SocketAddr, datagram: &[u8]) {
        let lost = {
            let mut state = self.state();
            state.received = state.received.wrapping_add(1);
            every(state.behaviour.way.lose_received, state.received)
        };
        if self.settings.trace {
            self.log.tell(SessionEvent::Received {
                peer,
                octets: datagram.to_vec(),
                lost,
            });
        }
        if lost {
            return;
        }
        self.state()
            .taps
            .retain(|tap| match tap.try_send((peer, datagram.to_vec())) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
        let Some(pdus) = wtp::read(datagram) else {
            let what = "a datagram that is no WTP";
            self.log.tell(SessionEvent::Ignored { peer, what });
            return;
        };
        for pdu in pdus {
            self.hear(peer, pdu).await;
        }
    }

    async fn hear(self: &Arc<Self>, peer: SocketAddr, pdu: Pdu<'_>) {
        match pdu {
            Pdu::Invoke {
                tid,
                terms,
                trailer,
                again,
                data,
            } => responder::invoked(self, (peer, tid), terms, trailer, again, data).await,
            Pdu::SegmentedInvoke {
                tid,
                number,
                trailer,
                data,
            } => responder::continued(self, (peer, tid), number, trailer, data).await,
            Pdu::Ack {
                tid,
                verification,
                number,
            } => {
                let answer = if verification {
                    Answer::Verify
                } else {
                    Answer::Ack { number }
                };
                self.answered(peer, tid, answer).await;
            }
            Pdu::NegativeAck { tid, missing } => {
                self.answered(peer, tid, Answer::Missing(missing.to_vec()))
                    .await;
            }
            Pdu::Abort {
                tid,
                by_user,
                reason,
            } => {
                self.answered(peer, tid, Answer::Abort { by_user, reason })
                    .await;
            }
        }
    }

    /// Brings an answer to the transaction that it belongs to, the server's own or the terminal's.
    async fn answered(self: &Arc<Self>, peer: SocketAddr, tid: u16, answer: Answer) {
        if tid & wtp::RESPONDER == 0 {
            responder::answered(self, (peer, tid), &answer).await;
            return;
        }
        let waiting = self
            .state()
            .initiated
            .get(&(peer, tid & !wtp::RESPONDER))
            .cloned();
        match waiting {
            // Whoever floods a transaction with answers loses some of them.
            Some(waiting) => drop(waiting.try_send(answer)),
            None => self.log.tell(SessionEvent::Ignored {
                peer,
                what: "an answer to nothing that is under way",
            }),
        }
    }
}

impl State {
    /// What goes out now instead of this datagram, and whether it is lost itself.
    fn on_the_way(
        &mut self,
        peer: SocketAddr,
        octets: Vec<u8>,
    ) -> (Vec<(SocketAddr, Vec<u8>)>, bool) {
        self.sent = self.sent.wrapping_add(1);
        let way = self.behaviour.way;
        let lost = every(way.lose_sent, self.sent);
        let mut datagrams = Vec::new();
        if !lost {
            if every(way.repeat, self.sent) {
                datagrams.push((peer, octets.clone()));
            }
            datagrams.push((peer, octets));
        }
        if every(way.reorder, self.sent) && self.held.is_none() {
            self.held = datagrams.pop();
        } else {
            datagrams.extend(self.held.take());
        }
        (datagrams, lost)
    }
}

const fn every(number: u32, count: u32) -> bool {
    matches!(count.checked_rem(number), Some(0))
}

/// Takes what terminals send.
async fn serve(inner: Arc<Inner>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        // An error tells of a datagram that did not arrive; others will.
        let Ok((length, peer)) = inner.socket.recv_from(&mut buffer).await else {
            continue;
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        inner.receive(peer, datagram).await;
    }
}
