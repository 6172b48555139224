//! The PDUs that are read and written here.

use bytes::{Buf as _, BufMut as _, BytesMut};
use rusmpp::decode::{DecodeError, DecodeWithLength as _};
use rusmpp::encode::Length as _;
use rusmpp::encode::owned::Encode as _;
use rusmpp::pdus::{BindReceiver, DataSmResp, DeliverSmResp};
use rusmpp::types::COctetString;
use rusmpp::values::InterfaceVersion;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};

use super::frames::HEADER_LENGTH;
use super::settings::SmppSettings;

/// What the header of a PDU says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) command: CommandId,
    pub(super) sequence: u32,
}

/// The header of a whole PDU.
pub(super) fn header(frame: &[u8]) -> Option<Header> {
    let (fields, _) = frame.get(..HEADER_LENGTH)?.as_chunks::<4>();
    let [_, command, _, sequence] = fields else {
        return None;
    };
    Some(Header {
        command: CommandId::from(u32::from_be_bytes(*command)),
        sequence: u32::from_be_bytes(*sequence),
    })
}

/// Decodes a whole PDU.
pub(super) fn decode(mut frame: BytesMut) -> Result<Command, DecodeError> {
    frame.advance(4);
    let length = frame.len();
    Command::decode(&mut frame, length).map(|(command, _)| command)
}

/// The octets of a PDU.
pub(super) fn encode(command: &Command) -> BytesMut {
    let length = command.length().saturating_add(4);
    let mut octets = BytesMut::with_capacity(length);
    octets.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    command.encode(&mut octets);
    octets
}

/// The request to be bound as receiver.
///
/// # Errors
/// The setting that is too long for the protocol.
pub(super) fn bind(settings: &SmppSettings) -> Result<Pdu, &'static str> {
    Ok(Pdu::from(BindReceiver {
        system_id: text(&settings.system_id).ok_or("system_id")?,
        password: text(&settings.password.0).ok_or("password")?,
        system_type: text(&settings.system_type).ok_or("system_type")?,
        interface_version: InterfaceVersion::Smpp3_4,
        address_range: text(&settings.address_range).ok_or("address_range")?,
        ..BindReceiver::default()
    }))
}

fn text<const MOST: usize>(text: &str) -> Option<COctetString<1, MOST>> {
    let mut octets = text.as_bytes().to_vec();
    octets.push(0);
    COctetString::from_vec(octets).ok()
}

/// A request.
pub(super) fn request(sequence: u32, pdu: impl Into<Pdu>) -> Command {
    Command::new(CommandStatus::EsmeRok, sequence, pdu)
}

/// The answer to a short message that came by the request `of`.
pub(super) fn answer(of: Header, status: CommandStatus) -> Command {
    if of.command == CommandId::DataSm {
        Command::new(status, of.sequence, DataSmResp::default())
    } else {
        Command::new(status, of.sequence, DeliverSmResp::default())
    }
}
