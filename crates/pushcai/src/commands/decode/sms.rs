//! Short messages: segments in any order become one value.

use serde::Serialize;
use wap_wire::sms::{
    Alphabet, Concatenation, Deliver, InformationElement, Ports, UserData, UserDataHeader,
};

use super::{Decoded, DecodedPush, Error, octets, push};
use crate::output::hexadecimal;

/// Hexadecimal digits of the shortest SMS-DELIVER: what has as many is a segment of its own and not a piece of one.
const SHORTEST: usize = 26;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecodedMessage {
    segments: Vec<DecodedSegment>,
    missing: Vec<u8>,
    data: String,
    /// What is text in all segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<Box<DecodedPush>>,
    /// Why a whole message with ports is no push.
    #[serde(skip_serializing_if = "Option::is_none")]
    push_error: Option<Error>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecodedSegment {
    sender: Option<String>,
    ports: Option<DecodedPorts>,
    concat: Option<DecodedConcatenation>,
    /// Why nothing of the user data header counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    header_error: Option<Error>,
}

#[derive(Debug, Serialize)]
struct DecodedPorts {
    dest: u16,
    orig: u16,
}

#[derive(Debug, Serialize)]
struct DecodedConcatenation {
    #[serde(rename = "ref")]
    reference: u16,
    total: u8,
    seq: u8,
    bits: u8,
}

#[derive(Debug, Serialize)]
pub(super) struct DecodedHeader {
    ports: Option<DecodedPorts>,
    concat: Option<DecodedConcatenation>,
    elements: Vec<DecodedElement>,
    consumed: usize,
}

#[derive(Debug, Serialize)]
struct DecodedElement {
    id: u8,
    data: String,
}

impl From<Ports> for DecodedPorts {
    fn from(ports: Ports) -> Self {
        Self {
            dest: ports.destination,
            orig: ports.originator,
        }
    }
}

impl From<Concatenation> for DecodedConcatenation {
    fn from(concatenation: Concatenation) -> Self {
        Self {
            reference: concatenation.reference,
            total: concatenation.total,
            seq: concatenation.sequence,
            bits: concatenation.width.bits(),
        }
    }
}

/// The segments on a line: words, unless they are so short that they are pieces of one segment.
pub(super) fn words(line: &str) -> Vec<&str> {
    let words: Vec<_> = line.split_whitespace().collect();
    if words.iter().all(|word| word.len() >= SHORTEST) && !words.is_empty() {
        words
    } else {
        vec![line]
    }
}

pub(super) fn header(octets: &[u8]) -> Result<Decoded, Error> {
    let (header, consumed) = UserDataHeader::decode(octets)?;
    let element = |element: InformationElement<'_>| DecodedElement {
        id: element.identifier,
        data: hexadecimal(element.data),
    };
    Ok(Decoded::UserDataHeader(DecodedHeader {
        ports: header.ports().map(DecodedPorts::from),
        concat: header.concatenation().map(DecodedConcatenation::from),
        elements: header.elements().map(element).collect(),
        consumed,
    }))
}

/// One message of the segments in these words.
pub(super) fn message(words: &[&str]) -> Result<Decoded, Error> {
    let several = words.len() > 1;
    let segments = words.iter().enumerate().map(|(index, word)| {
        segment(word).map_err(|error| if several { error.in_word(index) } else { error })
    });
    let mut segments = segments.collect::<Result<Vec<_>, Error>>()?;
    segments.sort_by_key(Segment::sequence);
    let missing = agree(&segments)?;
    let shown = segments.iter().map(Segment::shown).collect();
    segments.dedup_by_key(|segment| segment.sequence());
    let data: Vec<u8> = segments
        .iter()
        .flat_map(|segment| segment.data.iter().copied())
        .collect();
    let text = segments.iter().map(|segment| segment.text.as_deref());
    let text: Option<String> = text.collect();
    let is_datagram = missing.is_empty() && segments.iter().all(|segment| segment.is_datagram);
    let result = is_datagram.then(|| push(&data));
    let (push, push_error) = match result {
        None => (None, None),
        Some(Ok(push)) => (Some(push), None),
        Some(Err(error)) => (None, Some(error)),
    };
    Ok(Decoded::Message(Box::new(DecodedMessage {
        segments: shown,
        missing,
        data: hexadecimal(&data),
        text,
        push,
        push_error,
    })))
}

/// What is needed of one segment.
struct Segment {
    centre: Option<String>,
    sender: Option<String>,
    ports: Option<Ports>,
    concatenation: Option<Concatenation>,
    header_error: Option<Error>,
    data: Vec<u8>,
    text: Option<String>,
    is_datagram: bool,
}

impl Segment {
    fn sequence(&self) -> u8 {
        self.concatenation
            .map_or(1, |concatenation| concatenation.sequence)
    }

    fn shown(&self) -> DecodedSegment {
        DecodedSegment {
            sender: self.sender.clone(),
            ports: self.ports.map(DecodedPorts::from),
            concat: self.concatenation.map(DecodedConcatenation::from),
            header_error: self.header_error.clone(),
        }
    }
}

fn segment(word: &str) -> Result<Segment, Error> {
    let octets = octets(word)?;
    let message = Deliver::decode(&octets)?;
    let address = message.originating_address;
    let user_data = message.user_data;
    let (header, header_error) = match user_data.header().transpose() {
        Ok(header) => (header, None),
        Err(error) => (None, Some(error.into())),
    };
    let ports = header.and_then(|header| header.ports());
    let is_binary = user_data.data_coding.alphabet() == Alphabet::Octets
        && !user_data.data_coding.is_compressed();
    Ok(Segment {
        centre: message.service_centre.map(|address| address.to_string()),
        sender: (!address.is_empty()).then(|| address.to_string()),
        ports,
        concatenation: header.and_then(|header| header.concatenation()),
        header_error,
        data: data(&user_data),
        text: user_data.characters().map(String::from_iter),
        is_datagram: is_binary && ports.is_some(),
    })
}

/// The octets behind the header; of packed text its septets, one an octet.
fn data(user_data: &UserData<'_>) -> Vec<u8> {
    match user_data.septets() {
        Some(septets) => septets.collect(),
        None => user_data.body().to_vec(),
    }
}

/// The sequence numbers that are missing, where the segments are of one message.
fn agree(segments: &[Segment]) -> Result<Vec<u8>, Error> {
    let Some(first) = segments.first() else {
        return Err(Error::of("no-segments", "there is no segment"));
    };
    for other in segments {
        if let Some(difference) = difference(first, other) {
            return Err(Error::of(
                "different-messages",
                &format!(
                    "the segments are of different messages: they differ in {difference}; decode each message by itself"
                ),
            ));
        }
    }
    for pair in segments.windows(2) {
        let [one, other] = pair else { continue };
        if one.sequence() == other.sequence() && one.data != other.data {
            return Err(Error::of(
                "contradicting-segments",
                &format!(
                    "segment {} is there twice with different octets: its reference was used for two messages",
                    one.sequence()
                ),
            ));
        }
    }
    let total = first
        .concatenation
        .map_or(1, |concatenation| concatenation.total);
    let is_there = |sequence: u8| {
        segments
            .iter()
            .any(|segment| segment.sequence() == sequence)
    };
    Ok((1..=total)
        .filter(|sequence| !is_there(*sequence))
        .collect())
}

/// In what two segments differ that those of one message have in common.
fn difference(one: &Segment, other: &Segment) -> Option<&'static str> {
    let common = |segment: &Segment| {
        let concatenation = segment.concatenation?;
        Some((
            concatenation.reference,
            concatenation.width,
            concatenation.total,
        ))
    };
    if one.sender != other.sender {
        Some("their sender")
    } else if one.centre != other.centre {
        Some("the SMS centre")
    } else if one.ports != other.ports {
        Some("their ports")
    } else if common(one) != common(other) {
        Some("their reference or number of segments")
    } else {
        None
    }
}
