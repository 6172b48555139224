//! A connectionless push as a push server builds it.

use std::fmt;

use crate::tables::{self, Form};
use crate::values;

/// The PDU type of a Push (WSP table 34).
const PUSH: u8 = 0x06;
/// The PDU type of a `ConfirmedPush`, which has no place in the connectionless service.
const CONFIRMED_PUSH: u8 = 0x07;
/// X-Wap-Application-Id in header code page 1.
const X_WAP_APPLICATION_ID: u8 = 0x2f;
/// The charset parameter (WSP table 38).
const CHARSET: u8 = 0x01;

/// A push message on its way to a terminal over the connectionless service (WSP 8.2.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    tid: u8,
    pdu_type: u8,
    media_type: String,
    media_type_as_text: bool,
    parameters: Vec<(String, String)>,
    application: Option<ApplicationId>,
    headers: Vec<(String, String)>,
    raw_headers: Vec<u8>,
    headers_length: Option<u32>,
    body: Vec<u8>,
}

impl Push {
    /// A push with this content; `content_type` is a media type with its parameters, if any, behind semicolons.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut parts = content_type.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_owned();
        let parameters = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim()).to_owned()))
            .collect();
        Self {
            tid: 0,
            pdu_type: PUSH,
            media_type,
            media_type_as_text: false,
            parameters,
            application: None,
            headers: Vec::new(),
            raw_headers: Vec::new(),
            headers_length: None,
            body: body.into(),
        }
    }

    /// Sets the transaction identifier, 0 unless set.
    #[must_use]
    pub const fn tid(mut self, tid: u8) -> Self {
        self.tid = tid;
        self
    }

    /// Names the application; without it the push is for `x-wap-application:wml.ua`.
    #[must_use]
    pub fn application(mut self, application: ApplicationId) -> Self {
        self.application = Some(application);
        self
    }

    /// Adds a parameter of the content type.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header behind the others: compactly where this server knows how to, else name and value as text.
    ///
    /// The values of date headers are seconds since 1970 in decimal.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds octets behind the headers, whatever they are.
    #[must_use]
    pub fn raw_headers(mut self, octets: &[u8]) -> Self {
        self.raw_headers.extend_from_slice(octets);
        self
    }

    /// Writes the media type as text even where it has a number.
    #[must_use]
    pub const fn media_type_as_text(mut self) -> Self {
        self.media_type_as_text = true;
        self
    }

    /// Sends a `ConfirmedPush`, which a terminal without a session cannot answer.
    #[must_use]
    pub const fn confirmed(self) -> Self {
        self.pdu_type(CONFIRMED_PUSH)
    }

    /// Sends another type of PDU.
    #[must_use]
    pub const fn pdu_type(mut self, pdu_type: u8) -> Self {
        self.pdu_type = pdu_type;
        self
    }

    /// States this length of the headers instead of the true one.
    #[must_use]
    pub const fn headers_length(mut self, length: u32) -> Self {
        self.headers_length = Some(length);
        self
    }

    /// The datagram.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let headers = self.encode_headers()?;
        let true_length = u32::try_from(headers.len()).unwrap_or(u32::MAX);
        let mut datagram = vec![self.tid, self.pdu_type];
        values::uintvar(self.headers_length.unwrap_or(true_length), &mut datagram);
        datagram.extend_from_slice(&headers);
        datagram.extend_from_slice(&self.body);
        Ok(datagram)
    }

    /// The content type with its parameters, as text.
    pub(crate) fn content_type(&self) -> String {
        let mut content_type = self.media_type.clone();
        for (name, value) in &self.parameters {
            content_type.push_str("; ");
            content_type.push_str(name);
            content_type.push('=');
            content_type.push_str(&parameter_value(value));
        }
        content_type
    }

    pub(crate) const fn named_application(&self) -> Option<&ApplicationId> {
        self.application.as_ref()
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    fn encode_headers(&self) -> Result<Vec<u8>, EncodeError> {
        let mut octets = Vec::new();
        self.encode_content_type(&mut octets)?;
        if let Some(application) = &self.application {
            octets.push(X_WAP_APPLICATION_ID | 0x80);
            match application {
                ApplicationId::Number(number) => values::integer(u64::from(*number), &mut octets),
                ApplicationId::Text(uri) => values::text(checked(uri)?, &mut octets),
            }
        }
        for (name, value) in &self.headers {
            encode_header(checked_name(name)?, checked(value)?, &mut octets);
        }
        octets.extend_from_slice(&self.raw_headers);
        Ok(octets)
    }

    fn encode_content_type(&self, to: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut value = Vec::new();
        match tables::content_type(&self.media_type).filter(|_| !self.media_type_as_text) {
            Some(code) => values::integer(u64::from(code), &mut value),
            None => values::text(checked(&self.media_type)?, &mut value),
        }
        if self.parameters.is_empty() {
            to.extend_from_slice(&value);
            return Ok(());
        }
        for (name, text) in &self.parameters {
            encode_parameter(checked_name(name)?, checked(text)?, &mut value);
        }
        values::with_length(&value, to);
        Ok(())
    }
}

/// A value of a parameter as text: in quotation marks where it is no token.
fn parameter_value(value: &str) -> String {
    let in_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    if !value.is_empty() && value.bytes().all(in_token) {
        value.to_owned()
    } else {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn encode_parameter(name: &str, text: &str, to: &mut Vec<u8>) {
    let charset = tables::charset(text).filter(|_| name.eq_ignore_ascii_case("charset"));
    if let Some(number) = charset {
        to.push(CHARSET | 0x80);
        values::integer(u64::from(number), to);
    } else {
        values::text(name, to);
        values::text(text, to);
    }
}

fn encode_header(name: &str, value: &str, to: &mut Vec<u8>) {
    let compact = tables::header(name).and_then(|(code, form)| Some((code, compact(form, value)?)));
    if let Some((code, octets)) = compact {
        to.push(code | 0x80);
        to.extend_from_slice(&octets);
    } else {
        values::text(name, to);
        values::text(value, to);
    }
}

/// The value in the form that its header has, or nothing where it does not fit.
fn compact(form: Form, value: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    match form {
        Form::Text => values::text(value, &mut octets),
        Form::Quoted => {
            octets.push(b'"');
            octets.extend_from_slice(unquoted(value).as_bytes());
            octets.push(0);
        }
        Form::Integer => values::integer(value.parse().ok()?, &mut octets),
        Form::Date => values::long_integer(value.parse().ok()?, &mut octets),
        Form::Version => {
            let (major, minor) = value.split_once('.')?;
            let major: u8 = major.parse().ok().filter(|major| *major <= 7)?;
            let minor: u8 = minor.parse().ok().filter(|minor| *minor <= 14)?;
            octets.push(0x80 | major << 4 | minor);
        }
    }
    Some(octets)
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text)
}

fn checked(text: &str) -> Result<&str, EncodeError> {
    if text.contains('\0') {
        return Err(EncodeError::ZeroInText(text.to_owned()));
    }
    Ok(text)
}

/// A name must not be empty, nor begin with an octet that reads as a number, a shift or a length.
fn checked_name(name: &str) -> Result<&str, EncodeError> {
    let fits = |octet: u8| octet.is_ascii_graphic();
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(EncodeError::InvalidName(name.to_owned()));
    }
    Ok(name)
}

/// The application that a push is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationId {
    /// A number of the OMNA registry.
    Number(u32),
    /// A text, commonly a URI.
    Text(String),
}

impl ApplicationId {
    /// Decimal digits, or hexadecimal ones behind `0x`, are a number; all else is text.
    pub fn parse(text: &str) -> Self {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        number.map_or_else(|| Self::Text(text.to_owned()), Self::Number)
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:#x}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Why a push cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text holds a zero octet, which would end it.
    #[error(
        "{0:?} holds a zero octet, which ends a text: leave it out, or give the headers as octets"
    )]
    ZeroInText(String),
    /// A name of a header or parameter is no token.
    #[error("{0:?} is no name of a header or parameter: use visible ASCII characters")]
    InvalidName(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_written_compactly() {
        let push = Push::new("application/vnd.wap.mms-message", *b"body")
            .tid(0x2a)
            .application(ApplicationId::Number(4))
            .header("Encoding-Version", "1.3")
            .header("Push-Flag", "4")
            .header("Content-Length", "4")
            .header("Expires", "1700000000")
            .header("Content-ID", "<a@b>");
        let expected = b"\x2a\x06\x17\xbe\xaf\x84\xc3\x93\xb4\x84\x8d\x84\x94\x04\x65\x53\xf1\x00\xc0\"<a@b>\0body";
        assert_eq!(push.encode().unwrap(), expected);
    }

    #[test]
    fn what_has_no_number_is_written_as_text() {
        let push = Push::new("application/x-example", *b"")
            .application(ApplicationId::Text("x-example:app".to_owned()))
            .header("X-Example", "1")
            .header("Age", "old");
        let expected =
            b"\x00\x06\x39application/x-example\0\xafx-example:app\0X-Example\x001\0Age\0old\0";
        assert_eq!(push.encode().unwrap(), expected);
    }

    #[test]
    fn parameters_stand_behind_the_length_of_the_content_type() {
        let push =
            Push::new("application/vnd.wap.sic; charset=utf-8", *b"x").parameter("name", "n");
        let expected = b"\x00\x06\x0b\x0a\xae\x81\xeaname\0n\0x";
        assert_eq!(push.encode().unwrap(), expected);
        let as_text = Push::new("text/plain", *b"x").media_type_as_text();
        assert_eq!(as_text.encode().unwrap(), b"\x00\x06\x0btext/plain\0x");
    }

    #[test]
    fn misbehaviour_is_written_as_asked() {
        let push = Push::new("text/plain", *b"x")
            .confirmed()
            .headers_length(200);
        assert_eq!(push.encode().unwrap(), b"\x00\x07\x81\x48\x83x");
        let raw = Push::new("text/plain", *b"x")
            .raw_headers(&[0x7f, 0xff])
            .pdu_type(0x40);
        assert_eq!(raw.encode().unwrap(), b"\x00\x40\x03\x83\x7f\xffx");
    }

    #[test]
    fn text_that_would_end_early_is_refused() {
        let zero = Push::new("text/plain", *b"").header("X-A", "a\0b");
        assert_eq!(
            zero.encode(),
            Err(EncodeError::ZeroInText("a\0b".to_owned()))
        );
        let name = Push::new("text/plain", *b"").header("\u{e9}", "a");
        assert_eq!(
            name.encode(),
            Err(EncodeError::InvalidName("\u{e9}".to_owned()))
        );
    }

    #[test]
    fn application_ids_are_numbers_or_text() {
        assert_eq!(ApplicationId::parse("4"), ApplicationId::Number(4));
        assert_eq!(
            ApplicationId::parse("0x8001"),
            ApplicationId::Number(0x8001)
        );
        let uri = "x-wap-application:mms.ua";
        assert_eq!(
            ApplicationId::parse(uri),
            ApplicationId::Text(uri.to_owned())
        );
        assert_eq!(ApplicationId::parse("0x8001").to_string(), "0x8001");
    }
}
