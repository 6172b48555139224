//! Lists of bearer addresses, in redirects and aliases (WSP table 16).

use super::reader::Reader;
use crate::{DecodeError, DecodeErrorCode};

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
