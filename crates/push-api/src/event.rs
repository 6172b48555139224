//! Push events (Push-CAI 5.3) and their acknowledgement.

use std::borrow::Cow;

use push_message::{Headers, ServerAddress};
use serde::{Deserialize, Serialize};

/// A push event as an application gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushEvent {
    /// The event, by which it is acknowledged. Ids grow in order of arrival.
    pub id: String,
    /// The registration that it is for.
    #[serde(rename = "registrationID")]
    pub registration_id: String,
    /// The Push Application ID, in canonical form.
    #[serde(rename = "pushApplicationID")]
    pub push_application_id: String,
    /// The application's own name.
    #[serde(
        rename = "applicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub application_id: Option<String>,
    /// The MIME type of the content, without parameters.
    pub content_type: String,
    /// The parameters of the content type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    /// The content, in base64.
    pub content: String,
    /// The other headers, in order of arrival.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The Push OTA protocol.
    pub protocol: String,
    /// The bearer.
    pub bearer: String,
    /// The Push Server, as the bearer showed it.
    pub server: String,
    /// Names that the Push Server proved: its identity as a gateway, the name in its certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_names: Vec<String>,
    /// Who sent the short message; absent on other bearers, and where the bearer does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originator: Option<String>,
    /// The modem or link that the short message came by; absent on other bearers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Ports, where the bearer has them.
    pub ports: EventPorts,
    /// When the terminal received it: milliseconds since 1970.
    pub received_at: u64,
    /// 1 for the first delivery.
    pub attempt: u32,
    /// The gateway says that it authenticated the initiator.
    pub authenticated: bool,
    /// The gateway says that the content is to be trusted.
    pub trusted: bool,
}

/// A push event as the Push Client holds it: written as the same document as [`PushEvent`] without copying it first.
#[derive(Debug, Clone)]
pub struct PushEventView<'a> {
    /// See [`PushEvent::id`]; written as 16 hexadecimal digits.
    pub id: u64,
    /// See [`PushEvent::registration_id`]; written as 16 hexadecimal digits.
    pub registration_id: u64,
    /// See [`PushEvent::push_application_id`].
    pub push_application_id: Cow<'a, str>,
    /// See [`PushEvent::application_id`].
    pub application_id: Option<&'a str>,
    /// See [`PushEvent::content_type`].
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the MIME type of its content.
    pub content_type: &'a str,
    /// See [`PushEvent::parameters`].
    pub parameters: &'a Headers,
    /// See [`PushEvent::content`]; written in base64.
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the content that the Push Server sent.
    pub content: &'a [u8],
    /// See [`PushEvent::headers`].
    pub headers: &'a Headers,
    /// See [`PushEvent::protocol`].
    pub protocol: &'static str,
    /// See [`PushEvent::bearer`].
    pub bearer: &'static str,
    /// See [`PushEvent::server`].
    pub server: &'a ServerAddress,
    /// See [`PushEvent::server_names`].
    pub server_names: &'a [Box<str>],
    /// See [`PushEvent::originator`].
    pub originator: Option<&'a str>,
    /// See [`PushEvent::device`].
    pub device: Option<&'a str>,
    /// See [`PushEvent::ports`].
    pub ports: EventPorts,
    /// See [`PushEvent::received_at`].
    pub received_at: u64,
    /// See [`PushEvent::attempt`].
    pub attempt: u32,
    /// See [`PushEvent::authenticated`].
    pub authenticated: bool,
    /// See [`PushEvent::trusted`].
    pub trusted: bool,
}

/// Ports of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventPorts {
    /// The terminal's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dest: Option<u16>,
    /// The sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orig: Option<u16>,
}

/// What an application says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is done with.
    Accepted,
    /// It is to be delivered again after a back-off.
    Later,
    /// It cannot be used; it is kept as a dead letter.
    Rejected,
}

/// The body of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// What became of the event.
    pub outcome: Outcome,
}

/// One of several acknowledgements in one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchAcknowledgement {
    /// The event.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// The answer to several acknowledgements.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchAcknowledgeAnswer {
    /// How many are durable.
    pub acknowledged: usize,
    /// Ids that were refused, each with the reason's word and a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<(String, String, String)>,
}
