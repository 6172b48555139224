//! What is wrong with the octets of a connection.

use std::fmt;

macro_rules! framing_faults {
    ($($(#[doc = $doc:literal])+ $variant:ident $word:literal $message:literal,)+) => {
        /// What is wrong with the octets of a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FramingFault { $($(#[doc = $doc])+ $variant,)+ }

        impl FramingFault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// A stable word for metrics and explanations.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The sentence for people.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }
        }
    };
}

framing_faults! {
    /// More empty lines before a request line than one.
    EmptyLines "emptyLines" "there is more than one empty line before a request",
    /// A request line that is not a method, a target and a version with one space between them (RFC 9112 3).
    RequestLine "requestLine" "the request line is not three parts with one space between them",
    /// A request target with an octet that no URI has, or a fragment (RFC 9112 3.2, RFC 3986 2).
    RequestTarget "requestTarget" "the request target has an octet that no URI has, or a fragment",
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version "version" "the version is neither HTTP/1.0 nor HTTP/1.1",
    /// A CR that no LF follows (RFC 9112 2.2).
    BareCr "bareCr" "a carriage return is not followed by a line feed",
    /// A LF that follows no CR.
    BareLf "bareLf" "a line feed does not follow a carriage return",
    /// A control character in a head, NUL among them.
    ControlCharacter "controlCharacter" "a control character stands in a request line or a header",
    /// White space before the first header (RFC 9112 2.2).
    LeadingSpace "leadingSpace" "white space stands before the first header",
    /// A header line that continues the one before (obs-fold, RFC 9112 5.2).
    FoldedLine "foldedLine" "a header is folded over several lines",
    /// A header without a name.
    EmptyName "emptyName" "a header has no name",
    /// A header name with a character that no name has, or a line without a colon.
    HeaderName "headerName" "a header's name is no token, or no colon follows it",
    /// White space between a name and its colon (RFC 9112 5.1).
    SpaceBeforeColon "spaceBeforeColon" "white space stands between a header's name and its colon",
    /// `Host` twice, equal or not (RFC 9112 3.2).
    RepeatedHost "repeatedHost" "Host stands there twice",
    /// More header lines than the limit.
    TooManyHeaders "tooManyHeaders" "there are too many headers",
    /// More octets of head than the limit.
    HeadTooLong "headTooLong" "the request line and its headers are too long",
    /// `Content-Length` that is no number of digits alone, or none of 64 bits (RFC 9110 8.6).
    Length "length" "Content-Length is not a number of 64 bits, in digits alone",
    /// `Content-Length` twice, equal or not.
    RepeatedLength "repeatedLength" "Content-Length stands there twice",
    /// `Content-Length` beside `Transfer-Encoding` (RFC 9112 6.3).
    LengthAndEncoding "lengthAndEncoding" "Content-Length and Transfer-Encoding stand side by side",
    /// `Transfer-Encoding` other than `chunked`, once.
    Encoding "encoding" "Transfer-Encoding is not chunked alone",
    /// `Transfer-Encoding` in a request of HTTP/1.0 (RFC 9112 6.1).
    OldEncoding "oldEncoding" "Transfer-Encoding stands in a request of HTTP/1.0",
    /// The size of a chunk is no hexadecimal number of 64 bits.
    ChunkSize "chunkSize" "the size of a chunk is not a hexadecimal number of 64 bits",
    /// A chunk has an extension (RFC 9112 7.1.1).
    ChunkExtension "chunkExtension" "a chunk has an extension",
    /// A chunk has more or fewer octets than it says.
    ChunkEnd "chunkEnd" "no line end follows the octets of a chunk",
    /// `Content-Length` or `Transfer-Encoding` among trailers (RFC 9110 6.5.1).
    TrailerFraming "trailerFraming" "Content-Length or Transfer-Encoding stands among the trailers",
}

/// The first octet of a connection that is refused. Nothing behind it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{} (octet {offset} of the connection)", .fault.message())]
pub struct FramingError {
    /// What is wrong.
    pub fault: FramingFault,
    /// The octet that shows it, counted from the first of the connection.
    pub offset: u64,
}

impl FramingError {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        self.fault.as_str()
    }
}

impl fmt::Display for FramingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// What an octet is a fault for where it cannot stand: itself if it is a control character, else `otherwise`.
pub(super) const fn fault(octet: u8, otherwise: FramingFault) -> FramingFault {
    match octet {
        b'\n' => FramingFault::BareLf,
        b'\t' | b'\r' | 0x20..=0x7E | 0x80..=0xFF => otherwise,
        0..=0x1F | 0x7F => FramingFault::ControlCharacter,
    }
}
