//! Parameters given as values, and content types given as text.

use super::Encoder;
use super::text::{parse_decimal, split_outside_quotes};
use crate::text::is_token;
use crate::wsp::charset::Charset;
use crate::wsp::content_type::{Media, assignment};
use crate::wsp::header::HeaderName;
use crate::wsp::parameter::{
    Form, Parameter, ParameterName, ParameterValue, SecurityMethod, WellKnownParameter,
};
use crate::wsp::value::{Quality, Version, unquoted};
use crate::{Date, EncodeError, Text};
use alloc::string::ToString;

impl Encoder {
    /// Writes a parameter: a number or a name, and its value. One without value to write is left out.
    pub(crate) fn parameter(&mut self, parameter: &Parameter<'_>) -> Result<(), EncodeError> {
        if !is_written(parameter) {
            return Ok(());
        }
        match parameter.name {
            ParameterName::WellKnown(known) => self.short_integer(known.number()),
            ParameterName::Unassigned(number) => self.integer(u64::from(number)),
            ParameterName::Text(name) => self.unambiguous_text(name)?,
        }
        self.parameter_value(parameter.value)
    }

    pub(crate) fn parameter_value(&mut self, value: ParameterValue<'_>) -> Result<(), EncodeError> {
        match value {
            ParameterValue::NoValue | ParameterValue::Malformed(_) => self.no_value(),
            ParameterValue::Text(text) => self.unambiguous_text(text)?,
            ParameterValue::Quoted(text) => self.quoted(text)?,
            ParameterValue::Integer(number) | ParameterValue::DeltaSeconds(number) => {
                self.integer(number);
            }
            ParameterValue::Quality(quality) => self.quality(quality),
            ParameterValue::Charset(charset) => self.charset(charset)?,
            ParameterValue::Version(version) => self.version(version)?,
            ParameterValue::Media(media) => self.media(media)?,
            ParameterValue::FieldName(name) => self.field_name(name)?,
            ParameterValue::Date(date) => self.date(date),
            ParameterValue::SecurityMethod(method) => self.short_integer(method.number()),
            ParameterValue::Opaque(octets) => self.data(octets)?,
        }
        Ok(())
    }

    /// Writes a content type or a media range given as `type/subtype; name=value`.
    ///
    /// # Errors
    /// [`EncodeError::InvalidContentType`] where there is no slash or a parameter's name is not a token,
    /// [`EncodeError::ZeroInText`].
    pub fn content_type(&mut self, text: &str) -> Result<(), EncodeError> {
        let invalid = || EncodeError::InvalidContentType(text.to_string());
        // One registered name has a parameter in it.
        if let Some(media) = self.known_media(text.trim_ascii()) {
            return self.constrained_media(media);
        }
        let (name, rest) = text
            .split_once(';')
            .map_or((text, None), |(name, rest)| (name, Some(rest)));
        let name = name.trim_ascii();
        name.split_once('/')
            .filter(|(left, right)| !left.is_empty() && !right.is_empty())
            .ok_or_else(invalid)?;
        if name.bytes().any(|octet| octet <= b' ' || octet == 0x7F) {
            return Err(invalid());
        }
        let media = self
            .known_media(name)
            .unwrap_or_else(|| Media::Text(name.into()));
        let Some(rest) = rest else {
            return self.constrained_media(media);
        };
        let is_related =
            name.to_ascii_lowercase().contains("multipart") && name.ends_with("related");
        let start = self.octets.len();
        let mut is_empty = true;
        self.value_length(|encoder| {
            encoder.media(media)?;
            let before = encoder.octets.len();
            for parameter in
                split_outside_quotes(rest, b';').filter(|parameter| !parameter.is_empty())
            {
                encoder
                    .textual_parameter(parameter, is_related)
                    .then_some(())
                    .ok_or_else(invalid)?;
            }
            is_empty = encoder.octets.len() == before;
            Ok(())
        })?;
        if is_empty {
            self.octets.truncate(start);
            return self.constrained_media(media);
        }
        Ok(())
    }

    fn known_media(&self, name: &str) -> Option<Media<'static>> {
        let known = assignment(name).filter(|&(_, version)| self.options.knows(version));
        known.map(|(number, _)| Media::WellKnown(number))
    }

    /// Writes a parameter given as `name=value`; says whether that was possible.
    pub(crate) fn textual_parameter(&mut self, text: &str, is_related: bool) -> bool {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| {
            (name, Some(value.trim_ascii()))
        });
        let name = name.trim_ascii();
        let known = WellKnownParameter::from_name(name)
            .map(|known| {
                if is_related && known == WellKnownParameter::Type {
                    WellKnownParameter::RelatedType
                } else {
                    known
                }
            })
            .filter(|known| self.options.knows(Some(known.encoding_version())));
        if let Some(known) = known
            && let Some(value) = self.typed_parameter(known.form(), value)
        {
            return self
                .parameter(&Parameter {
                    name: ParameterName::WellKnown(known),
                    value,
                })
                .is_ok();
        }
        let name = Text::from(name);
        let parameter = Parameter {
            name: ParameterName::Text(name),
            value: untyped_parameter(value),
        };
        is_token(name.as_bytes()) && self.parameter(&parameter).is_ok()
    }

    /// The value of a parameter that has a number, in the form its number asks for; nothing where it needs its name.
    fn typed_parameter<'a>(
        &self,
        form: Form,
        value: Option<&'a str>,
    ) -> Option<ParameterValue<'a>> {
        let Some(text) = value else {
            return (form != Form::Quality).then_some(ParameterValue::NoValue);
        };
        let quoted = unquoted(text.as_bytes()).and_then(|octets| core::str::from_utf8(octets).ok());
        let plain = quoted.unwrap_or(text);
        let typed = match form {
            Form::Quality => return Quality::parse(plain).map(ParameterValue::Quality),
            Form::Charset => Some(ParameterValue::Charset(Charset::from_name(plain))),
            Form::Version => Some(ParameterValue::Version(Version::parse(plain))),
            Form::Integer => parse_decimal(plain).map(ParameterValue::Integer),
            Form::DeltaSeconds => parse_decimal(plain).map(ParameterValue::DeltaSeconds),
            Form::Media => Some(ParameterValue::Media(
                self.known_media(plain)
                    .filter(|media| matches!(media, Media::WellKnown(..0x80)))
                    .unwrap_or_else(|| Media::Text(plain.into())),
            )),
            Form::FieldName => Some(ParameterValue::FieldName(HeaderName::from_text(plain))),
            Form::Date => Date::parse(plain)
                .or_else(|| parse_decimal(plain).map(Date))
                .map(ParameterValue::Date),
            Form::Sec => security_method(plain).map(ParameterValue::SecurityMethod),
            Form::NoValue | Form::Text => None,
        };
        Some(typed.unwrap_or_else(|| textual_value(text)))
    }
}

/// Whether the parameter has a value that can be written.
pub(crate) const fn is_written(parameter: &Parameter<'_>) -> bool {
    !matches!(
        parameter.value,
        ParameterValue::Malformed(_) | ParameterValue::Quality(Quality::ONE)
    )
}

/// A value whose type is not known: an integer where the text is one in its shortest form.
pub(crate) fn untyped_parameter(value: Option<&str>) -> ParameterValue<'_> {
    let Some(text) = value else {
        return ParameterValue::NoValue;
    };
    let is_shortest = text == "0" || !text.starts_with('0');
    match parse_decimal(text).filter(|_| is_shortest) {
        Some(number) => ParameterValue::Integer(number),
        None => textual_value(text),
    }
}

pub(crate) fn textual_value(text: &str) -> ParameterValue<'_> {
    match unquoted(text.as_bytes()) {
        Some(quoted) => ParameterValue::Quoted(Text::new(quoted)),
        None => ParameterValue::Text(text.into()),
    }
}

fn security_method(text: &str) -> Option<SecurityMethod> {
    let by_name = (0..4)
        .map(SecurityMethod::from_number)
        .find(|method| method.name() == Some(text));
    by_name.or_else(|| {
        text.parse()
            .ok()
            .filter(|&number| number < 0x80)
            .map(SecurityMethod::from_number)
    })
}
