//! Sockets and transactions, alike for a core and a push server (RFC 3261 17 and 18).

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::events::{SipEvent, SipFlow, SipLog};
use super::header::Via;
use super::message::{SipMessage, StreamReader};
use super::settings::{SipBounds, SipTimers, SipWay};
use super::spoil::Spoil;

/// How many requests wait for whoever answers them.
const WAITING: usize = 10_000;
/// How many messages wait to be written on a connection.
const UNWRITTEN: usize = 10_000;
/// How often a port is looked for that is free for datagrams and for connections.
const PORT_ATTEMPTS: usize = 50;
/// Octets of the receive buffer that is asked of the kernel: the answers to a flood come all at once, and each takes more room
/// there than it has octets.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The transaction of a request: branch, who sent it, method. ACK belongs to its INVITE.
pub(super) type ServerKey = (String, String, String);
/// The transaction of a request of ours: branch and method.
pub(super) type ClientKey = (String, String);

/// What has come and is to be looked at.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A request, for the first time.
    Request {
        key: ServerKey,
        flow: SipFlow,
        message: SipMessage,
    },
    /// The acknowledgement of an answer of success.
    Ack { message: SipMessage },
}

pub(super) struct Endpoint {
    pub(super) log: SipLog,
    pub(super) timers: SipTimers,
    pub(super) bounds: SipBounds,
    trace: bool,
    udp: UdpSocket,
    address: SocketAddr,
    secured: Option<SocketAddr>,
    state: Mutex<State>,
    tasks: Mutex<JoinSet<()>>,
    arrivals: mpsc::Sender<Arrival>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .field("secured", &self.secured)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Served {
    flow: SipFlow,
    answer: Option<Vec<u8>>,
    acknowledged: bool,
    status: u16,
}

#[derive(Debug)]
struct Stream {
    flow: SipFlow,
    writer: mpsc::Sender<Write>,
}

/// An acknowledgement, and whose answer it is for.
#[derive(Debug, Clone)]
struct Acknowledged {
    flow: SipFlow,
    to: String,
    octets: Vec<u8>,
}

#[derive(Debug)]
enum Write {
    Octets(Vec<u8>),
    Close,
}

#[derive(Debug, Default)]
struct State {
    way: SipWay,
    spoilt: Vec<(String, Spoil)>,
    streams: BTreeMap<u64, Stream>,
    clients: BTreeMap<ClientKey, mpsc::Sender<SipMessage>>,
    servers: BTreeMap<ServerKey, Served>,
    order: VecDeque<ServerKey>,
    acks: BTreeMap<ClientKey, Acknowledged>,
    acks_order: VecDeque<ClientKey>,
    tap: Option<mpsc::Sender<(SipFlow, SipMessage)>>,
    last_stream: u64,
    last_token: u64,
    sent: u32,
    received: u32,
    chance: u64,
}

/// Where an endpoint is reached.
pub(super) struct Listen {
    pub(super) address: SocketAddr,
    pub(super) secured: Option<(SocketAddr, TlsAcceptor)>,
}

impl Endpoint {
    pub(super) async fn start(
        listen: Listen,
        (timers, bounds, trace): (SipTimers, SipBounds, bool),
    ) -> io::Result<(Arc<Self>, mpsc::Receiver<Arrival>)> {
        let (udp, tcp) = bind(listen.address).await?;
        let secured = match listen.secured {
            Some((address, acceptor)) => Some((TcpListener::bind(address).await?, acceptor)),
            None => None,
        };
        let secured_address = secured.as_ref().map(|(listener, _)| listener.local_addr());
        let (arrivals, receiver) = mpsc::channel(WAITING);
        let chance = std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish();
        let state = State {
            chance,
            ..State::default()
        };
        let endpoint = Arc::new(Self {
            log: SipLog::new(),
            timers,
            bounds,
            trace,
            address: udp.local_addr()?,
            secured: secured_address.transpose()?,
            udp,
            state: Mutex::new(state),
            tasks: Mutex::default(),
            arrivals,
        });
        endpoint.spawn(datagrams(Arc::clone(&endpoint)));
        endpoint.spawn(accept(Arc::clone(&endpoint), tcp, None));
        if let Some((listener, acceptor)) = secured {
            endpoint.spawn(accept(Arc::clone(&endpoint), listener, Some(acceptor)));
        }
        Ok((endpoint, receiver))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn secured(&self) -> Option<SocketAddr> {
        self.secured
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends everything.
    pub(super) fn end(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.abort_all();
    }

    pub(super) fn behave(&self, way: SipWay, spoilt: Vec<(String, Spoil)>) {
        let mut state = self.state();
        state.way = way;
        state.spoilt = spoilt;
    }

    /// A word that nobody else has.
    pub(super) fn token(&self) -> String {
        let mut state = self.state();
        state.last_token += 1;
        format!("{:08x}{:x}", state.chance & 0xffff_ffff, state.last_token)
    }

    /// All that comes from here on is handed over as well, whatever it answers.
    pub(super) fn tap(&self) -> mpsc::Receiver<(SipFlow, SipMessage)> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.state().tap = Some(sender);
        receiver
    }

    /// A Via of ours with this branch.
    pub(super) fn via(&self, flow: SipFlow, branch: &str) -> String {
        let own = match flow {
            SipFlow::Stream { tls: true, .. } => self.secured.unwrap_or(self.address),
            SipFlow::Stream { tls: false, .. } | SipFlow::Udp(_) => self.address,
        };
        format!("SIP/2.0/{} {own};branch={branch};rport", flow.transport())
    }

    /// The connections that are open.
    pub(super) fn flows(&self) -> Vec<SipFlow> {
        let state = self.state();
        state.streams.values().map(|stream| stream.flow).collect()
    }

    pub(super) fn is_open(&self, flow: SipFlow) -> bool {
        match flow {
            SipFlow::Udp(_) => true,
            SipFlow::Stream { connection, .. } => self.state().streams.contains_key(&connection),
        }
    }

    /// Closes a connection behind what was written on it.
    pub(super) async fn close(&self, flow: SipFlow) {
        if let SipFlow::Stream { connection, .. } = flow
            && let Some(writer) = self.writer(connection)
        {
            drop(writer.send(Write::Close).await);
        }
    }

    fn writer(&self, connection: u64) -> Option<mpsc::Sender<Write>> {
        let state = self.state();
        let stream = state.streams.get(&connection)?;
        Some(stream.writer.clone())
    }

    /// Opens a connection.
    pub(super) async fn connect(self: &Arc<Self>, to: SocketAddr) -> io::Result<SipFlow> {
        let stream = tokio::time::timeout(self.timers.patience, TcpStream::connect(to)).await??;
        stream.set_nodelay(true)?;
        self.serve_stream(stream, to, false)
            .ok_or_else(|| io::Error::other("too many connections"))
    }

    /// A connection to there: one that is open, or a new one.
    pub(super) async fn stream_to(self: &Arc<Self>, to: SocketAddr) -> io::Result<SipFlow> {
        let open = self
            .flows()
            .into_iter()
            .find(|flow| matches!(flow, SipFlow::Stream { peer, tls: false, .. } if *peer == to));
        match open {
            Some(flow) => Ok(flow),
            None => self.connect(to).await,
        }
    }

    /// Sends octets.
    pub(super) async fn send(&self, flow: SipFlow, octets: Vec<u8>) {
        let (mut lost, mut twice) = (false, false);
        if matches!(flow, SipFlow::Udp(_)) {
            let mut state = self.state();
            state.sent = state.sent.wrapping_add(1);
            let is_turn = |every: u32| every != 0 && state.sent.is_multiple_of(every);
            lost = is_turn(state.way.lose_sent);
            twice = is_turn(state.way.repeat);
        }
        if self.trace {
            let octets = octets.clone();
            self.log.tell(SipEvent::Sent { flow, octets, lost });
        }
        if lost {
            return;
        }
        match flow {
            SipFlow::Udp(peer) => {
                // A datagram that cannot be sent is one that was lost.
                drop(self.udp.send_to(&octets, peer).await);
                if twice {
                    drop(self.udp.send_to(&octets, peer).await);
                }
            }
            SipFlow::Stream { connection, .. } => {
                if let Some(writer) = self.writer(connection) {
                    drop(writer.send(Write::Octets(octets)).await);
                }
            }
        }
    }

    /// Answers a request, and again whenever it comes again.
    pub(super) async fn respond(self: &Arc<Self>, key: &ServerKey, answer: SipMessage) {
        let octets = answer.encode();
        let status = answer.status();
        let spoil = {
            let mut state = self.state();
            let Some(served) = state.servers.get_mut(key) else {
                return;
            };
            served.answer = Some(octets.clone());
            served.status = status;
            let flow = served.flow;
            let spoilt = state.spoilt.iter();
            let mut spoilt = spoilt.filter(|(method, _)| *method == key.2 || method == "*");
            (flow, spoilt.next().map(|(_, spoil)| *spoil))
        };
        let (flow, spoil) = spoil;
        if let Some(spoil) = spoil.filter(|_| status >= 200) {
            self.spoilt(flow, spoil, answer);
            return;
        }
        self.send(flow, octets.clone()).await;
        let is_repeated = key.2 == "INVITE" && status >= 300 && matches!(flow, SipFlow::Udp(_));
        if is_repeated {
            let (endpoint, key) = (Arc::clone(self), key.clone());
            self.spawn(async move { endpoint.until_acknowledged(key, flow, octets).await });
        }
    }

    fn spoilt(self: &Arc<Self>, flow: SipFlow, spoil: Spoil, answer: SipMessage) {
        let (pieces, closes) = spoil.pieces(answer);
        let endpoint = Arc::clone(self);
        self.spawn(async move {
            for (pause, piece) in pieces {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                endpoint.send(flow, piece).await;
            }
            if closes {
                endpoint.close(flow).await;
            }
        });
    }

    async fn until_acknowledged(&self, key: ServerKey, flow: SipFlow, octets: Vec<u8>) {
        let mut interval = self.timers.t1;
        let mut waited = Duration::ZERO;
        while waited < self.timers.patience {
            tokio::time::sleep(interval).await;
            waited += interval;
            interval = (interval * 2).min(self.timers.t2);
            let acknowledged = self.state().servers.get(&key).map(|it| it.acknowledged);
            if acknowledged != Some(false) {
                return;
            }
            self.send(flow, octets.clone()).await;
        }
    }

    pub(super) fn await_answers(&self, key: ClientKey) -> mpsc::Receiver<SipMessage> {
        let (sender, receiver) = mpsc::channel(64);
        self.state().clients.insert(key, sender);
        receiver
    }

    pub(super) fn await_no_more(&self, key: &ClientKey) {
        self.state().clients.remove(key);
    }

    /// Remembers an acknowledgement, for answers that come again.
    pub(super) fn remember_ack(&self, key: ClientKey, flow: SipFlow, ack: &SipMessage) {
        let mut state = self.state();
        let acknowledged = Acknowledged {
            flow,
            to: ack.get("To").unwrap_or_default().to_owned(),
            octets: ack.encode(),
        };
        if state.acks.insert(key.clone(), acknowledged).is_none() {
            state.acks_order.push_back(key);
        }
        while state.acks_order.len() > self.bounds.transactions {
            if let Some(oldest) = state.acks_order.pop_front() {
                state.acks.remove(&oldest);
            }
        }
    }

    /// Takes in what has come.
    async fn take(&self, flow: SipFlow, message: SipMessage) {
        let tap = self.state().tap.clone();
        if let Some(tap) = tap {
            // Who does not listen any more misses nothing.
            drop(tap.try_send((flow, message.clone())));
        }
        if message.is_request() {
            self.take_request(flow, message).await;
        } else {
            self.take_response(flow, message).await;
        }
    }

    async fn take_response(&self, flow: SipFlow, message: SipMessage) {
        let via = message.via();
        let branch = via.as_ref().and_then(|via| via.param("branch"));
        let key = (
            branch.unwrap_or_default().to_owned(),
            message.method().to_owned(),
        );
        let (waiting, ack) = {
            let state = self.state();
            // Another contact's answer is another one, even to the same invitation.
            let is_again = |ack: &&Acknowledged| {
                message.status() >= 200 && message.get("To") == Some(ack.to.as_str())
            };
            let ack = state.acks.get(&key).filter(is_again);
            (state.clients.get(&key).cloned(), ack.cloned())
        };
        if let Some(ack) = ack {
            self.send(ack.flow, ack.octets).await;
        } else if let Some(waiting) = waiting {
            // More answers than that are none that anybody waits for.
            drop(waiting.try_send(message));
        } else {
            let what = format!("an answer to nothing: {} {}", message.status(), key.1);
            self.log.tell(SipEvent::Ignored { flow, what });
        }
    }

    async fn take_request(&self, flow: SipFlow, mut message: SipMessage) {
        let Some(via) = message.via() else {
            let what = "a request without Via".to_owned();
            self.log.tell(SipEvent::Ignored { flow, what });
            return;
        };
        let flow = answer_flow(flow, &via);
        let is_ack = message.method() == "ACK";
        let key = server_key(
            &message,
            &via,
            if is_ack { "INVITE" } else { message.method() },
        );
        message.change_via(Some(received(&message, &via, flow)));
        let again = {
            let mut state = self.state();
            match state.servers.get_mut(&key) {
                Some(served) if is_ack && served.status >= 300 => {
                    served.acknowledged = true;
                    return;
                }
                Some(served) if !is_ack => Some((served.flow, served.answer.clone())),
                Some(_) | None => None,
            }
        };
        if let Some((flow, answer)) = again {
            self.log.tell(SipEvent::Repeated {
                flow,
                method: message.method().to_owned(),
                call_id: message.call_id().to_owned(),
            });
            if let Some(answer) = answer {
                self.send(flow, answer).await;
            }
            return;
        }
        self.log.tell(SipEvent::Request {
            flow,
            message: Box::new(message.clone()),
        });
        let arrival = if is_ack {
            Arrival::Ack { message }
        } else {
            self.remember_server(key.clone(), flow);
            Arrival::Request { key, flow, message }
        };
        // Beyond the bound it is as if it were lost.
        drop(self.arrivals.try_send(arrival));
    }

    fn remember_server(&self, key: ServerKey, flow: SipFlow) {
        let mut state = self.state();
        let served = Served {
            flow,
            answer: None,
            acknowledged: false,
            status: 0,
        };
        state.servers.insert(key.clone(), served);
        state.order.push_back(key);
        while state.order.len() > self.bounds.transactions {
            if let Some(oldest) = state.order.pop_front() {
                state.servers.remove(&oldest);
            }
        }
    }

    fn told(&self, flow: SipFlow, octets: &[u8]) -> bool {
        let mut lost = false;
        if matches!(flow, SipFlow::Udp(_)) {
            let mut state = self.state();
            state.received = state.received.wrapping_add(1);
            let every = state.way.lose_received;
            lost = every != 0 && state.received.is_multiple_of(every);
        }
        if self.trace {
            let octets = octets.to_vec();
            self.log.tell(SipEvent::Received { flow, octets, lost });
        }
        lost
    }

    /// Begins to serve a connection.
    fn serve_stream<S>(self: &Arc<Self>, stream: S, peer: SocketAddr, tls: bool) -> Option<SipFlow>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(UNWRITTEN);
        let flow = {
            let mut state = self.state();
            if state.streams.len() >= self.bounds.connections {
                return None;
            }
            state.last_stream += 1;
            let connection = state.last_stream;
            let flow = SipFlow::Stream {
                connection,
                peer,
                tls,
            };
            let writer = sender;
            state.streams.insert(connection, Stream { flow, writer });
            flow
        };
        self.log.tell(SipEvent::Opened { flow });
        let endpoint = Arc::clone(self);
        self.spawn(async move {
            let reason = endpoint.stream(stream, flow, receiver).await;
            if let SipFlow::Stream { connection, .. } = flow {
                endpoint.state().streams.remove(&connection);
            }
            endpoint.log.tell(SipEvent::Closed { flow, reason });
        });
        Some(flow)
    }

    /// Reads and writes until one side has enough; says why.
    async fn stream<S>(
        self: &Arc<Self>,
        stream: S,
        flow: SipFlow,
        mut writes: mpsc::Receiver<Write>,
    ) -> String
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (mut read, mut write) = tokio::io::split(stream);
        let writing = async {
            while let Some(next) = writes.recv().await {
                let Write::Octets(octets) = next else {
                    break;
                };
                if let Err(error) = write.write_all(&octets).await {
                    return error.to_string();
                }
                if let Err(error) = write.flush().await {
                    return error.to_string();
                }
            }
            // The other end reads that it is over, or is gone already.
            drop(write.shutdown().await);
            "closed here".to_owned()
        };
        let reading = async {
            let mut reader = StreamReader::new(self.bounds.message);
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let count = match read.read(&mut buffer).await {
                    Ok(0) => return "closed there".to_owned(),
                    Ok(count) => count,
                    Err(error) => return error.to_string(),
                };
                let octets = buffer.get(..count).unwrap_or_default();
                self.told(flow, octets);
                if octets == b"\r\n\r\n" {
                    // Somebody wants to know whether the connection is alive (RFC 5626 4.4.1).
                    self.send(flow, b"\r\n".to_vec()).await;
                }
                reader.feed(octets);
                loop {
                    match reader.next() {
                        Ok(Some(message)) => self.take(flow, message).await,
                        Ok(None) => break,
                        Err(error) => return error.to_string(),
                    }
                }
            }
        };
        tokio::select! {
            reason = writing => reason,
            reason = reading => reason,
        }
    }
}

/// Opens a port for datagrams and for connections.
async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempt = 0;
    loop {
        let udp = UdpSocket::bind(address).await?;
        SockRef::from(&udp).set_recv_buffer_size(RECEIVE_BUFFER)?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 || attempt >= PORT_ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

async fn datagrams(endpoint: Arc<Endpoint>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // An error tells of a datagram that somebody did not want, which is no reason to stop.
        let Ok((count, source)) = endpoint.udp.recv_from(&mut buffer).await else {
            continue;
        };
        let flow = SipFlow::Udp(source);
        let octets = buffer.get(..count).unwrap_or_default();
        if endpoint.told(flow, octets) {
            continue;
        }
        let is_blank = octets.iter().all(|octet| b"\r\n\0 ".contains(octet));
        if is_blank {
            continue;
        }
        match SipMessage::parse(octets) {
            Ok(message) => endpoint.take(flow, message).await,
            Err(error) => endpoint.log.tell(SipEvent::Ignored {
                flow,
                what: format!("no SIP: {error}"),
            }),
        }
    }
}

async fn accept(endpoint: Arc<Endpoint>, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // There are too many files; some will be closed.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let Some(acceptor) = acceptor.clone() else {
            endpoint.serve_stream(stream, peer, false);
            continue;
        };
        let serving = Arc::clone(&endpoint);
        endpoint.spawn(async move {
            let patience = serving.timers.patience;
            match tokio::time::timeout(patience, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    serving.serve_stream(stream, peer, true);
                }
                Ok(Err(error)) => {
                    let reason = error.to_string();
                    serving.log.tell(SipEvent::TlsFailed { peer, reason });
                }
                Err(_) => {
                    let reason = "it took too long".to_owned();
                    serving.log.tell(SipEvent::TlsFailed { peer, reason });
                }
            }
        });
    }
}

/// Where answers go to: back over the connection; datagrams to the source, or to the port that Via names (RFC 3581).
fn answer_flow(flow: SipFlow, via: &Via) -> SipFlow {
    match flow {
        SipFlow::Udp(source) if via.param("rport").is_none() => {
            SipFlow::Udp(SocketAddr::new(source.ip(), via.port.unwrap_or(5060)))
        }
        SipFlow::Udp(_) | SipFlow::Stream { .. } => flow,
    }
}

/// The uppermost Via with what the receiver adds.
fn received(message: &SipMessage, via: &Via, flow: SipFlow) -> String {
    let own = message.get("Via").unwrap_or_default();
    let own = super::header::split(own, ',').next().unwrap_or_default();
    let mut parts: Vec<_> = super::header::split(own, ';')
        .filter(|part| !part.eq_ignore_ascii_case("rport") && !part.starts_with("received="))
        .map(str::to_owned)
        .collect();
    parts.push(format!("received={}", flow.peer().ip()));
    if via.param("rport").is_some() {
        parts.push(format!("rport={}", flow.peer().port()));
    }
    parts.join(";")
}

fn server_key(message: &SipMessage, via: &Via, method: &str) -> ServerKey {
    let branch = via.param("branch").unwrap_or_default();
    let branch = if branch.starts_with("z9hG4bK") {
        branch.to_owned()
    } else {
        // One from before RFC 3261.
        let from = message.address("From");
        let tag = from.as_ref().and_then(|from| from.param("tag"));
        let (cseq, _) = message.cseq();
        format!("{} {cseq} {}", message.call_id(), tag.unwrap_or_default())
    };
    let sent_by = format!("{}:{}", via.host, via.port.unwrap_or_default());
    (branch, sent_by, method.to_owned())
}
