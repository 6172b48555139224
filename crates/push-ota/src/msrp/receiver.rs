//! The receiving end of one session on one connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::Uri;
use super::assembly::{Assembly, AssemblyError};
use super::budget::{Budget, Reservation};
use super::fields::{self, ByteRange};
use super::reader::{Flag, Head, Kind, Piece, Reader};
use super::statuses::Status;
use super::writing::{self, Answering};
use crate::sip::PushOutcome;

/// Names a message until it is judged; of this receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageTicket(pub u64);

/// Bounds of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverSettings {
    /// The most octets of one message.
    pub max_content: usize,
    /// Messages that may be on their way or being judged at a time.
    pub max_messages: usize,
    /// Messages that are remembered, the oldest giving way, so that chunks of them are known when they come again.
    pub max_remembered: usize,
    /// Pieces of one message that may lie apart from one another.
    pub max_pieces: usize,
    /// Requests for one message that may wait for its judgement.
    pub max_waiting: usize,
    /// Octets of the first line and the headers of one request.
    pub max_head: usize,
    /// How long the peer may be silent.
    pub idle_timeout: Duration,
}

impl Default for ReceiverSettings {
    fn default() -> Self {
        Self {
            max_content: 1 << 20,
            max_messages: 4,
            max_remembered: 16,
            max_pieces: 1_024,
            max_waiting: 16,
            max_head: 8 << 10,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// What a receiver wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverOutput {
    /// Send octets on the connection.
    Transmit(Bytes),
    /// A message is whole; answered by [`Receiver::judged`].
    Message {
        /// Names the judgement.
        ticket: MessageTicket,
        /// Its Message-ID.
        message_id: Box<str>,
        /// Its Content-Type with parameters, as written.
        content_type: Box<str>,
        /// Other headers of its content (`Content-...`), as written.
        headers: Vec<(Box<str>, Box<str>)>,
        /// Its content.
        content: Bytes,
    },
    /// A message will not be whole; the session goes on.
    Failed {
        /// Its Message-ID.
        message_id: Box<str>,
        /// Octets that had come.
        length: usize,
        /// Why, in words for people.
        reason: String,
    },
    /// The session cannot go on: the connection is to be closed, after what was to be transmitted. Nothing follows.
    Ended {
        /// Octets that had come of messages that are not whole.
        length: usize,
        /// Why, in words for people.
        reason: String,
    },
}

/// The terminal's end of one session on one connection.
#[derive(Debug)]
pub struct Receiver {
    reader: Reader,
    session: Session,
}

/// All but the octets that are not read yet.
#[derive(Debug)]
struct Session {
    settings: ReceiverSettings,
    own: Uri,
    budget: Budget,
    /// The request whose content comes.
    present: Option<Present>,
    /// The oldest first.
    messages: Vec<Message>,
    outputs: VecDeque<ReceiverOutput>,
    /// The empty SEND that is not answered yet.
    hello: Option<Box<str>>,
    idle_at: Duration,
    ended: bool,
    last_ticket: u64,
    chance: u64,
}

/// A request whose end has not come yet.
#[derive(Debug)]
struct Present {
    answering: Answering,
    message_id: Box<str>,
    range: ByteRange,
    /// Where in the message the next octets belong.
    offset: usize,
}

#[derive(Debug)]
struct Message {
    id: Box<str>,
    state: MessageState,
}

#[derive(Debug)]
enum MessageState {
    /// Not whole.
    Arriving(Arriving),
    /// Whole, and with the core.
    Judging(Judging),
    /// Done with: chunks that come again are answered with this.
    Settled(Status),
}

#[derive(Debug)]
struct Arriving {
    assembly: Assembly,
    content_type: Option<Box<str>>,
    headers: Vec<(Box<str>, Box<str>)>,
    /// Where a report of success goes to, if one is wanted.
    report_to: Option<Box<str>>,
}

#[derive(Debug)]
struct Judging {
    ticket: MessageTicket,
    length: usize,
    report_to: Option<Box<str>>,
    /// Requests that are answered with the judgement.
    waiting: Vec<Answering>,
    /// Content counts as arriving until it is judged; then it is the core's to bound.
    _reservation: Reservation,
}

/// Why a request is answered with something else than success.
struct Failure {
    status: Status,
    reason: String,
}

impl Receiver {
    /// The terminal's end `own` on a connection that is open since `now`. `path` is the peer's, from its session description. Where
    /// the terminal connected (`active`), it says so by an empty SEND (RFC 4975 5.4). `seed` is chance: for names of requests.
    pub fn new(
        settings: ReceiverSettings,
        own: Uri,
        path: &[Uri],
        active: bool,
        budget: &Budget,
        seed: u64,
        now: Duration,
    ) -> Self {
        let mut session = Session {
            own,
            budget: budget.clone(),
            present: None,
            messages: Vec::new(),
            outputs: VecDeque::new(),
            hello: None,
            idle_at: now + settings.idle_timeout,
            ended: false,
            last_ticket: 0,
            chance: seed,
            settings,
        };
        if active {
            let transaction = session.name();
            let message_id = session.name();
            let octets = writing::empty_send(&transaction, path, &session.own, &message_id);
            session.outputs.push_back(ReceiverOutput::Transmit(octets));
            session.hello = Some(transaction);
        }
        let reader = Reader::new(session.settings.max_head);
        Self { reader, session }
    }

    /// Takes octets of the peer.
    pub fn handle_octets(&mut self, octets: &[u8], now: Duration) {
        let Self { reader, session } = self;
        if session.ended {
            return;
        }
        session.idle_at = now + session.settings.idle_timeout;
        reader.push(octets);
        while !session.ended {
            match reader.next() {
                Ok(Some(Piece::Head(head))) => session.head(&head),
                Ok(Some(Piece::Data(data))) => session.data(data),
                Ok(Some(Piece::End(flag))) => session.end(flag),
                Ok(None) => break,
                Err(broken) => session.finish(&broken.to_string()),
            }
        }
    }

    /// A message has been judged, and is durable where it is accepted: the requests that wait for it are answered.
    pub fn judged(&mut self, ticket: MessageTicket, outcome: PushOutcome, now: Duration) {
        let session = &mut self.session;
        session.idle_at = now + session.settings.idle_timeout;
        session.judged(ticket, outcome.into());
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.session.finish("the peer was silent for too long");
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let session = &self.session;
        // While a message is being judged, it is the peer that waits.
        let judging = |message: &Message| matches!(message.state, MessageState::Judging(_));
        let waits = session.ended || session.messages.iter().any(judging);
        (!waits).then_some(session.idle_at)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ReceiverOutput> {
        self.session.outputs.pop_front()
    }

    /// Octets that have come of messages that are not whole.
    pub fn unfinished(&self) -> usize {
        self.session.unfinished()
    }
}

impl Session {
    fn head(&mut self, head: &Head) {
        self.present = None;
        let method = match &head.kind {
            Kind::Request(method) => method.as_ref(),
            Kind::Response(status) => {
                self.response(head, *status);
                return;
            }
        };
        if head.get("To-Path").is_none() || head.get("From-Path").is_none() {
            self.finish("a request without To-Path and From-Path");
            return;
        }
        let answering = Answering::of(head);
        let own = fields::read_to_path(head);
        if !own.is_some_and(|uri| uri.is_same(&self.own)) {
            self.answer(&answering, Status::NoSession);
        } else if method == "SEND" {
            self.send(head, answering);
        } else {
            // A report is nothing to the terminal, and not answered.
            self.answer(&answering, Status::NotImplemented);
        }
    }

    fn response(&mut self, head: &Head, status: u16) {
        if self.hello.as_deref() != Some(&head.transaction) {
            return;
        }
        self.hello = None;
        if status != 200 {
            self.finish(&format!("the peer refused the connection with {status}"));
        }
    }

    fn send(&mut self, head: &Head, answering: Answering) {
        let Some(message_id) = head.get("Message-ID").filter(|id| is_message_id(id)) else {
            self.answer(&answering, Status::BadRequest);
            return;
        };
        let wanted = match self.message(message_id).map(|message| &message.state) {
            None if !head.has_content => Err(Status::Ok),
            None | Some(MessageState::Arriving(_) | MessageState::Judging(_)) => Ok(()),
            Some(MessageState::Settled(status)) => Err(*status),
        };
        let range = match wanted.and_then(|()| self.chunk(head, message_id)) {
            Ok(range) => range,
            Err(status) => {
                self.answer(&answering, status);
                return;
            }
        };
        self.present = Some(Present {
            answering,
            message_id: message_id.into(),
            offset: range.start,
            range,
        });
    }

    /// Looks at what a request says of its content before any of it has come.
    fn chunk(&mut self, head: &Head, message_id: &str) -> Result<ByteRange, Status> {
        let range = ByteRange::read(head);
        let checked = range.ok_or_else(|| failure(Status::BadRequest, "a malformed Byte-Range"));
        let result = checked.and_then(|range| self.announced(head, message_id, range));
        result.map_err(|failure| self.fail(message_id, failure))
    }

    fn announced(
        &mut self,
        head: &Head,
        message_id: &str,
        range: ByteRange,
    ) -> Result<ByteRange, Failure> {
        let max_content = self.settings.max_content;
        let sizes = [Some(range.start), range.end, range.total];
        if sizes.into_iter().flatten().max() > Some(max_content) {
            return Err(AssemblyError::TooLong.into());
        }
        if fields::is_encoded(head) {
            let reason = "content in an encoding that is not taken";
            return Err(failure(Status::UnsupportedMediaType, reason));
        }
        if self.message(message_id).is_none() {
            self.begin(message_id)?;
        }
        let Some(arriving) = self.arriving(message_id) else {
            return Ok(range);
        };
        if let Some(total) = range.total {
            arriving.assembly.set_total(total)?;
        }
        if let Some(content_type) = head.get("Content-Type")
            && arriving.content_type.is_none()
        {
            arriving.content_type = Some(content_type.into());
            arriving.headers = fields::content_headers(head);
        }
        if fields::wants_success_report(head) {
            arriving.report_to = head.get("From-Path").map(Box::from);
        }
        Ok(range)
    }

    /// The first chunk that comes of a message.
    fn begin(&mut self, message_id: &str) -> Result<(), Failure> {
        let settled = |message: &&Message| matches!(message.state, MessageState::Settled(_));
        let remembered = self.messages.iter().filter(settled).count();
        if self.messages.len() - remembered >= self.settings.max_messages {
            let reason = "too many messages at a time";
            return Err(failure(Status::StopSending, reason));
        }
        let Self {
            budget, settings, ..
        } = self;
        let state = MessageState::Arriving(Arriving {
            assembly: Assembly::new(budget, settings.max_content, settings.max_pieces),
            content_type: None,
            headers: Vec::new(),
            report_to: None,
        });
        let id = message_id.into();
        self.messages.push(Message { id, state });
        Ok(())
    }

    fn data(&mut self, data: &[u8]) {
        let Some(mut present) = self.present.take() else {
            return;
        };
        let (offset, end) = (present.offset, present.range.end);
        present.offset += data.len();
        let result = if end.is_some_and(|end| present.offset > end) {
            let reason = "more octets in a chunk than its Byte-Range says";
            Err(failure(Status::BadRequest, reason))
        } else if let Some(arriving) = self.arriving(&present.message_id) {
            let written = arriving.assembly.write(offset, data);
            written.map_err(Failure::from)
        } else {
            Ok(())
        };
        match result {
            Ok(()) => self.present = Some(present),
            Err(failure) => {
                let status = self.fail(&present.message_id, failure);
                self.answer(&present.answering, status);
            }
        }
    }

    fn end(&mut self, flag: Flag) {
        let Some(present) = self.present.take() else {
            return;
        };
        let message_id = &present.message_id;
        if let Some(judging) = self.judging(message_id) {
            // The whole message is there already: this chunk came again, and waits with the others.
            judging.waiting.push(present.answering);
            if judging.waiting.len() > self.settings.max_waiting {
                self.finish("too many requests for a message that is being judged");
            }
            return;
        }
        let result = match flag {
            Flag::GivenUp => {
                self.give_up(message_id);
                Ok(())
            }
            Flag::More => Ok(()),
            Flag::Last => self.last_chunk(&present),
        };
        let result = result.and_then(|()| self.completed(message_id));
        match result {
            Ok(Some(mut judging)) => {
                judging.waiting.push(present.answering);
                self.settle(message_id, MessageState::Judging(judging));
            }
            Ok(None) => self.answer(&present.answering, Status::Ok),
            Err(failure) => {
                let status = self.fail(message_id, failure);
                self.answer(&present.answering, status);
            }
        }
    }

    fn last_chunk(&mut self, present: &Present) -> Result<(), Failure> {
        if present.range.end.is_some_and(|end| end != present.offset) {
            let reason = "fewer octets in the last chunk than its Byte-Range says";
            return Err(failure(Status::BadRequest, reason));
        }
        let arriving = self.arriving(&present.message_id);
        arriving.map_or(Ok(()), |arriving| {
            Ok(arriving.assembly.end(present.offset)?)
        })
    }

    /// Hands a message over if it is whole.
    fn completed(&mut self, message_id: &str) -> Result<Option<Judging>, Failure> {
        let Some(arriving) = self.arriving(message_id) else {
            return Ok(None);
        };
        if !arriving.assembly.is_whole() {
            return Ok(None);
        }
        if arriving.content_type.is_none() {
            let reason = "no Content-Type in any chunk";
            return Err(failure(Status::BadRequest, reason));
        }
        let place = self.place(message_id);
        let message = place.map(|place| self.messages.remove(place));
        let Some(MessageState::Arriving(arriving)) = message.map(|message| message.state) else {
            return Ok(None);
        };
        let (content, reservation) = arriving.assembly.into_content();
        self.last_ticket += 1;
        let ticket = MessageTicket(self.last_ticket);
        let length = content.len();
        self.outputs.push_back(ReceiverOutput::Message {
            ticket,
            message_id: message_id.into(),
            content_type: arriving.content_type.unwrap_or_default(),
            headers: arriving.headers,
            content: content.into(),
        });
        Ok(Some(Judging {
            ticket,
            length,
            report_to: arriving.report_to,
            waiting: Vec::new(),
            _reservation: reservation,
        }))
    }

    //= specs/ota-sip.md#large-push
    //# A message whose sender asks for a success report MUST be followed by one once it is whole and taken.
    fn judged(&mut self, ticket: MessageTicket, status: Status) {
        let named = |message: &Message| matches!(&message.state, MessageState::Judging(judging) if judging.ticket == ticket);
        let place = self.messages.iter().position(named);
        let Some(message) = place.map(|place| self.messages.remove(place)) else {
            return;
        };
        let MessageState::Judging(judging) = message.state else {
            return;
        };
        for answering in &judging.waiting {
            self.answer(answering, status);
        }
        if let Some(to_path) = judging.report_to.filter(|_| status == Status::Ok) {
            let name = self.name();
            let (own, id, length) = (&self.own, &message.id, judging.length);
            let report = writing::success_report(&name, &to_path, own, id, length);
            self.transmit(report);
        }
        self.settle(&message.id, MessageState::Settled(status));
    }

    //= specs/ota-sip.md#large-push
    //# A message that its sender gave up MUST NOT be delivered.
    /// The sender has given a message up.
    fn give_up(&mut self, message_id: &str) {
        if let Some(place) = self.place(message_id) {
            let message = self.messages.remove(place);
            self.outputs.push_back(ReceiverOutput::Failed {
                length: received(&message),
                message_id: message.id,
                reason: "the peer gave the message up".to_owned(),
            });
        }
    }

    /// Drops a message that cannot be taken, and says what its chunks are answered from now on.
    fn fail(&mut self, message_id: &str, failure: Failure) -> Status {
        let Failure { status, reason } = failure;
        if self.judging(message_id).is_some() {
            return status;
        }
        self.outputs.push_back(ReceiverOutput::Failed {
            message_id: message_id.into(),
            length: self.message(message_id).map_or(0, received),
            reason,
        });
        self.settle(message_id, MessageState::Settled(status));
        status
    }

    /// What is known of a message from now on.
    fn settle(&mut self, message_id: &str, state: MessageState) {
        if let Some(place) = self.place(message_id) {
            self.messages.remove(place);
        }
        let id = message_id.into();
        self.messages.push(Message { id, state });
        let settled = |message: &Message| matches!(message.state, MessageState::Settled(_));
        let remembered = self.messages.iter().filter(|message| settled(message));
        if remembered.count() > self.settings.max_remembered
            && let Some(oldest) = self.messages.iter().position(settled)
        {
            self.messages.remove(oldest);
        }
    }

    /// Nothing more can be had.
    fn finish(&mut self, reason: &str) {
        let ended = ReceiverOutput::Ended {
            length: self.unfinished(),
            reason: reason.to_owned(),
        };
        self.outputs.push_back(ended);
        self.ended = true;
        self.present = None;
        self.messages.clear();
    }

    fn answer(&mut self, answering: &Answering, status: Status) {
        if let Some(octets) = answering.answer(status) {
            self.transmit(octets);
        }
    }

    fn transmit(&mut self, octets: Bytes) {
        self.outputs.push_back(ReceiverOutput::Transmit(octets));
    }

    fn place(&self, message_id: &str) -> Option<usize> {
        let mut all = self.messages.iter();
        all.position(|message| message.id.as_ref() == message_id)
    }

    fn message(&self, message_id: &str) -> Option<&Message> {
        self.messages.get(self.place(message_id)?)
    }

    fn arriving(&mut self, message_id: &str) -> Option<&mut Arriving> {
        let place = self.place(message_id)?;
        match &mut self.messages.get_mut(place)?.state {
            MessageState::Arriving(arriving) => Some(arriving),
            MessageState::Judging(_) | MessageState::Settled(_) => None,
        }
    }

    fn judging(&mut self, message_id: &str) -> Option<&mut Judging> {
        let place = self.place(message_id)?;
        match &mut self.messages.get_mut(place)?.state {
            MessageState::Judging(judging) => Some(judging),
            MessageState::Arriving(_) | MessageState::Settled(_) => None,
        }
    }

    fn unfinished(&self) -> usize {
        self.messages.iter().map(received).sum()
    }

    /// A name for a request or a message (splitmix64).
    fn name(&mut self) -> Box<str> {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.chance;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        format!("{:016x}", word ^ (word >> 31)).into()
    }
}

/// Octets of a message that is not whole.
const fn received(message: &Message) -> usize {
    match &message.state {
        MessageState::Arriving(arriving) => arriving.assembly.received(),
        MessageState::Judging(_) | MessageState::Settled(_) => 0,
    }
}

/// Message-IDs are short words (RFC 4975 9); longer ones are not kept.
fn is_message_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn failure(status: Status, reason: &str) -> Failure {
    let reason = reason.to_owned();
    Failure { status, reason }
}

impl From<AssemblyError> for Failure {
    fn from(error: AssemblyError) -> Self {
        let status = match error {
            AssemblyError::TooLong | AssemblyError::NoRoom | AssemblyError::TooManyPieces => {
                Status::StopSending
            }
            AssemblyError::Contradiction => Status::BadRequest,
        };
        failure(status, &error.to_string())
    }
}
