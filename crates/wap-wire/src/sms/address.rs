//! Addresses of short messages: who sent one, and the SMS centre that took it (3GPP TS 23.040 9.1.2.5, 3GPP TS 24.011 8.2.5.1).

use core::fmt::{self, Write};

use super::alphabet::{Characters, Septets};

/// The most semi-octets that an originating address has: ten octets.
pub(super) const MAX_SEMI_OCTETS: u8 = 20;

/// The bit of the type of address that is always set.
const EXTENSION: u8 = 0x80;

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address<'a> {
    /// Type of number and numbering plan.
    pub type_of_address: u8,
    /// How many semi-octets of `octets` count.
    pub semi_octets: u8,
    /// The digits, two an octet and the first in the lower half; or packed septets where it is alphanumeric.
    pub octets: &'a [u8],
}

/// What kind of number an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeOfNumber {
    /// Nobody said.
    Unknown,
    /// With its country code: E.164 where the numbering plan is ISDN's.
    International,
    /// Without its country code.
    National,
    /// For administration and services of the network.
    NetworkSpecific,
    /// A short code or a part of a number.
    Subscriber,
    /// A name in the default alphabet.
    Alphanumeric,
    /// Abbreviated.
    Abbreviated,
    /// Reserved.
    Reserved,
}

impl<'a> Address<'a> {
    /// What kind of number it is.
    #[must_use]
    pub const fn type_of_number(&self) -> TypeOfNumber {
        match self.type_of_address >> 4 & 0b111 {
            0 => TypeOfNumber::Unknown,
            1 => TypeOfNumber::International,
            2 => TypeOfNumber::National,
            3 => TypeOfNumber::NetworkSpecific,
            4 => TypeOfNumber::Subscriber,
            5 => TypeOfNumber::Alphanumeric,
            6 => TypeOfNumber::Abbreviated,
            _ => TypeOfNumber::Reserved,
        }
    }

    /// Whether it is a name.
    #[must_use]
    pub fn is_alphanumeric(&self) -> bool {
        self.type_of_number() == TypeOfNumber::Alphanumeric
    }

    /// Whether there is neither digit nor character.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        if self.is_alphanumeric() {
            return self.characters().next().is_none();
        }
        self.digits().next().is_none()
    }

    /// Whether the bit that is always set in a type of address is set in this octet.
    pub(super) const fn is_type(octet: u8) -> bool {
        octet & EXTENSION != 0
    }

    /// The characters of a name.
    fn characters(&self) -> Characters<Septets<'a>> {
        let bits = usize::from(self.semi_octets).saturating_mul(4);
        let count = bits.checked_div(7).unwrap_or_default();
        Characters::new(Septets::new(self.octets, 0, count))
    }

    /// The digits up to a filler.
    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        let halves = self
            .octets
            .iter()
            .flat_map(|octet| [octet & 0x0F, octet >> 4]);
        halves
            .take(usize::from(self.semi_octets))
            .take_while(|digit| *digit != 0x0F)
    }
}

/// Shows a name as it is, and digits with a `+` in front where they are an international number.
impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_alphanumeric() {
            return self
                .characters()
                .try_for_each(|character| f.write_char(character));
        }
        if self.type_of_number() == TypeOfNumber::International && !self.is_empty() {
            f.write_char('+')?;
        }
        self.digits()
            .try_for_each(|digit| f.write_char(shown(digit)))
    }
}

/// The sign that a semi-octet stands for.
const fn shown(digit: u8) -> char {
    match digit {
        0 => '0',
        1 => '1',
        2 => '2',
        3 => '3',
        4 => '4',
        5 => '5',
        6 => '6',
        7 => '7',
        8 => '8',
        9 => '9',
        10 => '*',
        11 => '#',
        12 => 'a',
        13 => 'b',
        _ => 'c',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn addresses_are_shown_by_their_type() {
        let cases: [(u8, u8, &[u8], &str); 9] = [
            (
                0x91,
                11,
                &[0x51, 0x55, 0x21, 0x43, 0x65, 0xF7],
                "+15551234567",
            ),
            (
                0x91,
                12,
                &[0x94, 0x71, 0x90, 0x99, 0x99, 0x09],
                "+491709999990",
            ),
            (0x81, 4, &[0x21, 0x43], "1234"),
            (0xA1, 3, &[0x21, 0xF3], "123"),
            (0x81, 5, &[0xBA, 0xDC, 0xFE], "*#abc"),
            // A filler before the end of an SMS centre's number.
            (0x91, 6, &[0x21, 0x43, 0xF5], "+12345"),
            // "Operator" and "Info Co" in septets.
            (
                0xD0,
                14,
                &[0x4F, 0x78, 0x59, 0x1E, 0xA6, 0xBF, 0xE5],
                "Operator",
            ),
            (
                0xD0,
                13,
                &[0x49, 0xB7, 0xF9, 0x0D, 0x1A, 0xBE, 0x01],
                "Info Co",
            ),
            (0x91, 0, &[], ""),
        ];
        for (type_of_address, semi_octets, octets, text) in cases {
            let address = Address {
                type_of_address,
                semi_octets,
                octets,
            };
            assert_eq!(address.to_string(), text);
            assert_eq!(address.is_empty(), text.is_empty());
        }
    }

    #[test]
    fn every_type_of_number_is_told() {
        use TypeOfNumber::{
            Abbreviated, Alphanumeric, International, National, NetworkSpecific, Reserved,
            Subscriber, Unknown,
        };
        let types = [
            Unknown,
            International,
            National,
            NetworkSpecific,
            Subscriber,
            Alphanumeric,
            Abbreviated,
            Reserved,
        ];
        for (number, expected) in (0_u8..).zip(types) {
            let address = Address {
                type_of_address: 0x81 | number << 4,
                semi_octets: 0,
                octets: &[],
            };
            assert_eq!(address.type_of_number(), expected);
        }
    }
}
