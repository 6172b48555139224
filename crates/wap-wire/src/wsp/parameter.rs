//! Parameters of content types and of other headers (WSP 8.4.2.4 and table 38).

use super::charset::Charset;
use super::content_type::Media;
use super::header::HeaderName;
use super::reader::Reader;
use super::value::{Quality, RawValue, Version, unquoted};
use crate::text::write_token_or_quoted;
use crate::{Date, DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// The form a parameter's value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Quality,
    Charset,
    Version,
    Integer,
    Text,
    FieldName,
    Media,
    DeltaSeconds,
    NoValue,
    Sec,
    Date,
}

macro_rules! well_known_parameters {
    ($($number:literal $variant:ident $name:literal ($major:literal, $minor:literal) $form:ident,)+) => {
        /// A parameter with an assigned number (WSP table 38).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WellKnownParameter {
            $(#[doc = concat!("`", $name, "`, number ", stringify!($number), ", of encoding version ", $major, ".", $minor)] $variant,)+
        }

        impl WellKnownParameter {
            /// Every assigned parameter, in number order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The parameter of this number.
            #[must_use]
            #[inline]
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The assigned number.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// The parameter's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The encoding version that brought the number: major and minor.
            #[must_use]
            pub const fn encoding_version(self) -> (u8, u8) {
                match self { $(Self::$variant => ($major, $minor),)+ }
            }

            #[inline]
            pub(crate) const fn form(self) -> Form {
                match self { $(Self::$variant => Form::$form,)+ }
            }
        }
    };
}

well_known_parameters! {
    0x00 Q "q" (1, 1) Quality,
    0x01 Charset "charset" (1, 1) Charset,
    0x02 Level "level" (1, 1) Version,
    0x03 Type "type" (1, 1) Integer,
    0x05 NameVersion11 "name" (1, 1) Text,
    0x06 FilenameVersion11 "filename" (1, 1) Text,
    0x07 Differences "differences" (1, 1) FieldName,
    0x08 Padding "padding" (1, 1) Integer,
    0x09 RelatedType "type" (1, 2) Media,
    0x0A StartVersion12 "start" (1, 2) Text,
    0x0B StartInfoVersion12 "start-info" (1, 2) Text,
    0x0C CommentVersion13 "comment" (1, 3) Text,
    0x0D DomainVersion13 "domain" (1, 3) Text,
    0x0E MaxAge "max-age" (1, 3) DeltaSeconds,
    0x0F PathVersion13 "path" (1, 3) Text,
    0x10 Secure "secure" (1, 3) NoValue,
    0x11 Sec "SEC" (1, 4) Sec,
    0x12 Mac "MAC" (1, 4) Text,
    0x13 CreationDate "creation-date" (1, 4) Date,
    0x14 ModificationDate "modification-date" (1, 4) Date,
    0x15 ReadDate "read-date" (1, 4) Date,
    0x16 Size "size" (1, 4) Integer,
    0x17 Name "name" (1, 4) Text,
    0x18 Filename "filename" (1, 4) Text,
    0x19 Start "start" (1, 4) Text,
    0x1A StartInfo "start-info" (1, 4) Text,
    0x1B Comment "comment" (1, 4) Text,
    0x1C Domain "domain" (1, 4) Text,
    0x1D Path "path" (1, 4) Text,
}

impl WellKnownParameter {
    /// The parameter to send for this name: the one whose number is not deprecated. Letters compare without case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        // Of two numbers for one name the later one is to be sent, except that Type 9 is for multipart/related alone.
        let candidates = Self::ALL
            .iter()
            .rev()
            .filter(|&&parameter| parameter != Self::RelatedType);
        candidates
            .copied()
            .find(|parameter| parameter.name().eq_ignore_ascii_case(name))
    }
}

/// A parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterName<'a> {
    /// A parameter with an assigned number.
    WellKnown(WellKnownParameter),
    /// A number that is not assigned.
    Unassigned(u32),
    /// A name.
    Text(Text<'a>),
}

/// Shows the name, or `0x` and hexadecimal digits for a number that is not assigned.
impl fmt::Display for ParameterName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WellKnown(parameter) => f.write_str(parameter.name()),
            Self::Unassigned(number) => write!(f, "0x{number:02X}"),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

/// How a provisioning document is authenticated (WAP-184, parameter SEC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecurityMethod {
    /// By a secret that the network and the terminal share.
    NetworkPin,
    /// By a number that the user enters.
    UserPin,
    /// By both.
    UserNetworkPin,
    /// By a number that the user enters and that holds the MAC.
    UserPinMac,
    /// A number that is not assigned.
    Unassigned(u8),
}

impl SecurityMethod {
    /// The method of this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::NetworkPin,
            1 => Self::UserPin,
            2 => Self::UserNetworkPin,
            3 => Self::UserPinMac,
            other => Self::Unassigned(other),
        }
    }

    /// The number of this method.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::NetworkPin => 0,
            Self::UserPin => 1,
            Self::UserNetworkPin => 2,
            Self::UserPinMac => 3,
            Self::Unassigned(number) => number,
        }
    }

    /// The method's name, where the number is assigned.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NetworkPin => "NETWPIN",
            Self::UserPin => "USERPIN",
            Self::UserNetworkPin => "USERNETWPIN",
            Self::UserPinMac => "USERPINMAC",
            Self::Unassigned(_) => return None,
        })
    }
}

/// A parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterValue<'a> {
    /// The parameter has no value.
    NoValue,
    /// A text or token.
    Text(Text<'a>),
    /// The text of a quoted-string, without quotation marks.
    Quoted(Text<'a>),
    /// An integer.
    Integer(u64),
    /// A quality factor.
    Quality(Quality),
    /// A character set.
    Charset(Charset<'a>),
    /// A version.
    Version(Version<'a>),
    /// A media type without parameters.
    Media(Media<'a>),
    /// The name of a header field.
    FieldName(HeaderName<'a>),
    /// A time span in seconds.
    DeltaSeconds(u64),
    /// A point in time.
    Date(Date),
    /// How a provisioning document is authenticated.
    SecurityMethod(SecurityMethod),
    /// Octets of a parameter that is not assigned.
    Opaque(&'a [u8]),
    /// A value that the parameter cannot have; where its length is unknown, it is the last.
    Malformed(DecodeError),
}

/// Shows the value without quotation marks around it; nothing where there is none or it is malformed.
impl fmt::Display for ParameterValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue | Self::Malformed(_) => Ok(()),
            Self::Text(text) | Self::Quoted(text) => write!(f, "{text}"),
            Self::Integer(number) | Self::DeltaSeconds(number) => write!(f, "{number}"),
            Self::Quality(quality) => write!(f, "{quality}"),
            Self::Charset(charset) => write!(f, "{charset}"),
            Self::Version(version) => write!(f, "{version}"),
            Self::Media(media) => write!(f, "{media}"),
            Self::FieldName(name) => write!(f, "{name}"),
            Self::Date(date) => write!(f, "{date}"),
            Self::SecurityMethod(method) => write!(f, "{}", method.number()),
            Self::Opaque(octets) => super::value::write_hex(f, octets),
        }
    }
}

/// A parameter: name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The name.
    pub name: ParameterName<'a>,
    /// The value.
    pub value: ParameterValue<'a>,
}

/// Shows `name=value`, with quotation marks where the value needs them, and `name` alone where there is no value.
impl fmt::Display for Parameter<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other values are shown without quotation marks"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match self.value {
            ParameterValue::NoValue | ParameterValue::Malformed(_) => Ok(()),
            ParameterValue::Text(text) => {
                f.write_str("=")?;
                write_token_or_quoted(f, text)
            }
            ParameterValue::Quoted(text) => write!(f, "=\"{text}\""),
            ParameterValue::Date(date) => write!(f, "=\"{date}\""),
            ParameterValue::Media(media) => write!(f, "=\"{media}\""),
            value => write!(f, "={value}"),
        }
    }
}

impl<'a> Parameter<'a> {
    /// Reads a parameter that fills the value of a Pragma header or stands in a list.
    ///
    /// # Errors
    /// Where the name or the length of the value runs past the end.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if let Some(32..0x80) = reader.peek() {
            let name = ParameterName::Text(reader.text()?);
            return Ok(Self {
                name,
                value: ParameterValue::read_untyped(reader)?,
            });
        }
        let number = reader.integer_32()?;
        let (name, value) = match WellKnownParameter::from_number(number) {
            Some(parameter) => (
                ParameterName::WellKnown(parameter),
                ParameterValue::read(reader, parameter.form())?,
            ),
            None => (
                ParameterName::Unassigned(number),
                ParameterValue::read_untyped(reader)?,
            ),
        };
        Ok(Self { name, value })
    }

    /// Reads `name=value` from text.
    fn from_text(text: &'a [u8]) -> Self {
        let equals = text
            .iter()
            .position(|&octet| octet == b'=')
            .unwrap_or(text.len());
        let (name, value) = text.split_at_checked(equals).unwrap_or((text, &[]));
        let value = value.strip_prefix(b"=").map(<[u8]>::trim_ascii);
        let value = match (value, value.and_then(unquoted)) {
            (_, Some(quoted)) => ParameterValue::Quoted(Text::new(quoted)),
            (Some(value), None) => ParameterValue::Text(Text::new(value)),
            (None, None) => ParameterValue::NoValue,
        };
        Self {
            name: ParameterName::Text(Text::new(name.trim_ascii())),
            value,
        }
    }
}

impl<'a> ParameterValue<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        let start = *reader;
        let value = match (form, reader.peek()) {
            (Form::Quality, Some(_)) => Self::read_quality(reader),
            (_, Some(0)) => {
                reader.octet()?;
                Ok(Self::NoValue)
            }
            (Form::Charset, Some(_)) => Charset::read(reader).map(Self::Charset),
            (Form::Media, Some(_)) => Media::read(reader).map(Self::Media),
            (Form::FieldName, Some(_)) => HeaderName::read_field_name(reader).map(Self::FieldName),
            (Form::Version, Some(0x80..)) => reader.version().map(Self::Version),
            // A value that its own form cannot say is sent as text.
            (_, Some(32..0x80)) => Self::read_text(reader),
            (Form::Integer, Some(_)) => reader.integer().map(Self::Integer),
            (Form::DeltaSeconds, Some(_)) => reader.integer().map(Self::DeltaSeconds),
            (Form::Date, Some(_)) => reader.integer().map(|seconds| Self::Date(Date(seconds))),
            (Form::Sec, Some(octet @ 0x80..)) => {
                reader.octet()?;
                Ok(Self::SecurityMethod(SecurityMethod::from_number(
                    octet & 0x7F,
                )))
            }
            (Form::Text | Form::NoValue | Form::Version | Form::Sec, Some(_)) => {
                Err(reader.error(DecodeErrorCode::WrongForm))
            }
            (_, None) => Err(reader.error(DecodeErrorCode::Truncated)),
        };
        value.or_else(|error| Self::skip_malformed(reader, start, error))
    }

    /// Skips a value that is malformed, so that the parameters after it can be read.
    #[cold]
    fn skip_malformed(
        reader: &mut Reader<'a>,
        start: Reader<'a>,
        error: DecodeError,
    ) -> Result<Self, DecodeError> {
        *reader = start;
        reader.raw_value().map_err(|_| error)?;
        Ok(Self::Malformed(error))
    }

    fn read_quality(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        let number = reader.uintvar()?;
        let malformed = Self::Malformed(start.error(DecodeErrorCode::InvalidQuality));
        Ok(Quality::from_wire(number).map_or(malformed, Self::Quality))
    }

    fn read_text(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let text = reader.text()?;
        Ok(match unquoted(text.as_bytes()) {
            Some(quoted) => Self::Quoted(Text::new(quoted)),
            None => Self::Text(text),
        })
    }

    /// An Untyped-value: text, an integer, or nothing.
    pub(crate) fn read_untyped(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if let Some(32..0x80) = reader.peek() {
            return Self::read_text(reader);
        }
        Ok(match reader.raw_value()? {
            RawValue::ShortInteger(number) => Self::Integer(u64::from(number)),
            RawValue::Data([]) => Self::NoValue,
            RawValue::Data(octets) => match super::reader::multi_octet_integer(octets) {
                Ok(number) => Self::Integer(number),
                Err(_) => Self::Opaque(octets),
            },
            RawValue::Text(text) => Self::Text(text),
        })
    }
}

/// Iterates over parameters. A parameter whose length cannot be known is the last, with a malformed value.
#[derive(Debug, Clone)]
pub struct Parameters<'a> {
    text: &'a [u8],
    reader: Reader<'a>,
}

impl<'a> Parameters<'a> {
    /// Parameters in the text of a media type, from the first semicolon on, and parameters as WSP encodes them.
    #[inline]
    pub(crate) const fn new(text: &'a [u8], reader: Reader<'a>) -> Self {
        Self { text, reader }
    }

    /// The value of the first parameter of this name; letters compare without case.
    #[must_use]
    pub fn find(self, name: &str) -> Option<ParameterValue<'a>> {
        let mut parameters = self;
        parameters.find_map(|parameter| {
            let same = match parameter.name {
                ParameterName::WellKnown(parameter) => parameter.name().eq_ignore_ascii_case(name),
                ParameterName::Text(text) => text.eq_ignore_ascii_case(name),
                ParameterName::Unassigned(_) => false,
            };
            same.then_some(parameter.value)
        })
    }

    /// The parameters whose values are not malformed.
    pub(crate) fn well_formed(self) -> impl Iterator<Item = Parameter<'a>> {
        self.filter(|parameter| !matches!(parameter.value, ParameterValue::Malformed(_)))
    }

    #[cold]
    fn next_from_text(&mut self) -> Option<Parameter<'a>> {
        let text = self
            .text
            .split_first()
            .map(|(_, rest)| rest)
            .unwrap_or_default();
        let mut quoted = false;
        let end = text.iter().position(|&octet| {
            quoted ^= octet == b'"';
            octet == b';' && !quoted
        });
        let (parameter, rest) = text
            .split_at_checked(end.unwrap_or(text.len()))
            .unwrap_or((text, &[]));
        self.text = rest;
        let parameter = parameter.trim_ascii();
        (!parameter.is_empty()).then(|| Parameter::from_text(parameter))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.text.is_empty() {
            if let Some(parameter) = self.next_from_text() {
                return Some(parameter);
            }
        }
        if self.reader.is_empty() {
            return None;
        }
        Some(Parameter::read(&mut self.reader).unwrap_or_else(|error| {
            self.reader = Reader::new(&[], self.reader.offset());
            Parameter {
                name: ParameterName::Text(Text::default()),
                value: ParameterValue::Malformed(error),
            }
        }))
    }
}
