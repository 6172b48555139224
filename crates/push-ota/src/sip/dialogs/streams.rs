//! Connections for MSRP: whose they are, and what comes on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_message::{Headers, ReceivedPush, UnixMillis};

use super::super::events::{PushOutcome, SipNote, SipPushTicket, StreamId};
use super::super::reach::Reach;
use super::super::sdp::Role;
use super::super::serving::{Common, Refusal, ServingOutput, content_type, opened, undescribed};
use super::session::{Link, Session, Stage};
use super::{Dialogs, SessionId, close};
use crate::msrp::{
    MessageTicket, Opening, OpeningRefusal, Receiver, ReceiverOutput, ReceiverSettings,
};

/// A connection that has not named its session.
#[derive(Debug)]
pub(super) struct Stranger {
    opening: Opening,
    peer: SocketAddr,
    length: usize,
    pub(super) until: Duration,
}

/// A message as the receiver gives it.
struct Whole {
    message_id: Box<str>,
    content_type: Box<str>,
    headers: Vec<(Box<str>, Box<str>)>,
    content: Bytes,
}

impl Dialogs {
    /// Opens the connection of a session, once its sender has shown by the ACK that it is where it says.
    pub(super) fn connect(&mut self, id: SessionId, common: &mut Common, now: Duration) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(first) = session.offer.path.first() else {
            return;
        };
        let stream = self.next_stream;
        self.next_stream = StreamId(stream.0 + 2);
        self.streams.insert(stream, id);
        session.link = Link::Opening(stream);
        session.linked_by = Some(now + self.settings.idle_timeout);
        common.outputs.push_back(ServingOutput::OpenStream {
            stream,
            host: first.host().clone(),
            port: first.port(),
            reach: Reach::new(
                session.route.peer.ip(),
                session.local.ip(),
                self.settings.connect_anywhere,
            ),
        });
    }

    /// A connection that was asked for is open.
    //= specs/ota-sip.md#large-push
    //# A terminal that takes the active role MUST connect and send a SEND at once.
    pub(crate) fn stream_opened(&mut self, stream: StreamId, common: &mut Common, now: Duration) {
        let Some(id) = self.streams.get(&stream).copied() else {
            return close(stream, common);
        };
        let session = self.sessions.get(&id);
        if session.is_some_and(|session| matches!(session.link, Link::Opening(_))) {
            self.link(id, stream, true, now);
            self.drain(id, common, now);
        }
    }

    /// Somebody opened a connection. The one that has waited longest gives way where there are too many.
    pub(crate) fn stream_accepted(
        &mut self,
        stream: StreamId,
        peer: SocketAddr,
        common: &mut Common,
        now: Duration,
    ) {
        let most = self.settings.max_unbound;
        if self.stopped || most == 0 || !self.settings.enabled {
            return close(stream, common);
        }
        while self.strangers.len() >= most {
            let oldest = self.strangers.iter();
            let oldest = oldest.min_by_key(|(stream, stranger)| (stranger.until, **stream));
            let Some(oldest) = oldest.map(|(stream, _)| *stream) else {
                break;
            };
            self.strangers.remove(&oldest);
            close(oldest, common);
        }
        let stranger = Stranger {
            opening: Opening::new(ReceiverSettings::default().max_head),
            peer,
            length: 0,
            until: now + self.settings.idle_timeout,
        };
        self.strangers.insert(stream, stranger);
    }

    /// A connection could not be opened, or has ended. The sender has a while to say BYE itself.
    pub(crate) fn stream_ended(
        &mut self,
        stream: StreamId,
        reason: &str,
        common: &mut Common,
        now: Duration,
    ) {
        self.strangers.remove(&stream);
        let Some(id) = self.streams.remove(&stream) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let unfinished = session.unfinished();
        if unfinished > 0 {
            session.messages += 1;
            common.note(failed(session, unfinished, reason));
        }
        let link = std::mem::replace(&mut session.link, Link::Absent);
        session.linked_by = Some(now + self.settings.idle_timeout);
        if matches!(link, Link::Opening(_)) {
            self.leave(id, Some(reason), common);
        }
    }

    /// Octets came on a connection.
    pub(crate) fn stream_octets(
        &mut self,
        stream: StreamId,
        octets: &[u8],
        received: UnixMillis,
        common: &mut Common,
        now: Duration,
    ) {
        if let Some(id) = self.streams.get(&stream).copied() {
            self.feed(id, octets, received, common, now);
            return;
        }
        let Some(stranger) = self.strangers.get_mut(&stream) else {
            return;
        };
        stranger.length += octets.len();
        match stranger.opening.handle_octets(octets) {
            Ok(None) => {}
            Ok(Some(name)) => self.bind(stream, &name, received, common, now),
            Err(error) => self.turn_away(stream, None, &error.to_string(), received, common),
        }
    }

    /// A stranger has named its session.
    //= specs/ota-sip.md#large-push
    //# A connection MUST belong to the session that the To-Path of its first request names.
    //= specs/ota-sip.md#large-push
    //# A request for a session that does not exist MUST be answered with 481.
    //= specs/ota-sip.md#large-push
    //# Where the offer says nothing of roles the terminal MUST leave it to the offerer to connect.
    fn bind(
        &mut self,
        stream: StreamId,
        name: &str,
        received: UnixMillis,
        common: &mut Common,
        now: Duration,
    ) {
        let is_it = |session: &Session| {
            session.own.session() == name
                && session.role == Role::Passive
                && session.stage == Stage::Answered
                && !session.leaving
        };
        let mut sessions = self.sessions.iter();
        let found = sessions.find(|(_, session)| is_it(session));
        let Some((id, session)) = found.map(|(id, session)| (*id, session)) else {
            let reason = "a connection for no session";
            return self.turn_away(
                stream,
                Some(OpeningRefusal::NoSession),
                reason,
                received,
                common,
            );
        };
        if !matches!(session.link, Link::Absent) {
            let reason = "a second connection of a session";
            return self.turn_away(
                stream,
                Some(OpeningRefusal::WrongConnection),
                reason,
                received,
                common,
            );
        }
        let Some(stranger) = self.strangers.remove(&stream) else {
            return;
        };
        self.streams.insert(stream, id);
        self.link(id, stream, false, now);
        let octets = stranger.opening.into_octets();
        self.feed(id, &octets, received, common, now);
    }

    /// Closes the connection of a stranger.
    fn turn_away(
        &mut self,
        stream: StreamId,
        refusal: Option<OpeningRefusal>,
        reason: &str,
        received: UnixMillis,
        common: &mut Common,
    ) {
        let Some(stranger) = self.strangers.remove(&stream) else {
            return;
        };
        let answer = refusal.and_then(|refusal| stranger.opening.refusal(refusal));
        let status = answer.as_ref().and(refusal).map(OpeningRefusal::status);
        if let Some(octets) = answer {
            let transmit = ServingOutput::StreamTransmit { stream, octets };
            common.outputs.push_back(transmit);
        }
        close(stream, common);
        common.note(SipNote::Refused {
            source: stranger.peer,
            word: "stream",
            status,
            length: stranger.length,
            detail: reason.to_owned(),
            received,
        });
    }

    pub(super) fn strangers_timeout(&mut self, common: &mut Common, now: Duration) {
        let due = self.strangers.iter();
        let due = due.filter(|(_, stranger)| stranger.until <= now);
        let due: Vec<_> = due.map(|(stream, _)| *stream).collect();
        for stream in due {
            self.strangers.remove(&stream);
            close(stream, common);
        }
    }

    /// A session has its connection.
    fn link(&mut self, id: SessionId, stream: StreamId, active: bool, now: Duration) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let settings = ReceiverSettings {
            max_content: self.settings.max_content,
            idle_timeout: self.settings.idle_timeout,
            ..ReceiverSettings::default()
        };
        let (own, path) = (session.own.clone(), session.offer.path.clone());
        let seed = self.seed.wrapping_add(id.0);
        let receiver = Receiver::new(settings, own, &path, active, &self.budget, seed, now);
        session.link = Link::Open(stream, Box::new(receiver));
        session.linked_by = None;
    }

    fn feed(
        &mut self,
        id: SessionId,
        octets: &[u8],
        received: UnixMillis,
        common: &mut Common,
        now: Duration,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.received = received;
        if let Link::Open(_, receiver) = &mut session.link {
            receiver.handle_octets(octets, now);
        }
        self.drain(id, common, now);
    }

    pub(super) fn receiver_timeout(&mut self, id: SessionId, common: &mut Common, now: Duration) {
        let session = self.sessions.get_mut(&id);
        if let Some(Link::Open(_, receiver)) = session.map(|session| &mut session.link) {
            receiver.handle_timeout(now);
        }
        self.drain(id, common, now);
    }

    /// Does what the receiver of a session wants.
    fn drain(&mut self, id: SessionId, common: &mut Common, now: Duration) {
        while let Some(session) = self.sessions.get_mut(&id)
            && let Link::Open(stream, receiver) = &mut session.link
            && let Some(output) = receiver.poll_output()
        {
            let stream = *stream;
            match output {
                ReceiverOutput::Transmit(octets) => {
                    let transmit = ServingOutput::StreamTransmit { stream, octets };
                    common.outputs.push_back(transmit);
                }
                ReceiverOutput::Message {
                    ticket,
                    message_id,
                    content_type,
                    headers,
                    content,
                } => {
                    session.messages += 1;
                    let whole = Whole {
                        message_id,
                        content_type,
                        headers,
                        content,
                    };
                    self.whole(id, ticket, whole, common, now);
                }
                ReceiverOutput::Failed { length, reason, .. } => {
                    session.messages += 1;
                    common.note(failed(session, length, &reason));
                }
                ReceiverOutput::Ended { length, reason } => {
                    if length > 0 || session.messages == 0 {
                        session.messages += 1;
                        common.note(failed(session, length, &reason));
                    }
                    self.leave(id, None, common);
                }
            }
        }
    }

    /// Gives out a push that is whole; one that nobody could make out is judged here.
    fn whole(
        &mut self,
        id: SessionId,
        message: MessageTicket,
        whole: Whole,
        common: &mut Common,
        now: Duration,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let judged = if self.judging.len() >= self.max_judging {
            Err((
                PushOutcome::NotYet,
                "too many pushes are being judged".to_owned(),
            ))
        } else {
            received_push(session, whole, common)
                .map_err(|refusal| (PushOutcome::ContentType, refusal.detail))
        };
        match judged {
            Ok(push) => {
                let ticket = common.ticket();
                self.judging.insert(ticket, (id, message));
                let push = ServingOutput::Push { ticket, push };
                common.outputs.push_back(push);
            }
            Err((outcome, reason)) => {
                common.note(failed(session, 0, &reason));
                if let Link::Open(_, receiver) = &mut session.link {
                    receiver.judged(message, outcome, now);
                }
            }
        }
    }

    /// A push was judged.
    pub(crate) fn judged(
        &mut self,
        ticket: SipPushTicket,
        outcome: PushOutcome,
        common: &mut Common,
        now: Duration,
    ) {
        let Some((id, message)) = self.judging.remove(&ticket) else {
            return;
        };
        let silent = common.settings.silent_refusal && outcome == PushOutcome::ServerNotListed;
        let outcome = if silent {
            PushOutcome::Delivered
        } else {
            outcome
        };
        let session = self.sessions.get_mut(&id);
        if let Some(Link::Open(_, receiver)) = session.map(|session| &mut session.link) {
            receiver.judged(message, outcome, now);
        }
        self.drain(id, common, now);
    }

    /// Takes the connection from a session, and says so where content is lost by it. Judgements under way find nobody.
    pub(super) fn unlink(&mut self, id: SessionId, reason: Option<&str>, common: &mut Common) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let unfinished = session.unfinished();
        if let Some(reason) = reason
            && !session.leaving
            && (session.messages == 0 || unfinished > 0)
        {
            common.note(failed(session, unfinished, reason));
        }
        session.linked_by = None;
        let link = std::mem::replace(&mut session.link, Link::Absent);
        if let Link::Opening(stream) | Link::Open(stream, _) = link {
            self.streams.remove(&stream);
            close(stream, common);
        }
    }
}

fn failed(session: &Session, length: usize, reason: &str) -> SipNote {
    SipNote::SessionFailed {
        source: session.route.peer,
        length,
        reason: reason.to_owned(),
        received: session.received,
    }
}

fn received_push(
    session: &Session,
    whole: Whole,
    common: &Common,
) -> Result<Arc<ReceivedPush>, Refusal> {
    let mut headers = Headers::new();
    let (described, kept) = match &*whole.content_type {
        "" => (undescribed(), true),
        text => content_type(text)
            .ok_or_else(|| Refusal::new(415, "contentType", "Content-Type is no media type"))?,
    };
    // One that is broken further on is kept as it came.
    if !kept {
        headers.push_text("Content-Type", &whole.content_type);
    }
    for (name, value) in &whole.headers {
        headers.push_text(name, value);
    }
    for (name, value) in session.headers.iter() {
        headers.push_text(name, value);
    }
    let named = session.application.clone();
    let message = opened(described, headers, whole.content, named, common)?;
    let mut origin = session.origin.clone();
    let mut transaction = origin.transaction.to_vec();
    transaction.push(0);
    transaction.extend_from_slice(whole.message_id.as_bytes());
    origin.transaction = transaction.into();
    Ok(Arc::new(ReceivedPush {
        message,
        origin,
        received: session.received,
    }))
}
