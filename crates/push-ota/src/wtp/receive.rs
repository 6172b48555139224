//! Messages that come in packets, put together (WTP 7.14).

use std::collections::{BTreeMap, BTreeSet};

use wap_wire::wtp::Trailer;

/// The packets of one message, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    packets: BTreeMap<u8, Box<[u8]>>,
    octets: usize,
    /// The packets with which groups end.
    trailers: BTreeSet<u8>,
    /// The last packet of the message.
    last: Option<u8>,
    /// The packets below this one have been acknowledged.
    acknowledged: u16,
}

/// What a packet did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It was stored, or was there already; see [`Reassembly::group`].
    Taken,
    /// It ends a group that was acknowledged before: the acknowledgement was lost.
    Acknowledged(u8),
    /// It contradicts the others.
    Contradiction,
}

/// How the present group stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Its last packet has not come.
    Open,
    /// Its last packet has come, these have not.
    Missing(Vec<u8>),
    /// All its packets have come.
    Complete {
        /// Its last packet.
        number: u8,
        /// It ends the message.
        whole: bool,
    },
}

impl Reassembly {
    /// The octets of the packets that have come.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// How many packets have come.
    pub(super) fn packets(&self) -> usize {
        self.packets.len()
    }

    /// Whether this packet has come.
    pub(super) fn has(&self, number: u8) -> bool {
        self.packets.contains_key(&number)
    }

    /// Takes a packet. The first copy of each counts.
    //= specs/wtp.md#segmentation-and-reassembly
    //# A packet that ends neither its group nor its message MUST be kept until the others have come.
    pub(super) fn add(&mut self, number: u8, trailer: Trailer, data: &[u8]) -> Added {
        let beyond = self.last.is_some_and(|last| number > last);
        let before = |&highest: &u8| trailer.ends_message() && number < highest;
        if beyond || self.packets.keys().next_back().is_some_and(before) {
            return Added::Contradiction;
        }
        let ends_group = trailer != Trailer::None;
        if u16::from(number) < self.acknowledged {
            return if self.trailers.contains(&number) {
                Added::Acknowledged(number)
            } else {
                Added::Taken
            };
        }
        if ends_group {
            self.trailers.insert(number);
        }
        if trailer.ends_message() {
            self.last = Some(number);
        }
        if !self.has(number) {
            self.octets = self.octets.saturating_add(data.len());
            self.packets.insert(number, data.into());
        }
        Added::Taken
    }

    /// How the group stands whose acknowledgement is due next.
    pub(super) fn group(&self) -> Group {
        let first = u8::try_from(self.acknowledged).ok();
        let Some((first, number)) =
            first.and_then(|first| Some((first, *self.trailers.range(first..).next()?)))
        else {
            return Group::Open;
        };
        let missing: Vec<u8> = (first..=number)
            .filter(|&number| !self.has(number))
            .collect();
        if missing.is_empty() {
            Group::Complete {
                number,
                whole: self.last == Some(number),
            }
        } else {
            Group::Missing(missing)
        }
    }

    /// The group that ends with this packet has been acknowledged.
    pub(super) fn acknowledge(&mut self, number: u8) {
        self.acknowledged = u16::from(number) + 1;
    }

    /// The message, once it is whole.
    //= specs/wtp.md#segmentation-and-reassembly
    //# A message MUST be handed on once all its packets have come, put together in the order of their numbers.
    pub(super) fn into_message(self) -> Box<[u8]> {
        let mut message = Vec::with_capacity(self.octets);
        for packet in self.packets.values() {
            message.extend_from_slice(packet);
        }
        message.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Trailer::{Group as EndOfGroup, None as Middle, Transmission};

    //= specs/wtp.md#segmentation-and-reassembly
    //= type=test
    //# A packet that ends neither its group nor its message MUST be kept until the others have come.
    //= specs/wtp.md#segmentation-and-reassembly
    //= type=test
    //# A message MUST be handed on once all its packets have come, put together in the order of their numbers.
    #[test]
    fn packets_of_groups_make_a_message() {
        let mut message = Reassembly::default();
        assert_eq!(message.add(0, Middle, b"a"), Added::Taken);
        assert_eq!(message.group(), Group::Open);
        assert_eq!(message.add(3, EndOfGroup, b"d"), Added::Taken);
        assert_eq!(message.group(), Group::Missing(vec![1, 2]));
        message.add(2, Middle, b"c");
        message.add(2, Middle, b"other");
        assert_eq!(message.group(), Group::Missing(vec![1]));
        message.add(1, Middle, b"b");
        let complete = |number, whole| Group::Complete { number, whole };
        assert_eq!(message.group(), complete(3, false));
        message.acknowledge(3);
        assert_eq!(message.group(), Group::Open);
        assert_eq!(message.add(3, EndOfGroup, b"d"), Added::Acknowledged(3));
        assert_eq!(message.add(1, Middle, b"b"), Added::Taken);
        message.add(4, Transmission, b"e");
        assert_eq!(message.group(), complete(4, true));
        assert_eq!((message.octets(), message.packets()), (5, 5));
        assert_eq!(&*message.into_message(), b"abcde");
    }

    #[test]
    fn packets_behind_the_last_one_contradict_it() {
        let mut message = Reassembly::default();
        message.add(2, Transmission, b"c");
        assert_eq!(message.add(3, Middle, b"d"), Added::Contradiction);
        let mut message = Reassembly::default();
        message.add(2, Middle, b"c");
        assert_eq!(message.add(1, Transmission, b"b"), Added::Contradiction);
    }

    #[test]
    fn the_last_number_is_255() {
        let mut message = Reassembly::default();
        for number in 0..255 {
            message.add(number, Middle, &[number]);
        }
        message.add(255, Transmission, &[255]);
        assert_eq!(
            message.group(),
            Group::Complete {
                number: 255,
                whole: true
            }
        );
        message.acknowledge(255);
        assert_eq!(message.group(), Group::Open);
        assert!(message.into_message().iter().copied().eq(0..=255));
    }
}
