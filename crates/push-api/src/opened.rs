//! Events that came over a connection, as events again.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_message::{Bearer, Headers, Protocol, ServerAddress};

use crate::{DeliveredEvent, PushEvent, PushEventView};

/// An event that was read from its document.
#[derive(Debug, Clone)]
pub struct OpenedEvent {
    document: PushEvent,
    id: u64,
    registration_id: u64,
    content: Vec<u8>,
    parameters: Headers,
    headers: Headers,
    protocol: &'static str,
    bearer: &'static str,
    server: ServerAddress,
    server_names: Vec<Box<str>>,
}

/// Why a document is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` of the event is not what it should be")]
pub struct InvalidEvent {
    /// The member at fault.
    pub member: &'static str,
}

impl TryFrom<PushEvent> for OpenedEvent {
    type Error = InvalidEvent;

    fn try_from(document: PushEvent) -> Result<Self, InvalidEvent> {
        let invalid = |member| InvalidEvent { member };
        let digits =
            |text: &str, member| u64::from_str_radix(text, 16).map_err(|_| invalid(member));
        let protocol = Protocol::ALL.map(Protocol::as_str);
        let bearer = Bearer::ALL.map(Bearer::as_str);
        Ok(Self {
            id: digits(&document.id, "id")?,
            registration_id: digits(&document.registration_id, "registrationID")?,
            content: STANDARD
                .decode(&document.content)
                .map_err(|_| invalid("content"))?,
            parameters: pairs(&document.parameters),
            headers: pairs(&document.headers),
            protocol: known(&protocol, &document.protocol).ok_or_else(|| invalid("protocol"))?,
            bearer: known(&bearer, &document.bearer).ok_or_else(|| invalid("bearer"))?,
            server: server(&document.server),
            server_names: document
                .server_names
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            document,
        })
    }
}

impl DeliveredEvent for OpenedEvent {
    fn view(&self) -> PushEventView<'_> {
        let document = &self.document;
        PushEventView {
            id: self.id,
            registration_id: self.registration_id,
            push_application_id: Cow::Borrowed(&document.push_application_id),
            application_id: document.application_id.as_deref(),
            content_type: &document.content_type,
            parameters: &self.parameters,
            content: &self.content,
            headers: &self.headers,
            protocol: self.protocol,
            bearer: self.bearer,
            server: &self.server,
            server_names: &self.server_names,
            originator: document.originator.as_deref(),
            device: document.device.as_deref(),
            ports: document.ports,
            received_at: document.received_at,
            attempt: document.attempt,
            authenticated: document.authenticated,
            trusted: document.trusted,
        }
    }
}

fn pairs(pairs: &[(String, String)]) -> Headers {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn known(words: &[&'static str], word: &str) -> Option<&'static str> {
    words.iter().find(|known| **known == word).copied()
}

/// The address that is written like this. Those with a name differ for whitelists, and there are none here.
fn server(text: &str) -> ServerAddress {
    match text.parse() {
        Ok(address) => ServerAddress::Ip(address),
        Err(_) if text == "unknown" => ServerAddress::Unknown,
        Err(_) if text.starts_with('+') => ServerAddress::E164(text.into()),
        Err(_) if text.starts_with("sip") => ServerAddress::Sip(text.into()),
        Err(_) => ServerAddress::Alphanumeric(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"id":"0000000000000009","registrationID":"00000000000000ff","pushApplicationID":"x-wap-application:mms.ua","applicationID":"urn:a","contentType":"text/plain","parameters":[["charset","utf-8"]],"content":"aGVsbG8=","headers":[["X-A","1"],["X-A","2"]],"protocol":"OTA-WSP","bearer":"GSM-SMS","server":"+4917099999","serverNames":["ppg.example"],"originator":"+49170","device":"modem0","ports":{"dest":2948},"receivedAt":5,"attempt":2,"authenticated":true,"trusted":false}"#;

    fn written(event: &OpenedEvent) -> String {
        let mut text = Vec::new();
        event.view().write_json(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn an_event_is_what_it_was() {
        for server in [
            "+4917099999",
            "192.0.2.7",
            "2001:db8::1",
            "sip:a@b.example",
            "Name",
            "unknown",
        ] {
            let document = DOCUMENT.replace("+4917099999", server);
            let event: PushEvent = serde_json::from_str(&document).unwrap();
            let opened = OpenedEvent::try_from(event).unwrap();
            assert_eq!(written(&opened), document);
        }
    }

    #[test]
    fn what_is_no_event_is_refused_by_its_member() {
        for (from, to, member) in [
            ("0000000000000009", "x", "id"),
            ("00000000000000ff", "-1", "registrationID"),
            ("aGVsbG8=", "!", "content"),
            ("OTA-WSP", "OTA", "protocol"),
            ("GSM-SMS", "pigeon", "bearer"),
        ] {
            let event: PushEvent = serde_json::from_str(&DOCUMENT.replace(from, to)).unwrap();
            assert_eq!(
                OpenedEvent::try_from(event).unwrap_err(),
                InvalidEvent { member }
            );
        }
    }
}
