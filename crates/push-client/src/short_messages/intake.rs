//! What a source hands over, and what it learns.

use std::fmt;
use std::sync::Arc;

use push_core::Verdict;
use push_message::UnixMillis;
use push_ota::sms::Ports;
use tokio::sync::{mpsc, oneshot, watch};

use super::source::{SourceState, States};

/// The way of short messages to the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    submissions: mpsc::Sender<Box<Submission>>,
    stopping: watch::Receiver<bool>,
    states: States,
    /// Which source this is; none of those that run beside the engine otherwise.
    source: Option<usize>,
}

/// One short message, or a segment of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The modem or link that it came by, as the configuration or its service names it.
    pub device: Arc<str>,
    /// What came.
    pub content: Content,
}

/// What came, as far as the source takes it apart. Absent is what the source does not show.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A whole SMS-DELIVER TPDU of 3GPP TS 23.040, with the address of the message centre in front or without it.
    Tpdu(Box<[u8]>),
    /// The user data of one short message, a segment as it may be.
    UserData {
        /// The message centre, in E.164 with its `+`.
        smsc: Option<Box<str>>,
        /// The originating address: a number in E.164 with its `+`, other digits, or a name.
        originator: Option<Box<str>>,
        /// The message centre's time stamp, by which the same transmission is known again.
        sent: Option<UnixMillis>,
        /// Whether the octets begin with a user data header.
        header: bool,
        /// The user data.
        octets: Box<[u8]>,
    },
    /// User data that the source has put together, without its header.
    Assembled {
        /// The message centre, in E.164 with its `+`.
        smsc: Option<Box<str>>,
        /// The originating address: a number in E.164 with its `+`, other digits, or a name.
        originator: Option<Box<str>>,
        /// The message centre's time stamp, by which the same transmission is known again.
        sent: Option<UnixMillis>,
        /// The ports.
        ports: Option<Ports>,
        /// The data behind the header.
        octets: Box<[u8]>,
    },
}

/// What became of a [`Delivery`]; told once that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// A whole push: it is in the journal, for its application or held for one that registers late, or it was there before.
    /// Acknowledge it.
    Durable(Verdict),
    /// A segment: it is kept, others of its message are missing. Acknowledge it.
    Kept,
    /// A session initiation request, which is for the client itself: it is followed. Acknowledge it.
    Followed,
    /// It is no push and none of this client's business: leave it alone.
    NotAPush {
        /// Why, for people.
        detail: String,
    },
    /// It is a push, or was to be one, that is not taken, now or later; it is counted and explained. Acknowledge it.
    Refused {
        /// A stable word.
        word: &'static str,
        /// Why, for people.
        detail: String,
    },
    /// There is no room, or the store cannot write, or the client stops: nothing was kept. Do not acknowledge it; offer it
    /// again later.
    NotNow,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Numbers and content of people stay out of logs, whoever writes a source.
        f.debug_struct(match self {
            Self::Tpdu(_) => "Tpdu",
            Self::UserData { .. } => "UserData",
            Self::Assembled { .. } => "Assembled",
        })
        .field("length", &self.length())
        .finish_non_exhaustive()
    }
}

impl Content {
    /// Its octets.
    pub(crate) const fn length(&self) -> usize {
        match self {
            Self::Tpdu(octets) | Self::UserData { octets, .. } | Self::Assembled { octets, .. } => {
                octets.len()
            }
        }
    }
}

impl Settled {
    /// A stable word for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Durable(Verdict::Accepted { .. }) => "accepted",
            Self::Durable(Verdict::Duplicate) => "duplicate",
            Self::Durable(Verdict::Held { .. }) => "held",
            Self::Durable(Verdict::Refused(refusal)) => refusal.as_str(),
            Self::Kept => "kept",
            Self::Followed => "followed",
            Self::NotAPush { .. } => "notAPush",
            Self::Refused { word, .. } => word,
            Self::NotNow => "notNow",
        }
    }
}

/// A delivery on its way to the engine.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) delivery: Delivery,
    pub(crate) answer: oneshot::Sender<Settled>,
}

/// The engine's end of every [`Intake`].
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) submissions: mpsc::Receiver<Box<Submission>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) states: States,
}

impl Intake {
    /// An intake on which `queue` deliveries wait at most.
    pub(crate) fn new(queue: usize) -> (Self, Taken) {
        let (sender, submissions) =
            mpsc::channel(queue.clamp(1, tokio::sync::Semaphore::MAX_PERMITS));
        let (stop, stopping) = watch::channel(false);
        let states = States::default();
        let intake = Self {
            submissions: sender,
            stopping,
            states: states.clone(),
            source: None,
        };
        let taken = Taken {
            submissions,
            stop,
            states,
        };
        (intake, taken)
    }

    /// The intake of the source with this number.
    pub(crate) fn of_source(&self, source: usize) -> Self {
        Self {
            source: Some(source),
            ..self.clone()
        }
    }

    /// Hands one short message over, and waits until it is settled. While the queue is full, that takes longer.
    pub async fn deliver(&self, delivery: Delivery) -> Settled {
        let (answer, answered) = oneshot::channel();
        let submission = Box::new(Submission { delivery, answer });
        if self.submissions.send(submission).await.is_err() {
            return Settled::NotNow;
        }
        answered.await.unwrap_or(Settled::NotNow)
    }

    /// Returns once the client stops: what is delivered from then on is settled as [`Settled::NotNow`], and a source that
    /// goes on for longer than [`ShortMessageSettings::stop_timeout`](super::ShortMessageSettings) is cut off.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // The engine's end is gone: that is an end, too.
        stopping.wait_for(|stopping| *stopping).await.ok();
    }

    /// Says how the source stands, for operators; says nothing where this is not the intake of a source.
    pub fn state(&self, state: SourceState) {
        if let Some(source) = self.source {
            self.states.set(source, state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_content_are_not_in_what_is_logged() {
        let (smsc, originator) = (Some("+4917099999".into()), Some("+15551234".into()));
        let octets: Box<[u8]> = [0x5A; 9].into();
        for content in [
            Content::Tpdu(octets.clone()),
            Content::UserData {
                smsc: smsc.clone(),
                originator: originator.clone(),
                sent: None,
                header: true,
                octets: octets.clone(),
            },
            Content::Assembled {
                smsc,
                originator,
                sent: None,
                ports: None,
                octets,
            },
        ] {
            let device = "modem-1".into();
            let logged = format!("{:?}", Delivery { device, content });
            assert!(
                logged.contains("modem-1") && logged.contains("length: 9"),
                "{logged}"
            );
            for personal in ["17099999", "5551234", "90"] {
                assert!(!logged.contains(personal), "{logged}");
            }
        }
    }
}
