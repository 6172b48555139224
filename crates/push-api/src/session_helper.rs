//! What a Push Client asks of a session helper: a process of a user that reaches applications on the message bus of this user's
//! session, which the Push Client cannot see.
//!
//! The Push Client asks ([`SessionTask`]) whether applications are there, and hands events over to them; the helper answers
//! ([`SessionAnswer`]), each task by its number. One helper serves one user; a later one takes the place of an earlier one.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::{PushEvent, PushEventView};

/// The tasks of one session helper, in order. Dropping it says that the helper is gone.
pub trait SessionTasks: Debug + Send + 'static {
    /// Waits for the next task; `None` when this helper is wanted no longer. Safe to cancel.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<SessionTask>> + Send + '_>>;
}

/// Something that a session helper is to do, written for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTask {
    /// The word for it: `check`, `event`, `close`, `lost` or `replaced`.
    pub kind: &'static str,
    /// The document that goes with it, on one line of JSON.
    pub document: Vec<u8>,
}

/// An application on the bus of a session: a name, and where the object is that takes events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionApplication {
    /// The name on the bus.
    pub name: String,
    /// The object's path.
    pub path: String,
}

/// Whether an application is there, or would be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCheck {
    /// Names the answer.
    pub task: u64,
    /// The application.
    #[serde(flatten)]
    pub application: SessionApplication,
}

/// An event to hand over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// Names the answer.
    pub task: u64,
    /// Which opening of the application's handler it belongs to: their numbers grow. Where an event of an opening does not reach the
    /// application, those behind it in this opening must not either, since they are all given out again, in order.
    pub opening: u64,
    /// The application.
    #[serde(flatten)]
    pub application: SessionApplication,
    /// The event.
    pub event: PushEvent,
}

/// A registration that is not what it was, of which its application is to hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLoss {
    /// Names the answer.
    pub task: u64,
    /// The application.
    #[serde(flatten)]
    pub application: SessionApplication,
    /// The registration.
    #[serde(rename = "registrationID")]
    pub registration_id: String,
    /// Why: `invalidated`, `revoked` or `lost`.
    pub cause: String,
}

/// An opening that is over: nothing more of it comes, and no answer to what came of it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClosing {
    /// The opening.
    pub opening: u64,
}

/// A task as a helper reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOrder {
    /// Is this application there?
    Check(SessionCheck),
    /// Hand this event over.
    Event(Box<SessionEvent>),
    /// Tell this application what became of its registration.
    Lost(SessionLoss),
    /// Forget this opening.
    Close(SessionClosing),
    /// Another helper has taken this one's place.
    Replaced,
}

impl SessionOrder {
    /// Reads a task; `None` where its kind is not known (yet).
    ///
    /// # Errors
    /// The document is not what goes with the kind.
    pub fn read(kind: &str, document: &str) -> serde_json::Result<Option<Self>> {
        Ok(Some(match kind {
            "check" => Self::Check(serde_json::from_str(document)?),
            "event" => Self::Event(serde_json::from_str(document)?),
            "lost" => Self::Lost(serde_json::from_str(document)?),
            "close" => Self::Close(serde_json::from_str(document)?),
            "replaced" => Self::Replaced,
            _ => return Ok(None),
        }))
    }
}

impl SessionTask {
    /// Is this application there?
    pub fn check(check: &SessionCheck) -> Self {
        Self::of("check", check)
    }

    /// Another helper has taken this one's place.
    pub fn replaced() -> Self {
        Self::of("replaced", &serde_json::Map::new())
    }

    /// Tell this application what became of its registration.
    pub fn lost(loss: &SessionLoss) -> Self {
        Self::of("lost", loss)
    }

    /// Forget this opening.
    pub fn close(opening: u64) -> Self {
        Self::of("close", &SessionClosing { opening })
    }

    /// Hand this event of this opening over.
    pub fn event(
        task: u64,
        opening: u64,
        application: &SessionApplication,
        event: &PushEventView<'_>,
    ) -> Self {
        let head = EventHead {
            task,
            opening,
            application,
        };
        let Self { mut document, .. } = Self::of("event", &head);
        // The event becomes one more member of the object.
        document.pop();
        document.extend_from_slice(br#","event":"#);
        event.write_json(&mut document);
        document.push(b'}');
        Self {
            kind: "event",
            document,
        }
    }

    fn of(kind: &'static str, document: &impl Serialize) -> Self {
        Self {
            kind,
            // Names and numbers always have a form in JSON.
            document: serde_json::to_vec(document).unwrap_or_default(),
        }
    }
}

/// A [`SessionEvent`] without its event.
#[derive(Serialize)]
struct EventHead<'a> {
    task: u64,
    opening: u64,
    #[serde(flatten)]
    application: &'a SessionApplication,
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionAnswer {
    /// The task.
    pub task: u64,
    /// What it came to.
    pub outcome: SessionOutcome,
    /// In words for people: why, or what is missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Where an event is to come again: not sooner than after so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
}

/// What a task came to, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionOutcome {
    /// The application is there, or would be started; it was told.
    Available,
    /// It is not.
    Missing,
    /// The application is done with the event.
    Accepted,
    /// The event is to come again after a back-off.
    Later,
    /// The application cannot use the event.
    Rejected,
    /// The application cannot be reached; nothing is said of the event.
    Unreachable,
}

/// The answer to a helper's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionAnswered {
    /// How many were waited for. The others came too late, or belong to no task of this user.
    pub taken: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application() -> SessionApplication {
        SessionApplication {
            name: "org.example.App".to_owned(),
            path: "/org/pushcai/Handler".to_owned(),
        }
    }

    fn read(task: &SessionTask) -> SessionOrder {
        let document = std::str::from_utf8(&task.document).unwrap();
        assert!(!document.contains('\n'));
        SessionOrder::read(task.kind, document).unwrap().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let check = SessionCheck {
            task: 1,
            application: application(),
        };
        let order = read(&SessionTask::check(&check));
        assert_eq!(order, SessionOrder::Check(check));
        let loss = SessionLoss {
            task: 4,
            application: application(),
            registration_id: "0000000000000007".to_owned(),
            cause: "revoked".to_owned(),
        };
        assert_eq!(read(&SessionTask::lost(&loss)), SessionOrder::Lost(loss));
        let closing = SessionOrder::Close(SessionClosing { opening: 5 });
        assert_eq!(read(&SessionTask::close(5)), closing);
        assert_eq!(read(&SessionTask::replaced()), SessionOrder::Replaced);
        assert_eq!(SessionOrder::read("tomorrow", "{}").unwrap(), None);
    }

    #[test]
    fn an_event_stands_in_its_task() {
        let headers = push_message::Headers::default();
        let view = PushEventView {
            id: 9,
            registration_id: 7,
            push_application_id: "x-wap-application:mms.ua".into(),
            application_id: None,
            content_type: "text/plain",
            parameters: &headers,
            content: b"hello",
            headers: &headers,
            protocol: "OTA-WSP",
            bearer: "IP",
            server: &push_message::ServerAddress::Ip(std::net::Ipv4Addr::LOCALHOST.into()),
            server_names: &[],
            originator: None,
            device: None,
            ports: crate::EventPorts::default(),
            received_at: 5,
            attempt: 1,
            authenticated: false,
            trusted: false,
        };
        let order = read(&SessionTask::event(3, 2, &application(), &view));
        let SessionOrder::Event(event) = order else {
            panic!("{order:?}");
        };
        assert_eq!((event.task, event.opening), (3, 2));
        assert_eq!(event.application, application());
        assert_eq!(event.event.content, "aGVsbG8=");
        assert_eq!(event.event.id, "0000000000000009");
    }
}
