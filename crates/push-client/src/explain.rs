//! A push that did not happen, made of a description.

use std::net::{IpAddr, Ipv4Addr};

use push_api::ExplainRequest;
use push_core::Now;
use push_message::{
    Address, Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol,
    PushApplicationId, PushMessage, Reason, ReceivedPush, Refusal, ServerAddress,
    ShortMessageOrigin, TransactionId,
};

/// The push described; nothing where every field is left out.
///
/// What is left out alone is taken as by OTA-WSP over IP from the local host, or in a short message where somebody is named who
/// sent it; to the standard port of the protocol over that bearer if it has one, with content of no particular type.
pub(crate) fn described(
    request: &ExplainRequest,
    standard_port: impl Fn(Protocol, Bearer) -> Option<u16>,
    now: Now,
) -> Result<Option<ReceivedPush>, Refusal> {
    if *request == ExplainRequest::default() {
        return Ok(None);
    }
    let ExplainRequest {
        event_id: _,
        push_application_id,
        content_type,
        server,
        bearer,
        originator,
        port,
        protocol,
        instance,
    } = request;
    let protocol = self::protocol(protocol.as_deref(), instance.is_some())?;
    let originator = originator.as_deref();
    let bearer = self::bearer(bearer.as_deref(), originator)?;
    let short_message = (bearer == Bearer::GsmSms).then(|| {
        Box::new(ShortMessageOrigin {
            originator: originator.map(Into::into),
            device: "explain".into(),
        })
    });
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
        bearer,
        server: match server {
            Some(text) => address(text)?,
            None => default_server(bearer, originator),
        },
        destination_port: port.or_else(|| standard_port(protocol, bearer)),
        origin_port: None,
        transaction: TransactionId::default(),
        proved_names: Box::default(),
        instance: instance.as_deref().map(Into::into),
        short_message,
        answerable: match protocol {
            Protocol::OtaHttp | Protocol::OtaSip => true,
            Protocol::OtaWsp => false,
        },
    };
    Ok(Some(ReceivedPush {
        message,
        origin,
        received: now.unix,
    }))
}

fn protocol(name: Option<&str>, has_instance: bool) -> Result<Protocol, Refusal> {
    let refused = |option, detail| Err(Refusal::of_option(Reason::InvalidRequest, option, detail));
    match (name.map(Protocol::from_name), has_instance) {
        (None, false) => Ok(Protocol::OtaWsp),
        (None, true) => Ok(Protocol::OtaSip),
        (Some(Some(protocol)), true) if protocol != Protocol::OtaSip => refused(
            "instance",
            format!(
                "only a push over {} names an instance; leave that out, or give this protocol",
                Protocol::OtaSip
            ),
        ),
        (Some(Some(protocol)), _) => Ok(protocol),
        (Some(None), _) => refused(
            "protocol",
            format!(
                "`{}` is no Push OTA protocol; OTA-WSP, OTA-HTTP and OTA-SIP are",
                name.unwrap_or_default()
            ),
        ),
    }
}

fn bearer(name: Option<&str>, originator: Option<&str>) -> Result<Bearer, Refusal> {
    let refused = |detail| Err(Refusal::of_option(Reason::InvalidRequest, "bearer", detail));
    match (name.map(Bearer::from_name), originator) {
        (None, Some(_)) => Ok(Bearer::GsmSms),
        (None, None) => Ok(Bearer::Ip),
        (Some(Some(bearer)), Some(_)) if bearer != Bearer::GsmSms => refused(format!(
            "only a short message has an originator; leave that out, or give the bearer {}",
            Bearer::GsmSms
        )),
        (Some(Some(bearer)), _) => Ok(bearer),
        (Some(None), _) => refused(format!(
            "`{}` is no bearer that this client knows; {} and {} are",
            name.unwrap_or_default(),
            Bearer::Ip,
            Bearer::GsmSms
        )),
    }
}

/// Whom the bearer shows where nothing is said: the local host; of a short message, who sent it.
fn default_server(bearer: Bearer, originator: Option<&str>) -> ServerAddress {
    match (bearer, originator) {
        (Bearer::Ip, _) => ServerAddress::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        (Bearer::GsmSms | Bearer::GsmUssd | Bearer::Is95CdmaSms, None) => ServerAddress::Unknown,
        (Bearer::GsmSms | Bearer::GsmUssd | Bearer::Is95CdmaSms, Some(originator)) => {
            match Address::parse(originator) {
                Ok(Address::E164(number)) => ServerAddress::E164(number),
                Ok(
                    Address::Ip(_)
                    | Address::Network(_)
                    | Address::Host(_)
                    | Address::SipUri(_)
                    | Address::SipDomain(_),
                )
                | Err(_) => ServerAddress::Alphanumeric(originator.into()),
            }
        }
    }
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
