//! The push server (Push Sender Agent): it knows what terminals take, and pushes to them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::core::SipError;
use super::endpoint::{Arrival, Endpoint, Listen, ServerKey};
use super::events::{SipEvent, SipEvents, SipFlow};
use super::exchange::Exchange;
use super::feature::Capabilities;
use super::invite;
use super::message::SipMessage;
use super::push::{MsrpOutcome, SipManner, SipPush, SipPushResult};
use super::settings::{SipPushServerBehaviour, SipPushServerSettings};

/// What the push server answers to.
const ALLOW: &str = "INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE";
/// What it says of itself.
const AGENT: &str = "push-server/OMA1.0 push-lab/lab-1.0";
/// How many terminals it remembers.
const TERMINALS: usize = 10_000;

/// A running push server. Copies of it are the same server, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct SipPushServer {
    guard: Arc<Guard>,
}

/// Ends the server's tasks when the last handle goes.
#[derive(Debug)]
struct Guard(Arc<Server>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.endpoint.end();
    }
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) endpoint: Arc<Endpoint>,
    settings: SipPushServerSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    behaviour: SipPushServerBehaviour,
    terminals: BTreeMap<String, SipTerminal>,
    dialogs: BTreeMap<String, Arc<Notify>>,
    chance: u64,
}

/// What a terminal says that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipTerminal {
    /// Who: as the core asserts, else as the terminal says.
    pub identity: String,
    /// Its applications and instances.
    pub capabilities: Capabilities,
    /// The content types that it takes.
    pub accept: Vec<String>,
    /// The methods that it takes.
    pub allow: Vec<String>,
    /// What it says of itself.
    pub user_agent: String,
    /// Its contact's URI.
    pub contact: Option<String>,
}

impl SipTerminal {
    fn of(message: &SipMessage, identity: String) -> Self {
        let contact = message.address("Contact");
        Self {
            identity,
            capabilities: contact.as_ref().map(Capabilities::of).unwrap_or_default(),
            accept: message.values("Accept"),
            allow: message.values("Allow"),
            user_agent: message
                .get("User-Agent")
                .or_else(|| message.get("Server"))
                .unwrap_or_default()
                .to_owned(),
            contact: contact.map(|contact| contact.uri),
        }
    }
}

impl SipPushServer {
    /// Opens the port, and serves from then on.
    pub async fn start(settings: SipPushServerSettings) -> Result<Self, SipError> {
        let address = settings.listen;
        let listen = Listen {
            address,
            secured: None,
        };
        let limits = (settings.timers, settings.bounds, settings.trace);
        let (endpoint, arrivals) = Endpoint::start(listen, limits)
            .await
            .map_err(|error| SipError::Listen { address, error })?;
        let state = State {
            behaviour: settings.behaviour.clone(),
            terminals: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            chance: 0,
        };
        let server = Arc::new(Server {
            endpoint,
            state: Mutex::new(state),
            settings,
        });
        let running = Self {
            guard: Arc::new(Guard(Arc::clone(&server))),
        };
        running.behave(server.settings.behaviour.clone());
        server.endpoint.spawn(serve(Arc::clone(&server), arrivals));
        Ok(running)
    }

    /// Where it is reached; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.server().endpoint.address()
    }

    /// Its SIP URI.
    pub fn uri(&self) -> &str {
        &self.server().settings.uri
    }

    /// All that happens, from the start on.
    pub fn events(&self) -> SipEvents {
        self.server().endpoint.log.read()
    }

    /// The first event ever for which `wanted` gives a value, once it has happened.
    pub async fn once<T>(&self, wanted: impl FnMut(SipEvent) -> Option<T>) -> Option<T> {
        self.events().until(wanted).await
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: SipPushServerBehaviour) {
        let server = self.server();
        server
            .endpoint
            .behave(behaviour.way, behaviour.spoilt.clone());
        server.state().behaviour = behaviour;
    }

    /// What terminals have told of themselves last.
    pub fn terminals(&self) -> Vec<SipTerminal> {
        self.server().state().terminals.values().cloned().collect()
    }

    /// Who told that it takes this application (a Push Resource Identifier), once somebody did.
    pub async fn told(&self, application: &str) -> Option<String> {
        self.once(|event| {
            let SipEvent::Told {
                terminal,
                capabilities,
                ..
            } = event
            else {
                return None;
            };
            let has = capabilities
                .applications
                .iter()
                .any(|known| known == application);
            has.then_some(terminal)
        })
        .await
    }

    /// Asks a terminal what it takes; the status of its answer comes with it.
    pub async fn ask(&self, to: &str) -> (u16, Option<SipTerminal>) {
        let server = self.server();
        let manner = SipManner::default();
        let push = SipPush::new("", Vec::new());
        let request = server.request("OPTIONS", to, &push, &manner);
        let request = request.with("Contact", server.contact());
        let Ok(flow) = server.flow(&manner, to).await else {
            return (0, None);
        };
        let mut exchange = Exchange::begin(&server.endpoint, flow, request, None).await;
        let Some(answer) = exchange.last().await else {
            return (0, None);
        };
        server.answered(flow, &answer);
        let is_good = answer.status() == 200;
        let terminal = SipTerminal::of(&answer, to.to_owned());
        (answer.status(), is_good.then_some(terminal))
    }

    /// Pushes to a user or a terminal, by its SIP URI, and says how that ended.
    pub async fn push(&self, to: &str, push: &SipPush, manner: &SipManner) -> SipPushResult {
        let server = self.server();
        let result = if manner.is_session(push.body().len()) {
            invite::push(server, to, push, manner).await
        } else {
            server.message(to, push, manner).await
        };
        if let Some(answer) = &result.answer {
            // The flow of an answer is that of its request, whatever it is.
            let peer = server.settings.core.unwrap_or_else(|| self.address());
            server.answered(SipFlow::Udp(peer), answer);
        }
        server.endpoint.log.tell(SipEvent::Pushed {
            to: to.to_owned(),
            result: Box::new(result.clone()),
        });
        result
    }

    /// Sends any octets at all from the server's port.
    pub async fn send(&self, to: SocketAddr, octets: &[u8]) {
        let flow = SipFlow::Udp(to);
        self.server().endpoint.send(flow, octets.to_vec()).await;
    }

    fn server(&self) -> &Arc<Server> {
        &self.guard.0
    }
}

/// How a push ended, from its last answer.
pub(super) fn result(answer: Option<SipMessage>, session: Option<MsrpOutcome>) -> SipPushResult {
    match &answer {
        Some(last) => SipPushResult {
            status: last.status(),
            reason: last.reason().to_owned(),
            answer,
            session,
        },
        None => SipPushResult {
            status: 0,
            reason: "no answer".to_owned(),
            answer,
            session,
        },
    }
}

async fn serve(server: Arc<Server>, mut arrivals: mpsc::Receiver<Arrival>) {
    while let Some(arrival) = arrivals.recv().await {
        match arrival {
            Arrival::Request { key, message, .. } => server.answer(&key, &message).await,
            // It invites; nobody invites it.
            Arrival::Ack { .. } => {}
        }
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another number each time.
    pub(super) fn chance(&self) -> u64 {
        let mut state = self.state();
        state.chance += 1;
        let token = self.endpoint.token();
        u64::from_str_radix(token.get(..8).unwrap_or_default(), 16).unwrap_or_default()
            ^ (state.chance << 32)
    }

    /// Its own Contact.
    pub(super) fn contact(&self) -> String {
        let user = super::header::SipUri::parse(&self.settings.uri)
            .and_then(|uri| uri.user)
            .unwrap_or_else(|| "push".to_owned());
        format!("<sip:{user}@{}>", self.endpoint.address())
    }

    /// Told when the terminal ends the session with this Call-ID.
    pub(super) fn dialog(&self, call_id: &str) -> Arc<Notify> {
        let ended = Arc::new(Notify::new());
        let mut state = self.state();
        state.dialogs.insert(call_id.to_owned(), Arc::clone(&ended));
        ended
    }

    pub(super) fn forget(&self, call_id: &str) {
        self.state().dialogs.remove(call_id);
    }

    fn answered(&self, flow: SipFlow, answer: &SipMessage) {
        self.endpoint.log.tell(SipEvent::Response {
            flow,
            message: Box::new(answer.clone()),
        });
    }

    /// By what a request goes.
    pub(super) async fn flow(&self, manner: &SipManner, to: &str) -> io::Result<SipFlow> {
        let to = manner
            .straight
            .or(self.settings.core)
            .or_else(|| invite::address_of(to))
            .ok_or_else(|| io::Error::other("there is no core, and the URI is no address"))?;
        if self.settings.tcp {
            self.endpoint.stream_to(to).await
        } else {
            Ok(SipFlow::Udp(to))
        }
    }

    /// A request for a push, without what is its body.
    pub(super) fn request(
        &self,
        method: &str,
        to: &str,
        push: &SipPush,
        manner: &SipManner,
    ) -> SipMessage {
        let own = &self.settings.uri;
        let from = manner.from.as_ref().unwrap_or(own);
        let (call_id, number, tag) = manner.identity.clone().unwrap_or_else(|| {
            let call_id = format!("{}@{}", self.endpoint.token(), self.endpoint.address().ip());
            (call_id, 1, self.endpoint.token())
        });
        let mut request = SipMessage::request(method, to)
            .with("Max-Forwards", "70")
            .with("From", format!("<{from}>;tag={tag}"))
            .with("To", format!("<{to}>"))
            .with("Call-ID", call_id)
            .with("CSeq", format!("{number} {method}"))
            .with("User-Agent", AGENT)
            .with("Allow", ALLOW);
        let rows = manner.rows.clone();
        for row in rows.unwrap_or_else(|| push.rows(manner.strict)) {
            request = request.with("Accept-Contact", row);
        }
        if let Some(asserted) = &manner.asserted {
            request = request.with("P-Asserted-Identity", asserted.as_str());
        } else if self.settings.core.is_some() && manner.straight.is_none() {
            request = request.with("P-Asserted-Identity", format!("<{own}>"));
        }
        for (name, value) in &manner.headers {
            request = request.with(name, value.as_str());
        }
        request
    }

    async fn message(&self, to: &str, push: &SipPush, manner: &SipManner) -> SipPushResult {
        let method = manner.method.as_deref().unwrap_or("MESSAGE");
        let mut request = self.request(method, to, push, manner);
        for (name, value) in push.headers() {
            request = request.with(name, value.as_str());
        }
        if !push.content_type().is_empty() {
            request = request.with_body(push.content_type(), push.body());
        }
        let flow = match self.flow(manner, to).await {
            Ok(flow) => flow,
            Err(error) => {
                return SipPushResult {
                    reason: error.to_string(),
                    ..result(None, None)
                };
            }
        };
        let branch = manner.branch.clone();
        let mut exchange = Exchange::begin(&self.endpoint, flow, request, branch).await;
        for _ in 1..manner.copies {
            let octets = exchange.request.encode();
            self.endpoint.send(flow, octets).await;
        }
        result(exchange.last().await, None)
    }

    async fn answer(&self, key: &ServerKey, request: &SipMessage) {
        let endpoint = &self.endpoint;
        let answer = match request.method() {
            "OPTIONS" => self.capabilities(request),
            "BYE" => {
                let ended = self.state().dialogs.get(request.call_id()).cloned();
                let status = if ended.is_some() { 200 } else { 481 };
                if let Some(ended) = ended {
                    ended.notify_one();
                }
                request.reply(status, &endpoint.token())
            }
            "CANCEL" => request.reply(481, &endpoint.token()),
            _ => request
                .reply(405, &endpoint.token())
                .with("Allow", "ACK, BYE, CANCEL, OPTIONS"),
        };
        endpoint.respond(key, answer).await;
    }

    /// Takes note of what a terminal takes, and answers what is served of that.
    fn capabilities(&self, request: &SipMessage) -> SipMessage {
        let identity = request
            .address("P-Asserted-Identity")
            .or_else(|| request.address("From"))
            .map_or_else(String::new, |address| address.uri);
        let terminal = SipTerminal::of(request, identity.clone());
        let mut state = self.state();
        let behaviour = state.behaviour.clone();
        if state.terminals.len() < TERMINALS || state.terminals.contains_key(&identity) {
            state.terminals.insert(identity, terminal.clone());
        }
        drop(state);
        let served = Capabilities {
            applications: terminal
                .capabilities
                .applications
                .iter()
                .filter(|application| behaviour.serves.takes(application))
                .cloned()
                .collect(),
            instances: terminal.capabilities.instances.clone(),
        };
        let mut answer = request
            .reply(behaviour.status, &self.endpoint.token())
            .with("Allow", ALLOW)
            .with("Server", AGENT);
        if behaviour.echoes && behaviour.status == 200 {
            let contact = format!("{}{}", self.contact(), served.parameters());
            answer = answer.with("Contact", contact);
        }
        answer.headers.extend(behaviour.headers);
        self.endpoint.log.tell(SipEvent::Told {
            terminal: terminal.identity,
            capabilities: terminal.capabilities,
            accept: terminal.accept,
            allow: terminal.allow,
            user_agent: terminal.user_agent,
            status: behaviour.status,
        });
        answer
    }
}
