//! A terminal that requests are given to, for tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_message::{ApplicationId, PushApplicationId, ReceivedPush, UnixMillis};

use super::super::events::{FlowId, Host, PushOutcome, SipNote, SipPushTicket, Transport};
use super::super::registration::Announced;
use super::super::settings::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings,
};
use super::super::stack::{Incoming, Limits, Request, Response, parse_datagram};
use super::super::transactions::{Route, ServerId};
use super::{Context, Serving, ServingOutput};

/// An application instance that is registered.
pub(crate) const OURS: &str = "urn:urn-7:3gpp-application.ims.iari.example.one";

pub(crate) fn settings() -> AgentSettings {
    AgentSettings {
        account: Account {
            user: "sip:alice@example.net".into(),
            auth_user: "alice".into(),
            password: "".into(),
            registrar: "sip:example.net".into(),
            outbound: None,
            transport: Transport::Udp,
            host: Host::Name("core.example.net".into()),
            port: 5060,
            instance: "urn:uuid:0".into(),
            user_agent: "push-client/OMA1.0 example/1".into(),
        },
        push_sender_agents: Vec::new(),
        registration: RegistrationSettings::default(),
        serving: ServingSettings::default(),
        transactions: TransactionSettings::default(),
        sessions: LargePushSettings::default(),
    }
}

/// The terminal, at noon of its own clock.
pub(crate) struct Terminal {
    pub(crate) serving: Serving,
    pub(crate) announced: Announced,
    pub(crate) now: Duration,
    pub(crate) from_core: bool,
    requests: u64,
}

impl Terminal {
    pub(crate) fn new(settings: &AgentSettings) -> Self {
        let id = |text| PushApplicationId::parse(text).unwrap();
        Self {
            serving: Serving::new(settings, 7),
            announced: Announced {
                applications: ["x-wap-application:mms.ua", "x-oma-application:ulp.ua"]
                    .map(id)
                    .into(),
                instances: [ApplicationId::parse(OURS).unwrap()].into(),
                accept: ["application/vnd.wap.mms-message", "text/*"]
                    .map(Box::from)
                    .into(),
            },
            now: Duration::from_hours(12),
            from_core: true,
            requests: 0,
        }
    }

    /// Gives a request to the terminal, and takes what it does.
    pub(crate) fn request(&mut self, text: &str) -> (ServerId, Vec<ServingOutput>) {
        let request = parsed(text);
        self.requests += 1;
        let id = ServerId(self.requests);
        let context = Context {
            route: route(),
            local: "192.0.2.7:5070".parse().unwrap(),
            contact: "sip:alice@192.0.2.7:5070",
            from_core: self.from_core,
            announced: &self.announced,
            received: UnixMillis(1_700_000_000_000),
        };
        self.serving.request(id, request, &context, self.now);
        (id, self.take())
    }

    pub(crate) fn take(&mut self) -> Vec<ServingOutput> {
        std::iter::from_fn(|| self.serving.poll()).collect()
    }

    /// The answer to a request that nobody judges, and the word that is noted of it.
    pub(crate) fn refused(&mut self, text: &str) -> (Response, &'static str) {
        let (id, mut outputs) = self.request(text);
        let response = responded(outputs.pop(), id);
        let Some(ServingOutput::Noted(SipNote::Refused { word, status, .. })) = outputs.pop()
        else {
            panic!("nothing was noted of {text}");
        };
        assert_eq!(status, Some(response.status()));
        assert!(outputs.is_empty());
        (response, word)
    }

    /// The push in a request.
    pub(crate) fn push(&mut self, text: &str) -> (ServerId, SipPushTicket, Arc<ReceivedPush>) {
        let (id, outputs) = self.request(text);
        match <[_; 1]>::try_from(outputs) {
            Ok([ServingOutput::Push { ticket, push }]) => (id, ticket, push),
            other => panic!("no push: {other:?}"),
        }
    }

    /// The answer to a push that is judged so.
    pub(crate) fn judged(&mut self, text: &str, outcome: PushOutcome) -> Response {
        let (id, ticket, _) = self.push(text);
        self.serving
            .judged(ticket, outcome, &self.announced, self.now);
        let mut outputs = self.take();
        let response = responded(outputs.pop(), id);
        assert!(outputs.is_empty());
        // Nothing is judged twice.
        self.serving
            .judged(ticket, outcome, &self.announced, self.now);
        assert!(self.take().is_empty() && self.serving.is_idle());
        response
    }
}

/// The core.
pub(crate) fn route() -> Route {
    Route {
        flow: FlowId(1),
        peer: "192.0.2.1:5060".parse().unwrap(),
        transport: Transport::Udp,
    }
}

pub(crate) fn parsed(text: &str) -> Request {
    let limits = Limits {
        max_message: 1 << 17,
        max_headers: 256,
    };
    match parse_datagram(&Bytes::from(text.to_owned()), &limits) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("no request: {other:?}: {text}"),
    }
}

pub(crate) fn responded(output: Option<ServingOutput>, to: ServerId) -> Response {
    match output {
        Some(ServingOutput::Respond { id, response }) if id == to => response,
        other => panic!("no answer: {other:?}"),
    }
}

/// A request of a push server, through the core; `extra` are whole lines.
pub(crate) fn request(method: &str, extra: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} sip:alice@192.0.2.7:5070 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKcore\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5090;branch=z9hG4bKpsa\r\n\
         Max-Forwards: 69\r\n\
         From: <sip:psa@example.net>;tag=p1\r\n\
         To: <sip:alice@example.net>\r\n\
         Call-ID: c1@example.net\r\n\
         CSeq: 4 {method}\r\n\
         {extra}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// A push by MESSAGE.
pub(crate) fn message(extra: &str, body: &str) -> String {
    request("MESSAGE", extra, body)
}

pub(crate) fn text(response: &Response) -> String {
    String::from_utf8(response.to_bytes().to_vec()).unwrap()
}
