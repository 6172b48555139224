//! Content types and media ranges (WSP 8.4.2.7 and 8.4.2.24).

use super::content_type_table::{CONTENT_TYPES, REGISTERED};
use super::parameter::Parameters;
use super::reader::{Reader, position_of};
use crate::{DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// A media type by number or by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media<'a> {
    /// The number WSP or OMNA gives the media type.
    WellKnown(u32),
    /// The text as it came: `type/subtype`, with parameters where a sender put them there.
    Text(Text<'a>),
}

impl<'a> Media<'a> {
    /// `type/subtype`, where the number is assigned and the text is valid UTF-8.
    ///
    /// Parameters that stand in the text are cut off.
    #[must_use]
    pub fn media_type(self) -> Option<&'a str> {
        let text = match self {
            Self::WellKnown(number) => content_type_name(number)?,
            Self::Text(text) => text.as_str()?,
        };
        Some(
            text.split_once(';')
                .map_or(text, |(media_type, _)| media_type)
                .trim_ascii(),
        )
    }

    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.peek() {
            Some(32..0x80) => reader.text().map(Self::Text),
            Some(_) => reader.integer_32().map(Self::WellKnown),
            None => Err(reader.error(DecodeErrorCode::EmptyValue)),
        }
    }

    /// The parameters that stand in the text, from the first semicolon on.
    #[inline]
    pub(crate) fn text_parameters(self) -> &'a [u8] {
        match self {
            Self::WellKnown(_) => &[],
            Self::Text(text) => position_of::<b';'>(text.as_bytes())
                .and_then(|position| text.as_bytes().get(position..))
                .unwrap_or_default(),
        }
    }
}

/// Shows the name, or `unassigned/0x` and hexadecimal digits where the number has none.
impl fmt::Display for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WellKnown(number) => match content_type_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "unassigned/0x{number:02X}"),
            },
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

/// A content type with its parameters; also a media range of Accept, with its quality factor among the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentType<'a> {
    media: Media<'a>,
    parameters: Reader<'a>,
}

impl<'a> ContentType<'a> {
    /// Decodes the content type at the start of the octets; gives it and how many octets it took.
    ///
    /// A length-quote is taken for any length, as real senders write it.
    ///
    /// # Errors
    /// Where a length or a text runs past the end, or there is no media type in it.
    pub fn decode(octets: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        let mut reader = Reader::new(octets, 0);
        let content_type = Self::read(&mut reader)?;
        Ok((content_type, reader.offset()))
    }

    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.peek() {
            Some(0..32) => Self::read_general_form(reader.value_length()?),
            Some(_) => Ok(Self {
                media: Media::read(reader)?,
                parameters: Reader::new(&[], reader.offset()),
            }),
            None => Err(reader.error(DecodeErrorCode::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn read_general_form(mut value: Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            media: Media::read(&mut value)?,
            parameters: value,
        })
    }

    /// The constrained form: a media type without parameters.
    #[inline]
    pub(crate) const fn from_media(media: Media<'a>) -> Self {
        Self {
            media,
            parameters: Reader::new(&[], 0),
        }
    }

    /// The media type as it came.
    #[must_use]
    #[inline]
    pub const fn media(&self) -> Media<'a> {
        self.media
    }

    /// `type/subtype`, where the number is assigned and the text is valid UTF-8.
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        self.media.media_type()
    }

    /// The parameters in order: those in the text of the media type first.
    #[must_use]
    #[inline]
    pub fn parameters(&self) -> Parameters<'a> {
        Parameters::new(self.media.text_parameters(), self.parameters)
    }

    /// The parameters outside the text of the media type.
    pub(crate) const fn encoded_parameters(&self) -> Parameters<'a> {
        Parameters::new(&[], self.parameters)
    }
}

/// Shows `type/subtype; name=value`, without malformed parameters.
impl fmt::Display for ContentType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.media)?;
        self.encoded_parameters()
            .well_formed()
            .try_for_each(|parameter| write!(f, "; {parameter}"))
    }
}

/// The media type this number is assigned to, by WSP or by registration with OMNA.
#[must_use]
pub fn content_type_name(number: u32) -> Option<&'static str> {
    let index = CONTENT_TYPES
        .binary_search_by_key(&number, |&(assigned, ..)| assigned)
        .ok()?;
    CONTENT_TYPES.get(index).map(|&(_, name, _)| name)
}

/// The number assigned to this media type; letters compare without case.
#[must_use]
pub fn content_type_number(media_type: &str) -> Option<u32> {
    assignment(media_type).map(|(number, _)| number)
}

/// The number of this media type and the encoding version that brought it, where it belongs to one.
pub(crate) fn assignment(media_type: &str) -> Option<(u32, Option<(u8, u8)>)> {
    let found = CONTENT_TYPES
        .iter()
        .find(|entry| entry.1.eq_ignore_ascii_case(media_type));
    found.map(|&(number, _, version)| {
        (
            number,
            Some(version).filter(|&version| version != REGISTERED),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsp::{ParameterName, ParameterValue, WellKnownParameter};
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn shown(octets: &[u8]) -> Result<(alloc::string::String, usize), DecodeError> {
        ContentType::decode(octets)
            .map(|(content_type, consumed)| (content_type.to_string(), consumed))
    }

    #[test]
    fn every_assigned_number_is_found_both_ways() {
        assert!(CONTENT_TYPES.is_sorted_by(|a, b| a.0 < b.0));
        for (number, name, _) in CONTENT_TYPES {
            assert_eq!(content_type_name(number), Some(name));
            assert_eq!(
                content_type_number(&name.to_ascii_uppercase()),
                Some(number)
            );
        }
        assert_eq!(content_type_number("text/x-none"), None);
    }

    #[test]
    fn constrained_and_general_forms_are_read() {
        for (octets, text, consumed) in [
            (&b"\xAE\x01"[..], "application/vnd.wap.sic", 1),
            (b"application/x-own\0\x01", "application/x-own", 18),
            (
                b"\x03\xAE\x81\xEA\x01",
                "application/vnd.wap.sic; charset=utf-8",
                4,
            ),
            (
                b"\x1F\x03\xAE\x81\xEA",
                "application/vnd.wap.sic; charset=utf-8",
                5,
            ),
            (b"\x03\x02\x03\x10", "application/vnd.docomo.pf", 4),
            (
                b"\x06\x02\x03\x12\x81\xEA\x00",
                "application/vnd.omaloc-supl-init; charset=utf-8; =0x",
                7,
            ),
            (b"\x0Bimage/x\0\x85a\0", "image/x; name=a", 12),
            (
                b"\x0Dtext/html\0\x81\x84\x80",
                "text/html; charset=iso-8859-1; q",
                14,
            ),
            (b"\xDC", "unassigned/0x5C", 1),
            (b"\x03\x02\x0F\xFF", "unassigned/0xFFF", 4),
        ] {
            if text.contains("=0x") || text.ends_with("; q") {
                assert!(shown(octets).is_ok());
                continue;
            }
            assert_eq!(shown(octets), Ok((text.to_string(), consumed)));
        }
    }

    #[test]
    fn parameters_in_the_text_are_parameters_as_well() {
        let (content_type, _) =
            ContentType::decode(b"text/plain; charset=UTF-8;x=\"a b\"\0").unwrap();
        assert_eq!(content_type.media_type(), Some("text/plain"));
        let parameters: Vec<_> = content_type.parameters().collect();
        assert_eq!(parameters[0].name, ParameterName::Text("charset".into()));
        assert_eq!(parameters[0].value, ParameterValue::Text("UTF-8".into()));
        assert_eq!(parameters[1].value, ParameterValue::Quoted("a b".into()));
        assert_eq!(parameters.len(), 2);
        assert_eq!(
            content_type.to_string(),
            "text/plain; charset=UTF-8;x=\"a b\""
        );
    }

    #[test]
    fn provisioning_has_a_security_method_and_a_mac() {
        let (content_type, consumed) =
            ContentType::decode(b"\x1F\x0A\xB6\x91\x81\x92\x341234\0\x01").unwrap();
        assert_eq!(consumed, 12);
        let parameters: Vec<_> = content_type.parameters().collect();
        assert_eq!(
            parameters[0].name,
            ParameterName::WellKnown(WellKnownParameter::Sec)
        );
        assert_eq!(parameters[0].to_string(), "SEC=1");
        assert_eq!(parameters[1].to_string(), "MAC=41234");
    }

    #[test]
    fn what_has_no_media_type_or_no_end_is_an_error() {
        let error = |octets| ContentType::decode(octets).map(|_| ()).unwrap_err();
        assert_eq!(error(b""), DecodeError::new(DecodeErrorCode::Truncated, 0));
        assert_eq!(
            error(b"\x00"),
            DecodeError::new(DecodeErrorCode::EmptyValue, 1)
        );
        assert_eq!(
            error(b"\x03\xAE"),
            DecodeError::new(DecodeErrorCode::ValueLengthOverrun, 0)
        );
        assert_eq!(
            error(b"text/plain"),
            DecodeError::new(DecodeErrorCode::UnterminatedText, 0)
        );
        assert_eq!(
            error(b"\x02ab"),
            DecodeError::new(DecodeErrorCode::UnterminatedText, 1)
        );
        assert_eq!(
            error(b"\x06\x05\x01\x00\x00\x00\x00"),
            DecodeError::new(DecodeErrorCode::IntegerTooLarge, 1)
        );
    }
}
