//! A push that did not happen, made of a description.

use std::net::{IpAddr, Ipv4Addr};

use push_api::ExplainRequest;
use push_core::Now;
use push_message::{
    Address, Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol,
    PushApplicationId, PushMessage, Reason, ReceivedPush, Refusal, ServerAddress,
};

/// The push described; nothing where every field is left out.
///
/// What is left out alone is taken as by OTA-WSP from the local host, to the standard port of the protocol if it has one, with
/// content of no particular type.
pub(crate) fn described(
    request: &ExplainRequest,
    standard_port: impl Fn(Protocol) -> Option<u16>,
    now: Now,
) -> Result<Option<ReceivedPush>, Refusal> {
    if *request == ExplainRequest::default() {
        return Ok(None);
    }
    let ExplainRequest {
        push_application_id,
        content_type,
        server,
        port,
        protocol,
    } = request;
    let protocol = self::protocol(protocol.as_deref())?;
    let message = PushMessage {
        application: push_application_id
            .as_deref()
            .map(application)
            .transpose()?,
        content_type: ContentType {
            media_type: media_type(content_type.as_deref())?,
            parameters: Headers::new(),
        },
        headers: Headers::new(),
        content: Box::default(),
        trust: InitiatorTrust::default(),
    };
    let origin = Origin {
        protocol,
        bearer: Bearer::Ip,
        server: server.as_deref().map_or(
            Ok(ServerAddress::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST))),
            address,
        )?,
        destination_port: port.or_else(|| standard_port(protocol)),
        origin_port: None,
        transaction: Box::default(),
        proved_names: Box::default(),
        instance: None,
        short_message: None,
        answerable: false,
    };
    Ok(Some(ReceivedPush {
        message,
        origin,
        received: now.unix,
    }))
}

fn protocol(name: Option<&str>) -> Result<Protocol, Refusal> {
    let Some(name) = name else {
        return Ok(Protocol::OtaWsp);
    };
    Protocol::from_name(name).ok_or_else(|| {
        let detail = format!("`{name}` is no Push OTA protocol; OTA-WSP and OTA-HTTP are");
        Refusal::of_option(Reason::InvalidRequest, "protocol", detail)
    })
}

fn application(text: &str) -> Result<PushApplicationId, Refusal> {
    PushApplicationId::parse(text).map_err(|error| {
        Refusal::of_option(
            Reason::InvalidRequest,
            "pushApplicationID",
            error.to_string(),
        )
    })
}

fn media_type(text: Option<&str>) -> Result<MediaType, Refusal> {
    let Some(text) = text else {
        return Ok(MediaType::octet_stream());
    };
    let without_parameters = text.split(';').next().unwrap_or_default().trim();
    MediaType::parse(without_parameters).map_err(|error| {
        Refusal::of_option(Reason::InvalidRequest, "contentType", error.to_string())
    })
}

fn address(text: &str) -> Result<ServerAddress, Refusal> {
    match Address::parse(text) {
        Ok(Address::Ip(address)) => Ok(ServerAddress::Ip(address)),
        Ok(Address::E164(number)) => Ok(ServerAddress::E164(number)),
        Ok(Address::SipUri(_)) => Ok(ServerAddress::Sip(text.into())),
        Ok(Address::Network(_) | Address::Host(_) | Address::SipDomain(_)) | Err(_) => {
            let detail = format!(
                "`{text}` is no one server; give an IP address, a SIP URI or an SMS centre"
            );
            Err(Refusal::of_option(Reason::InvalidRequest, "server", detail))
        }
    }
}
