//! The sockets that are listened on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use push_ota::http::Host;
use push_ota::sip::{AgentSettings, Transport};
use tokio::net::TcpListener;

use super::connections::Accepted;
use super::settings::OtaSipSettings;
use crate::engine::Listener;
use crate::ota_http;

/// Connections that are accepted at one waking.
const BATCH: usize = 16;
/// Ports that are tried where UDP and TCP are to have the same, whichever that is.
const PORTS: usize = 16;

/// The sockets of OTA-SIP.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// What SIP is sent from and comes to, where the core is reached over UDP.
    pub(crate) udp: Option<Listener>,
    /// Where connections for SIP are accepted.
    pub(crate) tcp: Option<Acceptor>,
    /// Where connections for MSRP are accepted.
    pub(crate) msrp: Option<Acceptor>,
}

/// Why a socket cannot be had.
#[derive(Debug)]
pub(crate) enum SocketError {
    Udp(SocketAddr, io::Error),
    Tcp(SocketAddr, io::Error),
}

impl Sockets {
    /// The sockets that these settings ask for.
    pub(crate) fn open(settings: &OtaSipSettings) -> Result<Self, SocketError> {
        let over_udp = settings.agent.account.transport == Transport::Udp;
        let listen = match settings.listen {
            Some(address) => Some(address),
            None if over_udp => Some(any_address(&settings.agent)),
            None => None,
        };
        let (udp, tcp) = match listen {
            Some(address) if over_udp => {
                let (udp, tcp) = bind_both(address, settings)?;
                (Some(udp), Some(tcp))
            }
            Some(address) => (None, Some(Acceptor::bind(address, false)?)),
            None => (None, None),
        };
        let msrp = settings.msrp_listen;
        let msrp = msrp
            .map(|address| Acceptor::bind(address, true))
            .transpose()?;
        Ok(Self { udp, tcp, msrp })
    }

    /// What is listened on, by what is spoken there.
    pub(crate) fn services(&self) -> Vec<(&'static str, SocketAddr)> {
        let udp = self.udp.as_ref().map(Listener::address);
        let tcp = self.tcp.as_ref().map(|acceptor| acceptor.address);
        let msrp = self.msrp.as_ref().map(|acceptor| acceptor.address);
        let all = [
            ("OTA-SIP-UDP", udp),
            ("OTA-SIP-TCP", tcp),
            ("OTA-SIP-MSRP", msrp),
        ];
        all.into_iter()
            .filter_map(|(service, address)| Some((service, address?)))
            .collect()
    }
}

/// Every address of the family that the core is known to be of, with a port that the system chooses.
fn any_address(settings: &AgentSettings) -> SocketAddr {
    match settings.account.host {
        Host::Ip(IpAddr::V6(_)) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        Host::Ip(IpAddr::V4(_)) | Host::Name(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
    }
}

/// A port for UDP and the same for TCP.
fn bind_both(
    address: SocketAddr,
    settings: &OtaSipSettings,
) -> Result<(Listener, Acceptor), SocketError> {
    let mut left = if address.port() == 0 { PORTS } else { 1 };
    loop {
        left -= 1;
        let udp = Listener::bind(address, settings.receive_buffer);
        let udp = udp.map_err(|error| SocketError::Udp(address, error))?;
        let sized = udp.set_send_buffer(settings.send_buffer);
        sized.map_err(|error| SocketError::Udp(address, error))?;
        match Acceptor::bind(udp.address(), false) {
            Ok(tcp) => return Ok((udp, tcp)),
            // Somebody has the port that the system chose for UDP.
            Err(_) if left > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// A TCP socket that connections come to.
#[derive(Debug)]
pub(crate) struct Acceptor {
    socket: TcpListener,
    address: SocketAddr,
    is_msrp: bool,
    /// The system could not give a connection; it is asked again after a while.
    pub(crate) failed: bool,
}

impl Acceptor {
    fn bind(address: SocketAddr, is_msrp: bool) -> Result<Self, SocketError> {
        let bind = || {
            let socket = ota_http::bind(address)?;
            let address = socket.local_addr()?;
            Ok(Self {
                socket,
                address,
                is_msrp,
                failed: false,
            })
        };
        bind().map_err(|error| SocketError::Tcp(address, error))
    }

    /// Accepts what waits, a few at a time; else `context` is woken by the next one.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, accepted: &mut Vec<Accepted>) {
        while !self.failed && accepted.len() < BATCH {
            match self.socket.poll_accept(context) {
                Poll::Ready(Ok((stream, peer))) => accepted.push(Accepted {
                    is_msrp: self.is_msrp,
                    stream,
                    peer,
                }),
                Poll::Ready(Err(error)) => {
                    tracing::warn!(%error, "connections for OTA-SIP cannot be accepted");
                    self.failed = true;
                }
                Poll::Pending => break,
            }
        }
    }

    /// The address bound.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The terminal's end of a flow of UDP, as `peer` is to reach it.
pub(crate) fn local_of(bound: SocketAddr, peer: SocketAddr) -> io::Result<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return Ok(bound);
    }
    // Nothing is sent: the system only says which way it would take.
    let probe = UdpSocket::bind(SocketAddr::new(bound.ip(), 0))?;
    probe.connect(peer)?;
    Ok(SocketAddr::new(probe.local_addr()?.ip(), bound.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminals_end_is_the_address_that_the_peer_is_reached_from() {
        let peer = SocketAddr::from(([127, 0, 0, 9], 5060));
        let any = SocketAddr::from(([0, 0, 0, 0], 5070));
        let local = local_of(any, peer).unwrap();
        assert!(local.ip().is_loopback() && local.port() == 5070, "{local}");
        let bound = SocketAddr::from(([127, 0, 0, 5], 5070));
        assert_eq!(local_of(bound, peer).unwrap(), bound);
    }
}
