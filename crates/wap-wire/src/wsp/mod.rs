//! The Wireless Session Protocol (WSP): protocol data units, capabilities, headers and content types.

mod address;
mod application_id;
mod capability;
mod charset;
mod content_type;
mod content_type_table;
mod encode;
mod encoding_version;
mod header;
mod language;
mod multipart;
mod parameter;
mod pdu;
mod push;
pub(crate) mod reader;
mod reason;
mod session;
mod sia;
mod status;
#[cfg(test)]
pub(crate) mod steps;
mod token;
mod value;

pub use address::{Address, AddressFields, Addresses};
pub use application_id::{AcceptApplication, ApplicationId, PushFlag};
pub use capability::{
    Capabilities, Capability, CapabilityFields, CapabilityName, ExtendedMethod, HeaderCodePage,
    ProtocolOptions,
};
pub use charset::{Charset, charset_name, charset_number};
pub use content_type::{ContentType, Media, content_type_name, content_type_number};
pub use encode::{
    ApplicationIdForm, EncodeOptions, Encoder, HeaderForm, PartContent, encode_unit_push,
};
pub use encoding_version::EncodingVersion;
pub use header::{
    AuthParameters, CacheDirective, Challenge, ContentDisposition, ContentRange, Cookie,
    CookieEntry, Cookies, Credentials, Expectation, FieldNames, Header, HeaderIter, HeaderName,
    HeaderValue, Headers, Malformed, Preference, ProfileWarning, ProfileWarningDates, Range,
    RetryAfter, SetCookie, TransferCoding, Warning, WellKnownHeader,
};
pub use language::{Language, language_code, language_number};
pub use multipart::{Multipart, MultipartIter, Part};
pub use parameter::{
    Parameter, ParameterName, ParameterValue, Parameters, SecurityMethod, WellKnownParameter,
};
pub use pdu::{Pdu, PduType};
pub use push::{Push, UnitPush};
pub use reason::AbortReason;
pub use session::{Connect, ConnectReply, Redirect, Reply, Resume};
pub use sia::{ProvUrl, Sia, SiaApplicationFields, SiaApplications, SiaContent, SiaProtocols};
pub use status::Status;
pub use token::{Method, Token, WellKnownToken};
pub use value::{Quality, RawValue, Version};
