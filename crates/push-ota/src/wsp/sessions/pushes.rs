//! Pushes in sessions: from the PDU to the judgement, and the answer.

use std::time::Duration;

use push_message::{Bearer, Origin, Protocol, ReceivedPush, ServerAddress, UnixMillis};
use wap_wire::wsp::{AbortReason, Push};

use super::link::LinkId;
use super::place::PlaceId;
use super::unanswered::{Digest, digest};
use super::{NoteKind, PushOutcome, SessionPushTicket, Sessions, SessionsOutput};
use crate::wsp::connectionless::{Limits, Refusal, message};
use crate::wsp::session::SessionEvent;
use crate::wtp::TransactionHandle;

/// A push that is not judged.
#[derive(Debug)]
pub(super) struct UnderWay {
    link: LinkId,
    place: PlaceId,
    /// Of a confirmed one.
    digest: Option<Digest>,
    /// What it is to be answered in; absent for an unconfirmed one, and once that is over.
    transaction: Option<TransactionHandle>,
    octets: usize,
    /// Its gateway has no further one.
    is_last: bool,
}

impl Sessions {
    /// A push came.
    //= specs/ota-wsp.md#push-sessions
    //# Connection-oriented push MUST be carried by the Push and the Confirmed Push facilities of a WSP session.
    pub(super) fn take_push(
        &mut self,
        id: LinkId,
        transaction: Option<TransactionHandle>,
        octets: &[u8],
        received: UnixMillis,
        now: Duration,
    ) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.active = Some(now);
        let place = link.place;
        let digest = transaction.map(|_| digest(octets));
        if let Some((transaction, digest)) = transaction.zip(digest)
            && self.is_repeated(id, place, transaction, digest, now)
        {
            return;
        }
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.pushes += 1;
        if let Some(place) = self.places.get_mut(&place) {
            place.pushes += 1;
            place.last_push = Some(received);
        }
        let has_room = self.pushes.len() < self.settings.max_pushes
            && self.push_octets.saturating_add(octets.len()) <= self.settings.max_push_octets;
        if !has_room {
            let reason = AbortReason::USERDCR;
            self.note(place, NoteKind::Aborted { reason });
            self.abort_push(id, transaction, reason, now);
            return;
        }
        match self.received(id, transaction.is_some(), octets, received) {
            Ok(push) => {
                let ticket = SessionPushTicket(self.number());
                let under_way = UnderWay {
                    link: id,
                    place,
                    digest,
                    transaction,
                    octets: octets.len(),
                    is_last: push.message.trust.last,
                };
                self.push_octets += under_way.octets;
                self.pushes.insert(ticket, under_way);
                self.outputs
                    .push_back(SessionsOutput::Push { ticket, push });
            }
            Err(refusal) => {
                let length = octets.len();
                let what = NoteKind::Malformed {
                    refusal,
                    length,
                    received,
                };
                self.note(place, what);
                self.abort_push(id, transaction, AbortReason::USERRFS, now);
            }
        }
    }

    /// Whether a confirmed push is one that was given out before, whose gateway could not be told what became of it. Then it is answered,
    /// now or when it is judged.
    fn is_repeated(
        &mut self,
        id: LinkId,
        place: PlaceId,
        transaction: TransactionHandle,
        digest: Digest,
        now: Duration,
    ) -> bool {
        let is_it = |push: &&mut UnderWay| {
            push.place == place && push.digest == Some(digest) && push.transaction.is_none()
        };
        if let Some(push) = self.pushes.values_mut().find(is_it) {
            push.link = id;
            push.transaction = Some(transaction);
        } else if self.unanswered.take(place, digest, now) {
            if let Some(link) = self.links.get_mut(&id) {
                let event = SessionEvent::ConfirmedPush(transaction);
                link.session.handle_event(&event);
                self.pump(id, UnixMillis::default(), now);
            }
        } else {
            return false;
        }
        self.note(place, NoteKind::Repeated);
        true
    }

    /// Makes a push of its PDU.
    //= specs/ota-wsp.md#application-addressing
    //# A push in a session MUST be handed on to the application that it names.
    fn received(
        &mut self,
        id: LinkId,
        answerable: bool,
        octets: &[u8],
        received: UnixMillis,
    ) -> Result<ReceivedPush, Refusal> {
        let push = decode(octets, &self.settings.push_limits)?;
        let mut message = message(&push, &self.settings.push_limits)?;
        let link = self.links.get(&id);
        let default = || Some(link?.session.profile().default_application());
        message.application = message.application.or_else(default);
        let peer = link.and_then(super::link::Link::peer);
        let server = peer.map_or(ServerAddress::Unknown, |peer| {
            ServerAddress::Ip(peer.ip().to_canonical())
        });
        // Of each push another: the transaction layer has taken out what came twice.
        let transaction = [self.run, id.0, self.number()].map(u64::to_be_bytes);
        Ok(ReceivedPush {
            message,
            origin: Origin {
                protocol: Protocol::OtaWsp,
                bearer: Bearer::Ip,
                server,
                proved_names: Box::default(),
                // The terminal opened the session: its port is nobody's.
                destination_port: None,
                origin_port: peer.map(|peer| peer.port()),
                transaction: transaction.as_flattened().into(),
                instance: None,
                short_message: None,
                answerable,
            },
            received,
        })
    }

    fn abort_push(
        &mut self,
        id: LinkId,
        transaction: Option<TransactionHandle>,
        reason: AbortReason,
        now: Duration,
    ) {
        if let Some(transaction) = transaction
            && let Some(link) = self.links.get_mut(&id)
        {
            let event = SessionEvent::PushAbort(transaction, reason);
            link.session.handle_event(&event);
            // S-PushAbort.ind is for whoever has the push, and nobody has it.
            self.pump(id, UnixMillis::default(), now);
        }
    }

    /// A push has been judged.
    //= specs/ota-wsp.md#confirmed-push
    //# A confirmed push MUST be confirmed when, and not before, the terminal takes responsibility for it.
    //= specs/ota-wsp.md#confirmed-push
    //# A confirmed push that the terminal does not take responsibility for MUST be aborted.
    pub(super) fn judged(
        &mut self,
        ticket: SessionPushTicket,
        outcome: PushOutcome,
        now: Duration,
    ) {
        let Some(push) = self.pushes.remove(&ticket) else {
            return;
        };
        self.push_octets = self.push_octets.saturating_sub(push.octets);
        if let Some(digest) = push.digest
            && push.transaction.is_none()
            && outcome == PushOutcome::Accepted
        {
            let until = now + self.settings.unanswered_window;
            let most = self.settings.max_unanswered;
            self.unanswered.remember(push.place, digest, until, most);
        }
        let Some(link) = self.links.get_mut(&push.link) else {
            return;
        };
        link.active = Some(now);
        let place = link.place;
        if let Some(transaction) = push.transaction {
            //= specs/ota-wsp.md#confirmed-push
            //# The reason to abort a confirmed push with SHOULD be USERREQ, USERRFS, USERPND, USERDCR or USERDCU.
            let event = match outcome.abort_reason() {
                None => SessionEvent::ConfirmedPush(transaction),
                Some(reason) => SessionEvent::PushAbort(transaction, reason),
            };
            link.session.handle_event(&event);
            self.pump(push.link, UnixMillis::default(), now);
        }
        //= specs/ota-wsp.md#bearer
        //# A session that its gateway has no further push for SHOULD be given up where nothing else needs it.
        //= specs/ota-wsp.md#empty-pushes
        //# The headers of a push without content MUST be looked at, and used, before it is ignored.
        if push.is_last && self.settings.end_on_last {
            self.end_invitation(place);
        }
    }

    /// The transaction of a push is over before it was judged, or because it was aborted here.
    pub(super) fn push_aborted(&mut self, id: LinkId, transaction: TransactionHandle) {
        let is_it = |push: &&mut UnderWay| push.link == id && push.transaction == Some(transaction);
        if let Some(push) = self.pushes.values_mut().find(is_it) {
            push.transaction = None;
            if let Some(place) = self.links.get(&id).map(|link| link.place) {
                self.note(place, NoteKind::Unanswered);
            }
        }
    }

    /// A session is gone; its pushes cannot be answered any more.
    pub(super) fn link_gone(&mut self, id: LinkId) {
        for push in self.pushes.values_mut().filter(|push| push.link == id) {
            push.transaction = None;
        }
    }
}

fn decode<'a>(octets: &'a [u8], limits: &Limits) -> Result<Push<'a>, Refusal> {
    if octets.len() > limits.datagram_length {
        return Err(Refusal::DatagramTooLong {
            length: octets.len(),
            most: limits.datagram_length,
        });
    }
    let push = Push::decode(octets).map_err(Refusal::Malformed)?;
    let length = octets.len().saturating_sub(push.body.len());
    if length > limits.headers_length {
        return Err(Refusal::HeadersTooLong {
            length,
            most: limits.headers_length,
        });
    }
    Ok(push)
}
