//! The floor: a relay that does nothing but receive, append and sync all that waits at once, and send.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::UdpSocket;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, poll};

/// Datagrams taken at one waking.
const BATCH: usize = 512;
/// The log is written before the run and then over and over, so that syncing writes no metadata.
const LOG_LENGTH: u64 = 64 << 20;

/// How the relay runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The UDP address to receive at
    #[arg(long)]
    listen: String,
    /// The Unix socket at which the application connects
    #[arg(long)]
    socket: PathBuf,
    /// The log; absent: nothing is written down
    #[arg(long)]
    log: Option<PathBuf>,
}

/// Serves one application until it goes away.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let udp = UdpSocket::bind(&options.listen).context("cannot listen")?;
    udp.set_nonblocking(true)?;
    let mut log = options.log.as_deref().map(Log::create).transpose()?;
    let listener =
        UnixListener::bind(&options.socket).context("cannot listen on the Unix socket")?;
    println!("ready");
    let (mut application, _) = listener.accept()?;
    let mut frames = Vec::new();
    while wait(&udp, &application)? {
        receive(&udp, &mut frames)?;
        if let Some(log) = &mut log {
            log.append(&frames)?;
        }
        application.write_all(&frames)?;
    }
    Ok(())
}

/// Waits for a datagram; false once the application has gone.
fn wait(udp: &UdpSocket, application: &UnixStream) -> anyhow::Result<bool> {
    let mut watched = [
        PollFd::new(udp, PollFlags::IN),
        PollFd::new(application, PollFlags::RDHUP),
    ];
    poll(&mut watched, None)?;
    Ok(watched[1].revents().is_empty())
}

/// Puts everything that waits into `frames`, each datagram behind its length in four octets.
fn receive(udp: &UdpSocket, frames: &mut Vec<u8>) -> anyhow::Result<()> {
    frames.clear();
    let mut datagram = [0; 2_048];
    for _ in 0..BATCH {
        match udp.recv(&mut datagram) {
            Ok(length) => {
                frames.extend_from_slice(&u32::try_from(length)?.to_le_bytes());
                frames.extend_from_slice(&datagram[..length]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A log that was written before, so that syncing writes no metadata.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    offset: u64,
}

impl Log {
    /// A log at `path`, filled with zeros.
    pub(crate) fn create(path: &std::path::Path) -> anyhow::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(path)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..LOG_LENGTH >> 20 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, offset: 0 })
    }

    /// Writes and syncs.
    pub(crate) fn append(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        let length = u64::try_from(octets.len())?;
        if self.offset + length > LOG_LENGTH {
            self.offset = 0;
        }
        self.file.write_all_at(octets, self.offset)?;
        self.offset += length;
        self.file.sync_data()?;
        Ok(())
    }
}
