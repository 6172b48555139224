//! Messages that are sent, in packets where one datagram does not hold them (WTP 7.14).

use std::ops::Range;

use wap_wire::wtp::{Invoke, Items, Pdu, Segment, Trailer};

/// The octets of the fixed header of an Invoke and of a Segmented Invoke.
const HEADER: usize = 4;
/// The most packets of a message: their numbers do not wrap.
pub(super) const MAX_PACKETS: usize = 256;

/// An invoke message and how far it has been sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    data: Box<[u8]>,
    /// The octets of each packet but the last.
    packet: usize,
    /// The most octets of a group.
    group: usize,
    /// The packets that are under way.
    window: Range<usize>,
}

/// The header fields that all packets share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) tid: u16,
    pub(super) class: u8,
    pub(super) user_acknowledgement: bool,
    /// What an unsegmented message says: whether the result may be segmented.
    pub(super) unsegmented: Trailer,
}

impl Outgoing {
    /// A message in datagrams of at most `max_datagram` octets and groups of at most `group`; absent where it needs more packets than there are
    /// numbers.
    //= specs/wtp.md#segmentation-and-reassembly
    //# A message MUST NOT be sent in more than 256 packets.
    pub(super) fn new(data: Box<[u8]>, max_datagram: usize, group: usize) -> Option<Self> {
        let packet = max_datagram.saturating_sub(HEADER).max(1);
        let mut outgoing = Self {
            data,
            packet,
            group,
            window: 0..0,
        };
        if outgoing.packets() > MAX_PACKETS {
            return None;
        }
        outgoing.open_group(0);
        Some(outgoing)
    }

    fn packets(&self) -> usize {
        self.data.len().div_ceil(self.packet).max(1)
    }

    /// Whether the message is sent in several packets.
    pub(super) fn is_segmented(&self) -> bool {
        self.packets() > 1
    }

    /// The message, to be sent in one packet.
    pub(super) fn into_unsegmented(self) -> Self {
        Self {
            packet: self.data.len().max(1),
            window: 0..1,
            ..self
        }
    }

    /// The most octets of a group that the peer takes; counts from the next group on.
    pub(super) const fn set_group(&mut self, octets: usize) {
        self.group = octets;
    }

    //= specs/wtp.md#segmentation-and-reassembly
    //# The packets of a group MUST NOT have more octets together than the receiver takes, unless there is only one.
    fn open_group(&mut self, start: usize) {
        let room = (self.group / self.packet).max(1);
        let end = start.saturating_add(room).min(self.packets());
        self.window = start..end;
    }

    /// The last packet of the group that is under way.
    pub(super) fn last_number(&self) -> u8 {
        u8::try_from(self.window.end.saturating_sub(1)).unwrap_or(u8::MAX)
    }

    /// Whether packets are left after the group that is under way.
    pub(super) fn has_more(&self) -> bool {
        self.window.end < self.packets()
    }

    /// Goes on to the next group.
    //= specs/wtp.md#segmentation-and-reassembly
    //# A group MUST NOT be sent before the one before it was acknowledged.
    pub(super) fn next_group(&mut self) {
        self.open_group(self.window.end);
    }

    /// The packets of the group that is under way, as they are sent for the first time.
    pub(super) fn group(&self, head: Head, items: Items<'_>) -> Vec<Vec<u8>> {
        self.window
            .clone()
            .filter_map(|number| self.pdu(number, head, items, false))
            .collect()
    }

    /// The packet that ends the group, sent again.
    //= specs/wtp.md#segmentation-and-reassembly
    //# Where no acknowledgement of a group comes in time, its last packet alone MUST be sent again.
    pub(super) fn trailer_again(&self, head: Head, items: Items<'_>) -> Option<Vec<u8>> {
        self.pdu(self.window.end.saturating_sub(1), head, items, true)
    }

    /// The packets that the peer misses, sent again; where it names none, the whole group.
    //= specs/wtp.md#segmentation-and-reassembly
    //# Packets that the receiver misses MUST be sent again with their own numbers and with the retransmission indicator; where it names none, those of the whole group.
    pub(super) fn again(&self, missing: &[u8], head: Head, items: Items<'_>) -> Vec<Vec<u8>> {
        let wanted = |&number: &usize| {
            missing.is_empty() || missing.iter().any(|&one| usize::from(one) == number)
        };
        let numbers = self.window.clone().filter(wanted);
        numbers
            .filter_map(|number| self.pdu(number, head, items, true))
            .collect()
    }

    fn pdu(
        &self,
        number: usize,
        head: Head,
        items: Items<'_>,
        retransmitted: bool,
    ) -> Option<Vec<u8>> {
        let start = number.saturating_mul(self.packet).min(self.data.len());
        let end = start.saturating_add(self.packet).min(self.data.len());
        let data = self.data.get(start..end)?;
        let trailer = if !self.is_segmented() {
            head.unsegmented
        } else if number.saturating_add(1) == self.packets() {
            Trailer::Transmission
        } else if number.saturating_add(1) == self.window.end {
            Trailer::Group
        } else {
            Trailer::None
        };
        let pdu = if number == 0 {
            Pdu::Invoke(Invoke {
                trailer,
                retransmitted,
                tid: head.tid,
                version: 0,
                tid_new: false,
                user_acknowledgement: head.user_acknowledgement,
                class: head.class,
                items,
                data,
            })
        } else {
            Pdu::SegmentedInvoke(Segment {
                trailer,
                retransmitted,
                tid: head.tid,
                number: u8::try_from(number).ok()?,
                items: Items::NONE,
                data,
            })
        };
        pdu.encode().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        tid: 9,
        class: 2,
        user_acknowledgement: true,
        unsegmented: Trailer::Unsegmented,
    };

    fn numbers(packets: &[Vec<u8>]) -> Vec<(u8, u8)> {
        // The first octet, and the number, which an Invoke does not have.
        packets
            .iter()
            .map(|packet| match packet[0] >> 3 {
                1 => (packet[0], 0),
                _ => (packet[0], packet[3]),
            })
            .collect()
    }

    //= specs/wtp.md#segmentation-and-reassembly
    //= type=test
    //# The packets of a group MUST NOT have more octets together than the receiver takes, unless there is only one.
    //= specs/wtp.md#segmentation-and-reassembly
    //= type=test
    //# Where no acknowledgement of a group comes in time, its last packet alone MUST be sent again.
    //= specs/wtp.md#segmentation-and-reassembly
    //= type=test
    //# Packets that the receiver misses MUST be sent again with their own numbers and with the retransmission indicator; where it names none, those of the whole group.
    #[test]
    fn a_message_goes_out_in_groups() {
        let data: Box<[u8]> = (0..50).collect();
        let mut outgoing = Outgoing::new(data, 14, 30).unwrap();
        assert!(outgoing.is_segmented());
        let first = outgoing.group(HEAD, Items::NONE);
        assert_eq!(numbers(&first), [(0x08, 0), (0x28, 1), (0x2C, 2)]);
        assert_eq!(
            first[0],
            b"\x08\0\x09\x12\0\x01\x02\x03\x04\x05\x06\x07\x08\x09"
        );
        assert!(first.iter().all(|packet| packet.len() <= 14));
        assert_eq!(outgoing.last_number(), 2);
        let again = |missing: &[u8]| numbers(&outgoing.again(missing, HEAD, Items::NONE));
        assert_eq!(again(&[1]), [(0x29, 1)]);
        assert_eq!(again(&[0, 7]), [(0x09, 0)]);
        assert_eq!(again(&[]), [(0x09, 0), (0x29, 1), (0x2D, 2)]);
        let trailer = outgoing.trailer_again(HEAD, Items::NONE).unwrap();
        assert_eq!(numbers(&[trailer]), [(0x2D, 2)]);
        outgoing.set_group(9);
        outgoing.next_group();
        assert_eq!(numbers(&outgoing.group(HEAD, Items::NONE)), [(0x2C, 3)]);
        assert!(outgoing.has_more());
        outgoing.next_group();
        assert_eq!(numbers(&outgoing.group(HEAD, Items::NONE)), [(0x2A, 4)]);
        assert!(!outgoing.has_more());
        let whole = outgoing.into_unsegmented();
        assert_eq!(numbers(&whole.group(HEAD, Items::NONE)), [(0x0E, 0)]);
        assert_eq!(whole.group(HEAD, Items::NONE)[0].len(), 54);
    }

    //= specs/wtp.md#segmentation-and-reassembly
    //= type=test
    //# A message MUST NOT be sent in more than 256 packets.
    #[test]
    fn numbers_do_not_wrap() {
        let data = |octets| vec![0; octets].into_boxed_slice();
        assert!(Outgoing::new(data(2560), 14, 30).is_some());
        assert!(Outgoing::new(data(2561), 14, 30).is_none());
        let empty = Outgoing::new(data(0), 14, 30).unwrap();
        assert!(!empty.is_segmented());
        assert_eq!(empty.group(HEAD, Items::NONE), [b"\x0E\0\x09\x12"]);
    }
}
