//! The connections that are open or being opened, and how many there may be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use push_ota::sip::{FlowId, StreamId};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::SipConnectionSettings;
use super::connection::{self, Carrier, Line, Report, Secure};

/// Octets of a short message.
const SHORT: usize = 64;

/// The connections, each of which is a task.
#[derive(Debug)]
pub(crate) struct Connections {
    settings: Arc<SipConnectionSettings>,
    reports: mpsc::Sender<Report>,
    open: BTreeMap<Carrier, Connection>,
    /// The name of the last connection that was accepted; even.
    last_accepted: u64,
}

#[derive(Debug)]
struct Connection {
    /// Absent once it is to end.
    outbox: Option<mpsc::Sender<Bytes>>,
    unsent: Arc<AtomicUsize>,
    task: AbortHandle,
    way: Way,
    /// When it was heard of last.
    heard: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// Somebody opened it.
    Accepted(IpAddr),
    /// The terminal is opening it.
    Dialling,
    /// The terminal opened it.
    Dialled,
}

/// A connection that somebody opened.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) is_msrp: bool,
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
}

/// What became of a connection that somebody opened.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Its name; absent where there was no place for it.
    pub(crate) carrier: Option<Carrier>,
    /// The one that gave way to it.
    pub(crate) gave_way: Option<Carrier>,
}

impl Connections {
    /// No connection.
    pub(crate) const fn new(
        settings: Arc<SipConnectionSettings>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        Self {
            settings,
            reports,
            open: BTreeMap::new(),
            last_accepted: 0,
        }
    }

    /// Connections that have not ended.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Those of them that carry MSRP.
    pub(crate) fn streams(&self) -> usize {
        let carriers = self.open.keys();
        carriers
            .filter(|carrier| matches!(carrier, Carrier::Msrp(_)))
            .count()
    }

    /// Opens a connection to one of these addresses.
    pub(crate) fn dial(
        &mut self,
        carrier: Carrier,
        peers: Vec<SocketAddr>,
        secure: Option<Secure>,
        now: Duration,
    ) {
        self.start(carrier, Way::Dialling, now, |line| {
            tokio::spawn(connection::dialled(line, peers, secure)).abort_handle()
        });
    }

    /// Takes a connection that somebody opened, where there is a place for it.
    pub(crate) fn accept(
        &mut self,
        accepted: Accepted,
        core: &BTreeSet<IpAddr>,
        now: Duration,
    ) -> Admission {
        let address = accepted.peer.ip().to_canonical();
        let mut admission = Admission {
            carrier: None,
            gave_way: None,
        };
        if self.is_full(address) {
            let Some(oldest) = self.oldest(address, core) else {
                return admission;
            };
            self.cut_off(oldest);
            admission.gave_way = Some(oldest);
        }
        self.last_accepted += 2;
        let name = self.last_accepted;
        let carrier = if accepted.is_msrp {
            Carrier::Msrp(StreamId(name))
        } else {
            Carrier::Sip(FlowId(name))
        };
        self.start(carrier, Way::Accepted(address), now, |line| {
            tokio::spawn(connection::accepted(line, accepted.stream)).abort_handle()
        });
        admission.carrier = Some(carrier);
        admission
    }

    fn start(
        &mut self,
        carrier: Carrier,
        way: Way,
        now: Duration,
        spawn: impl FnOnce(Line) -> AbortHandle,
    ) {
        let (outbox, taken) = mpsc::channel(self.queue());
        let unsent = Arc::new(AtomicUsize::new(0));
        let task = spawn(Line {
            carrier,
            reports: self.reports.clone(),
            outbox: taken,
            unsent: Arc::clone(&unsent),
            settings: Arc::clone(&self.settings),
        });
        let connection = Connection {
            outbox: Some(outbox),
            unsent,
            task,
            way,
            heard: now,
        };
        self.open.insert(carrier, connection);
    }

    /// A connection that was asked for is open; says whether it is still wanted.
    pub(crate) fn opened(&mut self, carrier: Carrier, now: Duration) -> bool {
        let Some(connection) = self.open.get_mut(&carrier) else {
            return false;
        };
        connection.way = Way::Dialled;
        connection.heard = now;
        connection.outbox.is_some()
    }

    /// A connection was heard of; says whether what it said is still wanted.
    pub(crate) fn heard(&mut self, carrier: Carrier, now: Duration) -> bool {
        let Some(connection) = self.open.get_mut(&carrier) else {
            return false;
        };
        connection.heard = now;
        connection.outbox.is_some()
    }

    /// A connection has ended; says whether nobody knows that yet.
    pub(crate) fn ended(&mut self, carrier: Carrier) -> bool {
        let connection = self.open.remove(&carrier);
        connection.is_some_and(|connection| connection.outbox.is_some())
    }

    /// Sends octets; says no where so many wait that the connection was cut off.
    pub(crate) fn send(&mut self, carrier: Carrier, octets: Bytes) -> bool {
        let Some(connection) = self.open.get(&carrier) else {
            return true;
        };
        let Some(outbox) = &connection.outbox else {
            return true;
        };
        let length = octets.len();
        let before = connection.unsent.fetch_add(length, Ordering::Relaxed);
        let fits = before.saturating_add(length) <= self.settings.max_unsent;
        // A connection that is ending says so by itself.
        let is_full = || matches!(outbox.try_send(octets), Err(TrySendError::Full(_)));
        if !fits || is_full() {
            self.cut_off(carrier);
            return false;
        }
        true
    }

    /// Messages that may wait on a connection: as many as fit into the bound on their octets, if they are short.
    fn queue(&self) -> usize {
        (self.settings.max_unsent / SHORT).clamp(1, Semaphore::MAX_PERMITS)
    }

    /// Ends a connection once everything is written.
    pub(crate) fn close(&mut self, carrier: Carrier) {
        let Some(connection) = self.open.get_mut(&carrier) else {
            return;
        };
        if connection.way == Way::Dialling {
            self.cut_off(carrier);
        } else {
            connection.outbox = None;
        }
    }

    /// Ends every connection once everything is written.
    pub(crate) fn close_all(&mut self) {
        let carriers: Vec<_> = self.open.keys().copied().collect();
        for carrier in carriers {
            self.close(carrier);
        }
    }

    /// Ends every connection at once.
    pub(crate) fn cut_off_all(&mut self) {
        for (_, connection) in std::mem::take(&mut self.open) {
            connection.task.abort();
        }
    }

    fn cut_off(&mut self, carrier: Carrier) {
        if let Some(connection) = self.open.remove(&carrier) {
            connection.task.abort();
        }
    }

    fn is_full(&self, address: IpAddr) -> bool {
        self.accepted().count() >= self.settings.max_connections || self.is_full_of(address)
    }

    fn is_full_of(&self, address: IpAddr) -> bool {
        let of_address = self.accepted().filter(|(_, _, of)| *of == address);
        of_address.count() >= self.settings.max_connections_per_address
    }

    /// The one that gives way to a connection from `address`.
    fn oldest(&self, address: IpAddr, core: &BTreeSet<IpAddr>) -> Option<Carrier> {
        let of_address = self.is_full_of(address);
        let gives_way = |of: IpAddr| {
            if of_address {
                of == address
            } else {
                !core.contains(&of) || core.contains(&address)
            }
        };
        let candidates = self.accepted().filter(|(_, _, of)| gives_way(*of));
        let oldest = candidates.min_by_key(|(carrier, connection, of)| {
            (core.contains(of), connection.heard, *carrier)
        });
        oldest.map(|(carrier, _, _)| carrier)
    }

    fn accepted(&self) -> impl Iterator<Item = (Carrier, &Connection, IpAddr)> {
        self.open
            .iter()
            .filter_map(|(carrier, connection)| match connection.way {
                Way::Accepted(address) => Some((*carrier, connection, address)),
                Way::Dialling | Way::Dialled => None,
            })
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // An engine that is dropped serves nobody any more.
        self.cut_off_all();
    }
}
