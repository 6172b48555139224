//! Short messages that somebody hands over: a modem's script, an operator, a test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_message::{Reason, Refusal};
use serde::{Deserialize, Serialize};

/// Contents in one request at most: a message has no more segments.
pub const MAX_SUBMITTED: usize = 255;

/// A short message as the terminal received it, in one piece or in several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitRequest {
    /// What the content is.
    pub kind: SubmitKind,
    /// The octets, in base64. Several are the segments of a message in any order (`tpdu`, `userData`), or its parts in
    /// their order (`push`).
    pub content: Vec<String>,
    /// Who sent the message: a number in E.164 with its `+`, other digits, or a name. A TPDU says it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The SMS centre in E.164 with its `+`. A TPDU that begins with it says it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smsc: Option<String>,
    /// When the SMS centre took the message: milliseconds since 1970. What is handed over again with the same time is known
    /// as the same message. A TPDU says it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<u64>,
    /// The bearer: `GSM-SMS`, which it is where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// The ports, where the kind is `push` and whoever took the header off knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<SubmitPorts>,
    /// A name for the modem or the program that it comes from, shown in the event; `submit` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// Ports of a short message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitPorts {
    /// The terminal's.
    pub dest: u16,
    /// The sender's; 0 where it is not known.
    #[serde(default)]
    pub orig: u16,
}

/// What submitted octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubmitKind {
    /// SMS-DELIVER TPDUs (3GPP TS 23.040 9.2.2.1), with the address of the SMS centre in front or without it.
    Tpdu,
    /// User data with its header (3GPP TS 23.040 9.2.3.24).
    UserData,
    /// The push itself, a WSP unit push: user data whose header was taken off.
    Push,
}

/// What became of what was submitted, in its order; one result for a `push`, whatever its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitAnswer {
    /// Always `success`: nothing was put off.
    pub result: String,
    /// One for each content.
    pub results: Vec<Submitted>,
}

/// What became of one short message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// `accepted`, `held` or `duplicate`: a push, and durable. `kept`: a segment, durable; others of its message are
    /// missing. `followed`: a session initiation request, which the client follows. `notAPush`: none of this client's
    /// business. Else the word of its refusal.
    pub verdict: String,
    /// The event made of it.
    #[serde(rename = "eventID", default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl SubmitRequest {
    /// The octets of every content.
    ///
    /// # Errors
    /// `invalidRequest` where there are none, or too many, or one is no base64.
    pub fn octets(&self) -> Result<Vec<Vec<u8>>, Refusal> {
        let refused = |detail| Refusal::of_option(Reason::InvalidRequest, "content", detail);
        let count = self.content.len();
        if !(1..=MAX_SUBMITTED).contains(&count) {
            return Err(refused(format!(
                "{count} contents were given; give 1 to {MAX_SUBMITTED}"
            )));
        }
        let contents = self.content.iter().enumerate();
        contents
            .map(|(index, text)| match STANDARD.decode(text) {
                Ok(octets) if octets.is_empty() => Err(refused(format!(
                    "content {index} has no octets; leave it out"
                ))),
                Ok(octets) => Ok(octets),
                Err(error) => Err(refused(format!(
                    "content {index} is no base64: {error}; give the octets in base64 with its padding"
                ))),
            })
            .collect()
    }
}
