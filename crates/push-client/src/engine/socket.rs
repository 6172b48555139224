//! The UDP sockets of the bearer IP.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::task::{Context, Poll};

use nix::errno::Errno;
use nix::sys::socket::sockopt::UdpGsoSegment;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, getsockopt, sendmsg};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

/// After so many errors in a row nothing more is read from a socket.
const MAX_ERRORS: u32 = 16;

/// A socket that pushes come to.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UdpSocket,
    address: SocketAddr,
    readable: bool,
    errors: u32,
    /// The kernel takes datagrams apart that are sent as one.
    takes_apart: bool,
    /// To whom that was tried last and cannot be.
    apart_to: Option<SocketAddr>,
}

/// What came of reading from a socket once.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A datagram of this many octets, from this sender.
    Datagram(usize, SocketAddr),
    /// Nothing waits.
    Empty,
    /// The system reports an error.
    Failed(io::Error),
}

impl Listener {
    /// Binds `address` and asks for a receive buffer of so many octets.
    pub(crate) fn bind(address: SocketAddr, receive_buffer: usize) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            // An IPv4 address is listened on where it is listed, so that `[::]` and `0.0.0.0` can stand side by side.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(receive_buffer)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self {
            takes_apart: getsockopt(&socket, UdpGsoSegment).is_ok(),
            socket,
            address,
            readable: false,
            errors: 0,
            apart_to: None,
        })
    }

    /// Asks for a send buffer of so many octets.
    pub(crate) fn set_send_buffer(&self, octets: usize) -> io::Result<()> {
        SockRef::from(&self.socket).set_send_buffer_size(octets)
    }

    /// Sends a datagram; says whether the kernel had room for it. Past the runtime, which does not know yet of a socket just
    /// opened that it can be written to.
    pub(crate) fn send(&self, octets: &[u8], destination: SocketAddr) -> io::Result<bool> {
        match SockRef::from(&self.socket).send_to(octets, &destination.into()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends several datagrams of this length to one destination as one, which the kernel takes apart (`UDP_SEGMENT`): that is one way
    /// through it instead of many. Says whether they went; where not, none did, and each may go by itself.
    pub(crate) fn send_together(
        &mut self,
        datagrams: &[IoSlice<'_>],
        length: u16,
        destination: SocketAddr,
    ) -> bool {
        if !self.takes_apart || self.apart_to == Some(destination) {
            return false;
        }
        let sent = sendmsg(
            self.socket.as_raw_fd(),
            datagrams,
            &[ControlMessage::UdpGsoSegments(&length)],
            MsgFlags::MSG_DONTWAIT,
            Some(&SockaddrStorage::from(destination)),
        );
        // What the way to somebody cannot do now it will not be able to do soon. It says nothing of the way to others: whoever is
        // answered chooses where, and how large a datagram may be there.
        if let Err(Errno::EINVAL | Errno::EIO | Errno::EMSGSIZE | Errno::EOPNOTSUPP) = sent {
            self.apart_to = Some(destination);
        }
        sent.is_ok()
    }

    /// The address bound.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number by which the kernel lists the socket.
    pub(crate) fn inode(&self) -> Option<u64> {
        let link = format!("/proc/self/fd/{}", self.socket.as_raw_fd());
        std::fs::metadata(link).ok().map(|metadata| metadata.ino())
    }

    /// Whether the socket is read from no more.
    pub(crate) const fn is_broken(&self) -> bool {
        self.errors >= MAX_ERRORS
    }

    /// Whether something can be read; else `context` is woken by the next datagram.
    pub(crate) fn poll_readable(&mut self, context: &mut Context<'_>) -> bool {
        if !self.readable && !self.is_broken() {
            self.readable = matches!(self.socket.poll_recv_ready(context), Poll::Ready(_));
        }
        self.readable
    }

    /// Whether it was readable when it was last looked at.
    pub(crate) const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Reads one datagram.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Reading {
        match self.socket.try_recv_from(buffer) {
            Ok((length, source)) => {
                self.errors = 0;
                Reading::Datagram(length, source)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Reading::Empty
            }
            Err(error) => {
                self.errors += 1;
                self.readable = !self.is_broken();
                Reading::Failed(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn datagrams_that_are_sent_together_come_each_by_itself() {
        let mut sender = Listener::bind(HERE, 65_536).unwrap();
        let receiver = std::net::UdpSocket::bind(HERE).unwrap();
        let destination = receiver.local_addr().unwrap();
        let datagrams = [b"one", b"two", b"six"];
        let together = datagrams.map(|datagram| IoSlice::new(datagram));
        assert!(sender.send_together(&together, 3, destination));
        for datagram in datagrams {
            let mut octets = [0; 16];
            let (length, source) = receiver.recv_from(&mut octets).unwrap();
            assert_eq!(
                (&octets[..length], source),
                (&datagram[..], sender.address())
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_sent_together_is_not_tried_again() {
        let mut sender = Listener::bind(HERE, 65_536).unwrap();
        let receiver = std::net::UdpSocket::bind(HERE).unwrap();
        let destination = receiver.local_addr().unwrap();
        let octets = vec![0; 40_000];
        let together = [IoSlice::new(&octets), IoSlice::new(&octets)];
        for _ in 0..2 {
            assert!(!sender.send_together(&together, 40_000, destination));
            assert_eq!(sender.apart_to, Some(destination));
        }
        assert!(sender.send(b"one", destination).unwrap());
        assert_eq!(receiver.recv(&mut [0; 16]).unwrap(), 3);
    }

    #[tokio::test]
    async fn whoever_cannot_be_sent_to_has_others_sent_to_all_the_same() {
        let mut sender = Listener::bind(HERE, 65_536).unwrap();
        let receiver = std::net::UdpSocket::bind(HERE).unwrap();
        let together = [b"one", b"two"].map(|datagram| IoSlice::new(datagram));
        // A port that a Via may name, and that nobody has.
        assert!(!sender.send_together(&together, 3, HERE));
        assert!(sender.send_together(&together, 3, receiver.local_addr().unwrap()));
    }
}
