//! Headers given as values.

use super::Encoder;
use super::parameter::is_written;
use crate::EncodeError;
use crate::wsp::application_id::{AcceptApplication, ApplicationId};
use crate::wsp::charset::Charset;
use crate::wsp::content_type::{ContentType, Media};
use crate::wsp::encoding_version::EncodingVersion;
use crate::wsp::header::{
    CacheDirective, Challenge, ContentDisposition, ContentRange, Cookie, CookieEntry, Credentials,
    Expectation, Header, HeaderName, HeaderValue, Malformed, Preference, ProfileWarning, Range,
    RetryAfter, SetCookie, TransferCoding, Warning,
};
use crate::wsp::language::Language;
use crate::wsp::parameter::Parameters;
use crate::wsp::token::{self, Method, Token, TokenTable};
use crate::wsp::value::Quality;

/// The first octet of the scheme Basic and of a token Q.
const TOKEN_ZERO: u8 = 0x80;

impl Encoder {
    /// Writes a header whose value is typed, with a shift of the code page where its number needs one.
    ///
    /// The value must be one that the name can have; values that come from decoding are.
    ///
    /// # Errors
    /// [`EncodeError::ZeroInText`], [`EncodeError::TooLong`].
    pub fn header_value(&mut self, header: &Header<'_>) -> Result<(), EncodeError> {
        let table = match header.name {
            HeaderName::WellKnown(name) => {
                self.shift_to(1);
                self.short_integer(name.number());
                token::table_of(name)
            }
            HeaderName::Unknown { page, number } => {
                self.shift_to(page);
                self.short_integer(number);
                &[]
            }
            HeaderName::Text(name) => {
                self.text(name)?;
                &[]
            }
        };
        self.typed_value(&header.value, table)
    }

    fn shift_to(&mut self, page: u8) {
        if page == self.page {
            return;
        }
        if !(1..=31).contains(&page) {
            self.octets.push(0x7F);
        }
        self.octets.push(page);
        self.page = page;
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "values of several parts follow in a function of their own"
    )]
    pub(crate) fn typed_value(
        &mut self,
        value: &HeaderValue<'_>,
        table: &TokenTable,
    ) -> Result<(), EncodeError> {
        match *value {
            HeaderValue::Accept(value) | HeaderValue::ContentType(value) => {
                self.content_type_value(&value)
            }
            HeaderValue::AcceptApplication(AcceptApplication::Any) => {
                self.token_zero();
                Ok(())
            }
            HeaderValue::AcceptApplication(AcceptApplication::Id(id))
            | HeaderValue::ApplicationId(id) => self.application_id(id),
            HeaderValue::AcceptCharset(value) => self.preference(value, Self::charset),
            HeaderValue::AcceptEncoding(value) => self.preference(value, |encoder, value| {
                encoder.token(value, &token::ACCEPT_ENCODING)
            }),
            HeaderValue::AcceptLanguage(value) => self.preference(value, Self::language),
            HeaderValue::BearerIndication(number)
            | HeaderValue::DeltaSeconds(number)
            | HeaderValue::Integer(number) => {
                self.integer(number);
                Ok(())
            }
            HeaderValue::Date(date) => {
                self.date(date);
                Ok(())
            }
            HeaderValue::PushFlag(flag) => {
                self.short_integer(flag.0);
                Ok(())
            }
            HeaderValue::Digest(octets) => self.data(octets),
            HeaderValue::Document(octets) => self.data(octets),
            HeaderValue::EncodingVersion(value) => self.encoding_version(value),
            HeaderValue::FieldName(name) => self.field_name(name),
            HeaderValue::ContentLanguage(value) => self.language(value),
            HeaderValue::Text(text) | HeaderValue::Uri(text) => self.text(text),
            HeaderValue::Quoted(text) => self.quoted(text),
            HeaderValue::Token(value) => self.token(value, table),
            HeaderValue::Method(value) => self.method(value),
            HeaderValue::Unknown(raw) | HeaderValue::Malformed(Malformed { raw, .. }) => {
                self.raw_value(raw)
            }
            _ => self.compound_value(value),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "values of one part are written before"
    )]
    fn compound_value(&mut self, value: &HeaderValue<'_>) -> Result<(), EncodeError> {
        match *value {
            HeaderValue::CacheControl(value) => self.cache_directive(&value),
            HeaderValue::Challenge(value) => self.challenge(&value),
            HeaderValue::Credentials(value) => self.credentials(&value),
            HeaderValue::ContentDisposition(value) => self.disposition(&value),
            HeaderValue::ContentRange(value) => self.content_range(value),
            HeaderValue::Cookie(value) => self.cookie(&value),
            HeaderValue::SetCookie(value) => self.set_cookie(&value),
            HeaderValue::Expectation(value) => self.expectation(&value),
            HeaderValue::Pragma(value) => self.value_length(|encoder| encoder.parameter(&value)),
            HeaderValue::ProfileWarning(value) => self.profile_warning(&value),
            HeaderValue::Range(value) => self.range(value),
            HeaderValue::RetryAfter(value) => self.retry_after(value),
            HeaderValue::TransferCoding(value) => self.transfer_coding(value),
            HeaderValue::Warning(value) => self.warning(&value),
            _ => Ok(()),
        }
    }

    fn token_zero(&mut self) {
        self.octets.push(TOKEN_ZERO);
    }

    fn application_id(&mut self, id: ApplicationId<'_>) -> Result<(), EncodeError> {
        match id {
            ApplicationId::Number(number) => {
                self.integer(u64::from(number));
                Ok(())
            }
            ApplicationId::Uri(uri) => self.unambiguous_text(uri),
        }
    }

    fn content_type_value(&mut self, value: &ContentType<'_>) -> Result<(), EncodeError> {
        if value
            .encoded_parameters()
            .any(|parameter| is_written(&parameter))
        {
            return self.value_length(|encoder| {
                encoder.media(value.media())?;
                encoder.parameters(value.encoded_parameters())
            });
        }
        self.constrained_media(value.media())
    }

    /// A media type without parameters: numbers that are not short integers need the general form.
    pub(crate) fn constrained_media(&mut self, media: Media<'_>) -> Result<(), EncodeError> {
        match media {
            Media::WellKnown(0x80..) => self.value_length(|encoder| encoder.media(media)),
            Media::WellKnown(_) | Media::Text(_) => self.media(media),
        }
    }

    pub(crate) fn media(&mut self, media: Media<'_>) -> Result<(), EncodeError> {
        match media {
            Media::WellKnown(number) => {
                self.integer(u64::from(number));
                Ok(())
            }
            Media::Text(text) => self.unambiguous_text(text),
        }
    }

    fn preference<T: Copy>(
        &mut self,
        preference: Preference<T>,
        write: impl Fn(&mut Self, T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let quality = preference
            .quality
            .filter(|&quality| quality != Quality::ONE);
        let start = self.octets.len();
        write(self, preference.value)?;
        // The constrained form is one octet or a text; a long integer needs the general form even without quality.
        let is_constrained = !matches!(self.octets.get(start), Some(..32));
        if quality.is_none() && is_constrained {
            return Ok(());
        }
        self.octets.truncate(start);
        self.value_length(|encoder| {
            write(encoder, preference.value)?;
            if let Some(quality) = quality {
                encoder.quality(quality);
            }
            Ok(())
        })
    }

    pub(crate) fn charset(&mut self, charset: Charset<'_>) -> Result<(), EncodeError> {
        match charset {
            Charset::Any => {
                self.token_zero();
                Ok(())
            }
            Charset::Number(number) => {
                self.integer(u64::from(number));
                Ok(())
            }
            Charset::Text(text) => self.unambiguous_text(text),
        }
    }

    fn language(&mut self, language: Language<'_>) -> Result<(), EncodeError> {
        match language {
            Language::Any => {
                self.token_zero();
                Ok(())
            }
            Language::Number(number) => {
                self.integer(u64::from(number));
                Ok(())
            }
            Language::Text(text) => self.unambiguous_text(text),
        }
    }

    fn token(&mut self, value: Token<'_>, table: &TokenTable) -> Result<(), EncodeError> {
        match value {
            Token::Text(text) => self.text(text),
            Token::WellKnown(known) => match token::number_of(table, known.as_str()) {
                Some(number) => {
                    self.short_integer(number);
                    Ok(())
                }
                None => self.text(known.as_str().into()),
            },
        }
    }

    fn method(&mut self, method: Method<'_>) -> Result<(), EncodeError> {
        match method {
            Method::WellKnown(number) => {
                self.short_integer(number.0);
                Ok(())
            }
            Method::Text(text) => self.text(text),
        }
    }

    pub(crate) fn field_name(&mut self, name: HeaderName<'_>) -> Result<(), EncodeError> {
        match name {
            HeaderName::WellKnown(header) => self.short_integer(header.number()),
            HeaderName::Unknown { number, .. } => self.short_integer(number),
            HeaderName::Text(text) => self.unambiguous_text(text)?,
        }
        Ok(())
    }

    fn encoding_version(&mut self, value: EncodingVersion<'_>) -> Result<(), EncodeError> {
        let write = |encoder: &mut Self| {
            value
                .version
                .map_or(Ok(()), |version| encoder.version(version))
        };
        match value.page {
            None => write(self),
            Some(page) => self.value_length(|encoder| {
                encoder.short_integer(page);
                write(encoder)
            }),
        }
    }

    fn cache_directive(&mut self, directive: &CacheDirective<'_>) -> Result<(), EncodeError> {
        let number = directive.number().unwrap_or_default();
        let seconds = match *directive {
            CacheDirective::MaxAge(seconds)
            | CacheDirective::MaxStale(Some(seconds))
            | CacheDirective::MinFresh(seconds)
            | CacheDirective::SMaxage(seconds) => seconds,
            CacheDirective::NoCache(fields) | CacheDirective::Private(fields)
                if fields.iter().next().is_some() =>
            {
                return self.value_length(|encoder| {
                    encoder.short_integer(number);
                    fields.iter().try_for_each(|name| encoder.field_name(name))
                });
            }
            CacheDirective::Extension { name, value: None } => return self.unambiguous_text(name),
            CacheDirective::Extension {
                name,
                value: Some(value),
            } => {
                return self.value_length(|encoder| {
                    if name.is_empty() {
                        // The decoder passes over one empty text in front of the name.
                        encoder.no_value();
                    }
                    encoder.text(name)?;
                    encoder.parameter_value(value)
                });
            }
            CacheDirective::NoCache(_)
            | CacheDirective::NoStore
            | CacheDirective::MaxStale(None)
            | CacheDirective::OnlyIfCached
            | CacheDirective::Public
            | CacheDirective::Private(_)
            | CacheDirective::NoTransform
            | CacheDirective::MustRevalidate
            | CacheDirective::ProxyRevalidate => {
                self.short_integer(number);
                return Ok(());
            }
        };
        self.value_length(|encoder| {
            encoder.short_integer(number);
            encoder.integer(seconds);
            Ok(())
        })
    }

    fn credentials(&mut self, credentials: &Credentials<'_>) -> Result<(), EncodeError> {
        self.value_length(|encoder| match credentials {
            Credentials::Basic { user, password } => {
                encoder.token_zero();
                encoder.text(*user)?;
                encoder.text(*password)
            }
            Credentials::Other { scheme, parameters } => {
                encoder.text(*scheme)?;
                encoder.parameters(parameters.iter())
            }
        })
    }

    fn challenge(&mut self, challenge: &Challenge<'_>) -> Result<(), EncodeError> {
        self.value_length(|encoder| match challenge {
            Challenge::Basic { realm } => {
                encoder.token_zero();
                encoder.text(*realm)
            }
            Challenge::Other {
                scheme,
                realm,
                parameters,
            } => {
                encoder.text(*scheme)?;
                encoder.text(*realm)?;
                encoder.parameters(parameters.iter())
            }
        })
    }

    fn disposition(&mut self, value: &ContentDisposition<'_>) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            encoder.token(value.disposition, &token::DISPOSITION)?;
            encoder.parameters(value.parameters())
        })
    }

    fn expectation(&mut self, value: &Expectation<'_>) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            encoder.text(value.name)?;
            encoder.parameter_value(value.value)?;
            encoder.parameters(value.parameters())
        })
    }

    fn content_range(&mut self, range: ContentRange) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            encoder.uintvar(range.first);
            match range.entity_length {
                Some(length) => encoder.uintvar(length),
                None => encoder.token_zero(),
            }
            Ok(())
        })
    }

    fn range(&mut self, range: Range) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            match range {
                Range::Bytes { first, last } => {
                    encoder.short_integer(0);
                    encoder.uintvar(first);
                    if let Some(last) = last {
                        encoder.uintvar(last);
                    }
                }
                Range::Suffix(length) => {
                    encoder.short_integer(1);
                    encoder.uintvar(length);
                }
            }
            Ok(())
        })
    }

    fn retry_after(&mut self, value: RetryAfter) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            match value {
                RetryAfter::Date(date) => {
                    encoder.short_integer(0);
                    encoder.date(date);
                }
                RetryAfter::DeltaSeconds(seconds) => {
                    encoder.short_integer(1);
                    encoder.integer(seconds);
                }
            }
            Ok(())
        })
    }

    fn transfer_coding(&mut self, value: TransferCoding<'_>) -> Result<(), EncodeError> {
        match value.quality.filter(|&quality| quality != Quality::ONE) {
            None if value.coding == Token::WellKnown(token::WellKnownToken::Trailers) => {
                self.token(value.coding, &token::TE)
            }
            quality => self.value_length(|encoder| {
                encoder.token(value.coding, &token::TE)?;
                quality.into_iter().try_for_each(|quality| {
                    encoder.token_zero();
                    encoder.quality(quality);
                    Ok(())
                })
            }),
        }
    }

    fn warning(&mut self, warning: &Warning<'_>) -> Result<(), EncodeError> {
        if warning.agent.is_empty() && warning.text.is_empty() {
            self.short_integer(warning.code);
            return Ok(());
        }
        self.value_length(|encoder| {
            encoder.short_integer(warning.code);
            encoder.text(warning.agent)?;
            encoder.text(warning.text)
        })
    }

    fn profile_warning(&mut self, warning: &ProfileWarning<'_>) -> Result<(), EncodeError> {
        if warning.target.is_empty() && warning.dates().next().is_none() {
            self.short_integer(warning.code);
            return Ok(());
        }
        self.value_length(|encoder| {
            encoder.short_integer(warning.code);
            encoder.text(warning.target)?;
            warning.dates().for_each(|date| encoder.date(date));
            Ok(())
        })
    }

    fn set_cookie(&mut self, cookie: &SetCookie<'_>) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            encoder.version(cookie.version())?;
            encoder.text(cookie.name())?;
            encoder.text(cookie.value())?;
            encoder.parameters(cookie.parameters())
        })
    }

    fn cookie(&mut self, cookie: &Cookie<'_>) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            encoder.version(cookie.version)?;
            cookie
                .cookies()
                .try_for_each(|entry| encoder.cookie_entry(&entry))
        })
    }

    pub(crate) fn cookie_entry(&mut self, entry: &CookieEntry<'_>) -> Result<(), EncodeError> {
        self.uintvar_length(|encoder| {
            encoder.text(entry.name)?;
            encoder.text(entry.value)?;
            match (entry.path, entry.domain) {
                (None, None) => {}
                (path, None) => encoder.text(path.unwrap_or_default())?,
                (path, Some(domain)) => {
                    encoder.text(path.unwrap_or_default())?;
                    encoder.text(domain)?;
                }
            }
            Ok(())
        })
    }

    fn parameters(&mut self, mut parameters: Parameters<'_>) -> Result<(), EncodeError> {
        parameters.try_for_each(|parameter| self.parameter(&parameter))
    }
}
