//! What the Push Client says of itself.

use serde::{Deserialize, Serialize};

/// The state of the Push Client in one page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Registrations in force.
    pub registrations: usize,
    /// Events that wait for their applications.
    pub waiting_events: usize,
    /// Events delivered and not yet acknowledged.
    pub unacknowledged_events: usize,
    /// Events held that matched nobody.
    pub held_events: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Octets of all of these.
    pub octets: usize,
    /// Addresses that bearers listen on: protocol, then address.
    pub listening: Vec<(String, String)>,
    /// Whether the store can write, with the last failure where it cannot.
    pub store_failure: Option<String>,
    /// Counters since the start, by name.
    pub counters: std::collections::BTreeMap<String, u64>,
}

/// A Push Server that the client registers with, or a source of short messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// The server.
    pub uri: String,
    /// The Push OTA protocol.
    pub protocol: String,
    /// `requested`, `announced`, `confirmed`, `rejected` or `unreachable`; `idle` where nobody has to be told; of a source
    /// `connecting`, `connected` or `unreachable`.
    pub state: String,
    /// Why, where it refused or could not be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The identity that it is provisioned under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it is reached over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
    /// The tag of the capability and preference information that it knows, in base64.
    #[serde(rename = "cpiTag", default, skip_serializing_if = "Option::is_none")]
    pub cpi_tag: Option<String>,
    /// Connections to and from it that are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// The last request of it that was answered, or its last push on a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exchange: Option<Exchange>,
    /// The push session with it, where there is one or is to be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// The binding at it, where it is a SIP registrar and there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The Push Application IDs that it does not serve, although it took the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_applications: Vec<String>,
}

/// The binding at a SIP registrar (OTA-SIP): where the terminal is reached, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The Contact URI.
    pub contact: String,
    /// The public GRUU, where the registrar gave one (RFC 5627).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gruu: Option<String>,
    /// The Push Resource Identifiers in it (`+g.oma.pusheventapp`).
    pub applications: Vec<String>,
    /// The application instances in it (`+g.3gpp.iari-ref`).
    pub instances: Vec<String>,
    /// In how many seconds it lapses, unless it is renewed.
    pub expires_in: u64,
    /// The route of requests to Push Sender Agents (RFC 3608).
    pub service_route: Vec<String>,
}

/// A push session of OTA-WSP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// `waiting`, `connecting`, `connected`, `suspended` or `resuming`.
    pub state: String,
    /// The identifier that the server gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// The server's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The Push Application IDs that it is for; a push that names none is for the first.
    pub applications: Vec<String>,
    /// Pushes that came from this server on sessions, since the start.
    pub pushes: u64,
}

/// A request of a Push Server, or over OTA-SIP one to it, and what it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The method: `OPTIONS` registers, `POST` pushes; `Push` on a session.
    pub method: String,
    /// The push status that it was answered, number and phrase; absent where the answer had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was answered, in UTC: RFC 3339 with milliseconds.
    pub time: String,
}

impl Exchange {
    /// An exchange at `time`, in milliseconds since 1970.
    pub fn at(method: &str, status: Option<String>, time: u64) -> Self {
        let stamp = i64::try_from(time)
            .ok()
            .and_then(|time| jiff::Timestamp::from_millisecond(time).ok())
            .unwrap_or(jiff::Timestamp::MAX);
        Self {
            method: method.to_owned(),
            status,
            time: format!("{stamp:.3}"),
        }
    }
}

/// A push that did not happen, to learn how it would be judged; every field may be left out. Or an event, to learn where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainRequest {
    /// The event to tell of; goes with no other field.
    #[serde(rename = "eventID", default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The Push Application ID that it would name.
    #[serde(
        rename = "pushApplicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub push_application_id: Option<String>,
    /// Its content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Its server's address; of a short message, the SMS centre; over OTA-SIP, the SIP URI that the core asserts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The bearer that it would come by: `IP`, or `GSM-SMS`, which it is where an originator is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// Who would send it, where it is a short message: a number in E.164 with its `+`, other digits, or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originator: Option<String>,
    /// The port that it would come to; left out: the first that is listened on for its protocol, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The Push OTA protocol that it would come by: `OTA-WSP`, which it is where this is left out, `OTA-HTTP`, or `OTA-SIP`,
    /// which it is where an instance is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The application instance (IARI) that it would name, over OTA-SIP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// How pushes were judged, and how one would be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainAnswer {
    /// How the push asked about would be judged, step by step; absent where none was described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// Where the event asked about stands; absent where none was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventStory>,
    /// The last pushes that were refused, held or dropped, newest first; none where an event was asked about.
    pub recent: Vec<Refused>,
}

/// Where an event stands, and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStory {
    /// The event.
    pub id: String,
    /// `journalling`: it is being written. `held`: it is nobody's yet. `waiting`: for its application. `underWay`: it was handed
    /// over and is not acknowledged. `dead`: a dead letter. `gone`: accepted, dropped or expired.
    pub state: String,
    /// One sentence for people.
    pub detail: String,
    /// The registration that it is for.
    #[serde(
        rename = "registrationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub registration_id: Option<String>,
    /// Whom that belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The Push Application ID.
    #[serde(
        rename = "pushApplicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub push_application_id: Option<String>,
    /// The application's own name.
    #[serde(
        rename = "applicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub application_id: Option<String>,
    /// The MIME type of the content, without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Octets of content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_length: Option<usize>,
    /// The Push Server, as the bearer showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// When the terminal received it: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<u64>,
    /// How often it was handed over since the Push Client started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How often it was tried in vain, which survives a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// When it is tried again, where it is put off: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// When it is dropped unless it was acknowledged: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// What event handlers made of it, the earliest first, as far as that is kept: a bounded number of all events' attempts since
    /// the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handler_attempts: Vec<HandlerAttempt>,
}

/// What an event handler made of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerAttempt {
    /// When it was done: milliseconds since 1970.
    pub time: u64,
    /// Which attempt it was.
    pub attempt: u32,
    /// The scheme of the handler.
    pub scheme: String,
    /// What it came to, in words for people: `exit status 3`, `HTTP 503`.
    pub outcome: String,
    /// What the handler said, as far as it is kept; shown to the owner alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// How long it took, in milliseconds.
    pub took: u64,
}

/// How a push would be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `accepted`, `held`, or the refusal's word.
    pub verdict: String,
    /// One sentence a step.
    pub steps: Vec<String>,
}

/// A push that reached nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// When: milliseconds since 1970.
    pub received_at: u64,
    /// The verdict's or the decoder's word.
    pub verdict: String,
    /// The Push Application ID, where it could be read.
    #[serde(
        rename = "pushApplicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub push_application_id: Option<String>,
    /// The content type, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The Push OTA protocol.
    pub protocol: String,
    /// The sender.
    pub server: String,
    /// Octets of content, or of the whole where it could not be read.
    pub length: usize,
    /// Why, for people, and what would work.
    pub detail: String,
}
