//! A message while its segments are gathered, and until somebody takes it.

use std::collections::BTreeMap;
use std::time::Duration;

use push_message::UnixMillis;

use super::{
    Concatenation, Expired, ExpiredReason, Held, MessageId, Originator, Ports, ReassemblerSettings,
    Segment, SegmentId, Ticket, WholeMessage, Width,
};

/// What the segments of a message have in common. Two modems never mix, nor do two originators, two pairs of ports or two SMS centres.
//= specs/wdp.md#segmentation
//# Segments MUST be joined only where originator, reference, width of the reference and total are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) device: Box<str>,
    pub(super) service_centre: Option<Box<str>>,
    pub(super) originator: Option<Originator>,
    pub(super) ports: Option<Ports>,
    pub(super) reference: u16,
    pub(super) width: Width,
    pub(super) total: u8,
}

impl Key {
    pub(super) fn new(segment: &Segment, concatenation: Concatenation) -> Self {
        Self {
            device: segment.device.clone(),
            service_centre: segment.service_centre.clone(),
            originator: segment.originator.clone(),
            ports: segment.ports,
            reference: concatenation.reference,
            width: concatenation.width,
            total: concatenation.total,
        }
    }

    const fn concatenation(&self, sequence: u8) -> Concatenation {
        Concatenation {
            reference: self.reference,
            width: self.width,
            total: self.total,
            sequence,
        }
    }
}

/// Whether a segment is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    No,
    UnderWay(SegmentId),
    Yes(SegmentId),
}

impl Stored {
    pub(super) const fn id(self) -> Option<SegmentId> {
        match self {
            Self::No => None,
            Self::UnderWay(id) | Self::Yes(id) => Some(id),
        }
    }
}

/// A segment that is there.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) octets: Box<[u8]>,
    pub(super) sent: Option<UnixMillis>,
    pub(super) received: UnixMillis,
    pub(super) stored: Stored,
    /// Sources that wait for word on it.
    pub(super) tickets: Vec<Ticket>,
    /// It looks like one of a message that was taken before.
    pub(super) repeated: bool,
}

/// What becomes of a message next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for segments until this time.
    Gathering { until: Duration },
    /// It is whole and with whoever judges it; before that it was put off this many times.
    Judging { message: MessageId, put_off: u32 },
    /// It is whole, could not be taken, and is offered again at this time.
    PutOff { again: Duration, put_off: u32 },
}

fn distance(one: UnixMillis, other: UnixMillis) -> Duration {
    Duration::from_millis(one.0.abs_diff(other.0))
}

/// A message of several segments.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) key: Key,
    pub(super) parts: BTreeMap<u8, Part>,
    pub(super) state: State,
}

impl Gathering {
    pub(super) const fn due(&self) -> Option<Duration> {
        match self.state {
            State::Gathering { until: due } | State::PutOff { again: due, .. } => Some(due),
            State::Judging { .. } => None,
        }
    }

    pub(super) const fn is_gathering(&self) -> bool {
        matches!(self.state, State::Gathering { .. })
    }

    pub(super) fn is_whole(&self) -> bool {
        self.parts.len() == usize::from(self.key.total)
    }

    /// Whether a segment of these times may belong to the message. Where the SMS centre's time stamps cannot be compared, the
    /// times of receipt stand in for them: a suspended system and a restart prolong the wait, and a reference comes round
    /// again meanwhile.
    pub(super) fn is_near(&self, segment: &Segment, settings: &ReassemblerSettings) -> bool {
        let mut compared = false;
        for part in self.parts.values() {
            let (Some(one), Some(other)) = (part.sent, segment.sent) else {
                continue;
            };
            compared = true;
            let spread = if part.repeated {
                settings.repeated_spread
            } else {
                settings.spread
            };
            if distance(one, other) > spread {
                return false;
            }
        }
        let received = || self.parts.values().map(|part| part.received);
        let apart = received().map(|received| distance(received, segment.received));
        compared || apart.min().is_none_or(|apart| apart <= settings.timeout)
    }

    /// Whether a segment is there with these octets.
    pub(super) fn has(&self, sequence: u8, octets: &[u8]) -> bool {
        let part = self.parts.get(&sequence);
        part.is_some_and(|part| *part.octets == *octets)
    }

    /// The segments that are in the store, or on their way there.
    pub(super) fn stored(&self) -> Box<[SegmentId]> {
        self.parts
            .values()
            .filter_map(|part| part.stored.id())
            .collect()
    }

    pub(super) fn held(&self) -> Held {
        Held {
            messages: 1,
            segments: self.parts.len(),
            octets: self.parts.values().map(|part| part.octets.len()).sum(),
        }
    }

    /// All of it in the order of the sequence numbers.
    //= specs/wdp.md#segmentation
    //# Segments MUST be put together by their sequence numbers, in whatever order they arrive.
    pub(super) fn whole(&self, id: MessageId) -> WholeMessage {
        let parts = || self.parts.values();
        let octets = parts().flat_map(|part| part.octets.iter().copied());
        WholeMessage {
            id,
            device: self.key.device.clone(),
            service_centre: self.key.service_centre.clone(),
            originator: self.key.originator.clone(),
            sent: parts().next().and_then(|part| part.sent),
            ports: self.key.ports,
            concatenation: Some(self.key.concatenation(1)),
            octets: octets.collect(),
            received: parts().map(|part| part.received).max().unwrap_or_default(),
            segments: self.stored(),
        }
    }

    /// The record of a message that is given up.
    pub(super) fn expired(&self, reason: ExpiredReason) -> Expired {
        let missing = (1..=self.key.total).filter(|sequence| !self.parts.contains_key(sequence));
        let present = self.parts.keys().next().copied().unwrap_or(1);
        Expired {
            reason,
            device: self.key.device.clone(),
            service_centre: self.key.service_centre.clone(),
            originator: self.key.originator.clone(),
            ports: self.key.ports,
            concatenation: self.key.concatenation(present),
            missing: missing.collect(),
        }
    }
}
