//! Accepting connections (PO-TCP, WAP-235 7.2.4.2).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use push_ota::http::{Peer, Way};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::connection;
use super::life::{Life, Orders};
use super::link::Link;
use super::octets::Stream;
use super::tally::add;

/// How long nothing is accepted after a failure such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 256;

/// A socket that gateways come to.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    secure: bool,
}

impl Listener {
    /// Binds `address`.
    pub(crate) fn bind(address: SocketAddr, secure: bool) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            secure,
        })
    }

    /// The address bound.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is spoken there.
    pub(crate) const fn service(&self) -> &'static str {
        if self.secure {
            "OTA-HTTP-TLS"
        } else {
            "OTA-HTTP"
        }
    }
}

/// A socket that connections to `address` come to.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // An IPv4 address is listened on where it is listed, so that `[::]` and `0.0.0.0` can stand side by side.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // The connections of a former run, which are closing, do not keep the address.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections for ever.
//= specs/ota-http.md#tcp-connections
//# The terminal MUST take connections without TLS that a gateway opens to it.
pub(crate) async fn accept(link: Arc<Link>, listener: Listener) {
    let mut failing = false;
    loop {
        match listener.socket.accept().await {
            Ok((stream, remote)) => {
                failing = false;
                take(&link, stream, remote, listener.secure);
            }
            Err(error) => {
                // Once for all that fail in a row: whoever opens connections does not write the log.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "connections cannot be accepted");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

fn take(link: &Arc<Link>, stream: TcpStream, remote: SocketAddr, secure: bool) {
    let life = Life::new(true, link.clock.now().monotonic);
    let Some(place) = link.places.accept(canonical(remote), &life) else {
        add(&link.tally.refused);
        return;
    };
    let link = Arc::clone(link);
    tokio::spawn(async move {
        if let Err(error) = serve(&link, life, stream, remote, secure).await {
            tracing::debug!(%error, "a connection was given up");
        }
        connection::leave(&link, place);
    });
}

async fn serve(
    link: &Arc<Link>,
    life: Arc<Life>,
    stream: TcpStream,
    remote: SocketAddr,
    secure: bool,
) -> io::Result<()> {
    connection::set_up(link, &stream)?;
    let mut peer = Peer {
        remote,
        local: stream.local_addr()?,
        way: Way::Accepted,
        tls_name: None,
    };
    let stream = if secure {
        let mut orders = Orders::new(Arc::clone(&life));
        let shaken = tokio::select! {
            biased;
            _ = orders.next() => return Ok(()),
            shaken = handshake(link, stream, remote) => shaken,
        };
        let (stream, name) = shaken.inspect_err(|_| add(&link.tally.tls_failed))?;
        peer.tls_name = name;
        stream
    } else {
        Stream::Plain(stream)
    };
    connection::serve(Arc::clone(link), life, stream, peer).await;
    Ok(())
}

//= specs/ota-http.md#tls
//# On a connection that a gateway opened to a port that calls for TLS, a TLS session MUST be established before any push is accepted.
async fn handshake(
    link: &Link,
    stream: TcpStream,
    remote: SocketAddr,
) -> io::Result<(Stream, Option<Box<str>>)> {
    let Some(tls) = &link.tls else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let limit = link.settings.handshake_timeout;
    let (stream, name) = timeout(limit, tls.accepted(stream, canonical(remote))).await??;
    Ok((Stream::Secure(Box::new(stream)), name))
}

fn canonical(remote: SocketAddr) -> IpAddr {
    remote.ip().to_canonical()
}
