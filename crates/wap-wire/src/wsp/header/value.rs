//! The value of a header, by the rule of its name.

use super::authorization::{Challenge, Credentials};
use super::cache_control::CacheDirective;
use super::cookie::{Cookie, SetCookie};
use super::disposition::{ContentDisposition, Expectation};
use super::name::{HeaderName, WellKnownHeader};
use super::preference::{Preference, TransferCoding};
use super::range::{ContentRange, Range, RetryAfter};
use super::warning::{ProfileWarning, Warning};
use crate::wsp::application_id::{AcceptApplication, ApplicationId, PushFlag};
use crate::wsp::charset::Charset;
use crate::wsp::content_type::{ContentType, Media};
use crate::wsp::encoding_version::EncodingVersion;
use crate::wsp::language::Language;
use crate::wsp::parameter::{Parameter, ParameterValue};
use crate::wsp::pdu::PduType;
use crate::wsp::reader::{Reader, multi_octet_integer};
use crate::wsp::token::{self, Method, Token, TokenTable};
use crate::wsp::value::{RawValue, Version, unquoted, write_hex};
use crate::{Date, DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// A typed value (WSP 8.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderValue<'a> {
    /// Accept: a media range, its quality factor among the parameters.
    Accept(ContentType<'a>),
    /// Accept-Application.
    AcceptApplication(AcceptApplication<'a>),
    /// Accept-Charset.
    AcceptCharset(Preference<Charset<'a>>),
    /// Accept-Encoding.
    AcceptEncoding(Preference<Token<'a>>),
    /// Accept-Language.
    AcceptLanguage(Preference<Language<'a>>),
    /// X-Wap-Application-Id.
    ApplicationId(ApplicationId<'a>),
    /// Bearer-Indication: a bearer type as WDP numbers it.
    BearerIndication(u64),
    /// Cache-Control.
    CacheControl(CacheDirective<'a>),
    /// Proxy-Authenticate and WWW-Authenticate.
    Challenge(Challenge<'a>),
    /// Content-Disposition.
    ContentDisposition(ContentDisposition<'a>),
    /// Content-Language.
    ContentLanguage(Language<'a>),
    /// Content-Range.
    ContentRange(ContentRange),
    /// Content-Type.
    ContentType(ContentType<'a>),
    /// Cookie.
    Cookie(Cookie<'a>),
    /// Authorization and Proxy-Authorization.
    Credentials(Credentials<'a>),
    /// A point in time: Date, Expires, If-Modified-Since, If-Range, If-Unmodified-Since, Last-Modified, X-Wap-Tod.
    Date(Date),
    /// A time span in seconds: Age.
    DeltaSeconds(u64),
    /// Content-MD5.
    Digest(&'a [u8; 16]),
    /// A document in WBXML: Profile-Diff, X-Wap-Loc-Invocation, X-Wap-Loc-Delivery.
    Document(&'a [u8]),
    /// Encoding-Version.
    EncodingVersion(EncodingVersion<'a>),
    /// Expect, other than `100-continue`.
    Expectation(Expectation<'a>),
    /// The name of a header field: Trailer, Vary.
    FieldName(HeaderName<'a>),
    /// An integer: Content-Length, Max-Forwards.
    Integer(u64),
    /// Allow and Public.
    Method(Method<'a>),
    /// Pragma, other than `no-cache`.
    Pragma(Parameter<'a>),
    /// Profile-Warning.
    ProfileWarning(ProfileWarning<'a>),
    /// Push-Flag.
    PushFlag(PushFlag),
    /// The text of a quoted-string, without quotation marks: Content-ID.
    Quoted(Text<'a>),
    /// Range.
    Range(Range),
    /// Retry-After.
    RetryAfter(RetryAfter),
    /// Set-Cookie.
    SetCookie(SetCookie<'a>),
    /// Text: Etag, From, Host, If-Match, If-None-Match, If-Range, Server, Upgrade, User-Agent, Via, and every header whose
    /// name came as text.
    Text(Text<'a>),
    /// A token: Accept-Ranges, Connection, Content-Encoding, Expect, Pragma, Transfer-Encoding, X-WAP-Security.
    Token(Token<'a>),
    /// TE.
    TransferCoding(TransferCoding<'a>),
    /// A URI: Content-Base, Content-Location, Location, Profile, Referer, X-Wap-Content-URI, X-Wap-Initiator-URI.
    Uri(Text<'a>),
    /// Warning.
    Warning(Warning<'a>),
    /// The value of a header that is not known.
    Unknown(RawValue<'a>),
    /// A value that the header cannot have.
    Malformed(Malformed<'a>),
}

/// A value that its header cannot have: what is wrong with it, and its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed<'a> {
    /// What is wrong, and where.
    pub error: DecodeError,
    /// The value by the rule of value lengths alone.
    pub raw: RawValue<'a>,
}

/// A value by the rule of value lengths, and where it stands.
#[derive(Clone, Copy)]
struct Field<'a> {
    raw: RawValue<'a>,
    /// The offset of the first octet of the value.
    start: usize,
    /// The offset after the last octet of the value.
    end: usize,
}

type Interpretation<'a> = Result<HeaderValue<'a>, DecodeError>;

impl<'a> HeaderValue<'a> {
    /// The value that the header gives to these octets, which lie between these offsets.
    #[inline]
    pub(crate) fn interpret(
        header: WellKnownHeader,
        raw: RawValue<'a>,
        start: usize,
        end: usize,
    ) -> Self {
        Field { raw, start, end }.interpret(header)
    }

    /// The value as it is shown, where it is valid UTF-8 as it came or the text of an assigned number.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other values are shown by their own rules"
    )]
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Uri(text) => text.as_str(),
            Self::ApplicationId(id) => id.as_str(),
            Self::PushFlag(flag) => flag.as_str(),
            _ => None,
        }
    }

    /// The application id that X-Wap-Application-Id has for a value, whether its name came as a number or as text.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a value of any other form names no application"
    )]
    pub fn as_application_id(&self) -> Option<ApplicationId<'a>> {
        match *self {
            Self::ApplicationId(id) => Some(id),
            Self::Text(text) => Some(ApplicationId::from_text(text)),
            _ => None,
        }
    }

    /// The flags that Push-Flag has for a value, whether its name came as a number or as text.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a value of any other form has no flags"
    )]
    pub fn as_push_flag(&self) -> Option<PushFlag> {
        match *self {
            Self::PushFlag(flag) => Some(flag),
            Self::Text(text) => PushFlag::parse(text.as_str()?),
            _ => None,
        }
    }
}

impl<'a> Field<'a> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other headers follow in a function of their own"
    )]
    #[inline]
    fn interpret(self, header: WellKnownHeader) -> HeaderValue<'a> {
        use WellKnownHeader as H;
        match header {
            H::XWapApplicationId => self.typed(self.application_id(), HeaderValue::ApplicationId),
            H::PushFlag => self.typed(self.short_integer(), |flag| {
                HeaderValue::PushFlag(PushFlag(flag))
            }),
            H::Date
            | H::Expires
            | H::IfModifiedSince
            | H::IfUnmodifiedSince
            | H::LastModified
            | H::XWapTod => self.typed(self.integer(), |seconds| HeaderValue::Date(Date(seconds))),
            H::ContentBase
            | H::ContentLocation
            | H::Location
            | H::Referer
            | H::XWapContentUri
            | H::XWapInitiatorUri
            | H::Profile => self.typed(self.text(), HeaderValue::Uri),
            H::Etag
            | H::From
            | H::Host
            | H::IfMatch
            | H::IfNoneMatch
            | H::Server
            | H::Upgrade
            | H::UserAgent
            | H::Via => self.typed(self.text(), HeaderValue::Text),
            H::ContentLength | H::MaxForwards => self.typed(self.integer(), HeaderValue::Integer),
            H::EncodingVersion => self.typed(self.encoding_version(), HeaderValue::EncodingVersion),
            H::ContentId => self.typed(self.quoted(), HeaderValue::Quoted),
            _ => match self.interpret_less_common(header) {
                Ok(value) => value,
                Err(error) => self.malformed(error),
            },
        }
    }

    /// The value, or what is wrong with it.
    #[inline]
    fn typed<T>(
        self,
        value: Result<T, DecodeError>,
        of: impl Fn(T) -> HeaderValue<'a>,
    ) -> HeaderValue<'a> {
        match value {
            Ok(value) => of(value),
            Err(error) => self.malformed(error),
        }
    }

    #[cold]
    const fn malformed(self, error: DecodeError) -> HeaderValue<'a> {
        HeaderValue::Malformed(Malformed {
            error,
            raw: self.raw,
        })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other headers are interpreted before"
    )]
    fn interpret_less_common(self, header: WellKnownHeader) -> Interpretation<'a> {
        use WellKnownHeader as H;
        match header {
            H::Accept => self.content_type().map(HeaderValue::Accept),
            H::ContentType => self.content_type().map(HeaderValue::ContentType),
            H::AcceptCharset | H::AcceptCharsetVersion11 => self.accept_charset(),
            H::AcceptEncoding | H::AcceptEncodingVersion11 => self.accept_encoding(),
            H::AcceptLanguage => self.accept_language(),
            H::AcceptRanges => self.token(&token::ACCEPT_RANGES).map(HeaderValue::Token),
            H::Age => self.integer().map(HeaderValue::DeltaSeconds),
            H::Allow | H::Public => self.method(),
            H::Authorization | H::ProxyAuthorization => self
                .data_with(Credentials::read)
                .map(HeaderValue::Credentials),
            H::ProxyAuthenticate | H::WwwAuthenticate => {
                self.data_with(Challenge::read).map(HeaderValue::Challenge)
            }
            H::CacheControl | H::CacheControlVersion11 | H::CacheControlVersion13 => {
                self.cache_control()
            }
            H::Connection => self.token(&token::CONNECTION).map(HeaderValue::Token),
            H::ContentEncoding => self.token(&token::CONTENT_ENCODING).map(HeaderValue::Token),
            H::ContentLanguage => self.language().map(HeaderValue::ContentLanguage),
            H::ContentMd5 => self.digest().map(HeaderValue::Digest),
            H::ContentRange | H::ContentRangeVersion11 => self
                .data_with(ContentRange::read)
                .map(HeaderValue::ContentRange),
            H::IfRange => self.text_or_date(),
            H::Pragma => self.pragma(),
            H::Range => self.data_with(Range::read).map(HeaderValue::Range),
            H::RetryAfter => self
                .data_with(RetryAfter::read)
                .map(HeaderValue::RetryAfter),
            H::TransferEncoding => self
                .token(&token::TRANSFER_ENCODING)
                .map(HeaderValue::Token),
            H::Vary | H::Trailer => self.field_name(),
            H::Warning => self.warning(),
            H::ContentDisposition | H::ContentDispositionVersion11 => self.disposition(),
            H::AcceptApplication => self.accept_application(),
            H::BearerIndication => self.integer().map(HeaderValue::BearerIndication),
            H::ProfileDiff | H::XWapLocInvocation | H::XWapLocDelivery => self.document(),
            H::ProfileWarning | H::ProfileWarningVersion12 => self.profile_warning(),
            H::Expect | H::ExpectVersion13 => self.expect(),
            H::Te => self.transfer_coding(),
            H::SetCookie => self.data_with(SetCookie::read).map(HeaderValue::SetCookie),
            H::Cookie => self.data_with(Cookie::read).map(HeaderValue::Cookie),
            H::XWapSecurity => self.token(&token::SECURITY).map(HeaderValue::Token),
            // The form of this header is not published: it is told by its octets.
            _ => Ok(match self.raw {
                RawValue::Text(_) | RawValue::Data([]) => HeaderValue::Text(self.text()?),
                raw @ (RawValue::ShortInteger(_) | RawValue::Data(_)) => self
                    .integer()
                    .map_or(HeaderValue::Unknown(raw), HeaderValue::Integer),
            }),
        }
    }

    #[cold]
    const fn error(&self, code: DecodeErrorCode) -> DecodeError {
        DecodeError::new(code, self.start)
    }

    const fn wrong_form(&self) -> DecodeError {
        self.error(DecodeErrorCode::WrongForm)
    }

    #[inline]
    fn short_integer(self) -> Result<u8, DecodeError> {
        match self.raw {
            // A long integer is not allowed here, but what it means is plain.
            RawValue::ShortInteger(number) | RawValue::Data(&[number @ ..0x80]) => Ok(number),
            RawValue::Data(_) | RawValue::Text(_) => Err(self.wrong_form()),
        }
    }

    #[inline]
    fn integer(self) -> Result<u64, DecodeError> {
        match self.raw {
            RawValue::ShortInteger(number) => Ok(u64::from(number)),
            RawValue::Data(octets) => multi_octet_integer(octets).map_err(|code| self.error(code)),
            RawValue::Text(_) => Err(self.wrong_form()),
        }
    }

    fn integer_32(self) -> Result<u32, DecodeError> {
        u32::try_from(self.integer()?).map_err(|_| self.error(DecodeErrorCode::IntegerTooLarge))
    }

    #[inline]
    fn text(self) -> Result<Text<'a>, DecodeError> {
        match self.raw {
            RawValue::Text(text) => Ok(text),
            // An empty text without Quote looks like a value of no octets.
            RawValue::Data([]) => Ok(Text::default()),
            RawValue::Data(_) | RawValue::ShortInteger(_) => Err(self.wrong_form()),
        }
    }

    fn quoted(self) -> Result<Text<'a>, DecodeError> {
        self.text()
            .map(|text| unquoted(text.as_bytes()).map_or(text, Text::new))
    }

    /// A reader of what follows the length of the value.
    #[inline]
    fn data(self) -> Result<Reader<'a>, DecodeError> {
        match self.raw {
            RawValue::Data(octets) => {
                Ok(Reader::new(octets, self.end.saturating_sub(octets.len())))
            }
            RawValue::ShortInteger(_) | RawValue::Text(_) => Err(self.wrong_form()),
        }
    }

    #[inline]
    fn data_with<T>(
        self,
        read: impl Fn(Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.data().and_then(read)
    }

    fn token(self, table: &TokenTable) -> Result<Token<'a>, DecodeError> {
        match self.raw {
            RawValue::ShortInteger(number) => token::token_of(table, number)
                .map(Token::WellKnown)
                .ok_or_else(|| self.error(DecodeErrorCode::UnassignedToken)),
            RawValue::Text(_) | RawValue::Data(_) => self.text().map(Token::Text),
        }
    }

    fn application_id(self) -> Result<ApplicationId<'a>, DecodeError> {
        match self.raw {
            RawValue::Text(text) => Ok(ApplicationId::Uri(text)),
            RawValue::ShortInteger(number) => Ok(ApplicationId::Number(u32::from(number))),
            RawValue::Data(_) => self.integer_32().map(ApplicationId::Number),
        }
    }

    fn accept_application(self) -> Interpretation<'a> {
        let application = match self.application_id()? {
            ApplicationId::Number(0) => AcceptApplication::Any,
            id @ (ApplicationId::Number(_) | ApplicationId::Uri(_)) => AcceptApplication::Id(id),
        };
        Ok(HeaderValue::AcceptApplication(application))
    }

    fn content_type(self) -> Result<ContentType<'a>, DecodeError> {
        match self.raw {
            RawValue::ShortInteger(number) => {
                Ok(ContentType::from_media(Media::WellKnown(u32::from(number))))
            }
            RawValue::Text(text) => Ok(ContentType::from_media(Media::Text(text))),
            RawValue::Data(_) => ContentType::read_general_form(self.data()?),
        }
    }

    fn charset(self) -> Charset<'a> {
        match self.raw {
            RawValue::ShortInteger(number) => Charset::from_number(u32::from(number)),
            RawValue::Text(text) => Charset::Text(text),
            RawValue::Data(_) => Charset::Any,
        }
    }

    fn accept_charset(self) -> Interpretation<'a> {
        let preference = match self.raw {
            RawValue::Data(_) => Preference::read(self.data()?, Charset::read)?,
            RawValue::ShortInteger(_) | RawValue::Text(_) => Preference {
                value: self.charset(),
                quality: None,
            },
        };
        Ok(HeaderValue::AcceptCharset(preference))
    }

    fn accept_language(self) -> Interpretation<'a> {
        let preference = match self.raw {
            RawValue::Data(_) => Preference::read(self.data()?, Language::read)?,
            RawValue::ShortInteger(_) | RawValue::Text(_) => Preference {
                value: self.language()?,
                quality: None,
            },
        };
        Ok(HeaderValue::AcceptLanguage(preference))
    }

    fn language(self) -> Result<Language<'a>, DecodeError> {
        match self.raw {
            RawValue::Text(text) => Ok(Language::Text(text)),
            RawValue::ShortInteger(_) | RawValue::Data(_) => {
                self.integer_32().map(Language::from_number)
            }
        }
    }

    fn accept_encoding(self) -> Interpretation<'a> {
        let read = |reader: &mut Reader<'a>| {
            super::preference::read_token(reader, &token::ACCEPT_ENCODING)
        };
        let preference = match self.raw {
            RawValue::Data(_) => Preference::read(self.data()?, read)?,
            RawValue::ShortInteger(_) | RawValue::Text(_) => Preference {
                value: self.token(&token::ACCEPT_ENCODING)?,
                quality: None,
            },
        };
        Ok(HeaderValue::AcceptEncoding(preference))
    }

    fn method(self) -> Interpretation<'a> {
        Ok(HeaderValue::Method(match self.raw {
            RawValue::ShortInteger(number) => Method::WellKnown(PduType(number)),
            RawValue::Text(_) | RawValue::Data(_) => Method::Text(self.text()?),
        }))
    }

    fn cache_control(self) -> Interpretation<'a> {
        let directive = match self.raw {
            RawValue::ShortInteger(number) => CacheDirective::from_number(number)
                .ok_or_else(|| self.error(DecodeErrorCode::UnassignedToken))?,
            RawValue::Text(name) => CacheDirective::Extension { name, value: None },
            RawValue::Data(_) => CacheDirective::read(self.data()?)?,
        };
        Ok(HeaderValue::CacheControl(directive))
    }

    fn digest(self) -> Result<&'a [u8; 16], DecodeError> {
        self.data()?
            .rest()
            .try_into()
            .map_err(|_| self.error(DecodeErrorCode::InvalidDigest))
    }

    fn document(self) -> Interpretation<'a> {
        self.data()
            .map(|reader| HeaderValue::Document(reader.rest()))
    }

    fn text_or_date(self) -> Interpretation<'a> {
        match self.raw {
            RawValue::Text(_) | RawValue::Data([]) => self.text().map(HeaderValue::Text),
            RawValue::ShortInteger(_) | RawValue::Data(_) => self
                .integer()
                .map(|seconds| HeaderValue::Date(Date(seconds))),
        }
    }

    fn pragma(self) -> Interpretation<'a> {
        match self.raw {
            RawValue::Data([_, ..]) => {
                let parameter = Parameter::read(&mut self.data()?)?;
                if let ParameterValue::Malformed(error) = parameter.value {
                    return Err(error);
                }
                Ok(HeaderValue::Pragma(parameter))
            }
            RawValue::Data([]) | RawValue::ShortInteger(_) | RawValue::Text(_) => {
                self.token(&token::PRAGMA).map(HeaderValue::Token)
            }
        }
    }

    fn field_name(self) -> Interpretation<'a> {
        Ok(HeaderValue::FieldName(match self.raw {
            RawValue::ShortInteger(number) => HeaderName::from_number(number),
            RawValue::Text(_) | RawValue::Data(_) => HeaderName::Text(self.text()?),
        }))
    }

    fn warning(self) -> Interpretation<'a> {
        Ok(HeaderValue::Warning(match self.raw {
            RawValue::ShortInteger(code) => Warning::from_code(code),
            RawValue::Data(_) | RawValue::Text(_) => Warning::read(self.data()?)?,
        }))
    }

    fn profile_warning(self) -> Interpretation<'a> {
        Ok(HeaderValue::ProfileWarning(match self.raw {
            RawValue::ShortInteger(code) => ProfileWarning::from_code(code),
            RawValue::Data(_) | RawValue::Text(_) => ProfileWarning::read(self.data()?)?,
        }))
    }

    fn disposition(self) -> Interpretation<'a> {
        let disposition = match self.raw {
            RawValue::Data(_) => ContentDisposition::read(self.data()?)?,
            // The short form is not defined, but what it means is plain.
            RawValue::ShortInteger(_) | RawValue::Text(_) => {
                ContentDisposition::without_parameters(self.token(&token::DISPOSITION)?)
            }
        };
        Ok(HeaderValue::ContentDisposition(disposition))
    }

    fn expect(self) -> Interpretation<'a> {
        match self.raw {
            RawValue::Data([_, ..]) => self
                .data_with(Expectation::read)
                .map(HeaderValue::Expectation),
            RawValue::Data([]) | RawValue::ShortInteger(_) | RawValue::Text(_) => {
                self.token(&token::EXPECT).map(HeaderValue::Token)
            }
        }
    }

    fn transfer_coding(self) -> Interpretation<'a> {
        let coding = match self.raw {
            RawValue::Data(_) => TransferCoding::read(self.data()?)?,
            RawValue::ShortInteger(_) | RawValue::Text(_) => {
                TransferCoding::from_token(self.token(&token::TE)?)
            }
        };
        Ok(HeaderValue::TransferCoding(coding))
    }

    #[inline]
    fn encoding_version(self) -> Result<EncodingVersion<'a>, DecodeError> {
        match self.raw {
            RawValue::ShortInteger(number) => Ok(EncodingVersion {
                page: None,
                version: Some(Version::from_short_integer(number)),
            }),
            RawValue::Text(text) => Ok(EncodingVersion {
                page: None,
                version: Some(Version::Text(text)),
            }),
            RawValue::Data(_) => EncodingVersion::read(self.data()?),
        }
    }
}

/// Shows the value as HTTP writes it.
impl fmt::Display for HeaderValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(value) | Self::ContentType(value) => write!(f, "{value}"),
            Self::AcceptApplication(value) => write!(f, "{value}"),
            Self::AcceptCharset(value) => write!(f, "{value}"),
            Self::AcceptEncoding(value) => write!(f, "{value}"),
            Self::AcceptLanguage(value) => write!(f, "{value}"),
            Self::ApplicationId(value) => write!(f, "{value}"),
            Self::BearerIndication(value) => write!(f, "{value:02X}"),
            Self::DeltaSeconds(value) | Self::Integer(value) => write!(f, "{value}"),
            Self::CacheControl(value) => write!(f, "{value}"),
            Self::Challenge(value) => write!(f, "{value}"),
            Self::ContentDisposition(value) => write!(f, "{value}"),
            Self::ContentLanguage(value) => write!(f, "{value}"),
            Self::ContentRange(value) => write!(f, "{value}"),
            Self::Cookie(value) => write!(f, "{value}"),
            Self::Credentials(value) => write!(f, "{value}"),
            Self::Date(value) => write!(f, "{value}"),
            Self::Digest(value) => write!(f, "{}", crate::text::Base64(*value)),
            Self::Document(value) => write_hex(f, value),
            Self::EncodingVersion(value) => write!(f, "{value}"),
            Self::Expectation(value) => write!(f, "{value}"),
            Self::FieldName(value) => write!(f, "{value}"),
            Self::Method(value) => write!(f, "{value}"),
            Self::Pragma(value) => write!(f, "{value}"),
            Self::ProfileWarning(value) => write!(f, "{value}"),
            Self::PushFlag(value) => write!(f, "{value}"),
            Self::Quoted(value) => write!(f, "\"{value}\""),
            Self::Range(value) => write!(f, "{value}"),
            Self::RetryAfter(value) => write!(f, "{value}"),
            Self::SetCookie(value) => write!(f, "{value}"),
            Self::Text(value) | Self::Uri(value) => write!(f, "{value}"),
            Self::Token(value) => write!(f, "{value}"),
            Self::TransferCoding(value) => write!(f, "{value}"),
            Self::Warning(value) => write!(f, "{value}"),
            Self::Unknown(raw) | Self::Malformed(Malformed { raw, .. }) => write!(f, "{raw}"),
        }
    }
}
