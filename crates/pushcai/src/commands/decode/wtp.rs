//! Datagrams of WTP, with the PDUs of WSP in them.

use serde::Serialize;
use serde_json::{Value, json};
use wap_wire::DecodeError;
use wap_wire::wsp::{self, Capabilities, Capability, Headers, Push};
use wap_wire::wtp::{
    AbortType, DIRECTION, ErrorItem, Item, ItemValue, Items, OptionItem, Pdu, Pdus, Trailer,
};

use super::{
    ApplicationId, Decoded, DecodedHeaders, Error, contact_points, headers, media_type, parameters,
};
use crate::output::hexadecimal;

/// All PDUs of a datagram.
#[derive(Debug, Serialize)]
pub(super) struct DecodedDatagram {
    concatenated: bool,
    pdus: Vec<DecodedPdu>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecodedPdu {
    pdu: String,
    /// Without the bit that tells the direction.
    tid: u16,
    from: &'static str,
    #[serde(flatten)]
    fields: Fields,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wsp: Option<Value>,
    /// Why a whole message is no PDU of WSP; the offset counts from the message's first octet.
    #[serde(skip_serializing_if = "Option::is_none")]
    wsp_error: Option<Error>,
}

/// What PDUs of one type have and others do not.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    retransmitted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid_new: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_acknowledgement: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verify: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abort: Option<Value>,
}

pub(super) fn datagram(octets: &[u8]) -> Result<Decoded, Error> {
    let all = Pdus::new(octets);
    let concatenated = all.is_concatenated();
    let mut pdus = Vec::new();
    for one in all {
        let one = one?;
        let pdu = Pdu::decode(one.octets).map_err(|error| {
            DecodeError::new(error.code, one.offset.saturating_add(error.offset))
        })?;
        pdus.push(decoded(&pdu));
    }
    if pdus.is_empty() && !concatenated {
        return Err(DecodeError::new(wap_wire::DecodeErrorCode::Truncated, 0).into());
    }
    Ok(Decoded::Datagram(DecodedDatagram { concatenated, pdus }))
}

fn decoded(pdu: &Pdu<'_>) -> DecodedPdu {
    let (fields, carries_data, is_message) = fields(pdu);
    let (wsp, wsp_error) = match is_message.then(|| wsp_pdu(pdu.data())) {
        None => (None, None),
        Some(Ok(wsp)) => (Some(wsp), None),
        Some(Err(error)) => (None, Some(error)),
    };
    DecodedPdu {
        pdu: pdu.pdu_type().to_string(),
        tid: pdu.tid() & !DIRECTION,
        from: if pdu.tid() & DIRECTION == 0 {
            "initiator"
        } else {
            "responder"
        },
        fields,
        items: items(pdu.items()),
        data: carries_data.then(|| hexadecimal(pdu.data())),
        wsp,
        wsp_error,
    }
}

/// The fields, whether the PDU carries data, and whether that is a whole message.
fn fields(pdu: &Pdu<'_>) -> (Fields, bool, bool) {
    let none = Fields::default();
    match pdu {
        Pdu::Invoke(invoke) => {
            let fields = Fields {
                retransmitted: Some(invoke.retransmitted),
                trailer: Some(trailer(invoke.trailer)),
                version: Some(invoke.version),
                class: Some(invoke.class),
                tid_new: Some(invoke.tid_new),
                user_acknowledgement: Some(invoke.user_acknowledgement),
                ..none
            };
            (fields, true, invoke.trailer.ends_message())
        }
        Pdu::Result(result) => {
            let fields = Fields {
                retransmitted: Some(result.retransmitted),
                trailer: Some(trailer(result.trailer)),
                ..none
            };
            (fields, true, result.trailer.ends_message())
        }
        Pdu::SegmentedInvoke(segment) | Pdu::SegmentedResult(segment) => {
            let fields = Fields {
                retransmitted: Some(segment.retransmitted),
                trailer: Some(trailer(segment.trailer)),
                number: Some(segment.number),
                ..none
            };
            (fields, true, false)
        }
        Pdu::Ack(ack) => {
            let fields = Fields {
                retransmitted: Some(ack.retransmitted),
                verify: Some(ack.verify),
                ..none
            };
            (fields, false, false)
        }
        Pdu::NegativeAck(negative_ack) => {
            let fields = Fields {
                retransmitted: Some(negative_ack.retransmitted),
                missing: Some(negative_ack.missing.to_vec()),
                ..none
            };
            (fields, false, false)
        }
        Pdu::Abort(abort) => {
            let fields = Fields {
                abort: Some(abort_reason(abort.abort_type)),
                ..none
            };
            (fields, false, false)
        }
    }
}

const fn trailer(trailer: Trailer) -> &'static str {
    match trailer {
        Trailer::None => "none",
        Trailer::Transmission => "transmission",
        Trailer::Group => "group",
        Trailer::Unsegmented => "unsegmented",
    }
}

fn abort_reason(abort_type: AbortType) -> Value {
    match abort_type {
        AbortType::Provider(reason) => {
            json!({"by": "provider", "code": reason.0, "reason": reason.to_string(), "meaning": reason.message()})
        }
        AbortType::User(reason) => {
            json!({"by": "user", "code": reason.0, "reason": reason.to_string(), "meaning": reason.message()})
        }
        AbortType::Other { abort_type, reason } => json!({"by": abort_type, "code": reason}),
    }
}

fn items(items: Items<'_>) -> Vec<Value> {
    items.into_iter().map(item).collect()
}

fn item(item: Item<'_>) -> Value {
    let raw = |name: &str, item: Item<'_>| json!({"item": name, "identity": item.identity, "data": hexadecimal(item.data)});
    match item.value() {
        ItemValue::Error(ErrorItem::Unknown { identity }) => {
            json!({"item": "error", "unknown": identity})
        }
        ItemValue::Error(ErrorItem::UnknownContent { identity, first }) => {
            json!({"item": "error", "unknownContentOf": identity, "first": first})
        }
        ItemValue::Info(info) => json!({"item": "info", "data": hexadecimal(info)}),
        ItemValue::Option(option) => option_item(option),
        ItemValue::PacketSequenceNumber(number) => {
            json!({"item": "packetSequenceNumber", "value": number})
        }
        ItemValue::SduBoundary => json!({"item": "sduBoundary"}),
        ItemValue::FrameBoundary => json!({"item": "frameBoundary"}),
        ItemValue::Unknown(item) => raw("unknown", item),
        ItemValue::Malformed(item) => raw("malformed", item),
    }
}

fn option_item(option: OptionItem<'_>) -> Value {
    let named = |name: &str, value: u32| json!({"item": "option", "option": name, "value": value});
    match option {
        OptionItem::MaximumReceiveUnit(octets) => named("maximumReceiveUnit", octets),
        OptionItem::TotalMessageSize(octets) => named("totalMessageSize", octets),
        OptionItem::DelayTransmissionTimer(tenths) => named("delayTransmissionTimer", tenths),
        OptionItem::MaximumGroup(octets) => named("maximumGroup", octets),
        OptionItem::CurrentTid(tid) => named("currentTid", tid.into()),
        OptionItem::NoCachedTid => json!({"item": "option", "option": "noCachedTid"}),
        OptionItem::NumGroups(groups) => named("numGroups", groups),
        OptionItem::Unknown { identity, value } => {
            json!({"item": "option", "option": identity, "data": hexadecimal(value)})
        }
    }
}

/// The PDU of WSP in a message.
fn wsp_pdu(octets: &[u8]) -> Result<Value, Error> {
    let pdu = wsp::Pdu::decode(octets)?;
    let name = pdu.pdu_type().to_string();
    Ok(match pdu {
        wsp::Pdu::Connect(connect) => json!({
            "pdu": name,
            "version": format!("{}.{}", connect.version >> 4, connect.version & 0x0F),
            "capabilities": capabilities(connect.capabilities)?,
            "headers": shown(connect.headers)?,
        }),
        wsp::Pdu::ConnectReply(reply) => json!({
            "pdu": name,
            "sessionId": reply.session_id,
            "capabilities": capabilities(reply.capabilities)?,
            "headers": shown(reply.headers)?,
        }),
        wsp::Pdu::Redirect(redirect) => json!({
            "pdu": name,
            "permanent": redirect.is_permanent(),
            "reuseSecuritySession": redirect.may_reuse_security_session(),
            "addresses": contact_points(redirect.addresses)?,
        }),
        wsp::Pdu::Reply(reply) => json!({
            "pdu": name,
            "status": reply.status.0,
            "httpStatus": reply.status.http(),
            "contentType": reply.content_type.as_ref().map(media_type),
            "headers": shown(reply.headers)?,
            "body": hexadecimal(reply.body),
        }),
        wsp::Pdu::Push(push) => pushed(&name, &push)?,
        wsp::Pdu::Disconnect(session) | wsp::Pdu::Suspend(session) => {
            json!({"pdu": name, "sessionId": session})
        }
        wsp::Pdu::Resume(resume) => json!({
            "pdu": name,
            "sessionId": resume.session_id,
            "capabilities": capabilities(resume.capabilities)?,
            "headers": shown(resume.headers)?,
        }),
        wsp::Pdu::Other { contents, .. } => json!({"pdu": name, "contents": hexadecimal(contents)}),
    })
}

fn pushed(name: &str, push: &Push<'_>) -> Result<Value, Error> {
    let DecodedHeaders { headers, malformed } = headers(push.headers)?;
    let mut value = json!({
        "pdu": name,
        "contentType": media_type(&push.content_type),
        "parameters": parameters(&push.content_type),
        "applicationId": push.application_id().map(ApplicationId::from),
        "headers": headers,
        "body": hexadecimal(push.body),
    });
    if let (false, Value::Object(members)) = (malformed.is_empty(), &mut value) {
        members.insert("malformed".to_owned(), json!(malformed));
    }
    Ok(value)
}

fn shown(all: Headers<'_>) -> Result<Vec<(String, String)>, Error> {
    headers(all).map(|decoded| decoded.headers)
}

/// Each capability: its name, and a number, or its octets in hexadecimal.
fn capabilities(all: Capabilities<'_>) -> Result<Vec<(String, Value)>, Error> {
    let shown = |capability: Capability<'_>| {
        let value = match capability {
            Capability::ClientSduSize(octets)
            | Capability::ServerSduSize(octets)
            | Capability::ClientMessageSize(octets)
            | Capability::ServerMessageSize(octets) => json!(octets),
            Capability::ProtocolOptions(options) => json!(options.0),
            Capability::MethodMor(requests) | Capability::PushMor(requests) => json!(requests),
            Capability::ExtendedMethods(octets) | Capability::HeaderCodePages(octets) => {
                json!(hexadecimal(octets))
            }
            Capability::Aliases(addresses) => json!(contact_points(addresses)?),
            Capability::NotRecognised(_) => Value::Null,
            Capability::Unknown { parameters, .. } => json!(hexadecimal(parameters)),
        };
        Ok((capability.name().to_string(), value))
    };
    let capabilities = all.into_iter().map(|capability| shown(capability?));
    capabilities.collect()
}
