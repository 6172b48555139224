//! What the parts that answer requests share: choices, names, and the way out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use push_message::{ReceivedPush, UnixMillis};
use sha1::{Digest as _, Sha1};

use super::super::events::{Host, SipNote, SipPushTicket, StreamId};
use super::super::reach::Reach;
use super::super::registration::Announced;
use super::super::settings::{AgentSettings, ServingSettings};
use super::super::stack::{Request, Response, reply};
use super::super::transactions::{Route, ServerId};

/// Extensions that a request may require (RFC 3841 7.1: `pref` is what Accept-Contact stands for).
const UNDERSTOOD: [&str; 3] = ["gruu", "path", "pref"];
/// The value of Supported.
pub(crate) const SUPPORTED: &str = "path, gruu";

/// The methods that are taken, as Allow lists them.
pub(crate) const fn allow(sessions: bool) -> &'static str {
    if sessions {
        "INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE"
    } else {
        "OPTIONS, MESSAGE"
    }
}

/// Where a request came from, and what holds at that moment.
#[derive(Debug, Clone)]
pub(crate) struct Context<'a> {
    /// The way that it came.
    pub(crate) route: Route,
    /// The terminal's end of it.
    pub(crate) local: SocketAddr,
    /// The URI that the terminal is reached by there, as it stands in Contact.
    pub(crate) contact: &'a str,
    /// Whether the core sent it.
    pub(crate) from_core: bool,
    /// What the terminal takes.
    pub(crate) announced: &'a Announced,
    /// When it came.
    pub(crate) received: UnixMillis,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum ServingOutput {
    /// Answer a request. An answer of success to INVITE comes repeatedly.
    Respond {
        /// Which.
        id: ServerId,
        /// The answer.
        response: Response,
    },
    /// Send a request whose answer is of no interest: BYE, after which the session is gone, also where it is refused or challenged.
    Send {
        /// The request, without Via.
        request: Request,
        /// The terminal's end, for Via.
        local: SocketAddr,
        /// The way to send it.
        route: Route,
    },
    /// As [`AgentOutput::Push`](super::super::AgentOutput::Push).
    Push {
        ticket: SipPushTicket,
        push: Arc<ReceivedPush>,
    },
    /// As [`AgentOutput::Foresee`](super::super::AgentOutput::Foresee).
    Foresee {
        ticket: SipPushTicket,
        announced: Box<ReceivedPush>,
    },
    /// As [`AgentOutput::OpenStream`](super::super::AgentOutput::OpenStream).
    OpenStream {
        stream: StreamId,
        host: Host,
        port: u16,
        reach: Reach,
    },
    /// As [`AgentOutput::StreamTransmit`](super::super::AgentOutput::StreamTransmit).
    StreamTransmit {
        stream: StreamId,
        octets: bytes::Bytes,
    },
    /// As [`AgentOutput::CloseStream`](super::super::AgentOutput::CloseStream).
    CloseStream { stream: StreamId },
    /// Something to count and to explain.
    Noted(SipNote),
}

/// What the parts share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) settings: ServingSettings,
    /// The registrar's URI, which stands for the core.
    pub(crate) registrar: Box<str>,
    /// The value of Allow.
    pub(crate) allow: &'static str,
    pub(crate) outputs: VecDeque<ServingOutput>,
    seed: u64,
    names: u64,
    tickets: u64,
}

impl Common {
    pub(crate) fn new(settings: &AgentSettings, seed: u64) -> Self {
        Self {
            settings: settings.serving.clone(),
            registrar: settings.account.registrar.clone(),
            allow: allow(settings.sessions.enabled),
            outputs: VecDeque::new(),
            seed,
            names: 0,
            tickets: 0,
        }
    }

    pub(crate) fn ticket(&mut self) -> SipPushTicket {
        self.tickets += 1;
        SipPushTicket(self.tickets)
    }

    /// A name that nobody guesses from those before: 80 bits.
    pub(crate) fn name(&mut self) -> Box<str> {
        self.names += 1;
        let digest = Sha1::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(self.names.to_be_bytes())
            .finalize();
        let mut number = [0; 16];
        let (_, last) = number.split_at_mut(6);
        last.iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        format!("{:020x}", u128::from_be_bytes(number)).into()
    }

    pub(crate) fn note(&mut self, note: SipNote) {
        self.outputs.push_back(ServingOutput::Noted(note));
    }

    /// Answers a request for good.
    pub(crate) fn answer(&mut self, id: ServerId, request: &Request, answer: Answer) {
        let tag = match request.to_tag() {
            Some(_) => None,
            None => Some(self.name()),
        };
        let mut builder = reply(request, answer.status, tag.as_deref());
        for (name, value) in answer.headers {
            builder = builder.header(name, &value);
        }
        let response = builder.build();
        self.outputs
            .push_back(ServingOutput::Respond { id, response });
    }

    /// Refuses a request that nobody judges.
    pub(crate) fn refuse(
        &mut self,
        id: ServerId,
        request: &Request,
        refusal: Refusal,
        context: &Context<'_>,
    ) {
        self.note(SipNote::Refused {
            source: context.route.peer,
            word: refusal.word,
            status: Some(refusal.answer.status),
            length: request.body().len(),
            detail: refusal.detail,
            received: context.received,
        });
        self.answer(id, request, refusal.answer);
    }
}

/// A final answer without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An answer to a request that nobody judges, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) answer: Answer,
    pub(crate) word: &'static str,
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, word: &'static str, detail: impl Into<String>) -> Self {
        Self {
            answer: Answer::new(status),
            word,
            detail: detail.into(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.answer = self.answer.with(name, value);
        self
    }
}

/// Whether a request requires what the terminal does not have.
//= specs/ota-sip.md#requests
//# A request that requires an extension which the terminal does not have MUST be refused with 420 and Unsupported.
pub(crate) fn extensions(request: &Request) -> Result<(), Refusal> {
    let required = request.values("Require");
    let required = required.into_iter().chain(request.values("Proxy-Require"));
    let is_unknown = |tag: &String| {
        let mut understood = UNDERSTOOD.iter();
        !understood.any(|known| known.eq_ignore_ascii_case(tag))
    };
    let tags = required.map(|tag| tag.trim().to_owned());
    let unknown: Vec<_> = tags
        .filter(|tag| !tag.is_empty())
        .filter(is_unknown)
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    let detail = "it requires what the terminal does not have";
    Err(Refusal::new(420, "extension", detail).with("Unsupported", unknown))
}

/// The value of Accept for a set of types and ranges.
pub(crate) fn accept(announced: &Announced) -> String {
    let types: Vec<&str> = announced.accept.iter().map(|range| &**range).collect();
    types.join(", ")
}
