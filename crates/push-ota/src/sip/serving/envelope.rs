//! `application/vnd.oma.push`: a push message in an envelope. No public text says how it is written; taken to be what a push message is
//! elsewhere (WAP-251): header lines, an empty line, the entity.

use push_message::{ContentType, Headers, PushApplicationId};

use super::media::{content_type, undescribed};
use crate::http::entity::application_id;

/// The media type of envelopes.
pub(crate) const ENVELOPE: &str = "application/vnd.oma.push";

/// What was in an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    /// Whom it names.
    pub(super) application: Option<PushApplicationId>,
    /// What its content is.
    pub(super) content_type: ContentType,
    /// Its other headers, in order.
    pub(super) headers: Headers,
    /// Its content.
    pub(super) content: &'a [u8],
}

/// Why octets are no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvelopeError {
    /// No empty line.
    #[error("no empty line ends the headers of the envelope")]
    Truncated,
    /// More headers than are taken.
    #[error("the envelope has too many headers")]
    TooManyHeaders,
    /// A line is no header.
    #[error("line {0} of the envelope is no header")]
    Header(usize),
    /// A header that there is one of stands twice.
    #[error("line {0} of the envelope says again what was said")]
    Again(usize),
    /// The application id is none.
    #[error("line {0} of the envelope names no application")]
    Application(usize),
}

impl<'a> Envelope<'a> {
    /// Reads an envelope of at most so many headers. Lines end in CRLF or in LF alone.
    pub(super) fn read(octets: &'a [u8], max_headers: usize) -> Result<Self, EnvelopeError> {
        let mut application = None;
        let mut described = None;
        let mut headers = Headers::new();
        let mut rest = octets;
        for index in 0.. {
            let end = memchr::memchr(b'\n', rest).ok_or(EnvelopeError::Truncated)?;
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if index >= max_headers {
                return Err(EnvelopeError::TooManyHeaders);
            }
            let (name, value) = header(line).ok_or(EnvelopeError::Header(index))?;
            if name.eq_ignore_ascii_case("Content-Type") {
                if described.is_some() {
                    return Err(EnvelopeError::Again(index));
                }
                let (read, whole) = content_type(&value).ok_or(EnvelopeError::Header(index))?;
                described = Some(read);
                // One that is broken further on is kept as it came.
                if whole {
                    continue;
                }
            } else if name.eq_ignore_ascii_case("X-Wap-Application-Id") {
                if application.is_some() {
                    return Err(EnvelopeError::Again(index));
                }
                let named = application_id(&value).ok_or(EnvelopeError::Application(index))?;
                application = Some(named);
            }
            headers.push_text(name, &value);
        }
        Ok(Self {
            application,
            content_type: described.unwrap_or_else(undescribed),
            headers,
            content: rest,
        })
    }
}

/// Name and value of a line.
fn header(line: &[u8]) -> Option<(&str, String)> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = str::from_utf8(name).ok()?;
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let value = String::from_utf8_lossy(value.get(1..)?);
    let value = value.trim();
    let is_text = |letter: char| letter == '\t' || !letter.is_control();
    value.chars().all(is_text).then(|| (name, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Envelope<'_>, EnvelopeError> {
        Envelope::read(text.as_bytes(), 4)
    }

    #[test]
    fn an_envelope_is_opened() {
        let envelope = read(
            "Content-Type: text/vnd.wap.si; charset=utf-8\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\
             X-Other:  one two \n\r\n\r\nrest\n",
        );
        let envelope = envelope.unwrap();
        assert_eq!(
            envelope.application,
            PushApplicationId::parse("x-wap-application:mms.ua").ok()
        );
        assert_eq!(
            envelope.content_type.to_string(),
            "text/vnd.wap.si; charset=utf-8"
        );
        assert_eq!(
            envelope.headers.iter().collect::<Vec<_>>(),
            [
                ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
                ("X-Other", "one two")
            ]
        );
        assert_eq!(envelope.content, b"\r\nrest\n");
        let bare = read("\r\n").unwrap();
        assert_eq!(bare.content_type.to_string(), "application/octet-stream");
        assert_eq!((bare.headers.len(), bare.content.len()), (0, 0));
        let half = read("content-type: text/plain; a\n\nx").unwrap();
        assert_eq!(half.content_type.to_string(), "text/plain");
        assert_eq!(half.headers.get("Content-Type"), Some("text/plain; a"));
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for (text, error) in [
            ("", EnvelopeError::Truncated),
            ("A: b\r\n", EnvelopeError::Truncated),
            ("<xml/>\n\n", EnvelopeError::Header(0)),
            ("A: b\r\n c\r\n\r\n", EnvelopeError::Header(1)),
            (": b\r\n\r\n", EnvelopeError::Header(0)),
            ("A: \u{1}\r\n\r\n", EnvelopeError::Header(0)),
            ("Content-Type: none\r\n\r\n", EnvelopeError::Header(0)),
            (
                "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n",
                EnvelopeError::Again(1),
            ),
            (
                "X-Wap-Application-Id: mms.ua\r\n\r\n",
                EnvelopeError::Application(0),
            ),
            (
                "X-Wap-Application-Id: 4\r\nX-Wap-Application-Id: 4\r\n\r\n",
                EnvelopeError::Again(1),
            ),
            ("A:\nB:\nC:\nD:\nE:\n\n", EnvelopeError::TooManyHeaders),
        ] {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
        assert!(read("A:\nB:\nC:\nD:\n\n").is_ok());
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(prop::sample::select(b"a:/ \r\n\xe9;=".to_vec()), 0..40)) {
            if let Ok(envelope) = Envelope::read(&octets, 3) {
                prop_assert!(envelope.headers.len() <= 3);
                prop_assert!(octets.ends_with(envelope.content));
            }
        }
    }
}
