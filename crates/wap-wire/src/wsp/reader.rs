//! A cursor over octets that knows its offset in what the caller gave.

use super::value::{RawValue, Version};
use crate::{DecodeError, DecodeErrorCode, Text, uintvar};

/// The octet that stands before a text whose first octet is 128 or more (WSP 8.4.2.1).
pub(crate) const QUOTE: u8 = 0x7F;
/// The octet that says that a uintvar holds the value's length (WSP 8.4.2.2).
pub(crate) const LENGTH_QUOTE: u8 = 31;

/// What is left to decode, and the offset at which it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Reader<'a> {
    /// A reader of these octets, the first of which has this offset.
    #[inline]
    pub(crate) const fn new(octets: &'a [u8], offset: usize) -> Self {
        Self {
            rest: octets,
            end: offset.saturating_add(octets.len()),
        }
    }

    /// The offset of the next octet.
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) const fn peek(&self) -> Option<u8> {
        match self.rest {
            [octet, ..] => Some(*octet),
            [] => None,
        }
    }

    /// An error at the next octet.
    #[cold]
    pub(crate) const fn error(&self, code: DecodeErrorCode) -> DecodeError {
        DecodeError::new(code, self.offset())
    }

    #[inline]
    pub(crate) fn octet(&mut self) -> Result<u8, DecodeError> {
        #[cfg(test)]
        super::steps::count(1);
        match self.rest {
            [octet, rest @ ..] => {
                self.rest = rest;
                Ok(*octet)
            }
            [] => Err(self.error(DecodeErrorCode::Truncated)),
        }
    }

    /// Passes over the next octet, which has been seen.
    #[inline]
    pub(crate) fn skip_octet(&mut self) {
        #[cfg(test)]
        super::steps::count(1);
        if let [_, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    pub(crate) const fn uint16(&mut self) -> Result<u16, DecodeError> {
        match self.rest {
            [high, low, rest @ ..] => {
                self.rest = rest;
                Ok(u16::from_be_bytes([*high, *low]))
            }
            [..] => Err(self.error(DecodeErrorCode::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn uintvar(&mut self) -> Result<u32, DecodeError> {
        #[cfg(test)]
        super::steps::count(1);
        if let [octet @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u32::from(*octet));
        }
        let (number, used) = uintvar::decode(self.rest).map_err(|error| self.error(error.code))?;
        self.rest = self.rest.get(used..).unwrap_or_default();
        Ok(number)
    }

    /// The next `length` octets; `code` says what overran if there are fewer.
    #[inline]
    pub(crate) fn take(
        &mut self,
        length: u32,
        code: DecodeErrorCode,
    ) -> Result<&'a [u8], DecodeError> {
        match usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
        {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.error(code)),
        }
    }

    /// A reader of the next `length` octets.
    #[inline]
    pub(crate) fn sub(&mut self, length: u32, code: DecodeErrorCode) -> Result<Self, DecodeError> {
        let offset = self.offset();
        self.take(length, code)
            .map(|octets| Self::new(octets, offset))
    }

    /// The octets up to the next zero, which is taken as well.
    #[inline]
    pub(crate) fn until_zero(&mut self) -> Result<&'a [u8], DecodeError> {
        match split_at_zero(self.rest) {
            Some((text, rest)) => {
                self.rest = rest;
                Ok(text)
            }
            None => Err(self.error(DecodeErrorCode::UnterminatedText)),
        }
    }

    /// A Text-string: a Quote in front is not part of the text.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text<'a>, DecodeError> {
        self.until_zero()
            .map(|octets| Text::new(without_quote(octets)))
    }

    /// The value that begins here, by the rule of value lengths alone (WSP 8.4.1.2).
    #[inline]
    pub(crate) fn raw_value(&mut self) -> Result<RawValue<'a>, DecodeError> {
        #[cfg(test)]
        super::steps::count(1);
        match self.peek() {
            Some(octet @ 0x80..) => {
                self.skip_octet();
                Ok(RawValue::ShortInteger(octet & 0x7F))
            }
            Some(32..) => self.text().map(RawValue::Text),
            Some(_) => self.value_length().map(|data| RawValue::Data(data.rest)),
            None => Err(self.error(DecodeErrorCode::Truncated)),
        }
    }

    /// A Value-length and a reader of as many octets; the next octet must be at most 31.
    #[inline]
    pub(crate) fn value_length(&mut self) -> Result<Self, DecodeError> {
        let start = *self;
        let length = match self.octet()? {
            LENGTH_QUOTE => self.uintvar()?,
            length => u32::from(length),
        };
        self.sub(length, DecodeErrorCode::ValueLengthOverrun)
            .map_err(|error| start.error(error.code))
    }

    /// An Integer-value: a short integer, or a long one of up to 64 bits.
    #[inline]
    pub(crate) fn integer(&mut self) -> Result<u64, DecodeError> {
        #[cfg(test)]
        super::steps::count(1);
        let start = *self;
        match self.peek() {
            Some(octet @ 0x80..) => {
                self.skip_octet();
                Ok(u64::from(octet & 0x7F))
            }
            Some(32..) => Err(self.error(DecodeErrorCode::WrongForm)),
            Some(_) => {
                let data = self.value_length()?;
                multi_octet_integer(data.rest).map_err(|code| start.error(code))
            }
            None => Err(self.error(DecodeErrorCode::Truncated)),
        }
    }

    /// An Integer-value of at most 32 bits.
    #[inline]
    pub(crate) fn integer_32(&mut self) -> Result<u32, DecodeError> {
        let start = *self;
        u32::try_from(self.integer()?).map_err(|_| start.error(DecodeErrorCode::IntegerTooLarge))
    }

    /// A Version-value.
    pub(crate) fn version(&mut self) -> Result<Version<'a>, DecodeError> {
        match self.peek() {
            Some(octet @ 0x80..) => {
                self.octet()?;
                Ok(Version::from_short_integer(octet))
            }
            _ => self.text().map(Version::Text),
        }
    }
}

/// A big-endian integer of any number of octets, where it fits into 64 bits.
#[inline]
pub(crate) fn multi_octet_integer(octets: &[u8]) -> Result<u64, DecodeErrorCode> {
    match *octets {
        [] => Err(DecodeErrorCode::EmptyValue),
        [a] => Ok(u64::from(a)),
        [a, b] => Ok(u64::from(u16::from_be_bytes([a, b]))),
        [a, b, c] => Ok(u64::from(u32::from_be_bytes([0, a, b, c]))),
        [a, b, c, d] => Ok(u64::from(u32::from_be_bytes([a, b, c, d]))),
        _ => long_multi_octet_integer(octets),
    }
}

fn long_multi_octet_integer(octets: &[u8]) -> Result<u64, DecodeErrorCode> {
    octets.iter().try_fold(0_u64, |number, &octet| {
        if number > u64::MAX >> 8 {
            return Err(DecodeErrorCode::IntegerTooLarge);
        }
        Ok(number << 8 | u64::from(octet))
    })
}

#[inline]
pub(crate) const fn without_quote(octets: &[u8]) -> &[u8] {
    if let [QUOTE, text @ ..] = octets {
        text
    } else {
        octets
    }
}

/// What stands before and after the first zero octet.
#[inline]
pub(crate) fn split_at_zero(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let position = position_of_zero(octets)?;
    let (text, rest) = octets.split_at_checked(position)?;
    rest.split_first().map(|(_, rest)| (text, rest))
}

/// Where the first zero octet is.
#[inline]
fn position_of_zero(octets: &[u8]) -> Option<usize> {
    position_of::<0>(octets)
}

/// Where the first such octet is, found eight octets at a time.
#[inline]
pub(crate) fn position_of<const OCTET: u8>(octets: &[u8]) -> Option<usize> {
    const LOW_BITS: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    #[cfg(test)]
    super::steps::count(
        octets
            .iter()
            .position(|&octet| octet == OCTET)
            .unwrap_or(octets.len()),
    );
    let (chunks, tail) = octets.as_chunks::<8>();
    let mut position = 0_usize;
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk) ^ LOW_BITS.wrapping_mul(u64::from(OCTET));
        // The lowest bit set stands for the first zero octet; bits above it may be wrong.
        let zeros = word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
        if zeros != 0 {
            return usize::try_from(zeros.trailing_zeros() >> 3)
                .ok()?
                .checked_add(position);
        }
        position = position.wrapping_add(8);
    }
    tail.iter()
        .position(|&octet| octet == OCTET)?
        .checked_add(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn offsets_count_from_what_the_caller_gave() {
        let mut reader = Reader::new(&[1, 2, 3], 10);
        assert_eq!(reader.octet(), Ok(1));
        assert_eq!(reader.offset(), 11);
        assert_eq!(
            reader
                .take(3, DecodeErrorCode::ValueLengthOverrun)
                .unwrap_err()
                .offset,
            11
        );
        assert_eq!(reader.uint16(), Ok(0x0203));
        assert_eq!(
            reader.octet(),
            Err(DecodeError::new(DecodeErrorCode::Truncated, 13))
        );
    }

    #[test]
    fn integers_have_any_length_that_fits() {
        let integer = |octets: &[u8]| Reader::new(octets, 0).integer().map_err(|error| error.code);
        assert_eq!(integer(&[0x80]), Ok(0));
        assert_eq!(integer(&[0xFF]), Ok(127));
        assert_eq!(integer(&[1, 0x80]), Ok(128));
        assert_eq!(integer(&[3, 1, 0, 0]), Ok(65_536));
        assert_eq!(integer(&[5, 1, 0, 0, 0, 0]), Ok(1 << 32));
        assert_eq!(
            integer(&[10, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
            Ok(u64::MAX)
        );
        assert_eq!(integer(&[31, 2, 1, 0]), Ok(256));
        assert_eq!(
            integer(&[9, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(DecodeErrorCode::IntegerTooLarge)
        );
        assert_eq!(integer(&[0]), Err(DecodeErrorCode::EmptyValue));
        assert_eq!(integer(&[2, 1]), Err(DecodeErrorCode::ValueLengthOverrun));
        assert_eq!(integer(b"1\0"), Err(DecodeErrorCode::WrongForm));
        assert_eq!(integer(&[]), Err(DecodeErrorCode::Truncated));
    }

    #[test]
    fn raw_values_follow_the_rule_of_lengths() {
        let raw = |octets| {
            let mut reader = Reader::new(octets, 0);
            reader.raw_value().map(|value| (value, reader.offset()))
        };
        assert_eq!(raw(&[0x00, 9]), Ok((RawValue::Data(&[]), 1)));
        assert_eq!(raw(&[0x02, 9, 8, 7]), Ok((RawValue::Data(&[9, 8]), 3)));
        assert_eq!(raw(&[0x1F, 0x01, 9, 8]), Ok((RawValue::Data(&[9]), 3)));
        assert_eq!(raw(b"text\0more"), Ok((RawValue::Text("text".into()), 5)));
        assert_eq!(
            raw(b"\x7F\xE9\0more"),
            Ok((RawValue::Text(Text::new(b"\xE9")), 3))
        );
        assert_eq!(raw(&[0x84, 9]), Ok((RawValue::ShortInteger(4), 1)));
        assert_eq!(
            raw(&[0x1E, 9]),
            Err(DecodeError::new(DecodeErrorCode::ValueLengthOverrun, 0))
        );
        assert_eq!(
            raw(&[0x1F, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F]).unwrap_err().code,
            DecodeErrorCode::ValueLengthOverrun
        );
        assert_eq!(
            raw(b"text"),
            Err(DecodeError::new(DecodeErrorCode::UnterminatedText, 0))
        );
    }

    proptest::proptest! {
        #[test]
        fn the_first_zero_is_found_wherever_it_is(octets in proptest::collection::vec(0..4_u8, 0..40)) {
            proptest::prop_assert_eq!(position_of_zero(&octets), octets.iter().position(|&octet| octet == 0));
            let large: Vec<u8> = octets.iter().map(|octet| octet.wrapping_mul(0x80)).collect();
            proptest::prop_assert_eq!(position_of_zero(&large), large.iter().position(|&octet| octet == 0));
        }
    }
}
