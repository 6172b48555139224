//! The octets of SMPP 3.4, as far as a centre needs them.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::message::{Carried, Number, ShortMessage};

pub(super) const BIND_RECEIVER: u32 = 0x01;
pub(super) const BIND_TRANSMITTER: u32 = 0x02;
pub(super) const SUBMIT_SM: u32 = 0x04;
pub(super) const DELIVER_SM: u32 = 0x05;
pub(super) const UNBIND: u32 = 0x06;
pub(super) const BIND_TRANSCEIVER: u32 = 0x09;
pub(super) const ENQUIRE_LINK: u32 = 0x15;
pub(super) const GENERIC_NACK: u32 = 0x8000_0000;
/// Added to a request's number, it is that of the answer.
pub(super) const ANSWER: u32 = 0x8000_0000;

pub(super) const OK: u32 = 0x00;
pub(super) const INVALID_LENGTH: u32 = 0x02;
pub(super) const INVALID_COMMAND: u32 = 0x03;
pub(super) const WRONG_STATE: u32 = 0x04;
pub(super) const BIND_FAILED: u32 = 0x0D;
pub(super) const QUEUE_FULL: u32 = 0x14;
/// The receiver will never take it (`ESME_RX_P_APPN`).
pub(super) const REFUSED_FOR_GOOD: u32 = 0x65;

const HEADER_LENGTH: usize = 16;
const MESSAGE_PAYLOAD: u16 = 0x0424;

/// A protocol data unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pdu {
    pub(super) command: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
    pub(super) body: Vec<u8>,
}

impl Pdu {
    pub(super) fn request(command: u32, sequence: u32, body: Vec<u8>) -> Self {
        Self {
            command,
            status: OK,
            sequence,
            body,
        }
    }

    /// The answer to this request.
    pub(super) fn answer(&self, status: u32, body: &[u8]) -> Self {
        Self {
            command: self.command | ANSWER,
            status,
            sequence: self.sequence,
            body: body.to_vec(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(HEADER_LENGTH + self.body.len()).unwrap_or(u32::MAX);
        let mut octets = Vec::with_capacity(HEADER_LENGTH + self.body.len());
        for field in [length, self.command, self.status, self.sequence] {
            octets.extend_from_slice(&field.to_be_bytes());
        }
        octets.extend_from_slice(&self.body);
        octets
    }

    /// The next PDU; none where the peer has ended the connection between two of them.
    pub(super) async fn read(
        stream: &mut (impl AsyncRead + Unpin),
        most: usize,
    ) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER_LENGTH];
        if stream.read(&mut header[..1]).await? == 0 {
            return Ok(None);
        }
        stream.read_exact(&mut header[1..]).await?;
        let (fields, _) = header.as_chunks::<4>();
        let [length, command, status, sequence] =
            std::array::from_fn(|index| u32::from_be_bytes(fields[index]));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !(HEADER_LENGTH..=most).contains(&length) {
            let error = format!("a PDU says that it has {length} octets");
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut body = vec![0; length - HEADER_LENGTH];
        stream.read_exact(&mut body).await?;
        Ok(Some(Self {
            command,
            status,
            sequence,
            body,
        }))
    }
}

/// What is left to read of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn number(&mut self) -> Option<u16> {
        let octets = self.take(2)?.try_into().ok()?;
        Some(u16::from_be_bytes(octets))
    }

    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|octet| *octet == 0)?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.octet()?;
        Some(text)
    }

    fn address(&mut self) -> Option<Number> {
        Some(Number {
            type_of_number: self.octet()?,
            numbering_plan: self.octet()?,
            text: self.text()?,
        })
    }
}

/// The name and the password in a bind request.
pub(super) fn read_bind(body: &[u8]) -> Option<(String, String)> {
    let mut fields = Fields(body);
    Some((fields.text()?, fields.text()?))
}

/// The short message in a `submit_sm` or a `deliver_sm`: they have the same fields.
pub(super) fn read_message(body: &[u8]) -> Option<ShortMessage> {
    let mut fields = Fields(body);
    let _service_type = fields.text()?;
    let source = fields.address()?;
    let destination = fields.address()?;
    let esm_class = fields.octet()?;
    let protocol_id = fields.octet()?;
    let _priority = fields.octet()?;
    let _schedule = fields.text()?;
    let _validity = fields.text()?;
    let _receipt_and_replacement = fields.take(2)?;
    let data_coding = fields.octet()?;
    let _canned = fields.octet()?;
    let length = fields.octet()?;
    let mut octets = fields.take(length.into())?.to_vec();
    let mut carried = Carried::ShortMessage;
    let mut parameters = Vec::new();
    while !fields.0.is_empty() {
        let tag = fields.number()?;
        let length = fields.number()?;
        let value = fields.take(length.into())?.to_vec();
        if tag == MESSAGE_PAYLOAD {
            octets = value;
            carried = Carried::MessagePayload;
        } else {
            parameters.push((tag, value));
        }
    }
    Some(ShortMessage {
        source,
        destination,
        esm_class,
        protocol_id,
        data_coding,
        octets,
        carried,
        parameters,
    })
}

/// The body of a `deliver_sm` with this short message.
pub(super) fn write_message(message: &ShortMessage) -> Vec<u8> {
    let mut body = vec![0];
    for address in [&message.source, &message.destination] {
        body.extend_from_slice(&[address.type_of_number, address.numbering_plan]);
        body.extend_from_slice(address.text.as_bytes());
        body.push(0);
    }
    body.extend_from_slice(&[message.esm_class, message.protocol_id, 0, 0, 0, 0, 0]);
    body.extend_from_slice(&[message.data_coding, 0]);
    let short = u8::try_from(message.octets.len())
        .ok()
        .filter(|length| *length < u8::MAX && message.carried == Carried::ShortMessage);
    body.push(short.unwrap_or(0));
    if short.is_some() {
        body.extend_from_slice(&message.octets);
    } else {
        write_parameter(MESSAGE_PAYLOAD, &message.octets, &mut body);
    }
    for (tag, value) in &message.parameters {
        write_parameter(*tag, value, &mut body);
    }
    body
}

fn write_parameter(tag: u16, value: &[u8], body: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&tag.to_be_bytes());
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(&value[..length.into()]);
}
