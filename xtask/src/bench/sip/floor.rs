//! The durable floor: it appends and syncs all that waits at once, and then answers each with 200, by the first lines of the
//! request as they came.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, poll};

use crate::bench::relay::Log;

/// Datagrams taken at one waking.
const BATCH: usize = 512;

/// How the floor runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The UDP address to receive at
    #[arg(long)]
    listen: String,
    /// The log
    #[arg(long)]
    log: PathBuf,
}

/// Serves until it is ended.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let socket = UdpSocket::bind(&options.listen).context("cannot listen")?;
    socket.set_nonblocking(true)?;
    let mut log = Log::create(&options.log)?;
    println!("ready");
    let mut datagram = [0; 2_048];
    let (mut octets, mut answers) = (Vec::new(), Vec::new());
    loop {
        poll(&mut [PollFd::new(&socket, PollFlags::IN)], None)?;
        while answers.len() < BATCH {
            match socket.recv_from(&mut datagram) {
                Ok((length, source)) => {
                    octets.extend_from_slice(&datagram[..length]);
                    answers.push((answer(&datagram[..length])?, source));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        log.append(&octets)?;
        octets.clear();
        for (answer, source) in answers.drain(..) {
            send(&socket, &answer, source)?;
        }
    }
}

fn send(socket: &UdpSocket, answer: &[u8], source: SocketAddr) -> anyhow::Result<()> {
    match socket.send_to(answer, source) {
        // What does not fit is lost, as datagrams are.
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The headers from Via to CSeq are the first.
fn answer(request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let from = memchr::memmem::find(request, b"Via:").context("a request without Via")?;
    let to = memchr::memmem::find(request, b"Max-Forwards:").context("a request is cut short")?;
    let headers = request.get(from..to).context("a request is out of order")?;
    let parts: [&[u8]; 3] = [b"SIP/2.0 200 OK\r\n", headers, b"Content-Length: 0\r\n\r\n"];
    Ok(parts.concat())
}
