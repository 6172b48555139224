//! What a short message of SMPP holds.

use push_message::UnixMillis;
use rusmpp::CommandId;
use rusmpp::pdus::{DataSm, DeliverSm};
use rusmpp::tlvs::{Tlv, TlvValue};
use rusmpp::values::{EsmClass, GsmFeatures, MessageType, Ton};

use crate::short_messages::Content;

/// Octets of a user data header with ports and a 16 bit reference, its own length included.
const HEADER_LENGTH: usize = 13;

/// The short message in a `deliver_sm`; absent where it is a receipt.
pub(super) fn of_delivery(message: &DeliverSm, smsc: Option<&str>) -> Option<Content> {
    let originator = originator(message.source_addr_ton, message.source_addr.as_str());
    content(
        message.esm_class,
        message.short_message().as_ref(),
        message.tlvs(),
        originator,
        smsc,
    )
}

/// The short message in a `data_sm`; absent where it is a receipt.
pub(super) fn of_data(message: &DataSm, smsc: Option<&str>) -> Option<Content> {
    let originator = originator(message.source_addr_ton, message.source_addr.as_str());
    content(message.esm_class, &[], message.tlvs(), originator, smsc)
}

/// Whether a PDU carries a short message for a receiver.
pub(super) const fn is_carrier(command: CommandId) -> bool {
    matches!(command, CommandId::DeliverSm | CommandId::DataSm)
}

fn content(
    class: EsmClass,
    short_message: &[u8],
    parameters: &[Tlv],
    originator: Option<Box<str>>,
    smsc: Option<&str>,
) -> Option<Content> {
    if class.message_type != MessageType::Default {
        return None;
    }
    let parameters = Parameters::of(parameters);
    let octets = parameters.payload.unwrap_or(short_message);
    let stated = matches!(
        class.gsm_features,
        GsmFeatures::UdhiIndicator | GsmFeatures::SetUdhiAndReplyPath
    );
    let made = if stated { None } else { parameters.header() };
    let header = stated || made.is_some();
    let mut whole = made.unwrap_or_default();
    whole.extend_from_slice(octets);
    Some(Content::UserData {
        smsc: smsc.map(Box::from),
        originator,
        sent: None::<UnixMillis>,
        header,
        octets: whole.into(),
    })
}

fn originator(kind: Ton, text: &str) -> Option<Box<str>> {
    if text.is_empty() {
        return None;
    }
    let bare = kind == Ton::International && !text.starts_with('+');
    Some(if bare {
        format!("+{text}").into()
    } else {
        text.into()
    })
}

/// The parameters that say what a user data header says otherwise.
#[derive(Debug, Default)]
struct Parameters<'a> {
    payload: Option<&'a [u8]>,
    destination: Option<u16>,
    source: Option<u16>,
    reference: Option<u16>,
    total: Option<u8>,
    sequence: Option<u8>,
}

impl<'a> Parameters<'a> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other parameters say nothing about user data"
    )]
    fn of(parameters: &'a [Tlv]) -> Self {
        let mut found = Self::default();
        for value in parameters.iter().filter_map(Tlv::value) {
            match value {
                TlvValue::MessagePayload(payload) => found.payload = Some(payload.value.as_ref()),
                TlvValue::DestPort(port) => found.destination = Some(*port),
                TlvValue::SourcePort(port) => found.source = Some(*port),
                TlvValue::SarMsgRefNum(reference) => found.reference = Some(*reference),
                TlvValue::SarTotalSegments(total) => found.total = Some(*total),
                TlvValue::SarSegmentSeqnum(sequence) => found.sequence = Some(*sequence),
                _ => {}
            }
        }
        found
    }

    /// The user data header that says the same; absent where there is nothing to say.
    fn header(&self) -> Option<Vec<u8>> {
        let mut header = Vec::with_capacity(HEADER_LENGTH);
        header.push(0);
        if let Some(destination) = self.destination {
            header.extend_from_slice(&[5, 4]);
            header.extend_from_slice(&destination.to_be_bytes());
            header.extend_from_slice(&self.source.unwrap_or(destination).to_be_bytes());
        }
        if let (Some(reference), Some(total), Some(sequence)) =
            (self.reference, self.total, self.sequence)
        {
            header.extend_from_slice(&[8, 4]);
            header.extend_from_slice(&reference.to_be_bytes());
            header.extend_from_slice(&[total, sequence]);
        }
        let length = u8::try_from(header.len().saturating_sub(1)).ok()?;
        *header.first_mut()? = length;
        (length > 0).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use rusmpp::tlvs::MessageDeliveryRequestTlvValue as Value;
    use rusmpp::types::{AnyOctetString, COctetString, OctetString};
    use rusmpp::values::MessagePayload;

    use super::*;

    fn delivery(features: GsmFeatures, octets: &[u8], values: Vec<Value>) -> DeliverSm {
        let class = EsmClass {
            gsm_features: features,
            ..EsmClass::default()
        };
        DeliverSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr(COctetString::from_slice(b"15551234\0").expect("an address"))
            .esm_class(class)
            .short_message(OctetString::try_from(octets).expect("user data"))
            .tlvs(values)
            .build()
    }

    fn user_data(header: bool, octets: &[u8]) -> Content {
        Content::UserData {
            smsc: Some("+4917099999".into()),
            originator: Some("+15551234".into()),
            sent: None,
            header,
            octets: octets.into(),
        }
    }

    fn read(message: &DeliverSm) -> Content {
        of_delivery(message, Some("+4917099999")).expect("a short message")
    }

    #[test]
    fn a_header_is_told_by_the_class() {
        for features in [GsmFeatures::UdhiIndicator, GsmFeatures::SetUdhiAndReplyPath] {
            let message = delivery(features, b"\0data", Vec::new());
            assert_eq!(read(&message), user_data(true, b"\0data"));
        }
        let message = delivery(GsmFeatures::NotSelected, b"text", Vec::new());
        assert_eq!(read(&message), user_data(false, b"text"));
    }

    #[test]
    fn a_payload_takes_the_place_of_the_short_message() {
        let payload =
            Value::MessagePayload(MessagePayload::new(AnyOctetString::from_slice(b"\0long")));
        let message = delivery(GsmFeatures::UdhiIndicator, b"", vec![payload]);
        assert_eq!(read(&message), user_data(true, b"\0long"));
    }

    #[test]
    fn parameters_become_the_header_that_says_the_same() {
        let ports = || vec![Value::DestPort(2948), Value::SourcePort(9200)];
        let segments = || {
            vec![
                Value::SarMsgRefNum(0x0102),
                Value::SarTotalSegments(3),
                Value::SarSegmentSeqnum(2),
            ]
        };
        let none = GsmFeatures::NotSelected;
        let message = delivery(none, b"data", ports());
        let expected = b"\x06\x05\x04\x0B\x84\x23\xF0data";
        assert_eq!(read(&message), user_data(true, expected));
        let message = delivery(none, b"data", [ports(), segments()].concat());
        let expected = b"\x0C\x05\x04\x0B\x84\x23\xF0\x08\x04\x01\x02\x03\x02data";
        assert_eq!(read(&message), user_data(true, expected));
        let message = delivery(none, b"data", segments());
        assert_eq!(
            read(&message),
            user_data(true, b"\x06\x08\x04\x01\x02\x03\x02data")
        );
        // A stated header counts alone.
        let message = delivery(GsmFeatures::UdhiIndicator, b"\0data", ports());
        assert_eq!(read(&message), user_data(true, b"\0data"));
    }

    #[test]
    fn receipts_hold_no_short_message() {
        let mut message = delivery(GsmFeatures::NotSelected, b"id:1 stat:DELIVRD", Vec::new());
        message.esm_class.message_type = MessageType::ShortMessageContainsMCDeliveryReceipt;
        assert_eq!(of_delivery(&message, None), None);
    }

    #[test]
    fn originators_are_written_as_their_type_says() {
        for (kind, text, written) in [
            (Ton::International, "15551234", Some("+15551234")),
            (Ton::International, "+15551234", Some("+15551234")),
            (Ton::Alphanumeric, "Operator", Some("Operator")),
            (Ton::National, "5551234", Some("5551234")),
            (Ton::Unknown, "", None),
        ] {
            assert_eq!(originator(kind, text).as_deref(), written);
        }
    }
}
