//! The centre: its port, its connections, and the short messages that it keeps.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::events::{SmscEvent, SmscEvents};
use super::link;
use super::message::ShortMessage;
use crate::events::Log;
use crate::ppg::{TestAuthority, TlsError};

/// Orders that a connection has not read yet.
const MAX_ORDERS: usize = 64;

/// A name and a password that a peer has to give.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The name, `system_id`.
    pub system_id: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("system_id", &self.system_id)
            .finish_non_exhaustive()
    }
}

/// How a centre behaves.
#[derive(Debug, Clone)]
pub struct SmscSettings {
    /// Where it listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Its own name.
    pub system_id: String,
    /// Who may bind; absent: everyone.
    pub account: Option<Account>,
    /// The authority whose certificate it shows, and for which names; absent: no TLS.
    pub tls: Option<(TestAuthority, Vec<String>)>,
    /// Short messages that one receiver may leave unanswered.
    pub window: usize,
    /// Octets of one PDU at most.
    pub max_pdu: usize,
    /// Short messages that are kept; more are not taken.
    pub max_kept: usize,
    /// What it does wrong.
    pub faults: Vec<SmscFault>,
}

impl SmscSettings {
    /// A centre that listens there and does nothing wrong.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            system_id: "smsc".to_owned(),
            account: None,
            tls: None,
            window: 8,
            max_pdu: 128 << 10,
            max_kept: 100_000,
            faults: Vec::new(),
        }
    }
}

/// Something that a centre does wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmscFault {
    /// The first so many binds are refused with this `command_status`.
    RefuseBinds {
        /// How many.
        count: u64,
        /// With what.
        status: u32,
    },
    /// Each of the first so many connections is ended right after that many short messages were sent on it.
    EndAfter {
        /// How many connections.
        connections: u64,
        /// After how many short messages.
        messages: usize,
    },
    /// Every short message is sent twice.
    Repeat,
    /// Whatever waits is sent with the latest first.
    Backwards,
    /// Every octet is written by itself.
    Trickle,
    /// These octets follow the answer to a bind.
    Garbage(Vec<u8>),
    /// Nothing is answered but the bind.
    Mute,
}

/// Why a centre cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SmscError {
    /// It cannot listen there.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What every connection is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Enquire,
    Unbind,
    End,
}

/// A short message that is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) message: Arc<ShortMessage>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: SmscSettings,
    pub(super) log: Log<SmscEvent>,
    pub(super) changed: Notify,
    pub(super) orders: broadcast::Sender<Order>,
    pub(super) binds: AtomicU64,
    kept: Mutex<VecDeque<Kept>>,
    messages: AtomicU64,
}

impl Inner {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a short message for delivery; its number, or nothing where there is no room.
    pub(super) fn keep(&self, message: ShortMessage) -> Option<u64> {
        let mut kept = self.kept();
        if kept.len() >= self.settings.max_kept {
            return None;
        }
        let number = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Kept {
            number,
            message: Arc::new(message),
        };
        if self.has(&SmscFault::Repeat) {
            kept.push_back(entry.clone());
        }
        kept.push_back(entry);
        drop(kept);
        self.log.tell(SmscEvent::Submitted { message: number });
        self.changed.notify_one();
        Some(number)
    }

    /// A short message to be sent, which is the caller's until it is put back.
    pub(super) fn take(&self) -> Option<Kept> {
        let mut kept = self.kept();
        let taken = if self.has(&SmscFault::Backwards) {
            kept.pop_back()
        } else {
            kept.pop_front()
        };
        if !kept.is_empty() {
            self.changed.notify_one();
        }
        taken
    }

    /// Short messages that were not answered with success, to be sent again.
    pub(super) fn put_back(&self, messages: impl DoubleEndedIterator<Item = Kept>) {
        let mut kept = self.kept();
        for message in messages.rev() {
            kept.push_front(message);
        }
        drop(kept);
        self.changed.notify_one();
    }

    pub(super) fn has(&self, fault: &SmscFault) -> bool {
        self.settings.faults.contains(fault)
    }
}

/// A running short message service centre. Copies of it are the same centre, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Smsc {
    inner: Arc<Inner>,
    address: SocketAddr,
    _tasks: Arc<JoinSet<()>>,
}

impl Smsc {
    /// Starts a centre. Has to be called within a tokio runtime.
    pub async fn start(settings: SmscSettings) -> Result<Self, SmscError> {
        let acceptor = match &settings.tls {
            Some((authority, names)) => Some(authority.acceptor(names, false)?),
            None => None,
        };
        let listen = |error| SmscError::Listen {
            address: settings.listen,
            error,
        };
        let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let inner = Arc::new(Inner {
            settings,
            log: Log::new(),
            changed: Notify::new(),
            orders: broadcast::channel(MAX_ORDERS).0,
            binds: AtomicU64::new(0),
            kept: Mutex::default(),
            messages: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(Arc::clone(&inner), listener, acceptor));
        Ok(Self {
            inner,
            address,
            _tasks: Arc::new(tasks),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Keeps a short message and delivers it as soon as a receiver is bound; gives its number, or nothing where so many
    /// are kept already that there is no room.
    pub fn submit(&self, message: ShortMessage) -> Option<u64> {
        self.inner.keep(message)
    }

    /// Short messages that are kept and not under way.
    pub fn waiting(&self) -> usize {
        self.inner.kept().len()
    }

    /// Asks every peer whether it is alive.
    pub fn enquire(&self) {
        self.order(Order::Enquire);
    }

    /// Takes leave of every peer, as a centre does before it is stopped.
    pub fn unbind(&self) {
        self.order(Order::Unbind);
    }

    /// Ends every connection without a word.
    pub fn end_connections(&self) {
        self.order(Order::End);
    }

    /// Everything that happens, from the start on.
    pub fn events(&self) -> SmscEvents {
        self.inner.log.read()
    }

    fn order(&self, order: Order) {
        // Without a connection there is nobody to hear it.
        self.inner.orders.send(order).ok();
    }
}

async fn accept(inner: Arc<Inner>, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    let mut links = JoinSet::new();
    let mut number = 0;
    loop {
        while links.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        number += 1;
        links.spawn(open(
            Arc::clone(&inner),
            number,
            stream,
            peer,
            acceptor.clone(),
        ));
    }
}

async fn open(
    inner: Arc<Inner>,
    link: u64,
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
) {
    let Some(acceptor) = acceptor else {
        inner.log.tell(SmscEvent::Connected { link, peer });
        link::serve(inner, link, stream).await;
        return;
    };
    match acceptor.accept(stream).await {
        Ok(stream) => {
            inner.log.tell(SmscEvent::Connected { link, peer });
            link::serve(inner, link, stream).await;
        }
        Err(error) => inner.log.tell(SmscEvent::TlsFailed {
            peer,
            reason: error.to_string(),
        }),
    }
}
