//! What goes on in the Push Client, as it goes on.
//!
//! An owner sees what concerns its own registrations; an administrator everything, but no content of others. What somebody may see is
//! shown in full: addresses and numbers are not masked here, as they are in logs, which more people read.

use std::future::Future;

use serde::{Deserialize, Serialize};

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchQuery {
    /// Only what concerns this Push Application ID.
    pub push_application_id: Option<String>,
    /// Only what concerns the application with this name.
    pub application_id: Option<String>,
    /// Only these; empty: all. [`WatchedKind::Missed`] is told anyway.
    pub kinds: Vec<WatchedKind>,
    /// With the content of pushes to the caller's own registrations.
    pub content: bool,
}

/// What goes on, as one watcher sees it. Dropping it ends the watch.
pub trait WatchStream: Send + 'static {
    /// Waits for the next thing that happens; `None` when the Push Client has ended. Safe to cancel: nothing is lost by it.
    ///
    /// Whoever takes what happens too slowly misses some of it, and is told how much ([`Happening::Missed`]); nobody waits for
    /// a watcher.
    fn next(&mut self) -> impl Future<Output = Option<Watched>> + Send;
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// When: milliseconds since 1970.
    pub time: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

impl Watched {
    /// What kind of thing it is.
    pub const fn kind(&self) -> WatchedKind {
        self.what.kind()
    }
}

/// The kinds of things that happen. The words are the `kind` of [`Happening`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WatchedKind {
    /// A push was judged.
    Judged,
    /// An application registered.
    Registered,
    /// An application deregistered.
    Deregistered,
    /// A registration was refused.
    RegistrationRefused,
    /// A registration is not what it was.
    RegistrationChanged,
    /// An event was handed to its application.
    Delivered,
    /// An event was acknowledged as accepted.
    Accepted,
    /// An event will be tried again.
    Delayed,
    /// An event became a dead letter.
    Died,
    /// A dead letter waits for its application again.
    Replayed,
    /// A dead letter was dropped.
    Dropped,
    /// An event was dropped without an acknowledgement.
    Expired,
    /// An event handler could not be reached.
    HandlerFailed,
    /// An event handler made something of an event.
    Handled,
    /// It stands otherwise with a Push Server.
    ServerChanged,
    /// Octets gave no push, or were refused without a judgement.
    Malformed,
    /// The watcher was too slow.
    Missed,
}

impl WatchedKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Judged,
        Self::Registered,
        Self::Deregistered,
        Self::RegistrationRefused,
        Self::RegistrationChanged,
        Self::Delivered,
        Self::Accepted,
        Self::Delayed,
        Self::Died,
        Self::Replayed,
        Self::Dropped,
        Self::Expired,
        Self::HandlerFailed,
        Self::Handled,
        Self::ServerChanged,
        Self::Malformed,
        Self::Missed,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Judged => "judged",
            Self::Registered => "registered",
            Self::Deregistered => "deregistered",
            Self::RegistrationRefused => "registrationRefused",
            Self::RegistrationChanged => "registrationChanged",
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Delayed => "delayed",
            Self::Died => "died",
            Self::Replayed => "replayed",
            Self::Dropped => "dropped",
            Self::Expired => "expired",
            Self::HandlerFailed => "handlerFailed",
            Self::Handled => "handled",
            Self::ServerChanged => "serverChanged",
            Self::Malformed => "malformed",
            Self::Missed => "missed",
        }
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Happening {
    /// A push was judged.
    Judged(Box<WatchedPush>),
    /// An application registered.
    Registered(WatchedRegistration),
    /// An application deregistered, or what remained of its registration was removed.
    Deregistered(WatchedRegistration),
    /// A registration was refused.
    RegistrationRefused {
        /// Who asked.
        owner: String,
        /// The reason's word.
        reason: String,
        /// The option at fault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        option: Option<String>,
        /// What was wrong, and what would work.
        detail: String,
    },
    /// A registration that stands is not what it was, without its application having asked for it.
    RegistrationChanged {
        /// The registration.
        #[serde(flatten)]
        registration: WatchedRegistration,
        /// `invalidated`, `revoked`, `lost` or `restored`.
        cause: String,
        /// In words for people.
        detail: String,
    },
    /// An event was handed to its application, or to its event handler.
    Delivered {
        /// The event.
        #[serde(flatten)]
        event: WatchedEvent,
        /// 1 for the first time.
        attempt: u32,
    },
    /// An event was acknowledged as accepted.
    Accepted(WatchedEvent),
    /// An event will be tried again.
    Delayed {
        /// The event.
        #[serde(flatten)]
        event: WatchedEvent,
        /// When: milliseconds since 1970.
        until: u64,
    },
    /// An event became a dead letter.
    Died(WatchedEvent),
    /// A dead letter waits for its application again.
    Replayed(WatchedEvent),
    /// A dead letter was dropped because somebody said so.
    Dropped(WatchedEvent),
    /// An event was dropped without an acknowledgement: it outlived its time, or gave way to later ones.
    Expired(WatchedEvent),
    /// An event handler could not be reached, which says nothing of the events.
    HandlerFailed {
        /// The registration.
        #[serde(flatten)]
        registration: WatchedRegistration,
        /// When it is tried again: milliseconds since 1970.
        until: u64,
        /// Why, in words for people.
        reason: String,
    },
    /// An event handler made something of an event.
    Handled {
        /// The event.
        #[serde(flatten)]
        event: WatchedEvent,
        /// Which attempt it was.
        attempt: u32,
        /// The scheme of the handler.
        scheme: String,
        /// What it came to, in words for people: `exit status 3`, `HTTP 503`.
        outcome: String,
        /// What the handler said, as far as it is kept; shown to the owner alone.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        output: String,
        /// How long it took, in milliseconds.
        took: u64,
    },
    /// It stands otherwise with a Push Server.
    ServerChanged {
        /// The server.
        uri: String,
        /// The Push OTA protocol.
        protocol: String,
        /// As in [`Server::state`](crate::Server::state).
        state: String,
        /// Why, where it refused or could not be reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Octets gave no push, or were refused without a judgement; shown to administrators alone.
    Malformed {
        /// The Push OTA protocol.
        protocol: String,
        /// The sender.
        server: String,
        /// The decoder's word.
        verdict: String,
        /// Octets of the whole.
        length: usize,
        /// Why, for people.
        detail: String,
    },
    /// The watcher was too slow.
    Missed {
        /// How many things that happened are left out here.
        count: u64,
    },
}

impl Happening {
    /// What kind of thing it is.
    pub const fn kind(&self) -> WatchedKind {
        match self {
            Self::Judged(_) => WatchedKind::Judged,
            Self::Registered(_) => WatchedKind::Registered,
            Self::Deregistered(_) => WatchedKind::Deregistered,
            Self::RegistrationRefused { .. } => WatchedKind::RegistrationRefused,
            Self::RegistrationChanged { .. } => WatchedKind::RegistrationChanged,
            Self::Delivered { .. } => WatchedKind::Delivered,
            Self::Accepted(_) => WatchedKind::Accepted,
            Self::Delayed { .. } => WatchedKind::Delayed,
            Self::Died(_) => WatchedKind::Died,
            Self::Replayed(_) => WatchedKind::Replayed,
            Self::Dropped(_) => WatchedKind::Dropped,
            Self::Expired(_) => WatchedKind::Expired,
            Self::HandlerFailed { .. } => WatchedKind::HandlerFailed,
            Self::Handled { .. } => WatchedKind::Handled,
            Self::ServerChanged { .. } => WatchedKind::ServerChanged,
            Self::Malformed { .. } => WatchedKind::Malformed,
            Self::Missed { .. } => WatchedKind::Missed,
        }
    }
}

/// A registration that something happened to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedRegistration {
    /// The registration.
    #[serde(rename = "registrationID")]
    pub registration_id: String,
    /// Whom it belongs to.
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
}

/// An event that something happened to. Without a registration it is nobody's, or that of one that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WatchedEvent {
    /// The event.
    pub id: String,
    /// The registration that it is for.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub registration: Option<WatchedRegistration>,
}

/// A push and its judgement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedPush {
    /// `accepted`, `duplicate`, `held`, or the refusal's word.
    pub verdict: String,
    /// Why it reached nobody, for people, and what would work; absent where it reached somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The event made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The registration that takes it.
    #[serde(
        rename = "registrationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub registration_id: Option<String>,
    /// Whom that belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The Push Application ID addressed; absent where the push names none and none is meant.
    #[serde(
        rename = "pushApplicationID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub push_application_id: Option<String>,
    /// The own name of the application that takes it.
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
    /// The bearer.
    pub bearer: String,
    /// The Push Server, as the bearer showed it.
    pub server: String,
    /// Who sent the short message; absent on other bearers, and of pushes that became no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originator: Option<String>,
    /// The terminal's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The parameters of the content type, where content was asked for and may be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    /// The other headers, in order of arrival, where content was asked for and may be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The content in base64, where it was asked for and may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_has_the_word_that_it_is_written_with() {
        for kind in WatchedKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(WatchedKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(WatchedKind::from_word("judge"), None);
    }

    #[test]
    fn what_happened_is_one_flat_document() {
        let registration = WatchedRegistration {
            registration_id: "0000000000000007".to_owned(),
            owner: "uid:1000".to_owned(),
            push_application_id: "x-wap-application:mms.ua".to_owned(),
            application_id: None,
        };
        let event = |registration| WatchedEvent {
            id: "0000000000000001".to_owned(),
            registration,
        };
        let delayed = Watched {
            time: 5,
            what: Happening::Delayed {
                event: event(Some(registration)),
                until: 9,
            },
        };
        let document = json!({
            "time": 5,
            "kind": "delayed",
            "id": "0000000000000001",
            "registrationID": "0000000000000007",
            "owner": "uid:1000",
            "pushApplicationID": "x-wap-application:mms.ua",
            "until": 9,
        });
        assert_eq!(serde_json::to_value(&delayed).unwrap(), document);
        let read: Watched = serde_json::from_value(document).unwrap();
        assert_eq!(read, delayed);

        let expired = Watched {
            time: 5,
            what: Happening::Expired(event(None)),
        };
        let document = json!({"time": 5, "kind": "expired", "id": "0000000000000001"});
        assert_eq!(serde_json::to_value(&expired).unwrap(), document);
        let read: Watched = serde_json::from_value(document).unwrap();
        assert_eq!(read, expired);
    }
}
