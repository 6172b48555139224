//! Lists of bearer addresses, in redirects and aliases (WSP table 16).

use super::reader::Reader;
use crate::{DecodeError, DecodeErrorCode};
use core::net::IpAddr;

const BEARER_TYPE_INCLUDED: u8 = 0x80;
const PORT_NUMBER_INCLUDED: u8 = 0x40;
const ADDRESS_LENGTH: u8 = 0x3F;

/// A list of addresses, decoded as it is iterated over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'a>(Reader<'a>);

impl<'a> Addresses<'a> {
    /// The addresses in these octets.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(Reader::new(octets, 0))
    }

    pub(crate) const fn from_reader(reader: Reader<'a>) -> Self {
        Self(reader)
    }

    /// The octets of the whole list.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> IntoIterator for Addresses<'a> {
    type Item = Result<Address<'a>, DecodeError>;
    type IntoIter = AddressFields<'a>;

    fn into_iter(self) -> Self::IntoIter {
        AddressFields(self.0)
    }
}

/// Iterates over a list of addresses; ends after the first error.
#[derive(Debug, Clone)]
pub struct AddressFields<'a>(Reader<'a>);

impl<'a> Iterator for AddressFields<'a> {
    type Item = Result<Address<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let address = Address::read(&mut self.0);
        if address.is_err() {
            self.0 = Reader::new(&[], self.0.offset());
        }
        Some(address)
    }
}

/// One address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address<'a> {
    /// The bearer's type as WDP numbers it; absent for the one in use.
    pub bearer_type: Option<u8>,
    /// The port; absent for the one in use.
    pub port: Option<u16>,
    /// The address, at most 63 octets, in the bearer's own format.
    pub address: &'a [u8],
}

impl<'a> Address<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        let flags = reader.octet()?;
        let bearer_type = if flags & BEARER_TYPE_INCLUDED == 0 {
            None
        } else {
            Some(reader.octet()?)
        };
        let port = if flags & PORT_NUMBER_INCLUDED == 0 {
            None
        } else {
            Some(reader.uint16()?)
        };
        let address = reader
            .take(
                u32::from(flags & ADDRESS_LENGTH),
                DecodeErrorCode::AddressLengthOverrun,
            )
            .map_err(|error| start.error(error.code))?;
        Ok(Self {
            bearer_type,
            port,
            address,
        })
    }

    /// The address on an IP bearer (WAP-259 appendix C): four octets of IPv4 or 16 of IPv6; absent on other bearers. Where
    /// no bearer is named, the number of octets alone tells.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        if !self.bearer_type.is_none_or(is_ip_bearer) {
            return None;
        }
        let v4 = <[u8; 4]>::try_from(self.address).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(self.address).map(IpAddr::from);
        v4.or(v6).ok()
    }

    /// The first octet to send, where the address has at most 63 octets.
    pub(crate) fn flags(&self) -> Option<u8> {
        let length = u8::try_from(self.address.len())
            .ok()
            .filter(|&length| length <= ADDRESS_LENGTH)?;
        let bearer = if self.bearer_type.is_some() {
            BEARER_TYPE_INCLUDED
        } else {
            0
        };
        let port = if self.port.is_some() {
            PORT_NUMBER_INCLUDED
        } else {
            0
        };
        Some(length | bearer | port)
    }
}

/// Whether addresses of this bearer are IP addresses.
const fn is_ip_bearer(bearer_type: u8) -> bool {
    matches!(
        bearer_type,
        0x00 | 0x01 | 0x06..=0x0F | 0x11 | 0x12 | 0x15 | 0x19
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn bearer_and_port_may_be_left_out() {
        let octets = [
            0xC4, 0x0B, 0x23, 0xF1, 192, 0, 2, 7, 0x44, 0xC0, 0x01, 192, 0, 2, 8, 0x84, 0x00, 192,
            0, 2, 9, 0x00,
        ];
        let addresses: Result<Vec<_>, _> = Addresses::new(&octets).into_iter().collect();
        assert_eq!(
            addresses,
            Ok(Vec::from([
                Address {
                    bearer_type: Some(0x0B),
                    port: Some(9201),
                    address: &[192, 0, 2, 7]
                },
                Address {
                    bearer_type: None,
                    port: Some(0xC001),
                    address: &[192, 0, 2, 8]
                },
                Address {
                    bearer_type: Some(0),
                    port: None,
                    address: &[192, 0, 2, 9]
                },
                Address {
                    bearer_type: None,
                    port: None,
                    address: &[]
                },
            ]))
        );
    }

    #[test]
    fn addresses_of_ip_bearers_have_four_or_sixteen_octets() {
        let v4 = [192, 0, 2, 7];
        let mut v6 = [0; 16];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
        let ip = |bearer_type, address| {
            Address {
                bearer_type,
                port: None,
                address,
            }
            .ip()
        };
        for bearer in [None, Some(0x00), Some(0x0B), Some(0x19)] {
            assert_eq!(ip(bearer, &v4), Some(IpAddr::from(v4)), "{bearer:?}");
            assert_eq!(ip(bearer, &v6), Some(IpAddr::from(v6)), "{bearer:?}");
            for other in [&v6[..0], &v6[..3], &v6[..5], &v6[..15], b"192.0.2.7"] {
                assert_eq!(ip(bearer, other), None, "{bearer:?} {other:?}");
            }
        }
        for bearer in [0x02, 0x03, 0x05, 0x10, 0x13, 0x14, 0x16, 0x18, 0x1A, 0xFF] {
            assert_eq!(ip(Some(bearer), &v4), None, "{bearer}");
        }
    }

    #[test]
    fn an_address_that_runs_past_the_end_ends_the_list() {
        let mut addresses = Addresses::new(&[0x01, 7, 0x05, 1, 2]).into_iter();
        assert!(addresses.next().is_some_and(|address| address.is_ok()));
        assert_eq!(
            addresses.next(),
            Some(Err(DecodeError::new(
                DecodeErrorCode::AddressLengthOverrun,
                2
            )))
        );
        assert_eq!(addresses.next(), None);
        assert_eq!(
            Addresses::new(&[0x40, 1]).into_iter().next(),
            Some(Err(DecodeError::new(DecodeErrorCode::Truncated, 1)))
        );
    }
}
