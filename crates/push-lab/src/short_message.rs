//! Pushes as short messages: the SMS-DELIVER TPDUs that a modem hands over (3GPP TS 23.040 9.2.2.1, WDP 5.5).

use crate::Random;

/// The user data of one short message, in octets.
const USER_DATA: usize = 140;
/// SMS-DELIVER with a user data header, and no other message waiting.
const DELIVER_WITH_HEADER: u8 = 0x44;
/// Information elements: concatenation with 8 and 16 bit, ports with 8 and 16 bit.
const CONCATENATION_8: u8 = 0x00;
const PORTS_8: u8 = 0x04;
const PORTS_16: u8 = 0x05;
const CONCATENATION_16: u8 = 0x08;
/// Types of address: international ISDN number, national or unknown number, alphanumeric.
const INTERNATIONAL: u8 = 0x91;
const UNKNOWN: u8 = 0x81;
const ALPHANUMERIC: u8 = 0xd0;

/// The order in which segments are handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were made.
    #[default]
    Forward,
    /// The last one first.
    Backward,
    /// Any: the same seed gives the same.
    Shuffled(u64),
}

/// A push on its way through a short message service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, and read by its name"
)]
pub struct ShortMessage {
    datagram: Vec<u8>,
    ports: Option<(u16, u16)>,
    short_ports: bool,
    sender: String,
    centre: Option<String>,
    reference: u16,
    wide: bool,
    concatenation_first: bool,
    always_concatenated: bool,
    segment_size: usize,
    coding: u8,
    /// Year (of the century), month, day, hour, minute, second.
    sent: [u8; 6],
    /// Quarters of an hour east of Greenwich.
    zone: i8,
    order: Order,
    repeated: Vec<usize>,
    lost: Vec<usize>,
}

impl ShortMessage {
    /// A short message with this datagram to port 2948 from port 9200, in as many segments as it needs.
    ///
    /// The datagram is what a push server would send over UDP: [`Push::encode`](crate::Push::encode) makes one.
    pub fn new(datagram: impl Into<Vec<u8>>) -> Self {
        Self {
            datagram: datagram.into(),
            ports: Some((2948, 9200)),
            short_ports: false,
            sender: "+4917099999".to_owned(),
            centre: None,
            reference: 1,
            wide: false,
            concatenation_first: false,
            always_concatenated: false,
            segment_size: USER_DATA,
            coding: 0x04,
            sent: [26, 11, 22, 12, 30, 0],
            zone: 4,
            order: Order::Forward,
            repeated: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Sets the destination's and the origin's port.
    #[must_use]
    pub const fn ports(mut self, destination: u16, origin: u16) -> Self {
        self.ports = Some((destination, origin));
        self
    }

    /// Names no ports.
    #[must_use]
    pub const fn without_ports(mut self) -> Self {
        self.ports = None;
        self
    }

    /// Writes ports with 8 bits.
    #[must_use]
    pub const fn short_ports(mut self) -> Self {
        self.short_ports = true;
        self
    }

    /// Sets the originator: digits, with a plus sign for an international number; anything else is alphanumeric, at most 11
    /// characters of it.
    #[must_use]
    pub fn sender(mut self, sender: &str) -> Self {
        sender.clone_into(&mut self.sender);
        self
    }

    /// Puts the number of the service centre in front of each TPDU, as modems do.
    #[must_use]
    pub fn centre(mut self, number: &str) -> Self {
        self.centre = Some(number.to_owned());
        self
    }

    /// Sets the reference number that the segments share.
    #[must_use]
    pub const fn reference(mut self, reference: u16) -> Self {
        self.reference = reference;
        self
    }

    /// Writes the reference number with 16 bits.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// Puts the concatenation in front of the ports.
    #[must_use]
    pub const fn concatenation_first(mut self) -> Self {
        self.concatenation_first = true;
        self
    }

    /// Names a concatenation of one where there is a single segment.
    #[must_use]
    pub const fn always_concatenated(mut self) -> Self {
        self.always_concatenated = true;
        self
    }

    /// Takes at most so many octets of user data for each segment, its header included: 140 unless set.
    #[must_use]
    pub const fn segment_size(mut self, octets: usize) -> Self {
        self.segment_size = octets;
        self
    }

    /// Sets the data coding scheme: 0x04 unless set.
    #[must_use]
    pub const fn coding(mut self, coding: u8) -> Self {
        self.coding = coding;
        self
    }

    /// Sets the service centre's time stamp: year of the century, month, day, hour, minute, second, and quarters of an hour
    /// east of Greenwich.
    #[must_use]
    pub const fn sent(mut self, time: [u8; 6], zone: i8) -> Self {
        self.sent = time;
        self.zone = zone;
        self
    }

    /// Sets the order of the segments.
    #[must_use]
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Hands the segment with this index (from 0) over twice.
    #[must_use]
    pub fn repeated(mut self, index: usize) -> Self {
        self.repeated.push(index);
        self
    }

    /// Leaves the segment with this index (from 0) out.
    #[must_use]
    pub fn lost(mut self, index: usize) -> Self {
        self.lost.push(index);
        self
    }

    /// The TPDUs, in the order in which they are handed over.
    pub fn tpdus(&self) -> Vec<Vec<u8>> {
        let all = self.segments();
        let mut indices: Vec<usize> = (0..all.len()).collect();
        match self.order {
            Order::Forward => {}
            Order::Backward => indices.reverse(),
            Order::Shuffled(seed) => {
                let mut random = Random::new(seed);
                for left in (1..indices.len()).rev() {
                    indices.swap(left, random.below(left + 1));
                }
            }
        }
        let mut handed_over = Vec::new();
        for index in indices
            .into_iter()
            .filter(|index| !self.lost.contains(index))
        {
            let Some(user_data) = all.get(index) else {
                continue;
            };
            let tpdu = self.tpdu(user_data);
            if self.repeated.contains(&index) {
                handed_over.push(tpdu.clone());
            }
            handed_over.push(tpdu);
        }
        handed_over
    }

    /// The user data of each segment, headers in front.
    pub fn segments(&self) -> Vec<Vec<u8>> {
        let alone = self.header(None);
        if !self.always_concatenated && alone.len() + self.datagram.len() <= self.segment_size {
            return vec![[alone, self.datagram.clone()].concat()];
        }
        let header = self.header(Some((1, 1))).len();
        let size = self.segment_size.saturating_sub(header).max(1);
        let count = self.datagram.len().div_ceil(size).max(1);
        let number = |index: usize| u8::try_from(index).unwrap_or(u8::MAX);
        (0..count)
            .map(|index| {
                let rest = self.datagram.get(index * size..).unwrap_or_default();
                let part = rest.get(..size).unwrap_or(rest);
                let header = self.header(Some((number(count), number(index + 1))));
                [header, part.to_vec()].concat()
            })
            .collect()
    }

    /// The user data header of the segment with this number of so many; empty where there is nothing to say.
    fn header(&self, place: Option<(u8, u8)>) -> Vec<u8> {
        let concatenation = place.map(|(count, number)| {
            let [high, low] = self.reference.to_be_bytes();
            if self.wide {
                vec![CONCATENATION_16, 4, high, low, count, number]
            } else {
                vec![CONCATENATION_8, 3, low, count, number]
            }
        });
        let ports = self.ports.map(|(destination, origin)| {
            let [[_, short_destination], [_, short_origin]] =
                [destination.to_be_bytes(), origin.to_be_bytes()];
            if self.short_ports {
                vec![PORTS_8, 2, short_destination, short_origin]
            } else {
                let mut element = vec![PORTS_16, 4];
                element.extend(destination.to_be_bytes());
                element.extend(origin.to_be_bytes());
                element
            }
        });
        let mut elements = [ports, concatenation];
        if self.concatenation_first {
            elements.reverse();
        }
        let elements: Vec<u8> = elements.into_iter().flatten().flatten().collect();
        match u8::try_from(elements.len()) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(length) => [vec![length], elements].concat(),
        }
    }

    fn tpdu(&self, user_data: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        if let Some(centre) = &self.centre {
            let (kind, digits) = number(centre);
            octets.push(u8::try_from(digits.len() + 1).unwrap_or(u8::MAX));
            octets.push(kind);
            octets.extend(digits);
        }
        let has_header = self.ports.is_some() || user_data.len() != self.datagram.len();
        octets.push(if has_header {
            DELIVER_WITH_HEADER
        } else {
            0x04
        });
        octets.extend(address(&self.sender));
        octets.extend([0, self.coding]);
        octets.extend(self.sent.map(swapped));
        let zone = swapped(self.zone.unsigned_abs());
        octets.push(if self.zone < 0 { zone | 0x08 } else { zone });
        octets.push(u8::try_from(user_data.len()).unwrap_or(u8::MAX));
        octets.extend_from_slice(user_data);
        octets
    }
}

/// Two decimal digits, the lesser one in the upper half.
const fn swapped(number: u8) -> u8 {
    ((number % 10) << 4) | (number / 10 % 10)
}

/// The type of a number and its digits, two in each octet and the first in the lower half.
fn number(text: &str) -> (u8, Vec<u8>) {
    let (kind, digits) = match text.strip_prefix('+') {
        Some(digits) => (INTERNATIONAL, digits),
        None => (UNKNOWN, text),
    };
    let digits: Vec<u8> = digits.bytes().map(|digit| digit & 0x0f).collect();
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [first, second] => second << 4 | first,
        [first] => 0xf0 | first,
        _ => 0xff,
    });
    (kind, pairs.collect())
}

/// The originator with its length in semi-octets and its type.
fn address(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        let length = u8::try_from(digits.len()).unwrap_or(u8::MAX);
        let (kind, semi_octets) = number(text);
        return [vec![length, kind], semi_octets].concat();
    }
    let name: Vec<u8> = text
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .take(11)
        .collect();
    let length = u8::try_from((name.len() * 7).div_ceil(4)).unwrap_or(u8::MAX);
    [vec![length, ALPHANUMERIC], packed(&name)].concat()
}

/// Septets, packed into octets. Letters and digits of ASCII have the same numbers in the alphabet of GSM.
fn packed(septets: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let (mut bits, mut count) = (0_u16, 0_u32);
    for septet in septets {
        bits |= u16::from(septet & 0x7f) << count;
        count += 7;
        if count >= 8 {
            octets.push(u8::try_from(bits & 0xff).unwrap_or_default());
            bits >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        octets.push(u8::try_from(bits & 0xff).unwrap_or_default());
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_push_is_one_message() {
        let tpdus = ShortMessage::new(*b"push").centre("+447700900001").tpdus();
        let expected = b"\x07\x91\x44\x77\x00\x09\x00\x10\x44\x0a\x91\x94\x71\x90\x99\x99\x00\x04\
            \x62\x11\x22\x21\x03\x00\x40\x0b\x06\x05\x04\x0b\x84\x23\xf0push";
        assert_eq!(tpdus, [expected]);
    }

    #[test]
    fn a_long_push_is_cut_into_segments_with_a_number_each() {
        let message = ShortMessage::new([b'x'; 300]).reference(0x1234);
        let segments = message.segments();
        let lengths: Vec<_> = segments.iter().map(Vec::len).collect();
        assert_eq!(lengths, [140, 140, 12 + 44]);
        assert_eq!(
            segments[1][..12],
            *b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x34\x03\x02"
        );
        let wide = message.clone().wide().concatenation_first().segments();
        assert_eq!(
            wide[2][..13],
            *b"\x0c\x08\x04\x12\x34\x03\x03\x05\x04\x0b\x84\x23\xf0"
        );
        assert_eq!(wide[0].len(), 140);
        let narrow = message.short_ports().segments();
        assert_eq!(
            narrow[0][..10],
            *b"\x09\x04\x02\x84\xf0\x00\x03\x34\x03\x01"
        );
    }

    #[test]
    fn segments_come_in_the_order_asked_for() {
        let message = ShortMessage::new([b'x'; 400]);
        let number = |tpdu: &Vec<u8>| tpdu[tpdu.len() - usize::from(tpdu[17]) + 11];
        let numbers =
            |message: &ShortMessage| message.tpdus().iter().map(number).collect::<Vec<_>>();
        assert_eq!(numbers(&message), [1, 2, 3, 4]);
        let backward = message.clone().order(Order::Backward).repeated(0).lost(2);
        assert_eq!(numbers(&backward), [4, 2, 1, 1]);
        let mut shuffled = numbers(&message.clone().order(Order::Shuffled(3)));
        assert_eq!(shuffled, numbers(&message.order(Order::Shuffled(3))));
        shuffled.sort_unstable();
        assert_eq!(shuffled, [1, 2, 3, 4]);
    }

    #[test]
    fn senders_have_digits_or_letters() {
        assert_eq!(address("1234"), b"\x04\x81\x21\x43");
        assert_eq!(address("+12345"), b"\x05\x91\x21\x43\xf5");
        // "Design@Home" is the example that every description of the packing has; its letters alone are packed here.
        assert_eq!(address("Design"), b"\x0b\xd0\xc4\xf2\x3c\x7d\x76\x03");
    }

    #[test]
    fn time_zones_west_have_their_sign_in_the_lower_half() {
        let tpdu = ShortMessage::new(*b"p")
            .sent([99, 1, 2, 3, 4, 59], -28)
            .tpdus();
        assert_eq!(tpdu[0][10..17], *b"\x99\x10\x20\x30\x40\x95\x8a");
        let bare = ShortMessage::new(*b"p").without_ports().tpdus();
        assert_eq!((bare[0][0], bare[0].last()), (0x04, Some(&b'p')));
    }
}
