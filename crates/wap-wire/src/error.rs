//! What can be wrong with octets, and with values that shall become octets.

use alloc::string::String;
use core::fmt;

/// Why octets could not be decoded, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeError {
    /// What is wrong.
    pub code: DecodeErrorCode,
    /// The octet at which the field begins that could not be decoded, counted from the first octet the caller gave.
    pub offset: usize,
}

impl DecodeError {
    /// An error of this code at this offset.
    #[must_use]
    pub const fn new(code: DecodeErrorCode, offset: usize) -> Self {
        Self { code, offset }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.code.message(), self.offset)
    }
}

impl core::error::Error for DecodeError {}

macro_rules! decode_error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident $word:literal $message:literal,)+) => {
        /// What is wrong with the octets.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum DecodeErrorCode { $($(#[doc = $doc])+ $variant,)+ }

        impl DecodeErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable word for this code, in kebab case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The sentence for people, without the offset.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }
        }
    };
}

decode_error_codes! {
    /// The octets end before a field does.
    Truncated "truncated" "the octets end before the field does",
    /// A uintvar has more than five octets or more than 32 bits (WSP 8.1.2).
    UintvarTooLong "uintvar-too-long" "the variable length integer exceeds five octets or 32 bits",
    /// The PDU type is not one that is expected here (WSP table 34).
    UnexpectedPdu "unexpected-pdu" "the PDU type is not one that is expected here",
    /// The length of the headers exceeds the octets that follow.
    HeadersLengthOverrun "headers-length-overrun" "the headers length exceeds the octets that follow",
    /// The length of the capabilities exceeds the octets that follow.
    CapabilitiesLengthOverrun "capabilities-length-overrun" "the capabilities length exceeds the octets that follow",
    /// The length of a value exceeds the octets that follow.
    ValueLengthOverrun "value-length-overrun" "the value length exceeds the octets that follow",
    /// The length of the data of a multipart entry exceeds the octets that follow.
    DataLengthOverrun "data-length-overrun" "the data length exceeds the octets that follow",
    /// The length of an address exceeds the octets that follow.
    AddressLengthOverrun "address-length-overrun" "the address length exceeds the octets that follow",
    /// The length of a list exceeds the octets that follow.
    ListLengthOverrun "list-length-overrun" "the list length exceeds the octets that follow",
    /// A text has no terminating zero octet.
    UnterminatedText "unterminated-text" "the text has no terminating zero octet",
    /// A value is empty where the header needs one.
    EmptyValue "empty-value" "the value is empty",
    /// An integer does not fit into 64 bits, or not into the range of its field.
    IntegerTooLarge "integer-too-large" "the integer is too large",
    /// The value has a form that this header or parameter cannot take.
    WrongForm "wrong-form" "the value has a form that is not allowed here",
    /// A short integer is not assigned to any token of this header.
    UnassignedToken "unassigned-token" "the number is not assigned to any token of this header",
    /// A quality factor is out of range.
    InvalidQuality "invalid-quality" "the quality factor is out of range",
    /// A digest has not 16 octets.
    InvalidDigest "invalid-digest" "the digest has not 16 octets",
    /// An address of a short message is longer than any can be (3GPP TS 23.040 9.1.2.5).
    AddressTooLong "address-too-long" "the address is longer than an address of a short message can be",
    /// The length of user data exceeds the octets that follow.
    UserDataLengthOverrun "user-data-length-overrun" "the user data length exceeds the octets that follow",
    /// User data is longer than a short message can carry: 140 octets.
    UserDataTooLong "user-data-too-long" "the user data is longer than the 140 octets of a short message",
    /// The length of a user data header exceeds the user data.
    UserDataHeaderOverrun "user-data-header-overrun" "the user data header is longer than the user data",
    /// The last information element of a user data header does not end where the header does.
    ElementLengthOverrun "element-length-overrun" "an information element does not end within the user data header",
    /// A document is longer than is taken.
    DocumentTooLong "document-too-long" "the document is longer than is taken",
    /// The version of a WBXML document is none of 1.1, 1.2 and 1.3.
    UnsupportedVersion "unsupported-version" "the version is none of WBXML 1.1, 1.2 and 1.3",
    /// The character set has more than one octet for each character, so that texts do not end at a zero octet.
    UnsupportedCharset "unsupported-charset" "the character set is one of two or four octets a character, which is not supported",
    /// The length of a string table exceeds the octets that follow.
    StringTableOverrun "string-table-overrun" "the string table is longer than the octets that follow",
    /// A reference points behind the string table.
    StringIndexOverrun "string-index-overrun" "the reference points behind the string table",
    /// References to a string table give more than is taken.
    ReferencesTooLong "references-too-long" "the references to the string table give more than is taken",
    /// Elements are nested more deeply than is taken.
    DocumentTooDeep "document-too-deep" "the elements are nested more deeply than is taken",
    /// A token stands where the grammar of WBXML has no place for it.
    UnexpectedToken "unexpected-token" "the token is not one that can stand here",
    /// An entity is no character.
    InvalidEntity "invalid-entity" "the entity is not the number of a character",
}

impl fmt::Display for DecodeErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
/// Why a value could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A header name or a parameter name is not a token.
    InvalidName(String),
    /// A text holds a zero octet, which would end it.
    ZeroInText(String),
    /// A content type is not of the form `type/subtype` with optional parameters.
    InvalidContentType(String),
    /// A part is longer than its length field can say (32 bits; 63 octets for an address).
    TooLong(usize),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(name) => write!(
                f,
                "{name:?} is not a token: use letters, digits and hyphens"
            ),
            Self::ZeroInText(text) => write!(
                f,
                "{text:?} holds a zero octet, which ends a text: leave it out"
            ),
            Self::InvalidContentType(text) => {
                write!(
                    f,
                    "{text:?} is not a content type: write type/subtype; name=value"
                )
            }
            Self::TooLong(length) => {
                write!(f, "{length} octets exceed what the length field can say")
            }
        }
    }
}

impl core::error::Error for EncodeError {}
