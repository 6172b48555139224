//! Invitations: what speaks against one at once, and the answer to one that may be.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use push_message::{Accept, InitiatorTrust, MediaType, PushMessage, ReceivedPush};

use super::super::events::Host;
use super::super::reach::Reach;
use super::super::registration::Announced;
use super::super::sdp::{self, Offer, OfferRefused, Role};
use super::super::serving::{
    Addressed, Common, Context, Refusal, ServingOutput, check_encoding, described, entity_headers,
    extensions, origin, undescribed,
};
use super::super::stack::{Method, Request, uri_of};
use super::super::transactions::ServerId;
use super::ids::DialogIds;
use super::offered::Offered;
use super::session::{Link, Session, Stage};
use super::{Dialogs, SessionId};
use crate::msrp::Uri;

/// The port of an end that nobody connects to (RFC 6135 4.2).
const DISCARD: u16 = 9;

impl Dialogs {
    /// An invitation came, of no dialog.
    pub(crate) fn invite(
        &mut self,
        id: ServerId,
        request: &Request,
        context: &Context<'_>,
        common: &mut Common,
        now: Duration,
    ) {
        let session = match self.session(id, request, context, common, now) {
            Ok(session) => session,
            Err(refusal) => return common.refuse(id, request, refusal, context),
        };
        let announced = Box::new(ReceivedPush {
            message: PushMessage {
                application: session.application.clone(),
                content_type: undescribed(),
                headers: session.headers.clone(),
                content: Box::default(),
                trust: InitiatorTrust::default(),
            },
            origin: session.origin.clone(),
            received: context.received,
        });
        let ticket = common.ticket();
        self.last_session += 1;
        let id = SessionId(self.last_session);
        self.asked.insert(ticket, id);
        self.sessions.insert(id, session);
        let foresee = ServingOutput::Foresee { ticket, announced };
        common.outputs.push_back(foresee);
    }

    /// What would be the session of an invitation.
    fn session(
        &self,
        id: ServerId,
        request: &Request,
        context: &Context<'_>,
        common: &mut Common,
        now: Duration,
    ) -> Result<Session, Refusal> {
        let offer = offer(request, context.local)?;
        let unacceptable = |refused| refusal(&refused, context.local);
        let listens = self.settings.listening.is_some();
        let role = offer.role(listens).map_err(unacceptable)?;
        if role == Role::Active {
            self.check_path(&offer, context)?;
        }
        self.check_offered(request.body(), &offer, context)?;
        let target = target(request)?;
        if self.sessions.len() >= self.settings.max_sessions {
            return Err(Refusal::new(486, "overload", "too many sessions"));
        }
        let settings = &common.settings;
        let addressed = Addressed::read(request, context.announced, settings.other_instances);
        let headers = entity_headers(request, settings.max_headers)?;
        let is_of_content = |name: &str| {
            let start = name.get(..8).unwrap_or_default();
            start.eq_ignore_ascii_case("Content-") || name.eq_ignore_ascii_case("Expires")
        };
        let headers = headers.iter().filter(|(name, _)| !is_of_content(name));
        Ok(Session {
            ids: DialogIds::with(request, &common.name()),
            invite: id,
            stage: Stage::Asked,
            cseq: request.cseq(),
            target,
            route: context.route,
            local: context.local,
            contact: context.contact.into(),
            received: context.received,
            origin: origin(request, addressed.instance, context, common),
            application: addressed.application,
            headers: headers.collect(),
            own: self.own(context.local, &common.name())?,
            offer,
            role,
            answer: Bytes::new(),
            repetition: None,
            link: Link::Absent,
            linked_by: None,
            until: now + self.settings.timeout,
            messages: 0,
            leaving: false,
            request: request.clone(),
        })
    }

    /// The terminal's end of a session. Nobody connects to one that does not listen.
    fn own(&self, local: SocketAddr, name: &str) -> Result<Uri, Refusal> {
        let own = match self.settings.listening {
            // Whoever listens on every address is reached on the one that the sender speaks to.
            Some(address) if address.ip().is_unspecified() => {
                SocketAddr::new(local.ip(), address.port())
            }
            Some(address) => address,
            None => SocketAddr::new(local.ip(), DISCARD),
        };
        Uri::new(own, name).map_err(|error| Refusal::new(500, "media", error.to_string()))
    }

    /// Whether the terminal may connect where the offer leads; of a name nothing is known yet.
    fn check_path(&self, offer: &Offer, context: &Context<'_>) -> Result<(), Refusal> {
        let (peer, local) = (context.route.peer.ip(), context.local.ip());
        let reach = Reach::new(peer, local, self.settings.connect_anywhere);
        match offer.path.first().map(Uri::host) {
            Some(Host::Ip(address)) if !reach.allows(*address) => {
                let reason = "a=path leads to an address that the terminal does not connect to";
                Err(not_acceptable(399, reason, context.local))
            }
            Some(Host::Ip(_) | Host::Name(_)) | None => Ok(()),
        }
    }

    /// What the offer says of the content speaks against it.
    fn check_offered(
        &self,
        description: &[u8],
        offer: &Offer,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let offered = Offered::read(description);
        let ranges = context.announced.accept.iter().map(|range| &**range);
        let mut fits = offer.overlaps(ranges);
        if let Some(media_type) = &offered.media_type {
            fits &= takes(context.announced, media_type);
        }
        if !fits {
            let reason = "no application takes these types";
            return Err(not_acceptable(305, reason, context.local));
        }
        let most = u64::try_from(self.settings.max_content).unwrap_or(u64::MAX);
        let room = self.settings.max_octets.saturating_sub(self.budget.used());
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        match offered.size {
            Some(size) if size > most => {
                let reason = format!("content of more than {most} octets");
                Err(not_acceptable(399, &reason, context.local))
            }
            Some(size) if size > room => Err(Refusal::new(
                486,
                "overload",
                "too much content is arriving",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Answers an invitation with success.
    //= specs/ota-sip.md#large-push
    //# The answer to an offer of MSRP MUST name the terminal's path and the types that it takes.
    pub(super) fn take(
        &mut self,
        id: SessionId,
        announced: &Announced,
        common: &mut Common,
        now: Duration,
    ) {
        self.asked.retain(|_, session| *session != id);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let types: Vec<&str> = announced.accept.iter().map(|range| &**range).collect();
        let answer = sdp::Answer {
            id: id.0,
            own: &session.own,
            role: session.role,
            accept_types: &types,
            max_size: self.settings.max_content,
        };
        session.answer = answer.write(&session.offer).into();
        if session.role == Role::Passive {
            session.linked_by = Some(now + self.settings.idle_timeout);
        }
        let (id, request) = (session.invite, session.request.clone());
        let response = session.accept(id, &request, common, self.times, now);
        let respond = ServingOutput::Respond { id, response };
        common.outputs.push_back(respond);
    }

    /// An INVITE within a session: the same offer gets the same answer, another one none.
    pub(super) fn reinvite(
        &mut self,
        id: ServerId,
        session: SessionId,
        request: &Request,
        context: &Context<'_>,
        common: &mut Common,
        now: Duration,
    ) {
        let times = self.times;
        let Some(session) = self.sessions.get_mut(&session) else {
            return;
        };
        let checked = if session.awaits_ack() || session.leaving {
            let refusal = Refusal::new(500, "order", "the INVITE before has no ACK yet");
            Err(refusal.with("Retry-After", common.settings.retry_after.to_string()))
        } else {
            offer(request, context.local).and_then(|offer| {
                if offer == session.offer {
                    target(request)
                } else {
                    let reason = "a session cannot be changed";
                    Err(not_acceptable(399, reason, context.local))
                }
            })
        };
        match checked {
            Ok(target) => {
                session.target = target;
                let response = session.accept(id, request, common, times, now);
                let respond = ServingOutput::Respond { id, response };
                common.outputs.push_back(respond);
            }
            Err(refusal) => common.refuse(id, request, refusal, context),
        }
    }
}

/// The offer in an INVITE.
//= specs/ota-sip.md#large-push
//# An invitation that offers no MSRP MUST be refused with 488.
fn offer(request: &Request, local: SocketAddr) -> Result<Offer, Refusal> {
    extensions(request)?;
    check_encoding(request)?;
    if request.body().is_empty() {
        let reason = "an INVITE without an offer";
        return Err(not_acceptable(399, reason, local));
    }
    let (described, _) = described(request)?;
    if described.media_type.as_str() != "application/sdp" {
        let detail = "an INVITE with other content than a session description";
        return Err(Refusal::new(415, "media", detail).with("Accept", "application/sdp"));
    }
    Offer::parse(request.body()).map_err(|refused| refusal(&refused, local))
}

fn refusal(refused: &OfferRefused, local: SocketAddr) -> Refusal {
    let refusal = Refusal::new(refused.status, "media", refused.reason);
    refusal.with("Warning", warning(refused.warning, refused.reason, local))
}

fn not_acceptable(code: u16, reason: &str, local: SocketAddr) -> Refusal {
    Refusal::new(488, "media", reason).with("Warning", warning(code, reason, local))
}

/// The value of Warning (RFC 3261 20.43).
fn warning(code: u16, reason: &str, local: SocketAddr) -> String {
    let reason = reason.replace(['"', '\\'], "'");
    format!("{code} {local} \"{reason}\"")
}

/// The sender, as requests of the terminal reach it.
fn target(request: &Request) -> Result<Box<str>, Refusal> {
    let wrong = || Refusal::new(400, "contact", "an INVITE with no Contact to answer to");
    let contacts = request.values("Contact");
    let [contact] = contacts.as_slice() else {
        return Err(wrong());
    };
    let uri = uri_of(contact);
    let scheme = uri.split(':').next().unwrap_or_default();
    let is_sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
    if !is_sip || Request::new(Method::Bye, uri).is_err() {
        return Err(wrong());
    }
    Ok(uri.into())
}

/// Whether some application takes content of this type.
fn takes(announced: &Announced, media_type: &str) -> bool {
    let Ok(media_type) = MediaType::parse(media_type) else {
        return false;
    };
    let mut ranges = announced.accept.iter();
    ranges.any(|range| Accept::parse(range).is_ok_and(|range| range.accepts(&media_type)))
}
