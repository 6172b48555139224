//! The UDP sockets of the bearer IP.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::task::{Context, Poll};

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
            socket,
            address,
            readable: false,
            errors: 0,
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
