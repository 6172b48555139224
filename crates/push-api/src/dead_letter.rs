//! Dead letters: events that an application rejected, or did not accept however often they were tried.

use serde::{Deserialize, Serialize};

/// Which dead letters to list. An owner is shown its own; an administrator those of everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterQuery {
    /// Only those to this Push Application ID.
    pub push_application_id: Option<String>,
    /// Only those of the application with this name.
    pub application_id: Option<String>,
    /// Only those after this one, in order of arrival: the last of the list before.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// An event that nobody is to get unless somebody decides so. Holds no content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The event.
    pub id: String,
    /// The registration that it is for.
    #[serde(rename = "registrationID")]
    pub registration_id: String,
    /// Whom the registration belongs to.
    pub owner: String,
    /// The Push Application ID.
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
    /// Octets of content.
    pub content_length: usize,
    /// The Push OTA protocol.
    pub protocol: String,
    /// The Push Server, as the bearer showed it.
    pub server: String,
    /// When the terminal received it: milliseconds since 1970.
    pub received_at: u64,
    /// How often it was tried in vain, as far as that is written down.
    pub attempts: u32,
    /// Why it is one, for people, where that is known: what its event handler made of it the last time, or that it was tried
    /// as often as it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is to become of which dead letters. Those of an owner alone, unless an administrator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettleDeadLetters {
    /// What is to become of them.
    pub fate: Fate,
    /// These, by the ids of their events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Without ids: all of them, or all that fit what follows. Has to be said where nothing else is, so that nobody means
    /// one and settles all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Without ids: those to this Push Application ID.
    #[serde(
        rename = "pushApplicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub push_application_id: Option<String>,
    /// Without ids: those of the application with this name.
    #[serde(
        rename = "applicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub application_id: Option<String>,
}

/// What is to become of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is delivered again, as if for the first time.
    Replay,
    /// It is dropped.
    Drop,
}

/// The answer once that is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SettleAnswer {
    /// How many are settled.
    pub settled: usize,
    /// Ids that were refused, each with the reason's word and a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<(String, String, String)>,
}
