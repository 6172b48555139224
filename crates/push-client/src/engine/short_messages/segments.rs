//! Segments on their way to whole messages, and messages on their way to their applications.

use std::sync::Arc;

use push_core::{
    Change, Input, Now, PersistTicket, PushRefusal, RequestTicket, SegmentRecord, Verdict,
};
use push_message::{Bearer, Protocol, ServerAddress};
use push_ota::http::PushStatus;
use push_ota::sia::Sia;
use push_ota::sms::{
    self, Expired, ExpiredReason, MessageId, NotASegment, Originator, Output, Segment, SegmentId,
    Settlement, Ticket, WholeMessage,
};
use tokio::sync::oneshot;

use super::Engine;
use crate::masked::Masked;
use crate::ota_wsp::CONNECTIONLESS_PORT;
use crate::recent::Unjudged;
use crate::short_messages::{Content, Delivery, Settled};

impl Engine {
    pub(super) fn take_short_message(
        &mut self,
        delivery: Delivery,
        answer: oneshot::Sender<Settled>,
        now: Now,
    ) {
        let length = delivery.content.length();
        match segment(delivery, now).map_err(|refusal| self.no_segment(refusal, length, now)) {
            Ok(segment) => match self.foreign_port(&segment) {
                Some(detail) => self.settle(answer, Settled::NotAPush { detail }),
                None => self.take_segment(segment, answer, now),
            },
            Err(settled) => self.settle(answer, settled),
        }
    }

    fn take_segment(&mut self, segment: Segment, answer: oneshot::Sender<Settled>, now: Now) {
        let short_messages = &mut self.short_messages;
        short_messages.last_ticket += 1;
        let ticket = Ticket(short_messages.last_ticket);
        short_messages.waiting.insert(ticket, answer);
        let input = sms::Input::Segment { ticket, segment };
        short_messages
            .reassembler
            .handle_input(input, now.monotonic);
    }

    /// What a source is told of a short message that is no segment of a push.
    fn no_segment(&mut self, refusal: NotASegment, length: usize, now: Now) -> Settled {
        let detail = refusal.to_string();
        if refusal.is_another_kind() {
            return Settled::NotAPush { detail };
        }
        let word = refusal.as_str();
        self.refused_unjudged(Unjudged {
            received: now.unix,
            protocol: Protocol::OtaWsp,
            source: ServerAddress::Unknown,
            word,
            length,
            detail: format!("a short message: {detail}"),
        });
        Settled::Refused { word, detail }
    }

    /// Why a short message is none of this client's business: its port is neither that of pushes nor one that an application has.
    fn foreign_port(&self, segment: &Segment) -> Option<String> {
        let port = segment.ports?.destination;
        let protocols = &self.core.settings().protocols;
        let bearers = protocols.get(&Protocol::OtaWsp).map(|one| &one.bearers);
        let standard = bearers
            .and_then(|bearers| bearers.get(&Bearer::GsmSms))
            .map_or(port == CONNECTIONLESS_PORT, |bearer| {
                bearer.ports.contains(&port)
            });
        let is_own = || {
            let mut registrations = self.core.registrations();
            registrations.any(|view| {
                let mut profiles = view.record.profiles.iter();
                profiles.any(|profile| {
                    profile.port == Some(port)
                        && profile.bearer.is_none_or(|bearer| bearer == Bearer::GsmSms)
                })
            })
        };
        (!standard && !is_own()).then(|| {
            format!("it is to port {port}, which is no port of pushes and which no application has")
        })
    }

    /// Carries out what the reassembly asks for; says whether there was anything.
    pub(in crate::engine) fn carry_out_short_messages(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(output) = self.short_messages.reassembler.poll_output() {
            any = true;
            match output {
                Output::Keep { segment, octets } => {
                    let record = SegmentRecord {
                        id: push_core::SegmentId(segment.0),
                        octets,
                    };
                    self.write_segments(Some(segment), Change::PutSegment(record), now);
                }
                Output::Drop { segments } => {
                    self.write_segments(None, Change::RemoveSegments(ids(&segments)), now);
                }
                Output::Message(message) => self.take_message(&message, now),
                Output::Settled { ticket, settlement } => self.settled(ticket, settlement),
                Output::Expired(expired) => self.expired(&expired, now),
            }
        }
        any
    }

    fn write_segments(&mut self, kept: Option<SegmentId>, change: Change, now: Now) {
        let short_messages = &mut self.short_messages;
        short_messages.last_write += 1;
        // The machine counts its tickets from zero up.
        let ticket = PersistTicket(u64::MAX - short_messages.last_write);
        short_messages.writes.insert(ticket, kept);
        self.persistence.add(ticket, vec![change], now);
    }

    /// The store has answered a write of segments; says whether it was one.
    pub(in crate::engine) fn segments_written(
        &mut self,
        ticket: PersistTicket,
        result: &Result<(), String>,
        now: Now,
    ) -> bool {
        let Some(kept) = self.short_messages.writes.remove(&ticket) else {
            return false;
        };
        // Segments that could not be removed are found again at the next start, and dropped then.
        if let Some(segment) = kept {
            let result = result.clone();
            let input = sms::Input::Persisted { segment, result };
            self.short_messages
                .reassembler
                .handle_input(input, now.monotonic);
        }
        true
    }

    /// A message is whole: it goes the way of a datagram.
    fn take_message(&mut self, message: &WholeMessage, now: Now) {
        let push = match sms::receive(message, &self.settings.datagram_limits) {
            Ok(push) => push,
            Err(refusal) => {
                let settled = self.unreadable(message, refusal, now);
                self.judged_message(message.id, settled, sms::Verdict::Unreadable, now);
                return;
            }
        };
        if self.session_initiation.is_some() && Sia::is_for(&push) {
            let status = self.take_session_initiation(&push, now);
            let settled = if status == PushStatus::Accepted {
                Settled::Followed
            } else {
                Settled::Refused {
                    word: "sessionInitiation",
                    detail: format!("the session initiation request is not followed: {status}"),
                }
            };
            // Nobody removes its segments: it does not come to the journal.
            self.judged_message(message.id, settled, sms::Verdict::Unreadable, now);
            return;
        }
        let ticket = self.next_push();
        self.short_messages.judging.insert(ticket, message.id);
        let segments = ids(&message.segments);
        self.core.handle_input(
            Input::Push {
                ticket,
                push: Arc::new(push),
                segments,
            },
            now,
        );
    }

    /// A message that holds no push. Where its source hides the ports, it may be anything else.
    fn unreadable(
        &mut self,
        message: &WholeMessage,
        refusal: push_ota::wsp::connectionless::Refusal,
        now: Now,
    ) -> Settled {
        let detail = refusal.to_string();
        if message.ports.is_none() {
            return Settled::NotAPush { detail };
        }
        self.refused_unjudged(Unjudged {
            received: now.unix,
            protocol: Protocol::OtaWsp,
            source: source(
                message.service_centre.as_deref(),
                message.originator.as_ref(),
            ),
            word: refusal.as_str(),
            length: message.octets.len(),
            detail: format!("in a short message: {detail}"),
        });
        Settled::Refused {
            word: refusal.as_str(),
            detail,
        }
    }

    /// A push has been judged; the sources are told that delivered it, if some did. An accepted one is durable by now.
    pub(in crate::engine) fn judged_short_message(
        &mut self,
        ticket: RequestTicket,
        verdict: &Verdict,
        now: Now,
    ) {
        if let Some(message) = self.short_messages.judging.remove(&ticket) {
            let (settled, verdict) = outcome(verdict);
            self.judged_message(message, settled, verdict, now);
        }
    }

    fn judged_message(
        &mut self,
        message: MessageId,
        settled: Settled,
        verdict: sms::Verdict,
        now: Now,
    ) {
        self.short_messages.outcomes.insert(message, settled);
        let input = sms::Input::Judged { message, verdict };
        self.short_messages
            .reassembler
            .handle_input(input, now.monotonic);
        // Whoever waits for this message is named now.
        self.carry_out_short_messages(now);
        self.short_messages.outcomes.remove(&message);
    }

    fn settled(&mut self, ticket: Ticket, settlement: Settlement) {
        let Some(answer) = self.short_messages.waiting.remove(&ticket) else {
            return;
        };
        let settled = match settlement {
            Settlement::Kept => Settled::Kept,
            Settlement::Judged { message } => {
                let outcome = self.short_messages.outcomes.get(&message);
                outcome.cloned().unwrap_or(Settled::NotNow)
            }
            Settlement::NotNow => Settled::NotNow,
        };
        self.settle(answer, settled);
    }

    fn settle(&mut self, answer: oneshot::Sender<Settled>, settled: Settled) {
        *self.counters.segments.entry(settled.as_str()).or_default() += 1;
        // The source may be gone: then it offers the message again, which is known by then.
        answer.send(settled).ok();
    }

    /// A message was given up: what was missing is counted, and can be explained.
    fn expired(&mut self, expired: &Expired, now: Now) {
        let reason = expired.reason.as_str();
        *self.counters.messages_expired.entry(reason).or_default() += 1;
        let total = expired.concatenation.total;
        let missing: Vec<String> = expired.missing.iter().map(ToString::to_string).collect();
        let missing = missing.join(", ");
        let source = source(
            expired.service_centre.as_deref(),
            expired.originator.as_ref(),
        );
        let shown = Masked::new(&source, self.settings.show_personal_data);
        tracing::debug!(%reason, total, %missing, device = %expired.device, source = %shown, "a segmented short message is given up");
        self.refused_unjudged(Unjudged {
            received: now.unix,
            protocol: Protocol::OtaWsp,
            source,
            word: reason,
            length: 0,
            detail: format!(
                "a short message of {total} segments by {} was given up: {}; these never came: {missing}",
                expired.device,
                gave_up(expired.reason)
            ),
        });
    }
}

/// The segment in a delivery.
fn segment(delivery: Delivery, now: Now) -> Result<Segment, NotASegment> {
    let Delivery { device, content } = delivery;
    let plain = |service_centre, originator: Option<Box<str>>, sent, ports, octets| Segment {
        device: Box::from(&*device),
        service_centre,
        originator: originator.map(|text| Originator::from_text(&text)),
        sent,
        ports,
        concatenation: None,
        octets,
        received: now.unix,
    };
    match content {
        Content::Tpdu(octets) => Segment::from_tpdu(&device, &octets, now.unix),
        Content::UserData {
            smsc,
            originator,
            sent,
            header,
            octets,
        } => {
            let segment = plain(smsc, originator, sent, None, octets);
            if header {
                segment.take_header()
            } else {
                Err(NotASegment::NoPorts)
            }
        }
        Content::Assembled {
            smsc,
            originator,
            sent,
            ports,
            octets,
        } => Ok(plain(smsc, originator, sent, ports, octets)),
    }
}

/// What a source is told of a judgement, and what the reassembly is.
fn outcome(verdict: &Verdict) -> (Settled, sms::Verdict) {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Duplicate | Verdict::Held { .. } => {
            (Settled::Durable(*verdict), sms::Verdict::Done)
        }
        Verdict::Refused(PushRefusal::NoRoom | PushRefusal::NotYet) => {
            (Settled::NotNow, sms::Verdict::NotNow)
        }
        Verdict::Refused(refusal) => {
            let settled = Settled::Refused {
                word: refusal.as_str(),
                detail: refused(*refusal).to_owned(),
            };
            (settled, sms::Verdict::Done)
        }
    }
}

const fn refused(refusal: PushRefusal) -> &'static str {
    match refusal {
        PushRefusal::NoSuchApplication => "no application is registered for it",
        PushRefusal::Ambiguous => "several applications could be meant",
        PushRefusal::ContentType => "no registration for its application accepts its content type",
        PushRefusal::ServerNotListed => "its sender is on no whitelist that counts",
        PushRefusal::NoRoom => "there is no room, or the store cannot write",
        PushRefusal::NotYet => "an application for it is being registered",
    }
}

const fn gave_up(reason: ExpiredReason) -> &'static str {
    match reason {
        ExpiredReason::TimedOut => "no segment came for too long",
        ExpiredReason::Replaced => "a new message has its reference",
        ExpiredReason::NoRoom => "others had to be made room for",
    }
}

/// Whom an operator looks for: the message centre, else the originator.
fn source(service_centre: Option<&str>, originator: Option<&Originator>) -> ServerAddress {
    match (service_centre, originator) {
        (Some(centre), _) => ServerAddress::E164(centre.into()),
        (None, Some(originator)) => ServerAddress::Alphanumeric(originator.shown()),
        (None, None) => ServerAddress::Unknown,
    }
}

fn ids(segments: &[SegmentId]) -> Box<[push_core::SegmentId]> {
    segments
        .iter()
        .map(|segment| push_core::SegmentId(segment.0))
        .collect()
}
