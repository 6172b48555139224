//! Opening connections (TO-TCP, WAP-235 7.2.4.1).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use push_ota::http::{Contact, CpiTag, DialId, Host, Peer, PpgId, Way};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection;
use super::life::{Life, Orders};
use super::link::{Event, Link};
use super::octets::Stream;
use super::tally::add;
use super::tls::{name_of, name_of_contact};

/// A connection to open.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) dial: DialId,
    pub(crate) ppg: Option<PpgId>,
    pub(crate) contact: Contact,
    pub(crate) assumed: Option<CpiTag>,
    /// The ProvURL of the context to use.
    pub(crate) prov_url: Option<Box<str>>,
    /// By which it is told to end.
    pub(crate) life: Arc<Life>,
}

/// Opens a connection and serves the requests that come on it.
//= specs/ota-http.md#tcp-connections
//# The terminal MUST be able to open connections without TLS to a gateway of its own accord.
pub(crate) async fn dial(link: Arc<Link>, order: Order) {
    let dial = order.dial;
    let mut orders = Orders::new(Arc::clone(&order.life));
    let opened = tokio::select! {
        biased;
        // Whoever gives the order knows, and waits for nothing.
        _ = orders.next() => return link.tell_of_end(),
        opened = open(&link, &order) => opened,
    };
    match opened {
        Ok((stream, peer)) => {
            let place = link
                .places
                .dialled(peer.remote.ip().to_canonical(), &order.life);
            link.tell(Event::Connected(dial));
            connection::serve(Arc::clone(&link), order.life, stream, peer).await;
            link.tell(Event::Closed(dial));
            connection::leave(&link, place);
        }
        Err(reason) => {
            add(&link.tally.dials_failed);
            let ppg = order.ppg.as_ref().map(tracing::field::display);
            tracing::debug!(ppg, %reason, "a gateway cannot be reached");
            link.tell(Event::DialFailed(dial, reason));
        }
    }
}

async fn open(link: &Link, order: &Order) -> Result<(Stream, Peer), String> {
    let Contact { host, port, secure } = &order.contact;
    let limit = link.settings.dial_timeout;
    let stream = within(limit, "no connection", connect(host, *port, limit)).await?;
    let usable = |error: io::Error| format!("the connection cannot be used: {error}");
    connection::set_up(link, &stream).map_err(usable)?;
    let mut peer = Peer {
        remote: stream.peer_addr().map_err(usable)?,
        local: stream.local_addr().map_err(usable)?,
        way: Way::Dialled {
            ppg: order.ppg.clone(),
            assumed: order.assumed,
            prov_url: order.prov_url.clone(),
        },
        tls_name: None,
    };
    if !secure {
        return Ok((Stream::Plain(stream), peer));
    }
    let (stream, name) = handshake(link, order, stream)
        .await
        .inspect_err(|_| add(&link.tally.tls_failed))?;
    peer.tls_name = Some(name);
    Ok((stream, peer))
}

//= specs/ota-http.md#tcp-connections
//# The source port of a connection that the terminal opens SHOULD be one that is assigned dynamically.
pub(crate) async fn connect(host: &Host, port: u16, limit: Duration) -> Result<TcpStream, String> {
    let addresses: Vec<SocketAddr> = match host {
        Host::Ip(address) => vec![SocketAddr::new(*address, port)],
        Host::Name(name) => tokio::net::lookup_host((&**name, port))
            .await
            .map_err(|error| format!("its name {name} cannot be resolved: {error}"))?
            .collect(),
    };
    reach(&addresses, limit).await
}

/// Connects to the first of these addresses that answers. One that is silent leaves those behind it their share of the time.
pub(crate) async fn reach(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, String> {
    let Some((last, others)) = addresses.split_last() else {
        return Err("its name has no address".to_owned());
    };
    let share = u32::try_from(addresses.len()).map_or(Duration::ZERO, |number| limit / number);
    for address in others {
        if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    let port = last.port();
    let connected = TcpStream::connect(last).await;
    connected.map_err(|error| format!("no connection to port {port}: {error}"))
}

//= specs/ota-http.md#tls
//# On a connection that the terminal opened to a port that calls for TLS, a TLS session MUST be established before any push is accepted.
async fn handshake(
    link: &Link,
    order: &Order,
    stream: TcpStream,
) -> Result<(Stream, Box<str>), String> {
    let Some(tls) = &link.tls else {
        return Err("it wants TLS, and no ca_file is set".to_owned());
    };
    let known = order.ppg.as_ref();
    let ppgs = &link.terminal.ppgs;
    let ppg = known.and_then(|id| ppgs.iter().find(|ppg| ppg.id == *id));
    let name = ppg.map_or_else(|| name_of_contact(&order.contact), name_of);
    let Some(name) = name else {
        return Err("it has no name for its certificate to carry; give it a tls_name".to_owned());
    };
    let shown = name.to_str().into();
    let limit = link.settings.handshake_timeout;
    let shaken = async {
        let shaken = tls.dialled(stream, name).await;
        shaken.map_err(|error| format!("TLS: {error}"))
    };
    let stream = within(limit, "TLS was not set up", shaken).await?;
    Ok((Stream::Secure(Box::new(stream)), shown))
}

/// Gives up after a while, with a sentence.
async fn within<T>(
    limit: Duration,
    failed: &str,
    attempt: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    timeout(limit, attempt)
        .await
        .unwrap_or_else(|_| Err(format!("{failed} within {} s", limit.as_secs_f32())))
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    /// A port of which the kernel takes no more connections, and says nothing; with what keeps it so.
    fn silent() -> (SocketAddr, Vec<Socket>) {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = socket();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let waiting = socket();
            waiting.set_nonblocking(true).unwrap();
            // It is under way, or waits for ever.
            waiting.connect(&address).ok();
            sockets.push(waiting);
        }
        (address.as_socket().unwrap(), sockets)
    }

    #[tokio::test]
    async fn an_address_that_is_silent_does_not_keep_the_terminal_from_the_next() {
        let (silent, _kept) = silent();
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = good.local_addr().unwrap();
        let limit = Duration::from_millis(100);
        let reached = reach(&[silent, good], limit).await.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), good);
    }
}
