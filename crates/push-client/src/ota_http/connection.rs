//! One connection from its first octet to its last.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use push_message::{Protocol, ServerAddress};
use push_ota::http::framing::{FramingError, FramingLimits};
use push_ota::http::{Connection, Cpi, Notice, Peer, Way};
use tokio::net::TcpStream;

use super::answer;
use super::life::{Deadline, End, Life, Orders, Phase};
use super::link::Link;
use super::octets::{Octets, Shared, Stream};
use super::places::Place;
use super::receipts::{AtEnd, Receipts};
use super::tally::add;
use crate::masked::Masked;
use crate::recent::Unjudged;

/// Octets that hyper buffers beside a head.
const BUFFER: usize = 8 << 10;
/// Headers that hyper takes without allocating for them.
const MAX_HEADERS: usize = 100;

/// One connection, as its requests see it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Arc<Link>,
    pub(super) life: Arc<Life>,
    pub(super) remote: SocketAddr,
    pub(super) receipts: Arc<Receipts>,
    connection: Mutex<Connection>,
    /// What was learned last, and under which CPI.
    learned: Mutex<Option<(Notice, Arc<Cpi>)>>,
}

impl Session {
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something learned is new since the last CPI.
    pub(super) fn is_news(&self, notice: Option<&Notice>, cpi: &Arc<Cpi>) -> bool {
        let Some(notice) = notice else { return false };
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let known = learned
            .as_ref()
            .is_some_and(|(known, under)| known == notice && Arc::ptr_eq(under, cpi));
        if !known {
            *learned = Some((notice.clone(), Arc::clone(cpi)));
        }
        !known
    }
}

/// Serves the requests of a connection, after TLS, until it ends.
//= specs/ota-http.md#tcp-connections
//# The terminal MUST serve HTTP requests on a connection that it opened as it does on one that it accepted.
pub(super) async fn serve(link: Arc<Link>, life: Arc<Life>, stream: Stream, peer: Peer) {
    count(&link, &peer.way);
    let remote = peer.remote;
    let idle_timeout = match peer.way {
        Way::Accepted => link.settings.idle_timeout,
        Way::Dialled { .. } => link.settings.dialled_idle_timeout,
    };
    let limits = FramingLimits {
        head_length: link.settings.max_head_octets,
        headers: link.settings.max_headers.min(MAX_HEADERS),
    };
    let on_fault = {
        let link = Arc::clone(&link);
        move |error| broken(&link, remote, error)
    };
    let write_timeout = link.settings.write_timeout;
    let receipts = Receipts::new(Arc::clone(&link), remote.ip());
    // Dropped behind everything that answers.
    let _at_end = AtEnd(Arc::clone(&receipts));
    let shared = Shared {
        life: Arc::clone(&life),
        receipts: Arc::clone(&receipts),
    };
    // See `octets`: over TLS the octets of TCP say too little.
    let looks = matches!(stream, Stream::Plain(_));
    let octets = Octets::new(stream, limits, shared, write_timeout, on_fault);
    let connection = Connection::new(Arc::clone(&link.terminal), peer, link.chance());
    let session = Arc::new(Session {
        link: Arc::clone(&link),
        life: Arc::clone(&life),
        remote,
        receipts,
        connection: Mutex::new(connection),
        learned: Mutex::default(),
    });
    let mut orders = Orders::new(Arc::clone(&life));
    let mut deadline = Deadline::new(Arc::clone(&life), &link.settings, idle_timeout);
    let service = service_fn(move |request| answer::answer(Arc::clone(&session), request));
    let mut served = std::pin::pin!(
        http1::Builder::new()
            .max_buf_size(link.settings.max_head_octets.saturating_add(BUFFER))
            .header_read_timeout(None)
            .half_close(looks)
            .serve_connection(TokioIo::new(octets), service)
    );
    let ended = poll_fn(|context| {
        loop {
            if let Poll::Ready(ended) = served.as_mut().poll(context) {
                return Poll::Ready(Ended::Served(ended));
            }
            match orders.poll(context) {
                Poll::Ready(End::AtOnce) => return Poll::Ready(Ended::Told),
                Poll::Ready(End::Gracefully) if life.is_lingering() => {
                    return Poll::Ready(Ended::Told);
                }
                Poll::Ready(End::Gracefully) => served.as_mut().graceful_shutdown(),
                Poll::Pending => return deadline.poll(context).map(Ended::Late),
            }
        }
    })
    .await;
    match ended {
        Ended::Served(Ok(())) | Ended::Told => {}
        // The peer has been told; this is why.
        Ended::Served(Err(error)) if error.is_parse() => {
            refuse(&link, remote, "unreadable", 0, error.to_string());
        }
        Ended::Served(Err(error)) => tracing::debug!(%error, "a connection broke off"),
        Ended::Late(phase) => {
            link.tally.timed_out(phase.as_str());
            tracing::debug!(at = phase.as_str(), "a connection took too long");
        }
    }
}

enum Ended {
    Served(hyper::Result<()>),
    Told,
    Late(Phase),
}

fn count(link: &Link, way: &Way) {
    add(match way {
        Way::Accepted => &link.tally.accepted,
        Way::Dialled { .. } => &link.tally.dialled,
    });
}

fn broken(link: &Link, source: SocketAddr, error: FramingError) {
    let length = usize::try_from(error.offset).unwrap_or(usize::MAX);
    refuse(link, source, error.as_str(), length, error.to_string());
}

/// Counts and remembers octets that were refused.
fn refuse(link: &Link, source: SocketAddr, word: &'static str, length: usize, detail: String) {
    link.tally.broken(word);
    let shown = Masked::new(source, link.shown);
    tracing::debug!(%detail, source = %shown, "octets refused");
    link.refuse(Unjudged {
        received: link.clock.now().unix,
        protocol: Protocol::OtaHttp,
        source: ServerAddress::Ip(source.ip().to_canonical()),
        word,
        length,
        detail,
    });
}

/// Sets a socket up.
pub(super) fn set_up(link: &Link, stream: &TcpStream) -> std::io::Result<()> {
    if link.settings.nodelay {
        stream.set_nodelay(true)?;
    }
    keep_alive(stream, link.settings.keep_alive_interval)
}

/// Has the system ask whether the peer is still there, after `interval` without a sign; zero: never.
pub(crate) fn keep_alive(stream: &TcpStream, interval: Duration) -> std::io::Result<()> {
    if interval > Duration::ZERO {
        // The system counts in whole seconds, and takes no zero.
        let second = Duration::from_secs(1);
        let probes = socket2::TcpKeepalive::new()
            .with_time(interval.max(second))
            .with_interval((interval / 4).max(second))
            .with_retries(4);
        socket2::SockRef::from(stream).set_tcp_keepalive(&probes)?;
    }
    Ok(())
}

/// A connection has ended: its place is free.
pub(super) fn leave(link: &Link, place: Place) {
    drop(place);
    link.tell_of_end();
}
