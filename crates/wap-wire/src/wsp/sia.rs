//! Session initiation requests: content of type `application/vnd.wap.sia` (WAP-235 8.4).

use super::address::{Address, Addresses};
use super::application_id::{AcceptApplication, ApplicationId};
use super::header::{
    Header, HeaderIter, HeaderName, HeaderValue, Headers, Malformed, WellKnownHeader,
};
use super::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, Text};

/// The number of Accept-Application as the first octet of a header.
const ACCEPT_APPLICATION: u8 = WellKnownHeader::AcceptApplication.number() | 0x80;

/// A gateway asks the terminal to connect to it.
///
/// Every field but the version may be missing at the end, which is as if it were empty. What follows the fields of
/// version 1 is ignored; in version 0, what follows the contact points for WSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sia<'a> {
    /// The version of the content type.
    pub version: u8,
    /// The applications that the gateway has pushes for.
    pub applications: SiaApplications<'a>,
    /// Where to open WSP sessions.
    pub wsp_contact_points: Addresses<'a>,
    /// Where to connect by other protocols.
    pub contact_points: Addresses<'a>,
    /// The protocols for these contact points, with their options.
    pub protocols: SiaProtocols<'a>,
    /// The provisioning context to use.
    pub prov_url: ProvUrl<'a>,
    /// The tags of CPI (CPITag) that the gateway takes for valid.
    pub cpi_tags: &'a [[u8; 4]],
}

impl<'a> Sia<'a> {
    /// The version that this crate writes, 1.
    pub const VERSION: u8 = 1;

    //= specs/ota-http.md#sia-content
    //# SIA content of a version above 1 MUST be accepted, and the fields that it has beyond version 1 ignored.
    //= specs/ota-http.md#sia-content
    //# SIA content of version 0 MUST be understood by a terminal that speaks OTA-WSP.
    //= specs/ota-wsp.md#sir
    //# SIA content of version 0 MUST be understood.
    //= specs/ota-http.md#sia-content
    //# SIA content that ends before its last fields MUST be accepted.
    /// Decodes a session initiation request. The entries of the lists of applications and of contact points are decoded as
    /// they are iterated over.
    ///
    /// # Errors
    /// [`DecodeErrorCode::Truncated`] where there is no version or a number ends too soon,
    /// [`DecodeErrorCode::ListLengthOverrun`] at a length that exceeds the octets that follow,
    /// [`DecodeErrorCode::UintvarTooLong`].
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        let version = reader.octet()?;
        let applications = read_list(&mut reader)?;
        let wsp_contact_points = read_list(&mut reader)?;
        if version == 0 {
            reader = Reader::new(&[], reader.offset());
        }
        Ok(Self {
            version,
            applications: SiaApplications(applications),
            wsp_contact_points: Addresses::from_reader(wsp_contact_points),
            contact_points: Addresses::from_reader(read_list(&mut reader)?),
            protocols: SiaProtocols::read(&mut reader)?,
            prov_url: ProvUrl::new(read_list(&mut reader)?.rest()),
            cpi_tags: read_cpi_tags(&mut reader)?,
        })
    }
}

/// Reads a length and as many octets; nothing where the content has ended.
fn read_list<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, DecodeError> {
    if reader.is_empty() {
        return Ok(*reader);
    }
    let start = *reader;
    let length = reader.uintvar()?;
    reader
        .sub(length, DecodeErrorCode::ListLengthOverrun)
        .map_err(|error| start.error(error.code))
}

fn read_cpi_tags<'a>(reader: &mut Reader<'a>) -> Result<&'a [[u8; 4]], DecodeError> {
    if reader.is_empty() {
        return Ok(&[]);
    }
    let start = *reader;
    let overrun = |_| start.error(DecodeErrorCode::ListLengthOverrun);
    let length = reader.uintvar()?.saturating_mul(4);
    let octets = reader
        .take(length, DecodeErrorCode::ListLengthOverrun)
        .map_err(overrun)?;
    Ok(octets.as_chunks().0)
}

/// The applications of a session initiation request, decoded as the list is iterated over.
///
/// It is a list of Accept-Application headers. Gateways in use write values without the name of the header, or one number
/// in decimal digits; a list that does not begin with that name is read as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiaApplications<'a>(Reader<'a>);

impl<'a> SiaApplications<'a> {
    /// The octets of the whole list.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> IntoIterator for SiaApplications<'a> {
    type Item = Result<AcceptApplication<'a>, DecodeError>;
    type IntoIter = SiaApplicationFields<'a>;

    fn into_iter(self) -> Self::IntoIter {
        let mut reader = self.0;
        let begins_with_name = reader.peek() == Some(ACCEPT_APPLICATION)
            || reader.until_zero().is_ok_and(|text| {
                Text::new(text).eq_ignore_ascii_case(WellKnownHeader::AcceptApplication.name())
            });
        let is_number = !self.0.is_empty() && self.0.rest().iter().all(u8::is_ascii_digit);
        SiaApplicationFields(if begins_with_name {
            Form::Headers(Headers::from_reader(self.0).iter())
        } else if is_number {
            Form::Number(self.0)
        } else {
            Form::Values(self.0)
        })
    }
}

/// Iterates over the applications of a session initiation request; ends after the first length that overruns.
#[derive(Debug, Clone)]
pub struct SiaApplicationFields<'a>(Form<'a>);

/// How the list is written.
#[derive(Debug, Clone)]
enum Form<'a> {
    Headers(HeaderIter<'a>),
    Values(Reader<'a>),
    Number(Reader<'a>),
}

impl<'a> Iterator for SiaApplicationFields<'a> {
    type Item = Result<AcceptApplication<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::Headers(headers) => headers.find_map(|header| match header {
                Ok(header) => in_header(&header),
                Err(error) => Some(Err(error)),
            }),
            Form::Values(reader) => next_value(reader),
            Form::Number(reader) => next_number(reader),
        }
    }
}

/// The application that a header names; headers of other names are passed over.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "Accept-Application has no value of another form"
)]
fn in_header<'a>(header: &Header<'a>) -> Option<Result<AcceptApplication<'a>, DecodeError>> {
    if !header.name.is(WellKnownHeader::AcceptApplication) {
        return None;
    }
    match header.value {
        HeaderValue::AcceptApplication(application) => Some(Ok(application)),
        HeaderValue::Text(text) if text == "*" => Some(Ok(AcceptApplication::Any)),
        HeaderValue::Text(text) => Some(Ok(any_or_id(ApplicationId::from_text(text)))),
        HeaderValue::Malformed(Malformed { error, .. }) => Some(Err(error)),
        _ => None,
    }
}

fn next_value<'a>(reader: &mut Reader<'a>) -> Option<Result<AcceptApplication<'a>, DecodeError>> {
    if reader.is_empty() {
        return None;
    }
    let start = reader.offset();
    let raw = match reader.raw_value() {
        Ok(raw) => raw,
        Err(error) => {
            *reader = Reader::new(&[], start);
            return Some(Err(error));
        }
    };
    let name = WellKnownHeader::AcceptApplication;
    let value = HeaderValue::interpret(name, raw, start, reader.offset());
    in_header(&Header {
        name: HeaderName::WellKnown(name),
        value,
    })
}

fn next_number<'a>(reader: &mut Reader<'a>) -> Option<Result<AcceptApplication<'a>, DecodeError>> {
    let digits = Text::new(reader.rest()).as_str().unwrap_or_default();
    if digits.is_empty() {
        return None;
    }
    let number = digits
        .parse()
        .map(|number| any_or_id(ApplicationId::Number(number)))
        .map_err(|_| reader.error(DecodeErrorCode::IntegerTooLarge));
    *reader = Reader::new(&[], reader.offset());
    Some(number)
}

/// The number 0 stands for any application.
fn any_or_id(id: ApplicationId<'_>) -> AcceptApplication<'_> {
    match id {
        ApplicationId::Number(0) => AcceptApplication::Any,
        ApplicationId::Number(_) | ApplicationId::Uri(_) => AcceptApplication::Id(id),
    }
}

/// The protocols of the contact points, in their order: numbers, decoded as the list is iterated over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SiaProtocols<'a>(&'a [u8]);

impl<'a> SiaProtocols<'a> {
    /// OTA-HTTP, without a CPITag.
    pub const OTA_HTTP: u32 = 0;
    /// OTA-HTTP, with a CPITag among those at the end.
    pub const OTA_HTTP_WITH_CPI_TAG: u32 = 1;

    /// Reads how many numbers there are, and those.
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Ok(Self::default());
        }
        let count = reader.uintvar()?;
        let octets = reader.rest();
        for _ in 0..count {
            reader.uintvar()?;
        }
        let length = octets.len().saturating_sub(reader.rest().len());
        Ok(Self(octets.get(..length).unwrap_or_default()))
    }

    /// The numbers.
    pub fn iter(self) -> impl Iterator<Item = u32> + use<'a> {
        let mut reader = Reader::new(self.0, 0);
        core::iter::from_fn(move || reader.uintvar().ok())
    }
}

/// The provisioning context that a session initiation request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProvUrl<'a> {
    /// None: one with an empty `ProvURL`, if there is one.
    #[default]
    Empty,
    /// That whose `ProvURL` has an SHA-1 hash that begins with these one to four octets.
    Hash(&'a [u8]),
    /// That with this `ProvURL`.
    Url(Text<'a>),
}

impl<'a> ProvUrl<'a> {
    /// The meaning of the field: of more than four octets it is the URL itself.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        match octets {
            [] => Self::Empty,
            [_, _, _, _, _, ..] => Self::Url(Text::new(octets)),
            [..] => Self::Hash(octets),
        }
    }

    /// The octets of the field.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Empty => &[],
            Self::Hash(octets) => octets,
            Self::Url(text) => text.as_bytes(),
        }
    }
}

/// A session initiation request, to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiaContent<'a> {
    /// The version; version 0 has the lists of applications and of contact points for WSP alone.
    pub version: u8,
    /// The applications that there are pushes for.
    pub applications: &'a [AcceptApplication<'a>],
    /// Where to open WSP sessions.
    pub wsp_contact_points: &'a [Address<'a>],
    /// Where to connect by other protocols.
    pub contact_points: &'a [Address<'a>],
    /// The protocols for these contact points.
    pub protocols: &'a [u32],
    /// The `ProvURL`, or one to four octets of its SHA-1 hash.
    pub prov_url: &'a [u8],
    /// The tags of CPI taken for valid.
    pub cpi_tags: &'a [[u8; 4]],
}

impl Default for SiaContent<'_> {
    fn default() -> Self {
        Self {
            version: Sia::VERSION,
            applications: &[],
            wsp_contact_points: &[],
            contact_points: &[],
            protocols: &[],
            prov_url: &[],
            cpi_tags: &[],
        }
    }
}
