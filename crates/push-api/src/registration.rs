//! Application Registration and Deregistration (Push-CAI 5.1, 5.2).

use serde::{Deserialize, Serialize};

/// An Application Registration request. Unknown fields are refused rather than ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistrationRequest {
    /// The Push Application ID: a URI, or an OMNA number in decimal or after `0x`.
    //= specs/push-cai.md#registration-request
    //# A registration that names no pushApplicationID MUST be refused as an invalid request.
    #[serde(rename = "pushApplicationID")]
    pub push_application_id: String,
    /// The application's own name.
    #[serde(
        rename = "applicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub application_id: Option<String>,
    /// Where events go, as a URI; absent: to the application's own connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_handler: Option<String>,
    /// Addresses of Push Servers that this application takes pushes from, beside the default whitelist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whitelist: Vec<String>,
    /// Sets of options for event delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connection_profile: Vec<ConnectionProfile>,
    /// MIME types, as in the header of HTTP.
    #[serde(rename = "Accept", default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// For how many seconds equal content from any server is one push; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_equal_content: Option<u32>,
}

/// One set of options for event delivery.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionProfile {
    /// `OTA-WSP`, `OTA-HTTP` or `OTA-SIP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// A bearer: `IP`, `GSM-SMS`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_type: Option<String>,
    /// A port; Push-CAI has it as a string, a number is taken too.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "text_or_number"
    )]
    pub port: Option<String>,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a port is a string or a number")]
    enum Port {
        Text(String),
        Number(u64),
    }
    Ok(
        Option::<Port>::deserialize(deserializer)?.map(|port| match port {
            Port::Text(text) => text,
            Port::Number(number) => number.to_string(),
        }),
    )
}

/// The answer to a registration that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationAnswer {
    /// Always `success`; a refusal is a [`Problem`](crate::Problem).
    pub result: String,
    /// The registration.
    #[serde(rename = "registrationID")]
    pub registration_id: String,
    /// The secret by which the application knows that an event comes from this Push Client, where its event handler is a webhook:
    /// told in this answer and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler_secret: Option<String>,
    /// What each Push Server said.
    pub servers: Vec<ServerAnswer>,
}

/// What one Push Server said to a registration or deregistration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerAnswer {
    /// The server.
    pub uri: String,
    /// The Push OTA protocol.
    pub protocol: String,
    /// `requested`, `announced`, `confirmed`, `rejected` or `unreachable`.
    pub state: String,
    /// Why, where it was refused or could not be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which registration to end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeregistrationQuery {
    /// The Push Application ID.
    #[serde(rename = "pushApplicationID")]
    pub push_application_id: String,
    /// The application's own name; absent: the application that registered without one.
    #[serde(
        rename = "applicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub application_id: Option<String>,
    /// Whose it is, where it is not the caller's; for administrators alone. Its application hears that it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Remove it here even if a Push Server cannot be told.
    #[serde(default)]
    pub force: bool,
}

/// The answer to a deregistration that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeregistrationAnswer {
    /// Always `success`.
    pub result: String,
    /// What each Push Server said.
    pub servers: Vec<ServerAnswer>,
}

/// A registration as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The registration.
    #[serde(rename = "registrationID")]
    pub registration_id: String,
    /// Whom it belongs to.
    pub owner: String,
    /// What was asked, in canonical form.
    #[serde(flatten)]
    pub request: RegistrationRequest,
    /// `pending` or `active`.
    pub state: String,
    /// When it was made: milliseconds since 1970.
    pub registered_at: u64,
    /// Events that wait for the application.
    pub waiting_events: usize,
    /// Events delivered and not yet acknowledged.
    pub unacknowledged_events: usize,
    /// Whether a connection of the application takes events at present.
    pub connected: bool,
    /// How it stands with its event handler; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler_state: Option<HandlerState>,
}

/// How it stands with an event handler.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerState {
    /// `idle`: nobody wants it. `wanted`: events wait, and it is being started. `attached`: it takes events. `resting`: it could not
    /// be reached, and is left alone for a while.
    pub state: String,
    /// How often in a row it could not be reached.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Until when it rests: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Why it could not be reached the last time, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}
