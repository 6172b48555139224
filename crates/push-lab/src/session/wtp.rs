//! PDUs of the Wireless Transaction Protocol, octet by octet (WAP-224 8).

/// The bit that tells the directions of a transaction identifier apart: a responder sets it.
pub(super) const RESPONDER: u16 = 0x8000;

const CON: u8 = 0x80;
const INVOKE: u8 = 1;
const RESULT: u8 = 2;
const ACK: u8 = 3;
const ABORT: u8 = 4;
const SEGMENTED_INVOKE: u8 = 5;
const NEGATIVE_ACK: u8 = 7;
/// The TPI that carries a packet sequence number.
const PACKET_SEQUENCE_NUMBER: u8 = 3;

/// Which packet of a message, or of a group of packets, this is (WAP-224 8.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trailer {
    /// Others follow at once.
    None,
    /// The last one of its message.
    Message,
    /// The last one of its group.
    Group,
    /// There is no segmentation.
    Whole,
}

impl Trailer {
    const fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Message => 0x02,
            Self::Group => 0x04,
            Self::Whole => 0x06,
        }
    }

    const fn read(octet: u8) -> Self {
        match octet & 0x06 {
            0x00 => Self::None,
            0x02 => Self::Message,
            0x04 => Self::Group,
            _ => Self::Whole,
        }
    }
}

/// The fixed part of an Invoke behind its transaction identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) version: u8,
    pub(super) tid_new: bool,
    pub(super) user_acknowledgement: bool,
    pub(super) class: u8,
}

impl Terms {
    fn octet(self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        (self.version & 3) << 6
            | flag(self.tid_new, 0x20)
            | flag(self.user_acknowledgement, 0x10)
            | (self.class & 3)
    }

    const fn read(octet: u8) -> Self {
        Self {
            version: octet >> 6,
            tid_new: octet & 0x20 != 0,
            user_acknowledgement: octet & 0x10 != 0,
            class: octet & 3,
        }
    }
}

/// What a terminal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pdu<'a> {
    Invoke {
        tid: u16,
        terms: Terms,
        trailer: Trailer,
        again: bool,
        data: &'a [u8],
    },
    SegmentedInvoke {
        tid: u16,
        number: u8,
        trailer: Trailer,
        data: &'a [u8],
    },
    Ack {
        tid: u16,
        /// Tve or Tok, by direction.
        verification: bool,
        /// The packet that is acknowledged, where one is named.
        number: Option<u8>,
    },
    NegativeAck {
        tid: u16,
        missing: &'a [u8],
    },
    Abort {
        tid: u16,
        by_user: bool,
        reason: u8,
    },
}

/// The PDUs of a datagram; nothing where it cannot be read to its end.
pub(super) fn read(datagram: &[u8]) -> Option<Vec<Pdu<'_>>> {
    let Some((0, mut rest)) = datagram.split_first().map(|(first, rest)| (*first, rest)) else {
        return read_one(datagram).map(|pdu| vec![pdu]);
    };
    let mut pdus = Vec::new();
    while let Some((&first, behind)) = rest.split_first() {
        let (length, behind) = if first & 0x80 == 0 {
            (usize::from(first), behind)
        } else {
            let (&second, behind) = behind.split_first()?;
            (usize::from(first & 0x7f) << 8 | usize::from(second), behind)
        };
        let (pdu, behind) = behind.split_at_checked(length)?;
        pdus.push(read_one(pdu)?);
        rest = behind;
    }
    Some(pdus)
}

fn read_one(octets: &[u8]) -> Option<Pdu<'_>> {
    let (&[first, high, low], rest) = octets.split_first_chunk::<3>()?;
    let tid = u16::from_be_bytes([high, low]);
    let trailer = Trailer::read(first);
    let fixed = |count: usize| {
        let (fixed, rest) = rest.split_at_checked(count)?;
        let (number, data) = if first & CON == 0 {
            (None, rest)
        } else {
            variable_part(rest)?
        };
        Some((fixed.first().copied().unwrap_or_default(), number, data))
    };
    match (first & 0x7f) >> 3 {
        INVOKE => fixed(1).map(|(terms, _, data)| Pdu::Invoke {
            tid,
            terms: Terms::read(terms),
            trailer,
            again: first & 1 != 0,
            data,
        }),
        SEGMENTED_INVOKE => fixed(1).map(|(number, _, data)| Pdu::SegmentedInvoke {
            tid,
            number,
            trailer,
            data,
        }),
        ACK => fixed(0).map(|(_, number, _)| Pdu::Ack {
            tid,
            verification: first & 0x04 != 0,
            number,
        }),
        NEGATIVE_ACK => {
            let (&count, rest) = rest.split_first()?;
            let missing = rest.get(..usize::from(count))?;
            Some(Pdu::NegativeAck { tid, missing })
        }
        ABORT => fixed(1).map(|(reason, _, _)| Pdu::Abort {
            tid,
            by_user: first & 0x07 == 1,
            reason,
        }),
        _ => None,
    }
}

/// The packet number in a variable part, and what stands behind that part.
fn variable_part(mut rest: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let mut number = None;
    loop {
        let (&first, behind) = rest.split_first()?;
        let (length, behind) = if first & 0x04 == 0 {
            (usize::from(first & 0x03), behind)
        } else {
            let (&length, behind) = behind.split_first()?;
            (usize::from(length), behind)
        };
        let (value, behind) = behind.split_at_checked(length)?;
        if (first & 0x7f) >> 3 == PACKET_SEQUENCE_NUMBER {
            number = value.last().copied();
        }
        if first & CON == 0 {
            return Some((number, behind));
        }
        rest = behind;
    }
}

fn head(kind: u8, trailer: u8, again: bool, tid: u16) -> Vec<u8> {
    let [high, low] = tid.to_be_bytes();
    vec![kind << 3 | trailer | u8::from(again), high, low]
}

/// An Invoke: the first packet of a message, or the only one.
pub(super) fn invoke(
    tid: u16,
    terms: Terms,
    trailer: Trailer,
    again: bool,
    data: &[u8],
) -> Vec<u8> {
    let mut octets = head(INVOKE, trailer.bits(), again, tid);
    octets.push(terms.octet());
    octets.extend_from_slice(data);
    octets
}

/// Another packet of a message.
pub(super) fn segmented_invoke(
    tid: u16,
    number: u8,
    trailer: Trailer,
    again: bool,
    data: &[u8],
) -> Vec<u8> {
    let mut octets = head(SEGMENTED_INVOKE, trailer.bits(), again, tid);
    octets.push(number);
    octets.extend_from_slice(data);
    octets
}

/// A Result.
pub(super) fn result(tid: u16, again: bool, data: &[u8]) -> Vec<u8> {
    let mut octets = head(RESULT, Trailer::Whole.bits(), again, tid);
    octets.extend_from_slice(data);
    octets
}

/// An acknowledgement, or a step of the verification of a transaction identifier.
pub(super) fn ack(tid: u16, verification: bool) -> Vec<u8> {
    head(ACK, if verification { 0x04 } else { 0 }, false, tid)
}

/// The acknowledgement of a group that ends with this packet.
pub(super) fn ack_of_group(tid: u16, number: u8) -> Vec<u8> {
    let mut octets = head(ACK | CON >> 3, 0, false, tid);
    octets.extend([PACKET_SEQUENCE_NUMBER << 3 | 1, number]);
    octets
}

/// Asks for packets that are missing.
pub(super) fn negative_ack(tid: u16, missing: &[u8]) -> Vec<u8> {
    let mut octets = head(NEGATIVE_ACK, 0, false, tid);
    octets.push(u8::try_from(missing.len()).unwrap_or(u8::MAX));
    octets.extend_from_slice(missing);
    octets
}

/// Ends a transaction.
pub(super) fn abort(tid: u16, by_user: bool, reason: u8) -> Vec<u8> {
    let mut octets = head(ABORT, u8::from(by_user), false, tid);
    octets.push(reason);
    octets
}

/// Several PDUs in one datagram (WAP-224 7.13).
pub(super) fn concatenated(pdus: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = vec![0];
    for pdu in pdus {
        if let Ok(length @ ..=0x7f) = u8::try_from(pdu.len()) {
            octets.push(length);
        } else {
            let length = u16::try_from(pdu.len()).unwrap_or(u16::MAX) | 0x8000;
            octets.extend(length.to_be_bytes());
        }
        octets.extend_from_slice(pdu);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSH: Terms = Terms {
        version: 0,
        tid_new: true,
        user_acknowledgement: true,
        class: 1,
    };

    // As Kannel sends them.
    #[test]
    fn pdus_are_written_as_a_running_gateway_writes_them() {
        assert_eq!(
            invoke(0, PUSH, Trailer::Whole, false, b"\x07"),
            [0x0e, 0, 0, 0x31, 7]
        );
        assert_eq!(
            result(0x8001, true, b"\x02"),
            [0x17, 0x80, 0x01, 0x02],
            "again"
        );
        assert_eq!(ack(0x8005, true), [0x1c, 0x80, 0x05]);
    }

    #[test]
    fn what_is_written_is_read() {
        let datagram = concatenated(&[
            ack_of_group(7, 3),
            ack(0x8001, false),
            abort(0x8002, true, 0xec),
            negative_ack(0x8003, &[4, 6]),
            segmented_invoke(9, 2, Trailer::Message, false, b"x"),
            invoke(9, PUSH, Trailer::Group, true, b"yy"),
        ]);
        assert_eq!(datagram[..4], [0, 5, 0x98, 0]);
        let expected = vec![
            Pdu::Ack {
                tid: 7,
                verification: false,
                number: Some(3),
            },
            Pdu::Ack {
                tid: 0x8001,
                verification: false,
                number: None,
            },
            Pdu::Abort {
                tid: 0x8002,
                by_user: true,
                reason: 0xec,
            },
            Pdu::NegativeAck {
                tid: 0x8003,
                missing: &[4, 6],
            },
            Pdu::SegmentedInvoke {
                tid: 9,
                number: 2,
                trailer: Trailer::Message,
                data: b"x",
            },
            Pdu::Invoke {
                tid: 9,
                terms: PUSH,
                trailer: Trailer::Group,
                again: true,
                data: b"yy",
            },
        ];
        assert_eq!(read(&datagram), Some(expected));
    }

    #[test]
    fn long_pdus_have_a_length_of_two_octets() {
        let long = invoke(1, PUSH, Trailer::Whole, false, &[7; 300]);
        let datagram = concatenated(std::slice::from_ref(&long));
        assert_eq!(datagram[..3], [0, 0x81, 0x30]);
        assert_eq!(read(&datagram), read_one(&long).map(|pdu| vec![pdu]));
    }

    #[test]
    fn other_items_of_a_variable_part_are_skipped() {
        // Option "maximum group", then a long one of an unknown kind, then the data.
        let octets = [
            &[0x8e, 0, 1, 0x12, 0x93, 4, 5, 0x7d][..],
            &[0x3c, 1, 9],
            b"data",
        ]
        .concat();
        let Some(Pdu::Invoke { data, .. }) = read_one(&octets) else {
            panic!("{octets:02x?}");
        };
        assert_eq!(data, b"data");
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        for octets in [
            &b""[..],
            b"\x0e",
            b"\x0e\0\0",
            b"\0\x05\x18",
            b"\x98\0\0\x1d",
            b"\x3c\0\0\x02\x01",
        ] {
            assert_eq!(
                read(octets).filter(|pdus| !pdus.is_empty()),
                None,
                "{octets:02x?}"
            );
        }
    }
}
