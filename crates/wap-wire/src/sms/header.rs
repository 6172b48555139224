//! User data headers (3GPP TS 23.040 9.2.3.24), and what WDP has in them (WAP-259 6.3).

use crate::{DecodeError, DecodeErrorCode};

const CONCATENATION_8: u8 = 0x00;
const PORTS_8: u8 = 0x04;
const PORTS_16: u8 = 0x05;
const CONCATENATION_16: u8 = 0x08;

/// The ports of a datagram (WAP-259 6.3, 3GPP TS 23.040 9.2.3.24.3 and 9.2.3.24.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// The terminal's.
    pub destination: u16,
    /// The sender's.
    pub originator: u16,
}

/// How many bits a reference has. References of different widths are different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// 8 bits.
    Eight,
    /// 16 bits.
    Sixteen,
}

impl Width {
    /// The number of bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }
}

/// Which part of which message a segment is (3GPP TS 23.040 9.2.3.24.1 and 9.2.3.24.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concatenation {
    /// What all segments of a message have in common.
    pub reference: u16,
    /// How wide the reference is.
    pub width: Width,
    /// How many segments there are, at least 1.
    pub total: u8,
    /// Which of them this is, from 1 to the total.
    pub sequence: u8,
}

impl Concatenation {
    /// Whether the total is at least 1, and the sequence number is from 1 to the total.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        self.sequence != 0 && self.sequence <= self.total
    }
}

/// One information element. Unknown ones, and known ones of a wrong length, are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InformationElement<'a> {
    /// What it is.
    pub identifier: u8,
    /// Its data.
    pub data: &'a [u8],
}

impl InformationElement<'_> {
    /// The ports, where it is an element of ports.
    //= specs/wdp.md#ports
    //# A terminal MUST understand the port element with 16 bit ports.
    //= specs/wdp.md#ports
    //# A terminal MUST understand the port element with 8 bit ports.
    #[must_use]
    pub const fn ports(&self) -> Option<Ports> {
        match (self.identifier, self.data) {
            (PORTS_16, &[to_high, to_low, from_high, from_low]) => Some(Ports {
                destination: u16::from_be_bytes([to_high, to_low]),
                originator: u16::from_be_bytes([from_high, from_low]),
            }),
            (PORTS_8, &[to, from]) => Some(Ports {
                destination: u16::from_be_bytes([0, to]),
                originator: u16::from_be_bytes([0, from]),
            }),
            _ => None,
        }
    }

    /// The concatenation, where it is an element of that and a possible one.
    //= specs/wdp.md#segmentation
    //# A terminal MUST take segments with a reference of 8 bits and of 16 bits.
    //= specs/wdp.md#segmentation
    //# A concatenation element whose total is zero MUST be ignored.
    //= specs/wdp.md#segmentation
    //# A concatenation element whose sequence number is zero or greater than the total MUST be ignored.
    #[must_use]
    pub const fn concatenation(&self) -> Option<Concatenation> {
        let (reference, width, total, sequence) = match (self.identifier, self.data) {
            (CONCATENATION_8, &[reference, total, sequence]) => (
                u16::from_be_bytes([0, reference]),
                Width::Eight,
                total,
                sequence,
            ),
            (CONCATENATION_16, &[high, low, total, sequence]) => (
                u16::from_be_bytes([high, low]),
                Width::Sixteen,
                total,
                sequence,
            ),
            _ => return None,
        };
        let concatenation = Concatenation {
            reference,
            width,
            total,
            sequence,
        };
        if concatenation.is_possible() {
            Some(concatenation)
        } else {
            None
        }
    }
}

/// The information elements of a header, each of which ends within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserDataHeader<'a>(&'a [u8]);

impl<'a> UserDataHeader<'a> {
    /// Decodes a header, its length first, and says how many octets it took.
    ///
    /// # Errors
    ///
    /// The header is longer than the octets, or its last element does not end where it does. Nothing of such a header counts.
    //= specs/wdp.md#user-data-header
    //# A user data header whose last element has too few or too many octets MUST be ignored as a whole.
    pub fn decode(octets: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        let Some((&length, rest)) = octets.split_first() else {
            return Err(DecodeError::new(DecodeErrorCode::Truncated, 0));
        };
        let length = usize::from(length);
        let elements = rest
            .get(..length)
            .ok_or(DecodeError::new(DecodeErrorCode::UserDataHeaderOverrun, 0))?;
        let header = Self(elements);
        let whole = header.elements().fold(0_usize, |end, element| {
            end.saturating_add(2).saturating_add(element.data.len())
        });
        if whole != length {
            return Err(DecodeError::new(
                DecodeErrorCode::ElementLengthOverrun,
                whole.saturating_add(1),
            ));
        }
        Ok((header, length.saturating_add(1)))
    }

    /// The elements in their order.
    #[must_use]
    pub const fn elements(&self) -> InformationElements<'a> {
        InformationElements(self.0)
    }

    /// The ports: those of the last element that has any.
    //= specs/wdp.md#user-data-header
    //# Of several elements that say the same or exclude each other, the last one MUST count.
    #[must_use]
    pub fn ports(&self) -> Option<Ports> {
        let ports = self.elements().filter_map(|element| element.ports());
        ports.last()
    }

    /// Which segment this is: by the last element that says so and is possible.
    //= specs/wdp.md#user-data-header
    //# Of several elements that say the same or exclude each other, the last one MUST count.
    #[must_use]
    pub fn concatenation(&self) -> Option<Concatenation> {
        let concatenations = self
            .elements()
            .filter_map(|element| element.concatenation());
        concatenations.last()
    }
}

/// Iterates over information elements.
#[derive(Debug, Clone)]
pub struct InformationElements<'a>(&'a [u8]);

impl<'a> Iterator for InformationElements<'a> {
    type Item = InformationElement<'a>;

    //= specs/wdp.md#user-data-header
    //# Elements MUST be taken in any order.
    //= specs/wdp.md#user-data-header
    //# An element that is unknown, or has another length than its kind has, MUST be passed over.
    fn next(&mut self) -> Option<Self::Item> {
        let [identifier, length, rest @ ..] = self.0 else {
            return None;
        };
        let (data, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(InformationElement {
            identifier: *identifier,
            data,
        })
    }
}
