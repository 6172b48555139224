//! A push by SIP, how it is sent, and how it ended.

use std::net::SocketAddr;
use std::time::Duration;

use super::feature::{APPLICATIONS, INSTANCES, instance_reference, push_resource_identifier};
use super::message::SipMessage;

/// A push by SIP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipPush {
    content_type: String,
    body: Vec<u8>,
    applications: Vec<String>,
    instances: Vec<String>,
    headers: Vec<(String, String)>,
}

impl SipPush {
    /// A push of this content for nobody in particular.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type: content_type.to_owned(),
            body: body.into(),
            applications: Vec::new(),
            instances: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// For this application, which may be one of several.
    #[must_use]
    pub fn application(mut self, id: &str) -> Self {
        self.applications.push(push_resource_identifier(id));
        self
    }

    /// For this application instance (IARI), which may be one of several.
    #[must_use]
    pub fn instance(mut self, id: &str) -> Self {
        self.instances.push(instance_reference(id));
        self
    }

    /// With one more header of the content.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The content.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Its content type with its parameters.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    pub(super) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The rows of Accept-Contact.
    pub(super) fn rows(&self, strict: bool) -> Vec<String> {
        let end = if strict { ";require;explicit" } else { "" };
        let row = |tag: &str, values: &[String]| {
            (!values.is_empty()).then(|| format!("*;{tag}=\"{}\"{end}", values.join(",")))
        };
        let rows = [
            row(APPLICATIONS, &self.applications),
            row(INSTANCES, &self.instances),
        ];
        rows.into_iter().flatten().collect()
    }
}

impl From<&crate::Push> for SipPush {
    /// The content and its headers; whom it is for is said in another way.
    fn from(push: &crate::Push) -> Self {
        let own = Self::new(&push.content_type(), push.body());
        let headers = push.headers().iter();
        headers.fold(own, |own, (name, value)| own.header(name, value))
    }
}

/// By what a push goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SipWish {
    /// By MESSAGE as long as that is short enough.
    #[default]
    ByLength,
    /// By MESSAGE.
    Message,
    /// By a session: INVITE and MSRP.
    Session,
}

/// How one push is sent; all but the defaults is for servers that do not behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipManner {
    /// By what.
    pub wish: SipWish,
    /// The longest content that goes by MESSAGE (RFC 3428 8 has 1300 octets for all of it).
    pub longest: usize,
    /// Whether Accept-Contact asks for terminals that say that they have the application, and no others.
    pub strict: bool,
    /// Rows of Accept-Contact, instead of those of the push.
    pub rows: Option<Vec<String>>,
    /// Another method than MESSAGE.
    pub method: Option<String>,
    /// The URI in From, instead of the server's own.
    pub from: Option<String>,
    /// The value of P-Asserted-Identity, which only a core should write.
    pub asserted: Option<String>,
    /// To where it goes past the core.
    pub straight: Option<SocketAddr>,
    /// Further headers of SIP.
    pub headers: Vec<(String, String)>,
    /// Call-ID, the number of `CSeq` and the tag of From, instead of new ones: the same request again.
    pub identity: Option<(String, u32, String)>,
    /// The branch, instead of a new one.
    pub branch: Option<String>,
    /// How often it is sent at once.
    pub copies: u32,
    /// How its session goes.
    pub session: MsrpManner,
}

impl Default for SipManner {
    fn default() -> Self {
        Self {
            wish: SipWish::ByLength,
            longest: 900,
            strict: true,
            rows: None,
            method: None,
            from: None,
            asserted: None,
            straight: None,
            headers: Vec::new(),
            identity: None,
            branch: None,
            copies: 1,
            session: MsrpManner::default(),
        }
    }
}

impl SipManner {
    /// By MESSAGE, however long.
    pub fn message() -> Self {
        Self {
            wish: SipWish::Message,
            ..Self::default()
        }
    }

    /// By a session, however short.
    pub fn session() -> Self {
        Self {
            wish: SipWish::Session,
            ..Self::default()
        }
    }

    /// Whether a content of this length goes by a session.
    pub const fn is_session(&self, length: usize) -> bool {
        match self.wish {
            SipWish::ByLength => length > self.longest,
            SipWish::Message => false,
            SipWish::Session => true,
        }
    }
}

/// Who opens the connection of MSRP, as the offer says (RFC 6135).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Setup {
    /// Whoever the terminal says.
    #[default]
    ActPass,
    /// The push server.
    Active,
    /// The terminal.
    Passive,
    /// Nothing is said: the push server (RFC 4975 5.4).
    Absent,
}

impl Setup {
    pub(super) const fn word(self) -> Option<&'static str> {
        match self {
            Self::ActPass => Some("actpass"),
            Self::Active => Some("active"),
            Self::Passive => Some("passive"),
            Self::Absent => None,
        }
    }
}

/// In which order the chunks of a message go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChunkOrder {
    /// As they are.
    #[default]
    Forward,
    /// The last one first.
    Backward,
    /// Any, from this seed.
    Shuffled(u64),
}

/// How a session of MSRP goes; all but the defaults is for servers that do not behave. Chunks are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct MsrpManner {
    /// Who opens the connection.
    pub setup: Setup,
    /// Octets of a chunk.
    pub chunk: usize,
    /// In which order chunks go.
    pub order: ChunkOrder,
    /// Whether the terminal is asked to say that the whole push has come.
    pub success_report: bool,
    /// How many pushes go in the one session, all alike.
    pub messages: u32,
    /// The length of the content as chunks say it: `*` or a wrong number; absent: the true one.
    pub total: Option<String>,
    /// Chunks that are left out.
    pub missing: Vec<usize>,
    /// Chunks that go twice.
    pub twice: Vec<usize>,
    /// After so many chunks the push is given up (`#`).
    pub interrupt_after: Option<usize>,
    /// After so many chunks nothing more comes.
    pub silent_after: Option<usize>,
    /// After so many chunks the session is ended.
    pub bye_after: Option<usize>,
    /// After so many chunks the connection is closed.
    pub hang_up_after: Option<usize>,
    /// Whether the invitation is taken back at once.
    pub cancel: bool,
    /// Whether the terminal's answer is never acknowledged.
    pub no_ack: bool,
    /// Whether chunks are for another session.
    pub wrong_path: bool,
    /// Whether the connection is never opened, or never taken.
    pub no_connection: bool,
    /// Octets are written in pieces of this size.
    pub pieces: Option<usize>,
    /// The offer, instead of a right one.
    pub offer: Option<String>,
    /// The content types in the offer.
    pub accept_types: String,
    /// Whether the terminal shall end the session.
    pub leave: bool,
    /// How long something is awaited in the session.
    pub patience: Duration,
}

impl Default for MsrpManner {
    fn default() -> Self {
        Self {
            setup: Setup::ActPass,
            chunk: 2_048,
            order: ChunkOrder::Forward,
            success_report: false,
            messages: 1,
            total: None,
            missing: Vec::new(),
            twice: Vec::new(),
            interrupt_after: None,
            silent_after: None,
            bye_after: None,
            hang_up_after: None,
            cancel: false,
            no_ack: false,
            wrong_path: false,
            no_connection: false,
            pieces: None,
            offer: None,
            accept_types: "*".to_owned(),
            leave: false,
            patience: Duration::from_secs(10),
        }
    }
}

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipPushResult {
    /// The status code of the last answer; 0 where none came.
    pub status: u16,
    /// The phrase behind it, or why there is none.
    pub reason: String,
    /// That answer.
    pub answer: Option<SipMessage>,
    /// What happened in the session, where there was one.
    pub session: Option<MsrpOutcome>,
}

impl SipPushResult {
    /// Whether the terminal took the push, or all pushes of the session.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status) && self.session.as_ref().is_none_or(MsrpOutcome::is_whole)
    }

    /// A header of the last answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.as_ref()?.get(name)
    }
}

/// What happened in a session of MSRP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MsrpOutcome {
    /// Whether there was a connection.
    pub opened: bool,
    /// How many chunks were sent.
    pub chunks: usize,
    /// What chunks were answered, in the order of the answers.
    pub statuses: Vec<u16>,
    /// What the terminal reported of whole pushes.
    pub reports: Vec<u16>,
    /// Whether the terminal ended the session.
    pub ended_by_terminal: bool,
    /// What went wrong.
    pub fault: Option<String>,
    /// Of how many pushes every chunk was answered with success, and the report came where one is asked for.
    pub whole: u32,
    /// How many pushes there were to be.
    pub wanted: u32,
}

impl MsrpOutcome {
    /// Whether every push of the session arrived.
    pub const fn is_whole(&self) -> bool {
        self.whole == self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_name_what_a_push_is_for() {
        let push = SipPush::new("text/plain", *b"x")
            .application("x-wap-application:ulp.ua")
            .application("mms.ua")
            .instance("urn:urn-7:a");
        assert_eq!(
            push.rows(true),
            [
                "*;+g.oma.pusheventapp=\"ulp.ua,mms.ua\";require;explicit",
                "*;+g.3gpp.iari-ref=\"urn%3Aurn-7%3Aa\";require;explicit"
            ]
        );
        assert!(SipPush::new("text/plain", *b"x").rows(false).is_empty());
    }

    #[test]
    fn long_content_goes_by_a_session() {
        let manner = SipManner::default();
        assert!(!manner.is_session(900));
        assert!(manner.is_session(901));
        assert!(!SipManner::message().is_session(100_000));
        assert!(SipManner::session().is_session(1));
    }
}
