//! Names of header fields (WSP table 39).

use crate::wsp::reader::Reader;
use crate::{DecodeError, Text};
use core::fmt;

macro_rules! well_known_headers {
    ($($code:literal $variant:ident $name:literal ($major:literal, $minor:literal) $state:ident,)+) => {
        /// A header field with an assigned number in the default header code page (WSP table 39).
        ///
        /// A field whose encoding changed has a number for each encoding; the older ones are deprecated: they are
        /// received and never sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WellKnownHeader {
            $(#[doc = concat!("`", $name, "`, number ", stringify!($code), ", of encoding version ", $major, ".", $minor)] $variant,)+
        }

        impl WellKnownHeader {
            /// Every assigned header field, in number order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The header field of this number.
            #[must_use]
            #[inline]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The assigned number.
            #[must_use]
            #[inline]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The field's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The encoding version that brought the number: major and minor.
            #[must_use]
            pub const fn encoding_version(self) -> (u8, u8) {
                match self { $(Self::$variant => ($major, $minor),)+ }
            }

            /// Whether the number is received only.
            #[must_use]
            pub const fn is_deprecated(self) -> bool {
                match self { $(Self::$variant => matches!(State::$state, State::Deprecated),)+ }
            }
        }
    };
}

enum State {
    Current,
    Deprecated,
}

well_known_headers! {
    0x00 Accept "Accept" (1, 1) Current,
    0x01 AcceptCharsetVersion11 "Accept-Charset" (1, 1) Deprecated,
    0x02 AcceptEncodingVersion11 "Accept-Encoding" (1, 1) Deprecated,
    0x03 AcceptLanguage "Accept-Language" (1, 1) Current,
    0x04 AcceptRanges "Accept-Ranges" (1, 1) Current,
    0x05 Age "Age" (1, 1) Current,
    0x06 Allow "Allow" (1, 1) Current,
    0x07 Authorization "Authorization" (1, 1) Current,
    0x08 CacheControlVersion11 "Cache-Control" (1, 1) Deprecated,
    0x09 Connection "Connection" (1, 1) Current,
    0x0A ContentBase "Content-Base" (1, 1) Deprecated,
    0x0B ContentEncoding "Content-Encoding" (1, 1) Current,
    0x0C ContentLanguage "Content-Language" (1, 1) Current,
    0x0D ContentLength "Content-Length" (1, 1) Current,
    0x0E ContentLocation "Content-Location" (1, 1) Current,
    0x0F ContentMd5 "Content-MD5" (1, 1) Current,
    0x10 ContentRangeVersion11 "Content-Range" (1, 1) Deprecated,
    0x11 ContentType "Content-Type" (1, 1) Current,
    0x12 Date "Date" (1, 1) Current,
    0x13 Etag "Etag" (1, 1) Current,
    0x14 Expires "Expires" (1, 1) Current,
    0x15 From "From" (1, 1) Current,
    0x16 Host "Host" (1, 1) Current,
    0x17 IfModifiedSince "If-Modified-Since" (1, 1) Current,
    0x18 IfMatch "If-Match" (1, 1) Current,
    0x19 IfNoneMatch "If-None-Match" (1, 1) Current,
    0x1A IfRange "If-Range" (1, 1) Current,
    0x1B IfUnmodifiedSince "If-Unmodified-Since" (1, 1) Current,
    0x1C Location "Location" (1, 1) Current,
    0x1D LastModified "Last-Modified" (1, 1) Current,
    0x1E MaxForwards "Max-Forwards" (1, 1) Current,
    0x1F Pragma "Pragma" (1, 1) Current,
    0x20 ProxyAuthenticate "Proxy-Authenticate" (1, 1) Current,
    0x21 ProxyAuthorization "Proxy-Authorization" (1, 1) Current,
    0x22 Public "Public" (1, 1) Current,
    0x23 Range "Range" (1, 1) Current,
    0x24 Referer "Referer" (1, 1) Current,
    0x25 RetryAfter "Retry-After" (1, 1) Current,
    0x26 Server "Server" (1, 1) Current,
    0x27 TransferEncoding "Transfer-Encoding" (1, 1) Current,
    0x28 Upgrade "Upgrade" (1, 1) Current,
    0x29 UserAgent "User-Agent" (1, 1) Current,
    0x2A Vary "Vary" (1, 1) Current,
    0x2B Via "Via" (1, 1) Current,
    0x2C Warning "Warning" (1, 1) Current,
    0x2D WwwAuthenticate "WWW-Authenticate" (1, 1) Current,
    0x2E ContentDispositionVersion11 "Content-Disposition" (1, 1) Deprecated,
    0x2F XWapApplicationId "X-Wap-Application-Id" (1, 2) Current,
    0x30 XWapContentUri "X-Wap-Content-URI" (1, 2) Current,
    0x31 XWapInitiatorUri "X-Wap-Initiator-URI" (1, 2) Current,
    0x32 AcceptApplication "Accept-Application" (1, 2) Current,
    0x33 BearerIndication "Bearer-Indication" (1, 2) Current,
    0x34 PushFlag "Push-Flag" (1, 2) Current,
    0x35 Profile "Profile" (1, 2) Current,
    0x36 ProfileDiff "Profile-Diff" (1, 2) Current,
    0x37 ProfileWarningVersion12 "Profile-Warning" (1, 2) Deprecated,
    0x38 ExpectVersion13 "Expect" (1, 3) Deprecated,
    0x39 Te "TE" (1, 3) Current,
    0x3A Trailer "Trailer" (1, 3) Current,
    0x3B AcceptCharset "Accept-Charset" (1, 3) Current,
    0x3C AcceptEncoding "Accept-Encoding" (1, 3) Current,
    0x3D CacheControlVersion13 "Cache-Control" (1, 3) Deprecated,
    0x3E ContentRange "Content-Range" (1, 3) Current,
    0x3F XWapTod "X-Wap-Tod" (1, 3) Current,
    0x40 ContentId "Content-ID" (1, 3) Current,
    0x41 SetCookie "Set-Cookie" (1, 3) Current,
    0x42 Cookie "Cookie" (1, 3) Current,
    0x43 EncodingVersion "Encoding-Version" (1, 3) Current,
    0x44 ProfileWarning "Profile-Warning" (1, 4) Current,
    0x45 ContentDisposition "Content-Disposition" (1, 4) Current,
    0x46 XWapSecurity "X-WAP-Security" (1, 4) Current,
    0x47 CacheControl "Cache-Control" (1, 4) Current,
    0x48 Expect "Expect" (1, 5) Current,
    0x49 XWapLocInvocation "X-Wap-Loc-Invocation" (1, 5) Current,
    0x4A XWapLocDelivery "X-Wap-Loc-Delivery" (1, 5) Current,
    0x50 XOmaGwMo "X-Oma-GwMO" (1, 6) Current,
}

impl WellKnownHeader {
    /// The header field to send for this name: the one whose number is not deprecated. Letters compare without case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        // Of several numbers for one name the last one is current.
        Self::ALL
            .iter()
            .rev()
            .copied()
            .find(|header| header.name().eq_ignore_ascii_case(name))
    }

    /// Whether both numbers name the same field, in whatever encoding.
    #[must_use]
    pub fn is_same_field(self, other: Self) -> bool {
        self == other || self.name() == other.name()
    }
}

/// The name of a header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderName<'a> {
    /// A field with an assigned number.
    WellKnown(WellKnownHeader),
    /// A number that is not assigned, or one of a code page that this crate does not know.
    Unknown {
        /// The header code page; 1 is the default one.
        page: u8,
        /// The number, 0 to 127.
        number: u8,
    },
    /// A name.
    Text(Text<'a>),
}

impl<'a> HeaderName<'a> {
    /// The assigned field, also where the name came as text.
    #[must_use]
    pub fn well_known(self) -> Option<WellKnownHeader> {
        match self {
            Self::WellKnown(header) => Some(header),
            Self::Unknown { .. } => None,
            Self::Text(text) => WellKnownHeader::from_name(text.as_str()?),
        }
    }

    /// Whether this names that field, as a number of whatever encoding or as text.
    #[must_use]
    pub fn is(self, header: WellKnownHeader) -> bool {
        match self {
            Self::WellKnown(own) => own.is_same_field(header),
            Self::Unknown { .. } => false,
            Self::Text(text) => text.eq_ignore_ascii_case(header.name()),
        }
    }

    /// The name as it is shown, where it is known or came as valid UTF-8.
    #[must_use]
    #[inline]
    pub const fn as_str(self) -> Option<&'a str> {
        match self {
            Self::WellKnown(header) => Some(header.name()),
            Self::Unknown { .. } => None,
            Self::Text(text) => text.as_str(),
        }
    }

    /// The field of this name; the assigned one where there is one that is not deprecated.
    pub(crate) fn from_text(name: &'a str) -> Self {
        let assigned = WellKnownHeader::from_name(name).filter(|header| !header.is_deprecated());
        assigned.map_or_else(|| Self::Text(name.into()), Self::WellKnown)
    }

    /// The name of this number on the default page.
    pub(crate) fn from_number(number: u8) -> Self {
        WellKnownHeader::from_number(number)
            .map_or(Self::Unknown { page: 1, number }, Self::WellKnown)
    }

    /// A Field-name within a value: a short integer or text.
    pub(crate) fn read_field_name(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.peek() {
            Some(octet @ 0x80..) => {
                reader.octet()?;
                Ok(Self::from_number(octet & 0x7F))
            }
            _ => reader.text().map(Self::Text),
        }
    }
}

/// Shows the name; a number that is not known as `X-Unknown-`, the page and the number in two hexadecimal digits each.
impl fmt::Display for HeaderName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WellKnown(header) => f.write_str(header.name()),
            Self::Unknown { page, number } => write!(f, "X-Unknown-{page:02X}-{number:02X}"),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_number_and_name_find_each_other() {
        assert_eq!(WellKnownHeader::ALL.len(), 76);
        for &header in WellKnownHeader::ALL {
            assert_eq!(WellKnownHeader::from_number(header.number()), Some(header));
            let current = WellKnownHeader::from_name(&header.name().to_ascii_lowercase()).unwrap();
            assert!(current.is_same_field(header));
            assert_eq!(
                current == header,
                !header.is_deprecated() || header == WellKnownHeader::ContentBase,
                "{header:?}"
            );
            assert!(HeaderName::Text(header.name().into()).is(header));
        }
        assert!(WellKnownHeader::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        assert_eq!(
            WellKnownHeader::from_name("Encoding-version"),
            Some(WellKnownHeader::EncodingVersion)
        );
        assert_eq!(WellKnownHeader::XWapSecurity.encoding_version(), (1, 4));
    }

    #[test]
    fn unknown_names_are_shown_by_page_and_number() {
        let name = HeaderName::from_number(0x4B);
        assert_eq!(name.to_string(), "X-Unknown-01-4B");
        assert_eq!(name.well_known(), None);
        assert!(!name.is(WellKnownHeader::Accept));
        assert_eq!(
            HeaderName::Text("push-flag".into()).well_known(),
            Some(WellKnownHeader::PushFlag)
        );
    }
}
