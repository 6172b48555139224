//! A way between a terminal and Kannel, on which datagrams are lost, kept back, and looked at.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use conformance::{background::Background, kannel::CONNECTIONLESS_PUSH};
use push_lab::Random;
use tokio::{net::UdpSocket, sync::watch, task::JoinSet};

use crate::stage::SESSION_PORT;

/// Stands at an address of its own in place of the terminal for Kannel, and in place of Kannel for the terminal.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    held: watch::Sender<bool>,
    _background: Background,
}

struct Shared {
    gateway: SocketAddr,
    terminal: SocketAddr,
    /// One of so many datagrams of sessions is lost, either way; 0 is none.
    loses: u32,
    /// Whether Kannel sees the sessions of the terminal as one after another at the same address and port.
    one_port: bool,
    passed: AtomicU32,
    lost: AtomicU32,
    seen: Mutex<Vec<Vec<u8>>>,
}

impl Shared {
    /// Whether a datagram gets through.
    fn passes(&self, datagram: &[u8]) -> bool {
        if is_lost(self.passed.fetch_add(1, Ordering::Relaxed), self.loses) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(datagram.to_vec());
        true
    }
}

/// One of each so many is lost, and not always the same: else the third step of an exchange of three would never get through.
fn is_lost(number: u32, loses: u32) -> bool {
    let place = |of: u32| {
        let round = u64::from(number / of);
        Random::new(round).below(usize::try_from(of).unwrap_or(1))
    };
    loses != 0 && usize::try_from(number % loses).is_ok_and(|at| at == place(loses))
}

impl Proxy {
    /// Between Kannel and the terminal at this address, itself at `own`.
    pub(crate) fn start(
        own: Ipv4Addr,
        gateway: SocketAddr,
        terminal: Ipv4Addr,
        loses: u32,
        one_port: bool,
    ) -> anyhow::Result<Self> {
        let background = Background::start()?;
        let (held, holding) = watch::channel(false);
        let shared = Arc::new(Shared {
            gateway,
            terminal: (terminal, CONNECTIONLESS_PUSH).into(),
            loses,
            one_port,
            passed: AtomicU32::new(0),
            lost: AtomicU32::new(0),
            seen: Mutex::default(),
        });
        let (requests, sessions) = background.wait(async {
            let requests = UdpSocket::bind((own, CONNECTIONLESS_PUSH)).await?;
            let sessions = UdpSocket::bind((own, SESSION_PORT)).await?;
            anyhow::Ok((requests, sessions))
        })??;
        let handle = background.handle();
        let sessions = Arc::new(sessions);
        let forwarding = invite(
            Arc::clone(&shared),
            requests,
            Arc::clone(&sessions),
            holding,
        );
        drop(handle.spawn(forwarding));
        drop(handle.spawn(serve(Arc::clone(&shared), sessions)));
        Ok(Self {
            shared,
            held,
            _background: background,
        })
    }

    /// Keeps session initiation requests back until [`Proxy::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// How many datagrams were lost.
    pub(crate) fn lost(&self) -> u32 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// The datagrams of sessions that got through, either way.
    pub(crate) fn seen(&self) -> Vec<Vec<u8>> {
        let seen = self.shared.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Brings session initiation requests to the terminal, from the port that sessions are opened at.
async fn invite(
    shared: Arc<Shared>,
    requests: UdpSocket,
    sessions: Arc<UdpSocket>,
    mut holding: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, _)) = requests.recv_from(&mut buffer).await {
        if holding.wait_for(|held| !held).await.is_err() {
            return;
        }
        let datagram = buffer.get(..length).unwrap_or_default();
        drop(sessions.send_to(datagram, shared.terminal).await);
    }
}

/// Brings datagrams of sessions to Kannel, and back.
async fn serve(shared: Arc<Shared>, sessions: Arc<UdpSocket>) {
    let mut buffer = vec![0; 65_536];
    let mut known: Vec<(SocketAddr, Arc<UdpSocket>)> = Vec::new();
    let newest = watch::Sender::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let mut tasks = JoinSet::new();
    while let Ok((length, peer)) = sessions.recv_from(&mut buffer).await {
        newest.send_replace(peer);
        let place = known
            .iter()
            .position(|(terminal, _)| shared.one_port || *terminal == peer);
        let socket = if let Some((_, socket)) = place.and_then(|place| known.get(place)) {
            Arc::clone(socket)
        } else {
            let Ok(socket) = towards(&shared, &sessions).await else {
                return;
            };
            let answered = if shared.one_port { None } else { Some(peer) };
            let answering = answer(
                Arc::clone(&shared),
                Arc::clone(&socket),
                Arc::clone(&sessions),
                answered,
                newest.subscribe(),
            );
            tasks.spawn(answering);
            known.push((peer, Arc::clone(&socket)));
            socket
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        if shared.passes(datagram) {
            drop(socket.send(datagram).await);
        }
    }
}

async fn towards(shared: &Shared, sessions: &UdpSocket) -> std::io::Result<Arc<UdpSocket>> {
    let own = sessions.local_addr()?.ip();
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(shared.gateway).await?;
    Ok(Arc::new(socket))
}

/// Brings answers to this peer, or to whoever spoke last.
async fn answer(
    shared: Arc<Shared>,
    socket: Arc<UdpSocket>,
    sessions: Arc<UdpSocket>,
    peer: Option<SocketAddr>,
    newest: watch::Receiver<SocketAddr>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = socket.recv(&mut buffer).await {
        let datagram = buffer.get(..length).unwrap_or_default();
        if shared.passes(datagram) {
            let peer = peer.unwrap_or_else(|| *newest.borrow());
            drop(sessions.send_to(datagram, peer).await);
        }
    }
}
