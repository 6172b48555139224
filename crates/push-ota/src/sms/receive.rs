//! A whole message becomes a push.

use push_message::{
    Bearer, Origin, Protocol, ReceivedPush, ServerAddress, ShortMessageOrigin, TransactionId,
    UnixMillis,
};

use super::{Concatenation, Originator, WholeMessage, Width};
use crate::wsp::connectionless::{self, Limits, Refusal};

/// Makes a push of the user data of a short message, which holds a connectionless Push PDU (WAP-235 6.1.1) as a datagram does.
pub fn receive(message: &WholeMessage, limits: &Limits) -> Result<ReceivedPush, Refusal> {
    let (tid, push) = connectionless::unit_push(&message.octets, limits)?;
    Ok(ReceivedPush {
        message: push,
        origin: origin(message, tid),
        received: message.received,
    })
}

//= specs/wdp.md#datagrams
//# A datagram MUST be handed on with the port that it is for.
//= specs/wdp.md#datagrams
//# A datagram MUST be handed on with the port that it came from.
fn origin(message: &WholeMessage, tid: u8) -> Origin {
    Origin {
        protocol: Protocol::OtaWsp,
        bearer: Bearer::GsmSms,
        server: server(message),
        proved_names: Box::default(),
        destination_port: message.ports.map(|ports| ports.destination),
        origin_port: message.ports.map(|ports| ports.originator),
        transaction: transaction(message, tid),
        instance: None,
        short_message: Some(Box::new(ShortMessageOrigin {
            originator: message.originator.as_ref().map(Originator::shown),
            device: message.device.clone(),
        })),
        answerable: false,
    }
}

/// The SMS centre where it is known, else the originator.
fn server(message: &WholeMessage) -> ServerAddress {
    if let Some(centre) = &message.service_centre {
        return number(centre);
    }
    match &message.originator {
        Some(Originator::Number(digits)) => number(digits),
        Some(Originator::Name(name)) => ServerAddress::Alphanumeric(name.clone()),
        None => ServerAddress::Unknown,
    }
}

/// Digits without a `+`, such as those of a short code, name different parties in different networks: no whitelist can mean them.
fn number(digits: &str) -> ServerAddress {
    if digits.starts_with('+') {
        ServerAddress::E164(digits.into())
    } else {
        ServerAddress::Alphanumeric(digits.into())
    }
}

/// What a repetition by the network has in common with the message, and no other message has: the time stamp of the SMS centre and the
/// reference. The identifier of the push stands for them where the source shows neither.
fn transaction(message: &WholeMessage, tid: u8) -> TransactionId {
    let mut octets = vec![tid];
    if let Some(sent) = message.sent {
        octets.extend(sent.0.to_be_bytes());
    }
    if let Some(Concatenation {
        reference, width, ..
    }) = message.concatenation
    {
        octets.push(match width {
            Width::Eight => 8,
            Width::Sixteen => 16,
        });
        octets.extend(reference.to_be_bytes());
    }
    octets.into()
}

/// The time stamp of the SMS centre on the short message that brought a push, where its source showed one.
pub fn sent(origin: &Origin) -> Option<UnixMillis> {
    origin.short_message.as_ref()?;
    // A transaction identifier, the time stamp, and three octets of a reference; the time stamp may be missing.
    match &*origin.transaction {
        [_, stamp @ .., _, _, _] | [_, stamp @ ..] if stamp.len() == 8 => Some(stamp),
        _ => None,
    }
    .and_then(|stamp| stamp.try_into().ok())
    .map(|stamp| UnixMillis(u64::from_be_bytes(stamp)))
}
