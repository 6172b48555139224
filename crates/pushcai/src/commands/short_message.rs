//! `lab sms`: a push as short messages.

use push_lab::short_message::{Order, ShortMessage};

use crate::arguments::{LabSms, SegmentOrder};
use crate::commands::lab::{described, given, octets};
use crate::failure::Failure;
use crate::output::{Output, hexadecimal};

/// Prints the TPDUs.
pub(crate) fn run(arguments: &LabSms, output: &mut Output) -> Result<(), Failure> {
    for tpdu in message(arguments)?.tpdus() {
        let octets = hexadecimal(&tpdu);
        if output.is_json() {
            output.json(&serde_json::json!({ "tpdu": octets }))?;
        } else {
            output.line(&octets)?;
        }
    }
    Ok(())
}

fn message(arguments: &LabSms) -> Result<ShortMessage, Failure> {
    let (destination, origin) = arguments.ports;
    let mut message = ShortMessage::new(datagram(arguments)?)
        .ports(destination, origin)
        .sender(&arguments.sender)
        .reference(arguments.reference)
        .segment_size(arguments.segment_size.into())
        .coding(arguments.dcs)
        .order(match arguments.order {
            SegmentOrder::Forward => Order::Forward,
            SegmentOrder::Backward => Order::Backward,
            SegmentOrder::Shuffled => Order::Shuffled(arguments.seed),
        });
    if arguments.no_ports {
        message = message.without_ports();
    }
    if arguments.short_ports {
        message = message.short_ports();
    }
    if let Some(centre) = &arguments.smsc {
        message = message.centre(centre);
    }
    if arguments.wide {
        message = message.wide();
    }
    if arguments.concatenation_first {
        message = message.concatenation_first();
    }
    let index = |number: &u8| usize::from(number.saturating_sub(1));
    message = arguments
        .repeat
        .iter()
        .map(index)
        .fold(message, ShortMessage::repeated);
    Ok(arguments
        .lose
        .iter()
        .map(index)
        .fold(message, ShortMessage::lost))
}

fn datagram(arguments: &LabSms) -> Result<Vec<u8>, Failure> {
    if let Some(text) = &arguments.datagram {
        return octets("--datagram", text);
    }
    let push = given(&arguments.content, arguments.content_type.as_deref())?;
    let LabSms {
        id,
        parameter,
        header,
        ..
    } = arguments;
    let push = described(push, id.as_deref(), parameter, header).tid(arguments.tid);
    push.encode()
        .map_err(|error| Failure::Other(error.to_string()))
}
