//! Multipart content (WSP 8.5).

use super::content_type::ContentType;
use super::header::Headers;
use super::reader::Reader;
use crate::{DecodeError, DecodeErrorCode};

/// Content of the type `application/vnd.wap.multipart.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multipart<'a> {
    /// How many parts the sender says there are; 0 where it does not say.
    pub entries: u32,
    parts: Reader<'a>,
}

impl<'a> Multipart<'a> {
    /// Decodes the number of parts; parts are decoded as they are iterated over.
    ///
    /// # Errors
    /// Where the number is missing or too large.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        Ok(Self {
            entries: reader.uintvar()?,
            parts: reader,
        })
    }

    /// The parts in order, up to the end of the octets whatever number the sender says (WSP 8.5.2).
    #[must_use]
    pub const fn parts(&self) -> MultipartIter<'a> {
        MultipartIter(self.parts)
    }
}

/// Iterates over parts; ends after the first that runs past the end.
#[derive(Debug, Clone)]
pub struct MultipartIter<'a>(Reader<'a>);

impl<'a> Iterator for MultipartIter<'a> {
    type Item = Result<Part<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let part = Part::read(&mut self.0);
        if part.is_err() {
            self.0 = Reader::new(&[], self.0.offset());
        }
        Some(part)
    }
}

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The content type.
    pub content_type: ContentType<'a>,
    /// The other headers.
    pub headers: Headers<'a>,
    /// The content.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        let headers_length = reader.uintvar()?;
        let data_start = *reader;
        let data_length = reader.uintvar()?;
        let mut headers = reader
            .sub(headers_length, DecodeErrorCode::HeadersLengthOverrun)
            .map_err(|error| start.error(error.code))?;
        let body = reader
            .take(data_length, DecodeErrorCode::DataLengthOverrun)
            .map_err(|error| data_start.error(error.code))?;
        let content_type = ContentType::read(&mut headers)?;
        Ok(Self {
            content_type,
            headers: Headers::from_reader(headers),
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsp::WellKnownHeader;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    const TWO_PARTS: &[u8] = b"\x02\x01\x02\x83hi\x07\x03\x9E\xC0\"<a>\0\x01\x02\x03";

    fn parts(octets: &[u8]) -> Vec<Result<Part<'_>, DecodeError>> {
        Multipart::decode(octets).unwrap().parts().collect()
    }

    #[test]
    fn parts_have_a_content_type_and_headers_and_a_body() {
        let decoded = parts(TWO_PARTS);
        let first = decoded[0].unwrap();
        assert_eq!(
            (first.content_type.to_string().as_str(), first.body),
            ("text/plain", &b"hi"[..])
        );
        let second = decoded[1].unwrap();
        assert_eq!(
            (second.content_type.to_string().as_str(), second.body),
            ("image/jpeg", &[1, 2, 3][..])
        );
        assert_eq!(
            second
                .headers
                .find(WellKnownHeader::ContentId)
                .unwrap()
                .to_string(),
            "\"<a>\""
        );
        assert_eq!(decoded.len(), 2);
    }

    #[test]
    fn the_number_of_entries_is_not_believed() {
        for number in [0, 1, 2, 100] {
            let mut octets = TWO_PARTS.to_vec();
            octets[0] = number;
            assert_eq!(parts(&octets).len(), 2);
        }
        assert_eq!(parts(&[0]), []);
    }

    #[test]
    fn a_part_that_runs_past_the_end_is_the_last() {
        assert_eq!(
            parts(b"\0\x05\0\x83"),
            [Err(DecodeError::new(
                DecodeErrorCode::HeadersLengthOverrun,
                1
            ))]
        );
        assert_eq!(
            parts(b"\0\x01\x05\x83hi"),
            [Err(DecodeError::new(DecodeErrorCode::DataLengthOverrun, 2))]
        );
        assert_eq!(
            parts(b"\0\0\0"),
            [Err(DecodeError::new(DecodeErrorCode::Truncated, 3))]
        );
        assert_eq!(
            Multipart::decode(&[]),
            Err(DecodeError::new(DecodeErrorCode::Truncated, 0))
        );
    }
}
