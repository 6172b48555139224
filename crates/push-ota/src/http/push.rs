//! A push of OTA-HTTP: its head has been admitted, its body is to come (WAP-235 7.4).

use std::fmt;
use std::sync::Arc;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use push_message::{
    Bearer, InitiatorTrust, Origin, Protocol, ReceivedPush, ServerAddress, TransactionId,
    UnixMillis,
};

use super::answer::Reply;
use super::connection::{Answer, Connection, Notice, Step, Way};
use super::entity::{EntityErrorCode, EntityLimits, STATUS_LINE_LENGTH, read_bare, read_entity};
use super::fields::Fields;
use super::parameters::media_parameters;
use super::spellings::Spellings;
use super::{CpiTag, PushStatus, Terminal};

/// A push whose body has not been read.
#[derive(Debug)]
pub struct ContentPush {
    limits: EntityLimits,
    form: Form,
    trust: InitiatorTrust,
    judging: Judging,
}

/// In what form the push message is there.
enum Form {
    /// An entity of application/http holds it.
    Entity,
    /// These headers of the request, and its body, are the message.
    Bare(Vec<(HeaderName, HeaderValue)>),
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values are personal data.
        f.write_str(match self {
            Self::Entity => "Entity",
            Self::Bare(_) => "Bare",
        })
    }
}

/// What has become of a push with its body.
#[derive(Debug)]
pub enum Pushed {
    /// An answer at once.
    Answer(Answer),
    /// The core has to judge it.
    Judge(Arc<ReceivedPush>, Judging),
}

/// A push that is being judged.
#[derive(Debug)]
pub struct Judging {
    pub(super) reply: Reply,
    /// The request showed another tag than ours.
    pub(super) stale: bool,
    /// Our tag, where the request did not show it.
    pub(super) tag: Option<CpiTag>,
    pub(super) notice: Option<Notice>,
}

impl ContentPush {
    /// A push of this head, or the answer to one whose message is in a form that cannot be read.
    pub(super) fn step(
        head: &Parts,
        fields: &Fields<'_>,
        judging: Judging,
        terminal: &Terminal,
        spellings: &mut Spellings,
    ) -> Step {
        let Some(form) = form(head, fields, spellings) else {
            let answer = judging.refuse(StatusCode::BAD_REQUEST, "contentType");
            return Step::Answer(answer);
        };
        Step::Push(Box::new(Self {
            limits: EntityLimits {
                message_length: terminal.max_message_length,
                headers_length: terminal.max_headers_length,
                headers: terminal.max_headers,
            },
            form,
            trust: push_info(fields),
            judging,
        }))
    }

    /// The most octets that its body may have.
    pub const fn limit(&self) -> usize {
        match self.form {
            Form::Entity => self
                .limits
                .message_length
                .saturating_add(STATUS_LINE_LENGTH),
            Form::Bare(_) => self.limits.message_length,
        }
    }

    /// The answer to a body of more octets than [`limit`](Self::limit); what is left of it is not read.
    pub fn too_long(self) -> Answer {
        self.judging.too_long().closing()
    }

    /// The answer to a body that is broken in its framing, or broke off.
    pub fn broken(self) -> Answer {
        let status = StatusCode::BAD_REQUEST;
        self.judging.refuse(status, "body").closing()
    }

    /// Takes the whole body, which came on the connection that asked for it. `transaction` is what the driver tells
    /// transmissions apart by.
    pub fn body(
        self,
        connection: &mut Connection,
        octets: &[u8],
        received: UnixMillis,
        transaction: TransactionId,
    ) -> Pushed {
        let spellings = &mut connection.spellings;
        let message = match &self.form {
            Form::Entity => read_entity(octets, &self.limits, self.trust, spellings),
            Form::Bare(headers) => {
                let headers = headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_bytes()));
                read_bare(headers, octets, &self.limits, self.trust, spellings)
            }
        };
        match message {
            Ok(message) => {
                let push = ReceivedPush {
                    message,
                    origin: origin(connection, transaction),
                    received,
                };
                Pushed::Judge(Arc::new(push), self.judging)
            }
            Err(error) if error.code == EntityErrorCode::MessageTooLong => {
                Pushed::Answer(self.judging.too_long())
            }
            Err(error) => {
                let status = StatusCode::BAD_REQUEST;
                Pushed::Answer(self.judging.refuse(status, error.code.as_str()))
            }
        }
    }
}

impl Judging {
    /// Has the answer use this map for its headers, which saves making one: what is in it is dropped.
    #[must_use]
    pub fn within(mut self, mut room: HeaderMap) -> Self {
        room.clear();
        self.reply.room = room;
        self
    }

    /// The answer to a push that was judged: [`PushStatus::Accepted`] once it is durable, or one from 234 to 238.
    //= specs/ota-http.md#registration-validation
    //# The answer to a push that shows the terminal's CPITag MUST NOT carry a CPITag.
    //= specs/ota-http.md#registration-validation
    //# The answer to a push that was accepted in spite of the CPITag it shows SHOULD carry the terminal's CPITag.
    //= specs/ota-http.md#registration-validation
    //# The answer to a push that was accepted without a CPITag SHOULD NOT carry one.
    //= specs/ota-http.md#content-push
    //# The answer to a push MUST have an HTTP status that says what became of the request.
    //= specs/ota-http.md#push-info
    //# The answer to a push MUST NOT have a body unless X-Wap-Push-Info allows one with the token response.
    pub fn answer(self, status: PushStatus) -> Answer {
        let status = if self.stale && status == PushStatus::Accepted {
            PushStatus::AcceptedCpiTagMismatch
        } else {
            status
        };
        if status == PushStatus::Refused {
            return self.refused(StatusCode::NO_CONTENT);
        }
        // A gateway that is taken at its word without a tag is not told ours.
        let tag = self.tag.filter(|_| status != PushStatus::Accepted);
        let answer = self.reply.done(status).with_notice(self.notice);
        match tag {
            Some(tag) => answer.with_tag(tag),
            None => answer,
        }
    }

    fn too_long(self) -> Answer {
        let reason = EntityErrorCode::MessageTooLong.as_str();
        self.refuse(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// The answer to a push that nobody judges.
    fn refuse(self, http: StatusCode, reason: &'static str) -> Answer {
        self.refused(http).because(reason)
    }

    /// The answer to a push that is refused for good. Who is not known may be on no whitelist, and learns nothing of the terminal.
    fn refused(self, http: StatusCode) -> Answer {
        let known = self.reply.known;
        let reply = if known {
            self.reply
        } else {
            self.reply.saying_nothing()
        };
        let answer = reply.with(http, PushStatus::Refused);
        let answer = answer.with_notice(self.notice);
        match self.tag.filter(|_| known) {
            Some(tag) => answer.with_tag(tag),
            None => answer,
        }
    }
}

/// Tokens of X-Wap-Push-Info; unknown ones are ignored, and `response` changes nothing, since no answer has a body.
//= specs/ota-http.md#push-info
//# A token of X-Wap-Push-Info that the terminal does not know MUST be ignored.
fn push_info(fields: &Fields<'_>) -> InitiatorTrust {
    let mut trust = InitiatorTrust::default();
    if !fields.info.is_present() {
        return trust;
    }
    let tokens = fields
        .info
        .texts()
        .flatten()
        .flat_map(|value| value.split(','));
    for token in tokens.map(str::trim) {
        trust.authenticated |= token.eq_ignore_ascii_case("authenticated");
        trust.trusted |= token.eq_ignore_ascii_case("trusted");
        trust.last |= token.eq_ignore_ascii_case("last");
    }
    trust
}

/// In what form the message is there; nothing where it is in one that cannot be read.
///
/// A content type other than application/http, or none, makes the request's own headers those of the push, as some gateways
/// send it.
fn form(head: &Parts, fields: &Fields<'_>, spellings: &mut Spellings) -> Option<Form> {
    let content_type = fields.content_type.text().unwrap_or_default();
    let carries = |content_type: &str| Some(Carries::of(content_type));
    match spellings.carries.read(content_type, carries)? {
        Carries::Message => {
            let headers = head.headers.iter().filter(|(name, _)| is_end_to_end(name));
            let headers = headers.map(|(name, value)| (name.clone(), value.clone()));
            Some(Form::Bare(headers.collect()))
        }
        Carries::Response => {
            let is_plain = |value: &str| value.trim().eq_ignore_ascii_case("identity");
            let mut encodings = fields.content_encoding.texts();
            let plain = encodings.all(|value| value.is_some_and(is_plain));
            plain.then_some(Form::Entity)
        }
        Carries::Unreadable => None,
    }
}

/// What the content type of a request says of its body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Carries {
    /// The content of the push.
    Message,
    /// A response in application/http.
    Response,
    /// Something else in application/http.
    Unreadable,
}

impl Carries {
    fn of(content_type: &str) -> Self {
        let (media, parameters) =
            content_type.split_at(content_type.find(';').unwrap_or(content_type.len()));
        if !media.trim().eq_ignore_ascii_case("application/http") {
            return Self::Message;
        }
        let (pairs, _) = media_parameters(parameters);
        let response = pairs
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("msgtype"))
            .all(|(_, value)| value.eq_ignore_ascii_case("response"));
        if response {
            Self::Response
        } else {
            Self::Unreadable
        }
    }
}

/// Whether a header goes from the initiator to the application, rather than from gateway to terminal (WAP-251).
fn is_end_to_end(name: &HeaderName) -> bool {
    let name = name.as_str();
    let known = [
        "age",
        "cache-control",
        "date",
        "etag",
        "expires",
        "last-modified",
        "x-wap-application-id",
        "x-wap-content-uri",
        "x-wap-initiator-uri",
    ];
    let ours = ["x-wap-", "x-forwarded-", "x-real-ip"];
    name.starts_with("content-")
        || known.contains(&name)
        || (name.starts_with("x-") && !ours.iter().any(|prefix| name.starts_with(prefix)))
}

fn origin(connection: &Connection, transaction: TransactionId) -> Origin {
    let peer = connection.peer();
    let port = match peer.way {
        Way::Accepted => Some(peer.local.port()),
        Way::Dialled { .. } => None,
    };
    Origin {
        protocol: Protocol::OtaHttp,
        bearer: Bearer::Ip,
        server: ServerAddress::Ip(peer.remote.ip().to_canonical()),
        proved_names: connection.proved_names().into(),
        destination_port: port,
        origin_port: Some(peer.remote.port()),
        transaction,
        instance: None,
        short_message: None,
        answerable: true,
    }
}
