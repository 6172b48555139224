//! Tokens that WSP gives a number within the header they stand in.

use super::header::WellKnownHeader;
use super::pdu::PduType;
use crate::Text;
use core::fmt;

macro_rules! well_known_tokens {
    ($($variant:ident $text:literal,)+) => {
        /// A token with a number of its own in some header.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum WellKnownToken { $(#[doc = concat!("`", $text, "`")] $variant,)+ }

        impl WellKnownToken {
            /// The token as HTTP writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

well_known_tokens! {
    None "none",
    Bytes "bytes",
    Close "close",
    Gzip "gzip",
    Compress "compress",
    Deflate "deflate",
    Any "*",
    NoCache "no-cache",
    Chunked "chunked",
    Identity "identity",
    Trailers "trailers",
    Continue "100-continue",
    FormData "form-data",
    Attachment "attachment",
    Inline "inline",
    CloseSubordinate "close-subordinate",
}

/// The tokens that the numbers from 0 on stand for in one header.
pub(crate) type TokenTable = [Option<WellKnownToken>];

use WellKnownToken as W;
pub(crate) static ACCEPT_RANGES: [Option<W>; 2] = [Some(W::None), Some(W::Bytes)];
pub(crate) static CONNECTION: [Option<W>; 1] = [Some(W::Close)];
pub(crate) static CONTENT_ENCODING: [Option<W>; 3] =
    [Some(W::Gzip), Some(W::Compress), Some(W::Deflate)];
pub(crate) static ACCEPT_ENCODING: [Option<W>; 4] = [
    Some(W::Gzip),
    Some(W::Compress),
    Some(W::Deflate),
    Some(W::Any),
];
pub(crate) static PRAGMA: [Option<W>; 1] = [Some(W::NoCache)];
pub(crate) static TRANSFER_ENCODING: [Option<W>; 1] = [Some(W::Chunked)];
pub(crate) static TE: [Option<W>; 7] = [
    None,
    Some(W::Trailers),
    Some(W::Chunked),
    Some(W::Identity),
    Some(W::Gzip),
    Some(W::Compress),
    Some(W::Deflate),
];
pub(crate) static DISPOSITION: [Option<W>; 3] =
    [Some(W::FormData), Some(W::Attachment), Some(W::Inline)];
pub(crate) static SECURITY: [Option<W>; 1] = [Some(W::CloseSubordinate)];
pub(crate) static EXPECT: [Option<W>; 1] = [Some(W::Continue)];

/// The tokens of this header; none where its value is no token.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the values of other headers are no tokens"
)]
pub(crate) const fn table_of(header: WellKnownHeader) -> &'static TokenTable {
    match header {
        WellKnownHeader::AcceptRanges => &ACCEPT_RANGES,
        WellKnownHeader::Connection => &CONNECTION,
        WellKnownHeader::ContentEncoding => &CONTENT_ENCODING,
        WellKnownHeader::Pragma => &PRAGMA,
        WellKnownHeader::TransferEncoding => &TRANSFER_ENCODING,
        WellKnownHeader::XWapSecurity => &SECURITY,
        WellKnownHeader::Expect | WellKnownHeader::ExpectVersion13 => &EXPECT,
        _ => &[],
    }
}

/// The token this number stands for.
#[inline]
pub(crate) fn token_of(table: &TokenTable, number: u8) -> Option<WellKnownToken> {
    table.get(usize::from(number)).copied().flatten()
}

/// The number of this token.
pub(crate) fn number_of(table: &TokenTable, token: &str) -> Option<u8> {
    let same = |entry: &Option<WellKnownToken>| {
        entry.is_some_and(|entry| entry.as_str().eq_ignore_ascii_case(token))
    };
    table
        .iter()
        .position(same)
        .and_then(|index| u8::try_from(index).ok())
}

/// A token that came as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token<'a> {
    /// A token with a number.
    WellKnown(WellKnownToken),
    /// Any other token.
    Text(Text<'a>),
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WellKnown(token) => f.write_str(token.as_str()),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

/// A method of HTTP or an extended method (WSP 8.4.2.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// The PDU type assigned to the method, `0x40` to `0x7F`.
    WellKnown(PduType),
    /// The method's name.
    Text(Text<'a>),
}

impl Method<'_> {
    /// The method of this name, where it has a PDU type.
    pub(crate) fn number_from_name(name: &str) -> Option<u8> {
        (0x40..=0x7F).find(|&number| PduType(number).method() == Some(name))
    }
}

/// Shows the method's name, or the PDU type as `0x` and two hexadecimal digits for an extended method.
impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WellKnown(number) => match number.method() {
                Some(name) => f.write_str(name),
                None => write!(f, "0x{:02X}", number.0),
            },
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn numbers_and_tokens_find_each_other() {
        for table in [&ACCEPT_RANGES[..], &ACCEPT_ENCODING, &TE, &DISPOSITION] {
            for (number, token) in (0_u8..).zip(table) {
                assert_eq!(token_of(table, number), *token);
                if let Some(token) = token {
                    assert_eq!(number_of(table, token.as_str()), Some(number));
                }
            }
        }
        assert_eq!(token_of(&CONNECTION, 1), None);
        assert_eq!(number_of(&CONNECTION, "keep-alive"), None);
    }

    #[test]
    fn methods_are_shown_by_name() {
        assert_eq!(Method::WellKnown(PduType(0x40)).to_string(), "GET");
        assert_eq!(Method::WellKnown(PduType(0x61)).to_string(), "PUT");
        assert_eq!(Method::WellKnown(PduType(0x50)).to_string(), "0x50");
        assert_eq!(Method::Text("LOCK".into()).to_string(), "LOCK");
        assert_eq!(Method::number_from_name("POST"), Some(0x60));
        assert_eq!(Method::number_from_name("LOCK"), None);
    }
}
