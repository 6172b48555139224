//! The receiving end of one session on one connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Budget, Uri};
use crate::sip::PushOutcome;

/// Names a message until it is judged; of this receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageTicket(pub u64);

/// Bounds of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverSettings {
    /// The most octets of one message.
    pub max_content: usize,
    /// Messages that may be on their way at a time, interleaved.
    pub max_messages: usize,
    /// Pieces of one message that may lie apart from one another.
    pub max_pieces: usize,
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
            max_pieces: 1_024,
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
        /// Other headers of its content (Content-..., RFC 4975 9), as written.
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
    /// The session cannot go on: the connection is to be closed, after what was to be transmitted.
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
    settings: ReceiverSettings,
    own: Uri,
    budget: Budget,
    outputs: VecDeque<ReceiverOutput>,
    idle_at: Duration,
}

impl Receiver {
    /// The terminal's end `own` on a connection that is open since `now`. `path` is the peer's, from its session description. Where the terminal
    /// connected, `active`, it says so by an empty SEND (RFC 4975 5.4). `seed` is chance: for names of requests.
    pub fn new(
        settings: ReceiverSettings,
        own: Uri,
        path: Vec<Uri>,
        active: bool,
        budget: &Budget,
        seed: u64,
        now: Duration,
    ) -> Self {
        let _ = (path, active, seed);
        Self {
            idle_at: now + settings.idle_timeout,
            settings,
            own,
            budget: budget.clone(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes octets of the peer.
    pub fn handle_octets(&mut self, octets: &[u8], now: Duration) {
        let _ = (octets, &self.own, &self.budget);
        self.idle_at = now + self.settings.idle_timeout;
    }

    /// A message has been judged, and is durable where it is accepted: its last request is answered.
    pub fn judged(&mut self, ticket: MessageTicket, outcome: PushOutcome, now: Duration) {
        let _ = (ticket, outcome, now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        if now >= self.idle_at {
            let reason = "the peer was silent for too long".to_owned();
            let ended = ReceiverOutput::Ended { length: 0, reason };
            self.outputs.push_back(ended);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub const fn poll_timeout(&self) -> Option<Duration> {
        Some(self.idle_at)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ReceiverOutput> {
        self.outputs.pop_front()
    }

    /// Octets that have come of messages that are not whole.
    pub const fn unfinished(&self) -> usize {
        0
    }
}
