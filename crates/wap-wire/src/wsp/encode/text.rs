//! Headers given as text.

use super::{ApplicationIdForm, Encoder, HeaderForm};
use crate::text::is_token;
use crate::wsp::application_id::{AcceptApplication, ApplicationId, PushFlag};
use crate::wsp::charset::Charset;
use crate::wsp::encoding_version::EncodingVersion;
use crate::wsp::header::{HeaderName, HeaderValue, Preference, TransferCoding, WellKnownHeader};
use crate::wsp::language::Language;
use crate::wsp::pdu::PduType;
use crate::wsp::token::{self, Method, Token, TokenTable};
use crate::wsp::value::{Quality, unquoted};
use crate::{Date, EncodeError, Text, omna};
use alloc::string::ToString;

impl Encoder {
    /// Writes a header given as text, with numbers and compact values where the options and the value allow it.
    ///
    /// A list separated by commas becomes as many headers where HTTP has it as a list (WSP 8.4.1.3). A value that the
    /// compact form cannot say is written as text, with its name as text too.
    ///
    /// # Errors
    /// [`EncodeError::InvalidName`] where the name is not a token, [`EncodeError::ZeroInText`], [`EncodeError::TooLong`].
    pub fn header(&mut self, name: &str, value: &str) -> Result<(), EncodeError> {
        if !is_token(name.as_bytes()) {
            return Err(EncodeError::InvalidName(name.to_string()));
        }
        let value = value.trim_ascii();
        let start = self.octets.len();
        if let Some(field) = self.number_for(name) {
            match self.compact_header(field, value) {
                Some(()) => return Ok(()),
                None => self.octets.truncate(start),
            }
        }
        self.text(name.into())?;
        self.text(value.into())
    }

    /// The number to send for this name, where the receiver knows one that is not deprecated.
    fn number_for(&self, name: &str) -> Option<WellKnownHeader> {
        let field = WellKnownHeader::from_name(name)?;
        let compact = self.options.header_form == HeaderForm::Compact;
        (compact && !field.is_deprecated() && self.options.knows(Some(field.encoding_version())))
            .then_some(field)
    }

    fn compact_header(&mut self, field: WellKnownHeader, value: &str) -> Option<()> {
        if !is_list(field) {
            self.short_integer(field.number());
            return self.compact_value(field, value);
        }
        let mut elements = split_outside_quotes(value, b',')
            .filter(|element| !element.is_empty())
            .peekable();
        elements.peek()?;
        elements.try_for_each(|element| {
            self.short_integer(field.number());
            self.compact_value(field, element)
        })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other headers follow in a function of their own"
    )]
    fn compact_value(&mut self, field: WellKnownHeader, text: &str) -> Option<()> {
        use WellKnownHeader as H;
        let value = match field {
            H::Accept | H::ContentType => return self.content_type(text).ok(),
            H::XWapApplicationId => HeaderValue::ApplicationId(self.application_id_from(text)),
            H::AcceptApplication if text == "*" => {
                HeaderValue::AcceptApplication(AcceptApplication::Any)
            }
            H::AcceptApplication => HeaderValue::AcceptApplication(AcceptApplication::Id(
                self.application_id_from(text),
            )),
            H::PushFlag => HeaderValue::PushFlag(PushFlag::parse(text)?),
            H::BearerIndication => {
                HeaderValue::BearerIndication(u64::from(u8::from_str_radix(text, 16).ok()?))
            }
            H::Date
            | H::Expires
            | H::IfModifiedSince
            | H::IfUnmodifiedSince
            | H::LastModified
            | H::XWapTod => HeaderValue::Date(parse_date(text)?),
            H::IfRange => {
                Date::parse(text).map_or_else(|| HeaderValue::Text(text.into()), HeaderValue::Date)
            }
            H::ContentLength | H::MaxForwards => HeaderValue::Integer(parse_decimal(text)?),
            H::Age => HeaderValue::DeltaSeconds(parse_decimal(text)?),
            H::AcceptCharset => {
                HeaderValue::AcceptCharset(preference(text, |name| Some(Charset::from_name(name)))?)
            }
            H::AcceptLanguage => {
                HeaderValue::AcceptLanguage(preference(text, |tag| Some(Language::from_tag(tag)))?)
            }
            H::AcceptEncoding => HeaderValue::AcceptEncoding(preference(text, |name| {
                token(name, &token::ACCEPT_ENCODING)
            })?),
            H::ContentLanguage => HeaderValue::ContentLanguage(Language::from_tag(text)),
            H::EncodingVersion => HeaderValue::EncodingVersion(EncodingVersion::parse(text)),
            H::Vary | H::Trailer => HeaderValue::FieldName(HeaderName::from_text(text)),
            H::Allow | H::Public => HeaderValue::Method(method(text)),
            H::Te => {
                let Preference {
                    value: coding,
                    quality,
                } = preference(text, |name| token(name, &token::TE))?;
                HeaderValue::TransferCoding(TransferCoding { coding, quality })
            }
            H::ContentId => HeaderValue::Quoted(
                unquoted(text.as_bytes()).map_or_else(|| text.into(), Text::new),
            ),
            H::AcceptRanges
            | H::Connection
            | H::ContentEncoding
            | H::TransferEncoding
            | H::XWapSecurity => HeaderValue::Token(token(text, token::table_of(field))?),
            H::ContentLocation
            | H::Location
            | H::Referer
            | H::Profile
            | H::XWapContentUri
            | H::XWapInitiatorUri => HeaderValue::Uri(text.into()),
            H::Etag
            | H::From
            | H::Host
            | H::IfMatch
            | H::IfNoneMatch
            | H::Server
            | H::Upgrade
            | H::UserAgent
            | H::Via => HeaderValue::Text(text.into()),
            _ => return self.compound_from_text(field, text),
        };
        self.typed_value(&value, token::table_of(field)).ok()
    }

    /// The application id of a textual header, in the form that the options ask for.
    fn application_id_from<'a>(&self, text: &'a str) -> ApplicationId<'a> {
        let id = if text == "*" {
            ApplicationId::Number(omna::ANY)
        } else {
            ApplicationId::from_text(text.into())
        };
        match self.options.application_id_form {
            ApplicationIdForm::Number => id.number().map_or(id, ApplicationId::Number),
            ApplicationIdForm::Uri => id.uri().map_or(id, |uri| ApplicationId::Uri(uri.into())),
        }
    }
}

/// Whether HTTP has the field's value as a list that WSP splits into several headers.
const fn is_list(field: WellKnownHeader) -> bool {
    use WellKnownHeader as H;
    matches!(
        field,
        H::Accept
            | H::AcceptApplication
            | H::AcceptCharset
            | H::AcceptEncoding
            | H::AcceptLanguage
            | H::AcceptRanges
            | H::Allow
            | H::CacheControl
            | H::Connection
            | H::ContentEncoding
            | H::ContentLanguage
            | H::IfMatch
            | H::IfNoneMatch
            | H::Pragma
            | H::ProfileWarning
            | H::Public
            | H::Te
            | H::Trailer
            | H::TransferEncoding
            | H::Upgrade
            | H::Vary
            | H::Via
            | H::Warning
    )
}

/// The parts between separators that stand outside quotation marks, without spaces around them.
pub(crate) fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|octet| {
            let was_escaped = escaped;
            escaped = quoted && octet == b'\\' && !was_escaped;
            quoted ^= octet == b'"' && !was_escaped;
            octet == separator && !quoted
        });
        let (part, after) = end
            .and_then(|end| text.split_at_checked(end))
            .unwrap_or((text, ""));
        // A separator is one octet.
        rest = after.get(1..);
        Some(part.trim_ascii())
    })
}

/// Digits alone, at most 64 bits.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// An HTTP date, or seconds since 1970 in decimal.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    Date::parse(text).or_else(|| parse_decimal(text).map(Date))
}

/// `value;q=0.5`
fn preference<'a, T>(text: &'a str, value: impl Fn(&'a str) -> Option<T>) -> Option<Preference<T>> {
    let (name, quality) = match text.split_once(';') {
        None => (text, None),
        Some((name, parameter)) => {
            let (key, quality) = parameter.split_once('=')?;
            key.trim_ascii().eq_ignore_ascii_case("q").then_some(())?;
            (
                name.trim_ascii(),
                Some(Quality::parse(quality.trim_ascii())?),
            )
        }
    };
    Some(Preference {
        value: value(name)?,
        quality: quality.filter(|&quality| quality != Quality::ONE),
    })
}

pub(crate) fn token<'a>(text: &'a str, table: &TokenTable) -> Option<Token<'a>> {
    let known = token::number_of(table, text).and_then(|number| token::token_of(table, number));
    match known {
        Some(known) => Some(Token::WellKnown(known)),
        None => is_token(text.as_bytes()).then(|| Token::Text(text.into())),
    }
}

fn method(text: &str) -> Method<'_> {
    Method::number_from_name(text).map_or_else(
        || Method::Text(text.into()),
        |number| Method::WellKnown(PduType(number)),
    )
}
