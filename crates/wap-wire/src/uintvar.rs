//! Variable length unsigned integers (WSP 8.1.2): seven bits an octet, most significant first, at most 32 bits.

use crate::{DecodeError, DecodeErrorCode};
use alloc::vec::Vec;

/// The most octets a uintvar takes.
pub const MAX_OCTETS: usize = 5;

/// Decodes the uintvar at the start of the octets; gives the number and how many octets it took.
///
/// Needless leading octets `0x80` are taken, as long as there are at most five octets in all.
///
/// # Errors
/// [`DecodeErrorCode::Truncated`] where the octets end too soon, [`DecodeErrorCode::UintvarTooLong`] for more than five
/// octets or more than 32 bits; both at offset 0.
#[inline]
pub fn decode(octets: &[u8]) -> Result<(u32, usize), DecodeError> {
    match octets.first() {
        Some(&octet) if octet < 0x80 => Ok((u32::from(octet), 1)),
        _ => decode_long(octets),
    }
}

fn decode_long(octets: &[u8]) -> Result<(u32, usize), DecodeError> {
    let mut number = 0_u32;
    for (octet, used) in octets.iter().zip(1..=MAX_OCTETS) {
        if number > u32::MAX >> 7 {
            return Err(DecodeError::new(DecodeErrorCode::UintvarTooLong, 0));
        }
        number = number << 7 | u32::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            return Ok((number, used));
        }
    }
    let code = if octets.len() < MAX_OCTETS {
        DecodeErrorCode::Truncated
    } else {
        DecodeErrorCode::UintvarTooLong
    };
    Err(DecodeError::new(code, 0))
}

/// Appends the number in the fewest octets.
pub fn encode(number: u32, octets: &mut Vec<u8>) {
    for shift in [28, 21, 14, 7] {
        let rest = number >> shift;
        if rest > 0 {
            octets.push(low_seven_bits(rest) | 0x80);
        }
    }
    octets.push(low_seven_bits(number));
}

fn low_seven_bits(number: u32) -> u8 {
    let [.., octet] = number.to_be_bytes();
    octet & 0x7F
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(number: u32) -> Vec<u8> {
        let mut octets = Vec::new();
        encode(number, &mut octets);
        octets
    }

    #[test]
    fn the_smallest_encoding_is_written() {
        for (number, octets) in [
            (0, &[0x00][..]),
            (0x7F, &[0x7F]),
            (0x80, &[0x81, 0x00]),
            (0x87A5, &[0x82, 0x8F, 0x25]),
            (u32::MAX, &[0x8F, 0xFF, 0xFF, 0xFF, 0x7F]),
        ] {
            assert_eq!(encoded(number), octets);
            assert_eq!(decode(octets), Ok((number, octets.len())));
        }
    }

    #[test]
    fn what_does_not_end_or_does_not_fit_is_an_error() {
        let error = |octets: &[u8]| decode(octets).unwrap_err().code;
        assert_eq!(error(&[]), DecodeErrorCode::Truncated);
        assert_eq!(error(&[0x81]), DecodeErrorCode::Truncated);
        assert_eq!(error(&[0x80; 4]), DecodeErrorCode::Truncated);
        assert_eq!(error(&[0x80; 5]), DecodeErrorCode::UintvarTooLong);
        assert_eq!(
            error(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
            DecodeErrorCode::UintvarTooLong
        );
        assert_eq!(
            error(&[0x90, 0x80, 0x80, 0x80, 0x00]),
            DecodeErrorCode::UintvarTooLong
        );
        assert_eq!(decode(&[0x80, 0x80, 0x80, 0x80, 0x01]), Ok((1, 5)));
    }

    proptest::proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(number: u32, rest: Vec<u8>) {
            let mut octets = encoded(number);
            let length = octets.len();
            octets.extend(rest);
            proptest::prop_assert_eq!(decode(&octets), Ok((number, length)));
        }
    }
}
