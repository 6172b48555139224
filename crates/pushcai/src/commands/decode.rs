//! `decode`: octets in hexadecimal become JSON, one value a line.

mod sms;
mod wbxml;
mod wtp;

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Serialize;
use serde_json::{Map, Value};
use wap_wire::DecodeError;
use wap_wire::wsp::{
    self, AcceptApplication, Address, Addresses, ContentType, HeaderValue, Headers, Malformed,
    Media, Parameter, ProvUrl, Sia, UnitPush,
};

use crate::arguments::{Decode, Kind};
use crate::failure::Failure;
use crate::output::{Output, hexadecimal};

/// The most octets of one line of input: beyond any message in hexadecimal.
const MAX_LINE: u64 = 4 << 20;

/// Decodes each item, and says at last whether one could not be.
pub(crate) fn run(arguments: &Decode, output: &mut Output) -> Result<(), Failure> {
    let decoder = decoder(arguments.kind);
    let mut all_decoded = true;
    if arguments.kind == Kind::SmsTpdu && !arguments.items.is_empty() {
        let words: Vec<_> = match &arguments.items[..] {
            [line] => sms::words(line),
            items => items.iter().map(String::as_str).collect(),
        };
        all_decoded = give(sms::message(&words), output)?;
    } else if arguments.items.is_empty() {
        each_line(output, |line, output| {
            all_decoded &= answer(line, decoder, output)?;
            Ok(())
        })?;
    } else {
        for item in &arguments.items {
            all_decoded &= answer(item, decoder, output)?;
        }
    }
    if all_decoded {
        Ok(())
    } else {
        Err(Failure::Undecodable)
    }
}

/// The octets that a text stands for; spaces, colons and `0x` at the beginning of a group are skipped.
pub(crate) fn octets(text: &str) -> Result<Vec<u8>, InvalidHex> {
    let mut octets = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    let mut position = 0;
    let mut characters = text.chars().peekable();
    let mut group_begins = true;
    while let Some(character) = characters.next() {
        let prefix = group_begins && character == '0' && high.is_none();
        if prefix
            && characters
                .next_if(|next| matches!(next, 'x' | 'X'))
                .is_some()
        {
            position += 2;
            group_begins = false;
            continue;
        }
        group_begins = character.is_ascii_whitespace() || character == ':';
        if !group_begins {
            let digit = character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(InvalidHex::Digit {
                character,
                position,
            })?;
            match high.take() {
                None => high = Some(digit),
                Some(high) => octets.push(high << 4 | digit),
            }
        }
        position += 1;
    }
    match high {
        None => Ok(octets),
        Some(_) => Err(InvalidHex::Odd { position }),
    }
}

/// Why a text is not hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHex {
    /// A character that is no digit.
    #[error(
        "{character:?} at character {position} is no hexadecimal digit; digits, spaces, colons and 0x are taken"
    )]
    Digit {
        /// The character.
        character: char,
        /// How many characters stand before it.
        position: usize,
    },
    /// A single digit at the end.
    #[error("the digits do not come in pairs; an octet has two")]
    Odd {
        /// How many characters there are.
        position: usize,
    },
}

impl InvalidHex {
    const fn position(self) -> usize {
        match self {
            Self::Digit { position, .. } | Self::Odd { position } => position,
        }
    }
}

/// Why an item could not be decoded.
#[derive(Debug, Clone, Serialize)]
struct Error {
    code: &'static str,
    offset: usize,
    message: String,
}

impl Error {
    /// An error of what several items say together.
    fn of(code: &'static str, message: &str) -> Self {
        Self {
            code,
            offset: 0,
            message: message.to_owned(),
        }
    }

    /// The same error, said of the word with this index.
    fn in_word(self, index: usize) -> Self {
        Self {
            message: format!("segment {} as given: {}", index + 1, self.message),
            ..self
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        let (code, offset) = (error.code.as_str(), error.offset);
        Self {
            code,
            offset,
            message: error.to_string(),
        }
    }
}

impl From<InvalidHex> for Error {
    fn from(error: InvalidHex) -> Self {
        Self {
            code: "invalid-hex",
            offset: error.position(),
            message: error.to_string(),
        }
    }
}

/// Decodes what stands in one argument, or on one line.
#[derive(Debug, Clone, Copy)]
enum Decoder {
    Octets(fn(&[u8]) -> Result<Decoded, Error>),
    ShortMessage,
}

impl Decoder {
    fn decode(self, item: &str) -> Result<Decoded, Error> {
        match self {
            Self::Octets(decode) => decode(&octets(item)?),
            Self::ShortMessage => sms::message(&sms::words(item)),
        }
    }
}

fn decoder(kind: Kind) -> Decoder {
    match kind {
        Kind::WspPush => Decoder::Octets(wsp_push),
        Kind::WspHeaders => Decoder::Octets(wsp_headers),
        Kind::ContentType => Decoder::Octets(content_type),
        Kind::Sia => Decoder::Octets(sia),
        Kind::SmsTpdu => Decoder::ShortMessage,
        Kind::SmsUdh => Decoder::Octets(sms::header),
        Kind::Wtp => Decoder::Octets(wtp::datagram),
        Kind::Wbxml => Decoder::Octets(wbxml::document),
    }
}

/// What an item is answered with.
#[derive(Debug, Serialize)]
struct Answer {
    ok: bool,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content {
    Decoded(Decoded),
    Failed { error: Error },
}

/// An item decoded.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Decoded {
    Push(Box<DecodedPush>),
    Headers(DecodedHeaders),
    ContentType(DecodedContentType),
    Sia(Box<DecodedSia>),
    Message(Box<sms::DecodedMessage>),
    UserDataHeader(sms::DecodedHeader),
    Datagram(wtp::DecodedDatagram),
    Document(Box<wbxml::DecodedDocument>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecodedPush {
    tid: u8,
    pdu: &'static str,
    content_type: String,
    parameters: Map<String, Value>,
    application_id: Option<ApplicationId>,
    #[serde(flatten)]
    headers: DecodedHeaders,
    body: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecodedSia {
    version: u8,
    applications: Vec<ApplicationId>,
    wsp_contact_points: Vec<ContactPoint>,
    contact_points: Vec<ContactPoint>,
    prot_opts: Vec<u32>,
    #[serde(rename = "provURL")]
    prov_url: Option<String>,
    #[serde(rename = "provURLHash", skip_serializing_if = "Option::is_none")]
    prov_url_hash: Option<String>,
    cpi_tags: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ContactPoint {
    bearer: Option<u8>,
    port: Option<u16>,
    /// An IP address, or the octets of another bearer's in hexadecimal.
    address: String,
}

#[derive(Debug, Serialize)]
struct ApplicationId {
    uri: Option<String>,
    code: Option<u32>,
}

#[derive(Debug, Serialize)]
struct DecodedHeaders {
    headers: Vec<(String, String)>,
    /// Headers whose value is none that they can have; among `headers` they stand with their octets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    malformed: Vec<MalformedHeader>,
}

#[derive(Debug, Serialize)]
struct MalformedHeader {
    name: String,
    #[serde(flatten)]
    error: Error,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecodedContentType {
    content_type: String,
    code: Option<u32>,
    parameters: Map<String, Value>,
    consumed: usize,
}

fn wsp_push(octets: &[u8]) -> Result<Decoded, Error> {
    push(octets).map(Decoded::Push)
}

fn push(octets: &[u8]) -> Result<Box<DecodedPush>, Error> {
    let UnitPush { tid, push } = UnitPush::decode(octets)?;
    let application_id = push.application_id().map(ApplicationId::from);
    Ok(Box::new(DecodedPush {
        tid,
        pdu: if push.confirmed {
            "ConfirmedPush"
        } else {
            "Push"
        },
        content_type: media_type(&push.content_type),
        parameters: parameters(&push.content_type),
        application_id,
        headers: headers(push.headers)?,
        body: hexadecimal(push.body),
    }))
}

fn wsp_headers(octets: &[u8]) -> Result<Decoded, Error> {
    headers(Headers::new(octets)).map(Decoded::Headers)
}

fn content_type(octets: &[u8]) -> Result<Decoded, Error> {
    let (content_type, consumed) = ContentType::decode(octets)?;
    Ok(Decoded::ContentType(DecodedContentType {
        content_type: media_type(&content_type),
        code: match content_type.media() {
            Media::WellKnown(number) => Some(number),
            Media::Text(_) => None,
        },
        parameters: parameters(&content_type),
        consumed,
    }))
}

fn sia(octets: &[u8]) -> Result<Decoded, Error> {
    let sia = Sia::decode(octets)?;
    let application = |application| match application {
        AcceptApplication::Any => wsp::ApplicationId::Number(0).into(),
        AcceptApplication::Id(id) => ApplicationId::from(id),
    };
    let applications: Result<Vec<_>, _> = sia
        .applications
        .into_iter()
        .map(|one| one.map(application))
        .collect();
    let (prov_url, prov_url_hash) = match sia.prov_url {
        ProvUrl::Empty => (None, None),
        ProvUrl::Hash(octets) => (None, Some(hexadecimal(octets))),
        ProvUrl::Url(text) => (Some(text.to_string()), None),
    };
    Ok(Decoded::Sia(Box::new(DecodedSia {
        version: sia.version,
        applications: applications?,
        wsp_contact_points: contact_points(sia.wsp_contact_points)?,
        contact_points: contact_points(sia.contact_points)?,
        prot_opts: sia.protocols.iter().collect(),
        prov_url,
        prov_url_hash,
        cpi_tags: sia.cpi_tags.iter().map(|tag| hexadecimal(tag)).collect(),
    })))
}

fn contact_points(addresses: Addresses<'_>) -> Result<Vec<ContactPoint>, Error> {
    let point = |address: Address<'_>| ContactPoint {
        bearer: address.bearer_type,
        port: address.port,
        address: address
            .ip()
            .map_or_else(|| hexadecimal(address.address), |ip| ip.to_string()),
    };
    let points = addresses.into_iter().map(|address| Ok(point(address?)));
    points.collect()
}

impl From<wsp::ApplicationId<'_>> for ApplicationId {
    fn from(id: wsp::ApplicationId<'_>) -> Self {
        Self {
            uri: id.uri().map(str::to_owned),
            code: id.number(),
        }
    }
}

fn media_type(content_type: &ContentType<'_>) -> String {
    content_type
        .media_type()
        .map_or_else(|| content_type.media().to_string(), str::to_owned)
}

/// The parameters by name; of a name that comes again the first counts.
fn parameters(content_type: &ContentType<'_>) -> Map<String, Value> {
    let mut parameters = Map::new();
    for Parameter { name, value } in content_type.parameters() {
        let entry = parameters.entry(name.to_string());
        entry.or_insert_with(|| Value::String(value.to_string()));
    }
    parameters
}

fn headers(all: Headers<'_>) -> Result<DecodedHeaders, Error> {
    let (mut headers, mut malformed) = (Vec::new(), Vec::new());
    for header in all {
        let header = header?;
        let name = header.name.to_string();
        if let HeaderValue::Malformed(Malformed { error, .. }) = header.value {
            malformed.push(MalformedHeader {
                name: name.clone(),
                error: error.into(),
            });
        }
        headers.push((name, header.value.to_string()));
    }
    Ok(DecodedHeaders { headers, malformed })
}

/// Writes the answer to one item, and says whether it was decoded.
fn answer(item: &str, decoder: Decoder, output: &mut Output) -> Result<bool, Failure> {
    give(decoder.decode(item), output)
}

/// Writes what came out of an item, and says whether it was decoded.
fn give(result: Result<Decoded, Error>, output: &mut Output) -> Result<bool, Failure> {
    let ok = result.is_ok();
    let content = result.map_or_else(|error| Content::Failed { error }, Content::Decoded);
    output.json(&Answer { ok, content })?;
    Ok(ok)
}

/// Hands over each line of the standard input; answers go out before more input is waited for.
pub(crate) fn each_line(
    output: &mut Output,
    mut take: impl FnMut(&str, &mut Output) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Other(format!("the input cannot be read: {error}"));
    let mut input = io::BufReader::new(io::stdin().lock());
    let mut line = Vec::new();
    loop {
        if input.buffer().is_empty() {
            output.flush()?;
        }
        line.clear();
        let read = input
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == MAX_LINE {
            return Err(Failure::Other(TooLong.to_string()));
        }
        take(String::from_utf8_lossy(&line).trim_end(), output)?;
    }
}

/// A line of input that cannot be a message.
struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line of the input has more than {MAX_LINE} octets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_may_be_written_in_many_ways() {
        for text in [
            "0a0B0c",
            "0a 0b 0c",
            "0A:0B:0C",
            "0x0a0b0c",
            " 0x0a 0x0B,".trim_end_matches(','),
            "0 a0b 0c",
        ] {
            let expected: &[u8] = if text.len() == 10 {
                &[10, 11]
            } else {
                &[10, 11, 12]
            };
            assert_eq!(octets(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(octets(""), Ok(Vec::new()));
        assert_eq!(octets("0x"), Ok(Vec::new()));
        assert_eq!(octets("00"), Ok(vec![0]));
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused_with_its_place() {
        let digit = |character, position| {
            Err(InvalidHex::Digit {
                character,
                position,
            })
        };
        assert_eq!(octets("0g"), digit('g', 1));
        assert_eq!(octets("é"), digit('é', 0));
        assert_eq!(octets("1x00"), digit('x', 1));
        assert_eq!(octets("0x 000x00"), digit('x', 6));
        assert_eq!(octets("000"), Err(InvalidHex::Odd { position: 3 }));
    }
}
