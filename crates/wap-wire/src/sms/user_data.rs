//! TP-User-Data: a header, if there is one, and what follows it (3GPP TS 23.040 9.2.3.16, 9.2.3.24).

use super::{Alphabet, Characters, DataCoding, Septets, UserDataHeader};
use crate::{DecodeError, DecodeErrorCode};

/// The most octets of user data.
const MAX_OCTETS: usize = 140;

/// The user data of a short message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserData<'a> {
    /// How it is coded.
    pub data_coding: DataCoding,
    /// Whether it begins with a header.
    pub has_header: bool,
    /// Its length as the message says it: septets or octets, by the coding.
    pub length: u8,
    /// Its octets, header included.
    pub octets: &'a [u8],
    /// The offset of its first octet in what was decoded.
    pub(super) offset: usize,
}

impl<'a> UserData<'a> {
    /// Reads a length and the user data, and says how many octets they took; `offset` is that of the length.
    pub(super) fn decode(
        octets: &'a [u8],
        data_coding: DataCoding,
        has_header: bool,
        offset: usize,
    ) -> Result<(Self, usize), DecodeError> {
        let error = |code| DecodeError::new(code, offset);
        let (&length, rest) = octets
            .split_first()
            .ok_or_else(|| error(DecodeErrorCode::Truncated))?;
        let count = octets_of(usize::from(length), data_coding);
        if count > MAX_OCTETS {
            return Err(error(DecodeErrorCode::UserDataTooLong));
        }
        let octets = rest
            .get(..count)
            .ok_or_else(|| error(DecodeErrorCode::UserDataLengthOverrun))?;
        let user_data = Self {
            data_coding,
            has_header,
            length,
            octets,
            offset: offset.saturating_add(1),
        };
        Ok((user_data, count.saturating_add(1)))
    }

    /// The header, if there is one.
    ///
    /// # Errors
    ///
    /// The header is broken, so that nothing in it counts: the message has neither ports nor concatenation.
    pub fn header(&self) -> Option<Result<UserDataHeader<'a>, DecodeError>> {
        if !self.has_header {
            return None;
        }
        let header = UserDataHeader::decode(self.octets).map(|(header, _)| header);
        Some(header.map_err(|error| {
            DecodeError::new(error.code, error.offset.saturating_add(self.offset))
        }))
    }

    /// The octets behind the header. Of a header that is longer than the user data nothing is behind it.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.octets.get(self.header_length()..).unwrap_or_default()
    }

    /// The septets behind the header, where the data is uncompressed text in the default alphabet. Text begins at a septet's border:
    /// fill bits lie between it and the header.
    //= specs/wdp.md#user-data-length
    //# Text in the GSM default alphabet MUST be read from the first septet border behind the header.
    #[must_use]
    pub fn septets(&self) -> Option<Septets<'a>> {
        if self.data_coding.counts_octets() {
            return None;
        }
        let before = self.header_length().saturating_mul(8).div_ceil(7);
        let count = usize::from(self.length).saturating_sub(before);
        Some(Septets::new(self.octets, before.saturating_mul(7), count))
    }

    /// The characters behind the header, where the data is uncompressed text; what is no character of UCS-2 is shown as U+FFFD.
    #[must_use]
    pub fn characters(&self) -> Option<impl Iterator<Item = char> + use<'a>> {
        if self.data_coding.is_compressed() {
            return None;
        }
        let (septets, pairs) = match self.data_coding.alphabet() {
            Alphabet::Octets => return None,
            Alphabet::Default => (self.septets(), None),
            Alphabet::Ucs2 => (None, Some(self.body().as_chunks::<2>().0)),
        };
        let units = pairs
            .unwrap_or_default()
            .iter()
            .map(|pair| u16::from_be_bytes(*pair));
        let wide =
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        Some(septets.into_iter().flat_map(Characters::new).chain(wide))
    }

    /// Octets of the header, its length included, whether it is broken or not.
    fn header_length(&self) -> usize {
        match self.octets.first() {
            Some(&length) if self.has_header => usize::from(length).saturating_add(1),
            _ => 0,
        }
    }
}

/// How many octets user data of this length takes.
//= specs/wdp.md#user-data-length
//# The length of user data MUST be read as a number of septets where the data is uncompressed text in the GSM default alphabet, and as a number of octets otherwise.
fn octets_of(length: usize, data_coding: DataCoding) -> usize {
    if data_coding.counts_octets() {
        length
    } else {
        length.saturating_mul(7).div_ceil(8)
    }
}
