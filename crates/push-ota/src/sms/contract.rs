//! What the reassembler takes and gives.

use std::fmt;
use std::time::Duration;

use push_message::UnixMillis;

use super::{Concatenation, Originator, Ports, Segment};

/// Names a segment at its source, until it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a segment in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// Names a whole message while it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// The bounds and choices of reassembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReassemblerSettings {
    /// How long a message waits for its next segment. A restart begins the wait anew, but of segments without time stamps no two
    /// are joined that were received farther apart than this.
    pub timeout: Duration,
    /// How far the time stamps of segments of one message may lie apart; segments farther apart are of different messages.
    pub spread: Duration,
    /// The same for a segment that looks like a repetition of one of a message that was taken before. Only where a reference comes round
    /// again within that time can it be a segment of a new message.
    pub repeated_spread: Duration,
    /// Messages of one originator that wait for segments at a time.
    pub max_messages_per_originator: usize,
    /// Segments of one originator that are held at a time.
    pub max_segments_per_originator: usize,
    /// Octets of user data of one originator that are held at a time.
    pub max_octets_per_originator: usize,
    /// Messages that wait for segments at a time.
    pub max_messages: usize,
    /// Segments that are held at a time.
    pub max_segments: usize,
    /// Octets of user data that are held at a time.
    pub max_octets: usize,
    /// Messages that were taken, and of which late repetitions are known for as long as a message waits.
    pub max_remembered: usize,
    /// The first back-off before a message is offered again that could not be taken; it doubles.
    pub backoff_base: Duration,
    /// The greatest back-off.
    pub backoff_limit: Duration,
}

impl Default for ReassemblerSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(10),
            spread: Duration::from_mins(5),
            repeated_spread: Duration::from_secs(3),
            max_messages_per_originator: 16,
            max_segments_per_originator: 512,
            max_octets_per_originator: 64 << 10,
            max_messages: 256,
            max_segments: 4_096,
            max_octets: 512 << 10,
            max_remembered: 256,
            backoff_base: Duration::from_secs(5),
            backoff_limit: Duration::from_mins(5),
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A source has a segment, or a message in one piece.
    Segment {
        /// Names it in [`Output::Settled`].
        ticket: Ticket,
        /// The segment.
        segment: Segment,
    },
    /// The store answered an [`Output::Keep`].
    Persisted {
        /// Which.
        segment: SegmentId,
        /// Why it is not durable, in words for people.
        result: Result<(), String>,
    },
    /// What became of a message.
    Judged {
        /// Which.
        message: MessageId,
        /// What.
        verdict: Verdict,
    },
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was judged for good, and is journalled if it is accepted. Its segments are removed from the store.
    Done,
    /// It is no push. Its segments are still in the store; [`Output::Drop`] follows.
    Unreadable,
    /// There is no room for it now, or the store fails: its segments are still in the store, and it is offered again later.
    NotNow,
}

/// A message of which every segment is there.
#[derive(Clone, PartialEq, Eq)]
pub struct WholeMessage {
    /// Names it in [`Input::Judged`].
    pub id: MessageId,
    /// The modem or link that it came by.
    pub device: Box<str>,
    /// The SMS centre.
    pub service_centre: Option<Box<str>>,
    /// Who sent it.
    pub originator: Option<Originator>,
    /// When the SMS centre took its first segment.
    pub sent: Option<UnixMillis>,
    /// The ports; absent where the source hides them.
    pub ports: Option<Ports>,
    /// The concatenation of its first segment; absent where it came in one piece.
    pub concatenation: Option<Concatenation>,
    /// The user data.
    pub octets: Box<[u8]>,
    /// When the terminal received the last segment of it.
    pub received: UnixMillis,
    /// Its segments in the store, which are removed when it is journalled or refused for good.
    pub segments: Box<[SegmentId]>,
}

impl fmt::Debug for WholeMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WholeMessage")
            .field("id", &self.id)
            .field("device", &self.device)
            .field("originator", &self.originator)
            .field("sent", &self.sent)
            .field("ports", &self.ports)
            .field("concatenation", &self.concatenation)
            .field("length", &self.octets.len())
            .field("received", &self.received)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Store a segment; answered by [`Input::Persisted`].
    Keep {
        /// Its name.
        segment: SegmentId,
        /// What to store, for [`Reassembler::restore`](super::Reassembler::restore).
        octets: Box<[u8]>,
    },
    /// Remove segments from the store; not answered. Some may never have been stored.
    Drop {
        /// Which.
        segments: Box<[SegmentId]>,
    },
    /// A message is whole; answered by [`Input::Judged`].
    Message(Box<WholeMessage>),
    /// A segment is done with at its source.
    Settled {
        /// Which.
        ticket: Ticket,
        /// How.
        settlement: Settlement,
    },
    /// A message was given up; an [`Output::Drop`] with its segments comes along.
    Expired(Box<Expired>),
}

/// How a segment is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It is durable, and others are missing, or its message was given up: its source may acknowledge it.
    Kept,
    /// Its message was judged for good by the [`Input::Judged`] that was just handed in: its source may acknowledge it.
    Judged {
        /// Which message.
        message: MessageId,
    },
    /// It could not be taken now: its source must not acknowledge it, and tries again later.
    NotNow,
}

/// A message that was given up.
#[derive(Clone, PartialEq, Eq)]
pub struct Expired {
    /// Why.
    pub reason: ExpiredReason,
    /// The modem or link that it came by.
    pub device: Box<str>,
    /// The SMS centre.
    pub service_centre: Option<Box<str>>,
    /// Who sent it.
    pub originator: Option<Originator>,
    /// The ports.
    pub ports: Option<Ports>,
    /// The concatenation of one of its segments.
    pub concatenation: Concatenation,
    /// The sequence numbers that never came.
    pub missing: Box<[u8]>,
}

impl fmt::Debug for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expired")
            .field("reason", &self.reason)
            .field("device", &self.device)
            .field("originator", &self.originator)
            .field("ports", &self.ports)
            .field("concatenation", &self.concatenation)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

/// Why a message was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiredReason {
    /// No segment came for too long.
    TimedOut,
    /// A new message has taken its reference.
    Replaced,
    /// Others had to be made room for.
    NoRoom,
}

impl ExpiredReason {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timedOut",
            Self::Replaced => "replaced",
            Self::NoRoom => "noRoom",
        }
    }
}

/// How much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Messages that wait for segments, or for somebody to take them.
    pub messages: usize,
    /// Their segments.
    pub segments: usize,
    /// The octets of user data of these.
    pub octets: usize,
}
