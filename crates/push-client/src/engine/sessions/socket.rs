//! The UDP socket of one session, connected to its server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

/// A socket that is connected to one server: the kernel keeps everybody else's datagrams from it.
#[derive(Debug)]
pub(super) struct SessionSocket {
    socket: UdpSocket,
    readable: bool,
}

/// What came of reading from a socket once.
#[derive(Debug)]
pub(super) enum SessionReading {
    /// A datagram of this many octets.
    Datagram(usize),
    /// Nothing waits.
    Empty,
    /// The network reports an error.
    Failed(io::Error),
}

impl SessionSocket {
    /// A socket with a port of its own, on one of `hosts` if the peer can be reached from there.
    pub(super) fn open(peer: SocketAddr, hosts: &[IpAddr]) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if let Some(host) = local_host(peer.ip(), hosts) {
            socket.bind(&SocketAddr::new(host, 0).into())?;
        }
        socket.connect(&peer.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self {
            socket,
            readable: false,
        })
    }

    /// Whether something can be read; else `context` is woken by the next datagram.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> bool {
        if !self.readable {
            self.readable = matches!(self.socket.poll_recv_ready(context), Poll::Ready(_));
        }
        self.readable
    }

    /// Whether it was readable when it was last looked at.
    pub(super) const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Reads one datagram.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> SessionReading {
        if !self.readable {
            return SessionReading::Empty;
        }
        match self.socket.try_recv(buffer) {
            Ok(length) => SessionReading::Datagram(length),
            Err(error) => {
                // An error is told once; what comes behind it is seen by the next look.
                self.readable = false;
                if error.kind() == io::ErrorKind::WouldBlock {
                    SessionReading::Empty
                } else {
                    SessionReading::Failed(error)
                }
            }
        }
    }

    /// Sends a datagram. One that the kernel has no room for is lost, as any may be.
    pub(super) fn send(&self, octets: &[u8]) -> io::Result<()> {
        match self.try_send(octets) {
            // That was the fate of an earlier datagram, and this one was not sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.try_send(octets),
            result => result,
        }
    }

    /// Past the runtime, which does not know yet of a socket just opened that it can be written to.
    fn try_send(&self, octets: &[u8]) -> io::Result<()> {
        match SockRef::from(&self.socket).send(octets) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The host that the terminal is known by: the first that is listened on of those from which the peer can be reached. A
/// gateway that is on this machine is reached from this machine's own addresses alone, and no other one from them.
fn local_host(peer: IpAddr, hosts: &[IpAddr]) -> Option<IpAddr> {
    let reaches = |host: &&IpAddr| {
        host.is_ipv4() == peer.is_ipv4()
            && !host.is_unspecified()
            && host.is_loopback() == peer.is_loopback()
    };
    hosts.iter().find(reaches).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_comes_from_where_the_terminal_listens_if_that_can_be() {
        let hosts: Vec<IpAddr> = ["0.0.0.0", "127.0.0.5", "192.0.2.5", "::1"]
            .map(|host| host.parse().unwrap())
            .into();
        let from = |peer: &str| local_host(peer.parse().unwrap(), &hosts);
        assert_eq!(from("127.0.0.9"), Some(hosts[1]));
        assert_eq!(from("198.51.100.7"), Some(hosts[2]));
        assert_eq!(from("::1"), Some(hosts[3]));
        assert_eq!(from("2001:db8::7"), None);
    }
}
