//! A push written as a connectionless Push PDU again, for programs that take nothing else (WSP 8.2.4.1).

use push_message::{ContentType, Headers, PushMessage};
use wap_wire::wsp::{self, Encoder, PduType};
use wap_wire::{EncodeError, Text, uintvar};

/// A connectionless Push PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    octets: Vec<u8>,
    content: usize,
}

impl Rewritten {
    /// The whole PDU: transaction identifier, type, length of the headers, content type, headers, content.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The PDU up to the content.
    pub fn headers(&self) -> &[u8] {
        self.octets.get(..self.content).unwrap_or_default()
    }

    /// The PDU, and how many of its octets stand before the content.
    pub fn into_parts(self) -> (Vec<u8>, usize) {
        (self.octets, self.content)
    }
}

/// Writes a push, whatever protocol brought it, as a connectionless Push PDU with this transaction identifier. Headers have their
/// numbers where they read the same again, and are text otherwise.
///
/// A push that came as such a PDU gives one that says the same, though perhaps in other octets.
///
/// # Errors
/// [`EncodeError::TooLong`] for 4 GiB of headers; [`EncodeError::InvalidName`], [`EncodeError::ZeroInText`] for a header that
/// WSP cannot carry, which no protocol delivers.
pub fn unit_push(message: &PushMessage, transaction: u8) -> Result<Rewritten, EncodeError> {
    let mut headers = Encoder::default();
    content_type(&mut headers, message)?;
    for (name, value) in message.headers.iter() {
        headers.octets(&header(name, value)?);
    }
    let headers = headers.as_bytes();
    let length = u32::try_from(headers.len()).map_err(|_| EncodeError::TooLong(headers.len()))?;
    let mut octets = vec![transaction, PduType::PUSH.0];
    octets.reserve_exact(headers.len() + message.content.len() + 5);
    uintvar::encode(length, &mut octets);
    octets.extend_from_slice(headers);
    let content = octets.len();
    octets.extend_from_slice(&message.content);
    Ok(Rewritten { octets, content })
}

/// The content type, with numbers where those read the same again.
fn content_type(encoder: &mut Encoder, message: &PushMessage) -> Result<(), EncodeError> {
    let expected = &message.content_type;
    let mut text = expected.media_type.as_str().to_owned();
    for (name, value) in expected.parameters.iter() {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        text.extend(["; ", name, "=\"", &quoted, "\""]);
    }
    let mut compact = Encoder::default();
    if compact.content_type(&text).is_ok() && reads_as_content_type(compact.as_bytes(), expected) {
        encoder.octets(compact.as_bytes());
        return Ok(());
    }
    encoder.value_length(|encoder| {
        encoder.text(Text::from(expected.media_type.as_str()))?;
        expected.parameters.iter().try_for_each(|(name, value)| {
            encoder.text(Text::from(name))?;
            // The quotation mark in front is that of WSP, and no part of the value.
            if value.starts_with('"') {
                encoder.quoted(Text::from(value))
            } else {
                encoder.text(Text::from(value))
            }
        })
    })
}

/// Whether these octets are this content type.
fn reads_as_content_type(octets: &[u8], expected: &ContentType) -> bool {
    wsp::ContentType::decode(octets).is_ok_and(|(content_type, _)| {
        let parameters: Headers = content_type
            .parameters()
            .map(|parameter| (parameter.name, parameter.value))
            .collect();
        content_type.media_type() == Some(expected.media_type.as_str())
            && parameters == expected.parameters
    })
}

/// One header, with a number for a name where that reads the same again.
fn header(name: &str, value: &str) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::default();
    if encoder.header(name, value).is_ok() && reads_as(encoder.as_bytes(), name, value) {
        return Ok(encoder.into_octets());
    }
    let mut encoder = Encoder::default();
    encoder.text(Text::from(name))?;
    encoder.text(Text::from(value))?;
    Ok(encoder.into_octets())
}

/// Whether these octets are one header with this name and this value.
fn reads_as(octets: &[u8], name: &str, value: &str) -> bool {
    let mut headers = wsp::Headers::new(octets).into_iter();
    let first = headers.next().and_then(Result::ok);
    let same = first
        .is_some_and(|header| header.name.to_string() == name && header.value.to_string() == value);
    same && headers.next().is_none()
}

#[cfg(test)]
mod tests {
    use push_message::{InitiatorTrust, MediaType};

    use super::*;

    fn message(
        media_type: &str,
        parameters: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> PushMessage {
        PushMessage {
            application: None,
            content_type: ContentType {
                media_type: MediaType::parse(media_type).unwrap(),
                parameters: parameters.iter().copied().collect(),
            },
            headers: headers.iter().copied().collect(),
            content: Box::from(*b"body"),
            trust: InitiatorTrust::default(),
        }
    }

    #[test]
    fn known_types_and_headers_are_written_by_number() {
        let message = message(
            "application/vnd.wap.mms-message",
            &[],
            &[("X-Wap-Application-Id", "x-wap-application:mms.ua")],
        );
        let written = unit_push(&message, 0x2A).unwrap();
        assert_eq!(written.headers(), b"\x2A\x06\x03\xBE\xAF\x84");
        assert_eq!(written.octets(), b"\x2A\x06\x03\xBE\xAF\x84body");
        assert_eq!(
            written.into_parts(),
            (b"\x2A\x06\x03\xBE\xAF\x84body".to_vec(), 6)
        );
    }

    #[test]
    fn what_has_no_number_is_written_as_text() {
        let message = message(
            "application/vnd.example",
            &[("charset", "utf-8"), ("own", "a b")],
            &[
                ("X-Own", "one, two"),
                ("Cache-Control", "no-cache, no-store"),
            ],
        );
        let written = unit_push(&message, 0).unwrap();
        let expected = [
            b"\x00\x06\x55".as_slice(),
            b"\x1F\x23application/vnd.example\0\x81\xEAown\0",
            b"\"a b\0",
            b"X-Own\0one, two\0",
            b"Cache-Control\0no-cache, no-store\0",
            b"body",
        ]
        .concat();
        assert_eq!(written.octets(), expected);
    }
}
