//! Push events (Push-CAI 5.3) and their acknowledgement.

use std::borrow::Cow;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use push_message::Headers;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

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

/// A push event as the Push Client holds it: serialises to the same document as [`PushEvent`] without copying it first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushEventView<'a> {
    /// See [`PushEvent::id`]; written as 16 hexadecimal digits.
    #[serde(serialize_with = "hexadecimal")]
    pub id: u64,
    /// See [`PushEvent::registration_id`]; written as 16 hexadecimal digits.
    #[serde(rename = "registrationID", serialize_with = "hexadecimal")]
    pub registration_id: u64,
    /// See [`PushEvent::push_application_id`].
    #[serde(rename = "pushApplicationID")]
    pub push_application_id: Cow<'a, str>,
    /// See [`PushEvent::application_id`].
    #[serde(rename = "applicationID", skip_serializing_if = "Option::is_none")]
    pub application_id: Option<&'a str>,
    /// See [`PushEvent::content_type`].
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the MIME type of its content.
    pub content_type: &'a str,
    /// See [`PushEvent::parameters`].
    #[serde(skip_serializing_if = "Headers::is_empty", serialize_with = "pairs")]
    pub parameters: &'a Headers,
    /// See [`PushEvent::content`]; written in base64.
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the content that the Push Server sent.
    #[serde(serialize_with = "base64")]
    pub content: &'a [u8],
    /// See [`PushEvent::headers`].
    #[serde(serialize_with = "pairs")]
    pub headers: &'a Headers,
    /// See [`PushEvent::protocol`].
    pub protocol: &'static str,
    /// See [`PushEvent::bearer`].
    pub bearer: &'static str,
    /// See [`PushEvent::server`].
    pub server: Cow<'a, str>,
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

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn hexadecimal<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let digits = id_digits(*id);
    serializer.serialize_str(std::str::from_utf8(&digits).unwrap_or_default())
}

/// An id as it is written: 16 hexadecimal digits in ASCII.
pub fn id_digits(id: u64) -> [u8; 16] {
    // Written for every delivery, and by hand in a fraction of the formatter's time.
    let mut digits = [b'0'; 16];
    for (digit, shift) in digits.iter_mut().zip((0..64).step_by(4).rev()) {
        *digit = match u8::try_from((id >> shift) & 0xf).unwrap_or_default() {
            nibble @ 0..=9 => b'0' + nibble,
            nibble => b'a' + nibble - 10,
        };
    }
    digits
}

/// Octets of content that are encoded on the stack, in one step; longer content goes through the formatter.
const SHORT_CONTENT: usize = 768;

fn base64<S: Serializer>(content: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [0; SHORT_CONTENT.div_ceil(3) * 4];
    let short = STANDARD.encode_slice(content, &mut text).ok();
    match short.and_then(|length| std::str::from_utf8(text.get(..length)?).ok()) {
        Some(text) => serializer.serialize_str(text),
        None => serializer.collect_str(&Base64Display::new(content, &STANDARD)),
    }
}

fn pairs<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(headers.len()))?;
    headers
        .iter()
        .try_for_each(|header| sequence.serialize_element(&header))?;
    sequence.end()
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
