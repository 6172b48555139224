//! Capabilities that client and server of a session agree on (WSP 8.3).

use super::address::Addresses;
use super::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// A set of capabilities, decoded as it is iterated over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities<'a>(Reader<'a>);

impl<'a> Capabilities<'a> {
    /// The capabilities in these octets.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(Reader::new(octets, 0))
    }

    pub(crate) const fn from_reader(reader: Reader<'a>) -> Self {
        Self(reader)
    }

    /// The octets of the whole set.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> IntoIterator for Capabilities<'a> {
    type Item = Result<Capability<'a>, DecodeError>;
    type IntoIter = CapabilityFields<'a>;

    fn into_iter(self) -> Self::IntoIter {
        CapabilityFields(self.0)
    }
}

/// Iterates over capabilities; ends after the first that runs past the end.
#[derive(Debug, Clone)]
pub struct CapabilityFields<'a>(Reader<'a>);

impl<'a> Iterator for CapabilityFields<'a> {
    type Item = Result<Capability<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let capability = Capability::read(&mut self.0);
        if capability.is_err() {
            self.0 = Reader::new(&[], self.0.offset());
        }
        Some(capability)
    }
}

/// The optional functions of a session (WSP table 29): bits of one octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ProtocolOptions(pub u8);

impl ProtocolOptions {
    /// Confirmed pushes.
    pub const CONFIRMED_PUSH: Self = Self(0x80);
    /// Unconfirmed pushes.
    pub const PUSH: Self = Self(0x40);
    /// Suspending and resuming the session.
    pub const SESSION_RESUME: Self = Self(0x20);
    /// Headers in acknowledgements.
    pub const ACKNOWLEDGEMENT_HEADERS: Self = Self(0x10);
    /// Messages in several parts.
    pub const LARGE_DATA_TRANSFER: Self = Self(0x08);

    /// Whether all functions of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The functions of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One capability with its parameters (WSP 8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability<'a> {
    /// The largest SDU towards the client, in octets; 0 for any size.
    ClientSduSize(u32),
    /// The largest SDU towards the server, in octets; 0 for any size.
    ServerSduSize(u32),
    /// Which optional functions are enabled.
    ProtocolOptions(ProtocolOptions),
    /// How many methods may be outstanding.
    MethodMor(u8),
    /// How many pushes may be outstanding.
    PushMor(u8),
    /// Names of extended methods and their PDU types; from a server only the types.
    ExtendedMethods(&'a [u8]),
    /// Names of header code pages and their numbers; from a server only the numbers.
    HeaderCodePages(&'a [u8]),
    /// Other addresses of the sender.
    Aliases(Addresses<'a>),
    /// The largest message towards the client, in octets; 0 for any size.
    ClientMessageSize(u32),
    /// The largest message towards the server, in octets; 0 for any size.
    ServerMessageSize(u32),
    /// A capability without parameters: the peer does not know it.
    NotRecognised(CapabilityName<'a>),
    /// A capability that is not assigned, or whose parameters are broken.
    Unknown {
        /// Its number or name.
        name: CapabilityName<'a>,
        /// Its parameters.
        parameters: &'a [u8],
    },
}

/// The identifier of a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CapabilityName<'a> {
    /// A number of WSP table 37.
    Number(u8),
    /// A name.
    Text(Text<'a>),
}

impl fmt::Display for CapabilityName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 10] = [
            "Client-SDU-Size",
            "Server-SDU-Size",
            "Protocol-Options",
            "Method-MOR",
            "Push-MOR",
            "Extended-Methods",
            "Header-Code-Pages",
            "Aliases",
            "Client-Message-Size",
            "Server-Message-Size",
        ];
        match self {
            Self::Number(number) => match NAMES.get(usize::from(*number)) {
                Some(name) => f.write_str(name),
                None => write!(f, "0x{number:02X}"),
            },
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

impl<'a> Capability<'a> {
    /// The size of SDUs and messages where no capability says otherwise (WSP 8.3.3), in octets.
    pub const DEFAULT_SIZE: u32 = 1400;
    /// The number of outstanding requests where no capability says otherwise (WSP 8.3.3).
    pub const DEFAULT_MOR: u8 = 1;

    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        let length = reader.uintvar()?;
        let mut field = reader
            .sub(length, DecodeErrorCode::CapabilitiesLengthOverrun)
            .map_err(|error| start.error(error.code))?;
        let name = match field.peek() {
            Some(octet @ 0x80..) => {
                field.octet()?;
                CapabilityName::Number(octet & 0x7F)
            }
            _ => CapabilityName::Text(field.text()?),
        };
        Ok(Self::from_parameters(name, field))
    }

    fn from_parameters(name: CapabilityName<'a>, parameters: Reader<'a>) -> Self {
        let octets = parameters.rest();
        let list = matches!(name, CapabilityName::Number(5..=7));
        if octets.is_empty() && !list {
            return Self::NotRecognised(name);
        }
        let size = || parameters.clone().uintvar().ok();
        let known = match (name, octets) {
            (CapabilityName::Number(0), _) => size().map(Self::ClientSduSize),
            (CapabilityName::Number(1), _) => size().map(Self::ServerSduSize),
            (CapabilityName::Number(2), &[flags, ..]) => {
                Some(Self::ProtocolOptions(ProtocolOptions(flags)))
            }
            (CapabilityName::Number(3), &[most]) => Some(Self::MethodMor(most)),
            (CapabilityName::Number(4), &[most]) => Some(Self::PushMor(most)),
            (CapabilityName::Number(5), _) => Some(Self::ExtendedMethods(octets)),
            (CapabilityName::Number(6), _) => Some(Self::HeaderCodePages(octets)),
            (CapabilityName::Number(7), _) => {
                Some(Self::Aliases(Addresses::from_reader(parameters)))
            }
            (CapabilityName::Number(8), _) => size().map(Self::ClientMessageSize),
            (CapabilityName::Number(9), _) => size().map(Self::ServerMessageSize),
            _ => None,
        };
        known.unwrap_or(Self::Unknown {
            name,
            parameters: octets,
        })
    }

    /// The capability's number or name.
    #[must_use]
    pub const fn name(&self) -> CapabilityName<'a> {
        CapabilityName::Number(match self {
            Self::ClientSduSize(_) => 0,
            Self::ServerSduSize(_) => 1,
            Self::ProtocolOptions(_) => 2,
            Self::MethodMor(_) => 3,
            Self::PushMor(_) => 4,
            Self::ExtendedMethods(_) => 5,
            Self::HeaderCodePages(_) => 6,
            Self::Aliases(_) => 7,
            Self::ClientMessageSize(_) => 8,
            Self::ServerMessageSize(_) => 9,
            Self::NotRecognised(name) | Self::Unknown { name, .. } => return *name,
        })
    }
}

/// An extended method: the PDU type and the method's name (WSP table 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedMethod<'a> {
    /// The PDU type, `0x50` to `0x5F` for the form of Get and `0x70` to `0x7F` for that of Post.
    pub pdu_type: u8,
    /// The method's name.
    pub name: Text<'a>,
}

impl<'a> ExtendedMethod<'a> {
    /// The methods in the parameters of a client's capability; ends before the first broken entry.
    pub fn list(parameters: &'a [u8]) -> impl Iterator<Item = Self> + 'a {
        numbered_names(parameters).map(|(pdu_type, name)| Self { pdu_type, name })
    }
}

/// A header code page: its number in this session and its name (WSP table 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeaderCodePage<'a> {
    /// The number, 16 to 127.
    pub page: u8,
    /// The page's name.
    pub name: Text<'a>,
}

impl<'a> HeaderCodePage<'a> {
    /// The pages in the parameters of a client's capability; ends before the first broken entry.
    pub fn list(parameters: &'a [u8]) -> impl Iterator<Item = Self> + 'a {
        numbered_names(parameters).map(|(page, name)| Self { page, name })
    }
}

fn numbered_names(parameters: &[u8]) -> impl Iterator<Item = (u8, Text<'_>)> {
    let mut reader = Reader::new(parameters, 0);
    core::iter::from_fn(move || Some((reader.octet().ok()?, reader.text().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn decode(octets: &[u8]) -> Vec<Result<Capability<'_>, DecodeError>> {
        Capabilities::new(octets).into_iter().collect()
    }

    #[test]
    fn every_capability_has_its_parameters() {
        let octets = b"\x03\x80\x8A\x78\x03\x81\x8A\x78\x03\x82\xF0\x00\x02\x83\x05\x02\x84\x06\x06\x85\x50LOCK\
            \x06\x86\x10page\x06\x87\x84\x0B\xC0\x00\x02\x02\x88\x00\x02\x89\x7F";
        // The lists above lack their terminating zeros and last octets on purpose: they are decoded on their own.
        let decoded = decode(octets);
        assert_eq!(decoded[0], Ok(Capability::ClientSduSize(1400)));
        assert_eq!(decoded[1], Ok(Capability::ServerSduSize(1400)));
        assert_eq!(
            decoded[2],
            Ok(Capability::ProtocolOptions(ProtocolOptions(0xF0)))
        );
        assert_eq!(decoded[3], Ok(Capability::MethodMor(5)));
        assert_eq!(decoded[4], Ok(Capability::PushMor(6)));
        assert_eq!(decoded[5], Ok(Capability::ExtendedMethods(b"\x50LOCK")));
        assert_eq!(decoded[6], Ok(Capability::HeaderCodePages(b"\x10page")));
        assert!(
            matches!(decoded[7], Ok(Capability::Aliases(list)) if list.as_bytes() == b"\x84\x0B\xC0\x00\x02")
        );
        assert_eq!(decoded[8], Ok(Capability::ClientMessageSize(0)));
        assert_eq!(decoded[9], Ok(Capability::ServerMessageSize(127)));
        assert_eq!(decoded.len(), 10);
        for (number, capability) in (0..).zip(&decoded) {
            assert_eq!(capability.unwrap().name(), CapabilityName::Number(number));
        }
    }

    #[test]
    fn unknown_and_empty_capabilities_are_told() {
        assert_eq!(
            decode(b"\x01\x82\x03\x8A\x01\x02\x05X-A\0\x09\x03\x83\x01\x02"),
            [
                Ok(Capability::NotRecognised(CapabilityName::Number(2))),
                Ok(Capability::Unknown {
                    name: CapabilityName::Number(10),
                    parameters: &[1, 2]
                }),
                Ok(Capability::Unknown {
                    name: CapabilityName::Text("X-A".into()),
                    parameters: &[9]
                }),
                Ok(Capability::Unknown {
                    name: CapabilityName::Number(3),
                    parameters: &[1, 2]
                }),
            ]
        );
        assert_eq!(decode(b"\x01\x85"), [Ok(Capability::ExtendedMethods(&[]))]);
        assert_eq!(CapabilityName::Number(4).to_string(), "Push-MOR");
        assert_eq!(CapabilityName::Number(10).to_string(), "0x0A");
    }

    #[test]
    fn a_length_past_the_end_is_an_error() {
        assert_eq!(
            decode(b"\x02\x83"),
            [Err(DecodeError::new(
                DecodeErrorCode::CapabilitiesLengthOverrun,
                0
            ))]
        );
        assert_eq!(
            decode(b"\x00"),
            [Err(DecodeError::new(DecodeErrorCode::UnterminatedText, 1))]
        );
    }

    #[test]
    fn lists_of_numbered_names_are_read() {
        let methods: Vec<_> = ExtendedMethod::list(b"\x50LOCK\0\x70PATCH\0").collect();
        assert_eq!(
            methods[1],
            ExtendedMethod {
                pdu_type: 0x70,
                name: "PATCH".into()
            }
        );
        let pages: Vec<_> = HeaderCodePage::list(b"\x10x-page\0\x11broken").collect();
        assert_eq!(
            pages,
            [HeaderCodePage {
                page: 0x10,
                name: "x-page".into()
            }]
        );
    }

    #[test]
    fn options_are_bits() {
        let both = ProtocolOptions::PUSH.union(ProtocolOptions::CONFIRMED_PUSH);
        assert_eq!(both, ProtocolOptions(0xC0));
        assert!(
            both.contains(ProtocolOptions::PUSH) && !both.contains(ProtocolOptions::SESSION_RESUME)
        );
    }
}
