//! One session with its transactions and its socket.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use wap_wire::wsp::AbortReason;

use super::place::PlaceId;
use super::{ContactPoint, SessionsOutput, SocketId};
use crate::wsp::session::{Cause, Session, SessionEvent, SessionOutput};
use crate::wtp::{self, Class, TransactionHandle, Wtp};

/// Names a session, here and in the transactions of its pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkId(pub(super) u64);

/// What a session is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is being opened, to be the one.
    Next,
    /// It is the one.
    Current,
    /// It has been replaced, or is wanted no more, since then.
    Old(Duration),
}

/// One session with its transactions and its socket.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) place: PlaceId,
    /// Where it is opened, perhaps after a redirect.
    pub(super) contact: ContactPoint,
    pub(super) role: Role,
    pub(super) session: Session,
    /// The socket that is being opened for it.
    pub(super) opening: Option<SocketId>,
    wire: Option<Wire>,
    /// The socket that it goes to with the next Bind.
    spare: Option<Wire>,
    /// When its Connect or Resume has taken too long.
    pub(super) deadline: Option<Duration>,
    /// When the server is asked to go on with a session that it suspended.
    pub(super) resume_at: Option<Duration>,
    /// Redirects that may still be followed.
    pub(super) redirects: u8,
    /// Where else the server that redirected said it is.
    pub(super) alternatives: VecDeque<ContactPoint>,
    /// Since when it stands.
    pub(super) since: Option<Duration>,
    /// When the last push came or was answered.
    pub(super) active: Option<Duration>,
    /// Pushes that came.
    pub(super) pushes: u64,
}

/// A socket with the transactions over it.
#[derive(Debug)]
struct Wire {
    socket: SocketId,
    peer: SocketAddr,
    wtp: Wtp,
}

/// What the sessions hear of one.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Connected,
    Resumed,
    Suspended(Cause),
    Disconnected(Cause),
    /// A push; confirmed where there is a transaction.
    Push(Option<TransactionHandle>, Box<[u8]>),
    PushAborted(TransactionHandle),
    NotTaken(AbortReason),
    /// A transaction could not be begun.
    Broken(String),
}

impl Link {
    pub(super) const fn new(
        place: PlaceId,
        contact: ContactPoint,
        session: Session,
        socket: SocketId,
    ) -> Self {
        Self {
            place,
            contact,
            role: Role::Next,
            session,
            opening: Some(socket),
            wire: None,
            spare: None,
            deadline: None,
            resume_at: None,
            redirects: 0,
            alternatives: VecDeque::new(),
            since: None,
            active: None,
            pushes: 0,
        }
    }

    /// The peer, once the socket is open.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.wire.as_ref().map(|wire| wire.peer)
    }

    /// Every socket that it has, or that is being opened for it.
    pub(super) fn sockets(&self) -> impl Iterator<Item = SocketId> {
        let wires = [&self.wire, &self.spare].into_iter().flatten();
        wires.map(|wire| wire.socket).chain(self.opening)
    }

    /// The socket that was being opened is open: the session begins on it, or goes to it.
    pub(super) fn opened(&mut self, socket: SocketId, peer: SocketAddr, wtp: Wtp) {
        self.opening = None;
        let wire = Wire { socket, peer, wtp };
        if self.wire.is_none() {
            self.wire = Some(wire);
            self.session.handle_event(&SessionEvent::Connect);
        } else {
            self.spare = Some(wire);
            self.session.handle_event(&SessionEvent::Resume);
        }
    }

    //= specs/wsp.md#event-processing
    //# A transaction MUST be taken for that of the session with the same addresses and ports of client and server.
    pub(super) fn datagram(&mut self, socket: SocketId, octets: &[u8], now: Duration) {
        let wire = self.wire.as_mut().filter(|wire| wire.socket == socket);
        if let Some(wire) = wire {
            wire.wtp.handle_datagram(wire.peer, octets, now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        if let Some(wire) = &mut self.wire {
            wire.wtp.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.wire.as_ref().and_then(|wire| wire.wtp.poll_timeout())
    }

    /// Carries what the session and the transactions want to each other and out.
    pub(super) fn pump(
        &mut self,
        outputs: &mut VecDeque<SessionsOutput>,
        now: Duration,
    ) -> Vec<LinkEvent> {
        let mut events = Vec::new();
        loop {
            if let Some(output) = self.session.poll_output() {
                events.extend(self.carry_out(output, outputs, now));
            } else if let Some(output) = self.wire.as_mut().and_then(|wire| wire.wtp.poll_output())
            {
                self.take(&output, outputs);
            } else {
                return events;
            }
        }
    }

    fn carry_out(
        &mut self,
        output: SessionOutput,
        outputs: &mut VecDeque<SessionsOutput>,
        now: Duration,
    ) -> Option<LinkEvent> {
        match output {
            SessionOutput::Invoke(class, octets) => return self.invoke(class, octets, now),
            SessionOutput::Respond(transaction) => {
                if let Some(wire) = &mut self.wire {
                    wire.wtp.respond(transaction, now);
                }
            }
            SessionOutput::Abort(transaction, reason) => {
                if let Some(wire) = &mut self.wire {
                    wire.wtp.abort(transaction, reason, now);
                }
            }
            SessionOutput::Bind => self.bind(outputs),
            SessionOutput::Connected => return Some(LinkEvent::Connected),
            SessionOutput::Resumed => return Some(LinkEvent::Resumed),
            SessionOutput::Suspended(cause) => return Some(LinkEvent::Suspended(cause)),
            SessionOutput::Disconnected(cause) => return Some(LinkEvent::Disconnected(cause)),
            SessionOutput::Push(octets) => return Some(LinkEvent::Push(None, octets)),
            SessionOutput::ConfirmedPush(transaction, octets) => {
                return Some(LinkEvent::Push(Some(transaction), octets));
            }
            SessionOutput::PushAborted(transaction, _) => {
                return Some(LinkEvent::PushAborted(transaction));
            }
            SessionOutput::NotTaken(reason) => return Some(LinkEvent::NotTaken(reason)),
        }
        None
    }

    //= specs/wsp.md#transactions
    //# A client MUST be able to begin transactions of class 0 and of class 2.
    fn invoke(&mut self, class: Class, octets: Box<[u8]>, now: Duration) -> Option<LinkEvent> {
        // A session that was suspended has been given a socket of its own to be resumed on.
        if class == Class::ReliableResult && self.spare.is_some() {
            self.wire = self.spare.take();
        }
        let wire = self.wire.as_mut()?;
        match wire.wtp.invoke(wire.peer, class, true, octets, now) {
            Ok(transaction) => {
                if class == Class::ReliableResult {
                    self.session.begun(transaction);
                }
                None
            }
            Err(error) => Some(LinkEvent::Broken(error.to_string())),
        }
    }

    /// Goes to the spare socket, after what the transactions still have to say over the other one.
    fn bind(&mut self, outputs: &mut VecDeque<SessionsOutput>) {
        if let Some(wire) = &mut self.wire {
            while let Some(output) = wire.wtp.poll_output() {
                if let wtp::Output::Transmit { octets, .. } = output {
                    let socket = wire.socket;
                    outputs.push_back(SessionsOutput::Transmit { socket, octets });
                }
            }
        }
        if self.spare.is_some() {
            self.wire = self.spare.take();
        }
    }

    //= specs/wsp.md#transactions
    //# A client SHOULD take transactions of class 0 that the server begins.
    //= specs/wsp.md#transactions
    //# A client that takes unconfirmed pushes MUST take transactions of class 0, and one that takes confirmed pushes transactions of class 1.
    fn take(&mut self, output: &wtp::Output, outputs: &mut VecDeque<SessionsOutput>) {
        let event = match output {
            wtp::Output::Transmit { octets, .. } => {
                if let Some(socket) = self.wire.as_ref().map(|wire| wire.socket) {
                    let octets = octets.clone();
                    outputs.push_back(SessionsOutput::Transmit { socket, octets });
                }
                return;
            }
            wtp::Output::Invoked {
                handle,
                class,
                data,
                ..
            } => SessionEvent::Invoked(*handle, *class, data),
            wtp::Output::InvokeConfirmed { handle } => SessionEvent::InvokeConfirmed(*handle),
            wtp::Output::ResultIndicated { handle, data } => SessionEvent::Result(*handle, data),
            wtp::Output::Aborted { handle, reason, .. } => SessionEvent::Aborted(*handle, *reason),
        };
        self.session.handle_event(&event);
    }
}
