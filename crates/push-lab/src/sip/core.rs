//! The core: a registrar, and a proxy that knows which terminal takes what.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::digest::{Shown, challenge};
use super::endpoint::{Arrival, Endpoint, Listen, ServerKey};
use super::events::{SipEvent, SipEvents, SipFlow};
use super::feature::Capabilities;
use super::forward;
use super::header::{Address, SipUri};
use super::message::SipMessage;
use super::registrar::{Change, Fault, Registrar, SipBinding, is_same};
use super::settings::{SipCoreBehaviour, SipCoreSettings};
use crate::ppg::{TestAuthority, TlsError};

/// How many nonces are remembered.
const NONCES: usize = 10_000;

/// Why a core or a push server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// It cannot listen there.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running core. Copies of it are the same core, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct SipCore {
    guard: Arc<Guard>,
}

/// Ends the core's tasks when the last handle goes.
#[derive(Debug)]
struct Guard(Arc<Core>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.endpoint.end();
    }
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) endpoint: Arc<Endpoint>,
    settings: SipCoreSettings,
    authority: TestAuthority,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) behaviour: SipCoreBehaviour,
    registrar: Registrar,
    servers: BTreeMap<String, SocketAddr>,
    /// How often each nonce was used, and the greatest count that was shown with it.
    nonces: BTreeMap<String, (u32, u32)>,
    nonces_order: VecDeque<String>,
    /// Where invitations went that are under way.
    pub(super) invitations: BTreeMap<(String, String), Vec<Arc<tokio::sync::Notify>>>,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) flow: SipFlow,
    pub(super) uri: String,
    pub(super) route: Vec<String>,
}

impl SipCore {
    /// Opens the ports, and serves from then on.
    pub async fn start(settings: SipCoreSettings) -> Result<Self, SipError> {
        let authority = match &settings.authority {
            Some(authority) => authority.clone(),
            None => TestAuthority::new("Test authority of a SIP core")?,
        };
        let names = if settings.certificate_names.is_empty() {
            let own = ["localhost", "127.0.0.1", "::1", &settings.domain];
            own.iter().map(|name| (*name).to_owned()).collect()
        } else {
            settings.certificate_names.clone()
        };
        let secured = match settings.tls_listen {
            Some(address) => Some((address, authority.acceptor(&names, false)?)),
            None => None,
        };
        let address = settings.listen;
        let limits = (settings.timers, settings.bounds, settings.trace);
        let (endpoint, arrivals) = Endpoint::start(Listen { address, secured }, limits)
            .await
            .map_err(|error| SipError::Listen { address, error })?;
        let core = Arc::new(Core {
            endpoint,
            authority,
            state: Mutex::new(State {
                behaviour: settings.behaviour.clone(),
                registrar: Registrar::default(),
                servers: settings.servers.clone(),
                nonces: BTreeMap::new(),
                nonces_order: VecDeque::new(),
                invitations: BTreeMap::new(),
            }),
            settings,
        });
        let running = Self {
            guard: Arc::new(Guard(Arc::clone(&core))),
        };
        running.behave(core.settings.behaviour.clone());
        core.endpoint.spawn(serve(Arc::clone(&core), arrivals));
        Ok(running)
    }

    /// Where it is reached over UDP and TCP; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.core().endpoint.address()
    }

    /// Where it is reached over TLS.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.core().endpoint.secured()
    }

    /// Who signed its certificate.
    pub fn authority(&self) -> &TestAuthority {
        &self.core().authority
    }

    /// All that happens, from the start on.
    pub fn events(&self) -> SipEvents {
        self.core().endpoint.log.read()
    }

    /// The first event ever for which `wanted` gives a value, once it has happened.
    pub async fn once<T>(&self, wanted: impl FnMut(SipEvent) -> Option<T>) -> Option<T> {
        self.events().until(wanted).await
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: SipCoreBehaviour) {
        let core = self.core();
        core.endpoint
            .behave(behaviour.way, behaviour.spoilt.clone());
        core.state().behaviour = behaviour;
    }

    /// How it behaves.
    pub fn behaviour(&self) -> SipCoreBehaviour {
        self.core().state().behaviour.clone()
    }

    /// Trusts a push server from now on, and sends requests for it there.
    pub fn trust(&self, uri: &str, address: SocketAddr) {
        let mut state = self.core().state();
        state.servers.insert(uri.to_owned(), address);
    }

    /// All bindings that have not lapsed.
    pub fn bindings(&self) -> Vec<SipBinding> {
        let state = self.core().state();
        let bindings = state.registrar.bindings(Instant::now());
        bindings.cloned().collect()
    }

    /// What a user's contact takes, once it takes this application (a Push Resource Identifier).
    pub async fn registered(&self, application: &str) -> Option<(String, Capabilities)> {
        self.once(|event| {
            let SipEvent::Registered {
                user, capabilities, ..
            } = event
            else {
                return None;
            };
            let has = capabilities
                .applications
                .iter()
                .any(|known| known == application);
            has.then_some((user, capabilities))
        })
        .await
    }

    /// Forgets bindings and nonces, as at a restart.
    pub fn forget(&self) {
        let mut state = self.core().state();
        state.registrar.clear();
        state.nonces.clear();
        state.nonces_order.clear();
    }

    /// Closes every connection.
    pub async fn hang_up(&self) {
        let endpoint = &self.core().endpoint;
        for flow in endpoint.flows() {
            endpoint.close(flow).await;
        }
    }

    /// Sends any octets at all, by what a terminal is reached.
    pub async fn send(&self, flow: SipFlow, octets: &[u8]) {
        self.core().endpoint.send(flow, octets.to_vec()).await;
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.guard.0
    }
}

async fn serve(core: Arc<Core>, mut arrivals: mpsc::Receiver<Arrival>) {
    while let Some(arrival) = arrivals.recv().await {
        let serving = Arc::clone(&core);
        core.endpoint.spawn(async move {
            match arrival {
                Arrival::Request { key, flow, message } => {
                    serving.request(key, flow, message).await;
                }
                Arrival::Ack { message } => serving.acknowledgement(message).await,
            }
        });
    }
}

impl Core {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(self: &Arc<Self>, key: ServerKey, flow: SipFlow, mut request: SipMessage) {
        let hops = request
            .get("Max-Forwards")
            .map(|value| value.trim().parse());
        let hops: u32 = match hops {
            None => 70,
            Some(Ok(hops)) => hops,
            Some(Err(_)) => return self.refuse(&key, flow, &request, 400, &[]).await,
        };
        let uri = SipUri::parse(request.uri());
        if request.method() == "REGISTER" && uri.is_some_and(|uri| self.is_own(&uri)) {
            return self.register(&key, flow, &request).await;
        }
        if request.method() == "CANCEL" {
            return self.cancel(&key, flow, &request).await;
        }
        if hops == 0 {
            return self.refuse(&key, flow, &request, 483, &[]).await;
        }
        request.set("Max-Forwards", (hops - 1).to_string());
        self.leave_route(&mut request);
        if let Err((status, headers)) = self.identify(flow, &mut request) {
            return self.refuse(&key, flow, &request, status, &headers).await;
        }
        match self.targets(&request).await {
            Ok(targets) => forward::forward(self, key, request, targets).await,
            Err(status) => self.refuse(&key, flow, &request, status, &[]).await,
        }
    }

    async fn refuse(
        self: &Arc<Self>,
        key: &ServerKey,
        flow: SipFlow,
        request: &SipMessage,
        status: u16,
        headers: &[(String, String)],
    ) {
        if !matches!(status, 401 | 407) {
            self.endpoint.log.tell(SipEvent::Refused {
                method: request.method().to_owned(),
                flow,
                status,
            });
        }
        let mut answer = request.reply(status, &self.endpoint.token());
        answer.headers.extend_from_slice(headers);
        self.endpoint.respond(key, answer).await;
    }

    async fn acknowledgement(self: &Arc<Self>, mut message: SipMessage) {
        self.leave_route(&mut message);
        if let Ok(targets) = self.targets(&message).await
            && let Some(target) = targets.into_iter().next()
        {
            message.put_first(
                "Via",
                self.endpoint
                    .via(target.flow, &format!("z9hG4bK{}", self.endpoint.token())),
            );
            self.endpoint.send(target.flow, message.encode()).await;
        }
    }

    async fn cancel(self: &Arc<Self>, key: &ServerKey, flow: SipFlow, request: &SipMessage) {
        let id = (key.0.clone(), key.1.clone());
        let legs = self.state().invitations.get(&id).cloned();
        let Some(legs) = legs else {
            return self.refuse(key, flow, request, 481, &[]).await;
        };
        let answer = request.reply(200, &self.endpoint.token());
        self.endpoint.respond(key, answer).await;
        for leg in legs {
            leg.notify_one();
        }
    }

    /// Whether a URI names the core itself.
    fn is_own(&self, uri: &SipUri) -> bool {
        let own = [Some(self.endpoint.address()), self.endpoint.secured()];
        uri.host == self.settings.domain.to_ascii_lowercase()
            || own.contains(&uri.address()) && uri.address().is_some()
    }

    /// Takes the core's own entries off the route.
    fn leave_route(&self, request: &mut SipMessage) {
        let mut route = request.values("Route");
        let own = |value: &String| {
            SipUri::parse(&Address::parse(value).uri).is_some_and(|uri| self.is_own(&uri))
        };
        while route.first().is_some_and(own) {
            route.remove(0);
        }
        request.remove("Route");
        for value in route {
            request.headers.push(("Route".to_owned(), value));
        }
    }

    /// The push server that a request comes from.
    fn server(&self, flow: SipFlow) -> Option<String> {
        let state = self.state();
        let mut servers = state.servers.iter();
        servers
            .find(|(_, address)| match flow {
                SipFlow::Udp(peer) => **address == peer,
                // Connections come from any port.
                SipFlow::Stream { peer, .. } => {
                    address.ip() == peer.ip() && !state.knows_stream(flow)
                }
            })
            .map(|(uri, _)| uri.clone())
    }

    /// Says who sent a request, and asks terminals for their password where it is wanted.
    fn identify(
        &self,
        flow: SipFlow,
        request: &mut SipMessage,
    ) -> Result<(), (u16, Vec<(String, String)>)> {
        let behaviour = self.state().behaviour.clone();
        let identity = if let Some(server) = self.server(flow) {
            let claimed = request.get("P-Asserted-Identity").map(str::to_owned);
            Some(claimed.unwrap_or_else(|| format!("<{server}>")))
        } else if behaviour.believes {
            request.get("P-Asserted-Identity").map(str::to_owned)
        } else {
            let is_new = request
                .address("To")
                .is_some_and(|to| to.param("tag").is_none());
            if behaviour.challenge_requests && is_new {
                let user = self.prove(flow, request, "Proxy-Authorization", 407)?;
                Some(format!("<{user}>"))
            } else {
                self.user(flow).map(|user| format!("<{user}>"))
            }
        };
        request.remove("P-Asserted-Identity");
        request.remove("P-Preferred-Identity");
        request.remove("Proxy-Authorization");
        if let Some(identity) = identity.filter(|_| behaviour.asserts) {
            request
                .headers
                .push(("P-Asserted-Identity".to_owned(), identity));
        }
        Ok(())
    }

    /// The user whose contact is there.
    fn user(&self, flow: SipFlow) -> Option<String> {
        let state = self.state();
        let mut bindings = state.registrar.bindings(Instant::now());
        bindings
            .find(|binding| {
                let address = SipUri::parse(&binding.contact).and_then(|uri| uri.address());
                binding.flow == flow || address == Some(flow.peer())
            })
            .map(|binding| binding.user.clone())
    }

    /// The user whose password a request proves, as an address of record; else what it is answered.
    fn prove(
        &self,
        flow: SipFlow,
        request: &SipMessage,
        header: &str,
        status: u16,
    ) -> Result<String, (u16, Vec<(String, String)>)> {
        let realm = &self.settings.domain;
        let shown = request
            .all(header)
            .filter_map(Shown::parse)
            .find(|shown| shown.realm == *realm);
        let (mut stale, mut wrong) = (false, false);
        if let Some(shown) = shown {
            let password = self.settings.users.get(&shown.user);
            let password = password.or(self.settings.password.as_ref());
            let is_right = self.settings.algorithms.contains(&shown.algorithm)
                && password.is_some_and(|password| shown.proves(request.method(), password));
            let is_fresh = is_right && self.use_nonce(&shown);
            if is_fresh && !self.state().behaviour.never_satisfied {
                return Ok(format!("sip:{}@{realm}", shown.user));
            }
            stale = is_right && !is_fresh;
            wrong = !is_right;
        }
        let method = request.method().to_owned();
        self.endpoint.log.tell(SipEvent::Challenged {
            flow,
            method,
            stale,
            wrong,
        });
        let name = if status == 401 {
            "WWW-Authenticate"
        } else {
            "Proxy-Authenticate"
        };
        let nonce = self.nonce();
        let challenges = self.settings.algorithms.iter().map(|algorithm| {
            let value = challenge(realm, &nonce, *algorithm, stale);
            (name.to_owned(), value)
        });
        Err((status, challenges.collect()))
    }

    fn nonce(&self) -> String {
        let nonce = self.endpoint.token();
        let mut state = self.state();
        state.nonces.insert(nonce.clone(), (0, 0));
        state.nonces_order.push_back(nonce.clone());
        while state.nonces_order.len() > NONCES {
            if let Some(oldest) = state.nonces_order.pop_front() {
                state.nonces.remove(&oldest);
            }
        }
        nonce
    }

    /// Counts a use of a nonce; false where it is not good any more, or the count does not grow.
    fn use_nonce(&self, shown: &Shown) -> bool {
        let mut state = self.state();
        let most = state.behaviour.nonce_uses;
        let Some((uses, count)) = state.nonces.get_mut(&shown.nonce) else {
            return false;
        };
        let grows = shown.count().is_none_or(|new| new > *count);
        if !grows || most.is_some_and(|most| *uses >= most) {
            return false;
        }
        *uses += 1;
        *count = shown.count().unwrap_or_default();
        true
    }

    async fn register(self: &Arc<Self>, key: &ServerKey, flow: SipFlow, request: &SipMessage) {
        let behaviour = self.state().behaviour.clone();
        if let Some((status, headers)) = &behaviour.refuse {
            return self.refuse(key, flow, request, *status, headers).await;
        }
        let to = request.address("To").map(|to| to.uri);
        let user = to.as_deref().and_then(SipUri::parse);
        let Some(user) = user.map(|uri| uri.of_record()) else {
            return self.refuse(key, flow, request, 400, &[]).await;
        };
        if behaviour.challenge_register {
            match self.prove(flow, request, "Authorization", 401) {
                // The name in the proof may be another than the user's, as with telephone numbers; the password is what counts.
                Ok(_) => {}
                Err((status, headers)) => {
                    return self.refuse(key, flow, request, status, &headers).await;
                }
            }
        }
        let limits = (&behaviour, self.settings.bounds);
        let now = Instant::now();
        let done = self
            .state()
            .registrar
            .register(&user, request, flow, limits, now);
        match done {
            Ok(changes) => {
                self.tell(&user, changes);
                let answer = self.registered(&user, request, &behaviour);
                self.endpoint.respond(key, answer).await;
            }
            Err(fault) => {
                let (status, headers) = match fault {
                    Fault::TooBrief => {
                        let shortest = behaviour.shortest.to_string();
                        (423, vec![("Min-Expires".to_owned(), shortest)])
                    }
                    Fault::Bad => (400, Vec::new()),
                    Fault::OutOfOrder => (500, Vec::new()),
                    Fault::Full => (503, vec![("Retry-After".to_owned(), "5".to_owned())]),
                };
                self.refuse(key, flow, request, status, &headers).await;
            }
        }
    }

    fn tell(&self, user: &str, changes: Vec<Change>) {
        for change in changes {
            self.endpoint.log.tell(match change {
                Change::Bound {
                    binding,
                    expires,
                    new,
                } => SipEvent::Registered {
                    user: user.to_owned(),
                    contact: binding.contact,
                    capabilities: binding.capabilities,
                    expires,
                    new,
                },
                Change::Unbound { contact } => SipEvent::Deregistered {
                    user: user.to_owned(),
                    contact,
                },
            });
        }
    }

    /// The answer of success to a REGISTER.
    fn registered(
        &self,
        user: &str,
        request: &SipMessage,
        behaviour: &SipCoreBehaviour,
    ) -> SipMessage {
        let mut answer = request.reply(200, &self.endpoint.token());
        let now = Instant::now();
        for binding in self.state().registrar.of(user, now) {
            // The lifetime that was granted a moment ago, in whole seconds.
            let left = (binding.until - now).as_millis().div_ceil(1_000);
            let mut value = format!("<{}>;expires={left}", binding.contact);
            if behaviour.tags_in_answer {
                value.push_str(&binding.capabilities.parameters());
            }
            if let Some(instance) = super::header::find(&binding.params, "+sip.instance") {
                value = format!("{value};+sip.instance=\"{instance}\"");
            }
            if let Some(gruu) = &binding.gruu {
                value = format!("{value};pub-gruu=\"{gruu}\"");
            }
            answer = answer.with("Contact", value);
        }
        for path in request.all("Path") {
            answer = answer.with("Path", path);
        }
        if behaviour.service_route {
            let route = format!("<sip:{};lr>", self.endpoint.address());
            answer = answer.with("Service-Route", route);
        }
        answer.with("P-Associated-URI", format!("<{user}>"))
    }

    /// Where a request goes; else what it is answered.
    async fn targets(self: &Arc<Self>, request: &SipMessage) -> Result<Vec<Target>, u16> {
        let uri = SipUri::parse(request.uri()).ok_or(400_u16)?;
        let (server, bindings) = {
            let state = self.state();
            let server = state.servers.get(&uri.of_record()).copied();
            let now = Instant::now();
            let mut own = state.registrar.bindings(now);
            let contact = own.find(|binding| is_same(&binding.contact, request.uri()));
            let bindings = match contact {
                Some(contact) => vec![contact.clone()],
                None => state.registrar.route(
                    &uri,
                    &request.values("Accept-Contact"),
                    state.behaviour.strict,
                    now,
                ),
            };
            (server, bindings)
        };
        if let Some(address) = server {
            return Ok(vec![Target {
                flow: SipFlow::Udp(address),
                uri: request.uri().to_owned(),
                route: Vec::new(),
            }]);
        }
        if bindings.is_empty() && !self.is_own(&uri) {
            // A contact of somebody within a dialog.
            let address = uri.address().ok_or(404_u16)?;
            return Ok(vec![Target {
                flow: SipFlow::Udp(address),
                uri: request.uri().to_owned(),
                route: Vec::new(),
            }]);
        }
        let length = request.encode().len();
        let mut targets = Vec::new();
        for binding in bindings {
            if let Some(flow) = self.way_to(&binding, length).await {
                targets.push(Target {
                    flow,
                    uri: binding.contact,
                    route: binding.path,
                });
            }
        }
        if targets.is_empty() {
            return Err(480);
        }
        Ok(targets)
    }

    /// By what a contact is reached.
    async fn way_to(&self, binding: &SipBinding, length: usize) -> Option<SipFlow> {
        let uri = SipUri::parse(&binding.contact)?;
        let address = uri.address();
        let transport = uri.param("transport").map(str::to_ascii_lowercase);
        let by_stream = match transport.as_deref() {
            Some("udp") => false,
            Some(_) => true,
            None => match binding.flow {
                SipFlow::Udp(_) => false,
                SipFlow::Stream { tls: true, .. } => true,
                // A long REGISTER comes over a connection although the contact is a port for datagrams.
                SipFlow::Stream { peer, .. } => address == Some(peer) || address.is_none(),
            },
        };
        let is_stream = matches!(binding.flow, SipFlow::Stream { .. });
        if by_stream && is_stream && self.endpoint.is_open(binding.flow) {
            return Some(binding.flow);
        }
        let limit = self.state().behaviour.tcp_above;
        if by_stream || limit.is_some_and(|limit| length > limit) {
            return self.endpoint.stream_to(address?).await.ok();
        }
        address.map(SipFlow::Udp)
    }
}

impl State {
    /// Whether a terminal has registered over this connection.
    fn knows_stream(&self, flow: SipFlow) -> bool {
        let mut bindings = self.registrar.bindings(Instant::now());
        bindings.any(|binding| binding.flow == flow)
    }
}
