//! One connection that carries SIP or MSRP, as a task of its own: octets go in and out, and it says what happens to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use push_ota::sip::{FlowId, StreamId};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SipConnectionSettings;
use crate::ota_http::{Stream, keep_alive, reach};

/// Octets that are read at a time.
const READ: usize = 16 << 10;
/// Messages that are written at a time.
const WRITES: usize = 64;
/// Octets of the buffer of what is written that are kept when it is empty.
const KEPT: usize = 64 << 10;
/// Octets that are read and dropped behind the last message, so that the peer can read it before the connection is reset.
const LINGER_OCTETS: usize = 256 << 10;
/// For how long that is done.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection carries, by the name that the user agent has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    Sip(FlowId),
    Msrp(StreamId),
}

/// Something that happened to a connection. The last report is that it has ended.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) carrier: Carrier,
    pub(crate) event: Event,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection that was asked for is open.
    Opened { local: SocketAddr, peer: SocketAddr },
    /// Octets came.
    Octets(Bytes),
    /// It has ended, or could not be opened; why, in words for people.
    Ended(String),
}

/// What makes a connection secure, and the name that the other end has to prove.
pub(crate) type Secure = (Arc<ClientConfig>, ServerName<'static>);

/// A connection's way from and to the engine.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) carrier: Carrier,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) outbox: mpsc::Receiver<Bytes>,
    /// Octets that were given to be sent and are not.
    pub(super) unsent: Arc<AtomicUsize>,
    pub(super) settings: Arc<SipConnectionSettings>,
}

impl Line {
    async fn report(&self, event: Event) {
        let carrier = self.carrier;
        // An engine that is gone needs no report.
        self.reports.send(Report { carrier, event }).await.ok();
    }
}

/// Serves a connection that somebody opened.
pub(super) async fn accepted(mut line: Line, stream: TcpStream) {
    let idle = line.settings.idle_timeout;
    let reason = match set_up(&line.settings, &stream) {
        Ok(()) => serve(&mut line, Stream::Plain(stream), Some(idle)).await,
        Err(error) => unusable(&error),
    };
    line.report(Event::Ended(reason)).await;
}

/// Opens a connection to one of these addresses, and serves it.
pub(super) async fn dialled(mut line: Line, peers: Vec<SocketAddr>, secure: Option<Secure>) {
    let reason = match open(&line.settings, &peers, secure).await {
        Ok((stream, local, peer)) => {
            line.report(Event::Opened { local, peer }).await;
            serve(&mut line, stream, None).await
        }
        Err(reason) => reason,
    };
    line.report(Event::Ended(reason)).await;
}

async fn open(
    settings: &SipConnectionSettings,
    peers: &[SocketAddr],
    secure: Option<Secure>,
) -> Result<(Stream, SocketAddr, SocketAddr), String> {
    let limit = settings.dial_timeout;
    let stream = timeout(limit, reach(peers, limit)).await;
    let stream = stream
        .unwrap_or_else(|_| Err(format!("no connection within {} s", limit.as_secs_f32())))?;
    let usable = |error: io::Error| unusable(&error);
    set_up(settings, &stream).map_err(usable)?;
    let local = stream.local_addr().map_err(usable)?;
    let peer = stream.peer_addr().map_err(usable)?;
    let Some((client, name)) = secure else {
        return Ok((Stream::Plain(stream), local, peer));
    };
    let limit = settings.handshake_timeout;
    match timeout(limit, TlsConnector::from(client).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok((Stream::Secure(Box::new(stream)), local, peer)),
        Ok(Err(error)) => Err(format!("TLS: {}", why(&error))),
        Err(_) => {
            let limit = limit.as_secs_f32();
            Err(format!("TLS was not set up within {limit} s"))
        }
    }
}

fn set_up(settings: &SipConnectionSettings, stream: &TcpStream) -> io::Result<()> {
    // Messages are whole when they are given to be sent.
    stream.set_nodelay(true)?;
    keep_alive(stream, settings.keep_alive_interval)
}

fn unusable(error: &io::Error) -> String {
    format!("the connection cannot be used: {error}")
}

/// What went wrong. That a peer misses a certificate shows behind the handshake (RFC 8446 4.4.2.4), like any other error.
fn why(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the peer wants a certificate of the terminal, and none is set: name certificate_file"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

/// Reads and writes until the connection has ended; says why it has.
async fn serve(line: &mut Line, stream: Stream, idle: Option<Duration>) -> String {
    let (mut reader, half) = tokio::io::split(stream);
    let mut writer = Writer {
        half,
        outbox: &mut line.outbox,
        unsent: &line.unsent,
        limit: line.settings.write_timeout,
        batch: Vec::new(),
        buffer: BytesMut::new(),
    };
    let reading = read(line.carrier, &line.reports, &mut reader, idle);
    let end = tokio::select! {
        end = reading => end,
        written = writer.run() => match written {
            Ok(()) => {
                linger(&mut reader).await;
                return "closed by the terminal".to_owned();
            }
            Err(reason) => return reason,
        },
    };
    match end {
        End::OfOctets => {
            // The peer says nothing more, and may still read.
            writer.outbox.close();
            let written = writer.run().await;
            written
                .err()
                .unwrap_or_else(|| "the peer closed the connection".to_owned())
        }
        End::Broken(reason) => reason,
    }
}

/// How reading ended.
enum End {
    /// The peer sends nothing more.
    OfOctets,
    /// There is no connection any more, or none that is wanted.
    Broken(String),
}

async fn read(
    carrier: Carrier,
    reports: &mpsc::Sender<Report>,
    reader: &mut (impl AsyncRead + Unpin),
    idle: Option<Duration>,
) -> End {
    let mut buffer = vec![0; READ];
    loop {
        let reading = reader.read(&mut buffer);
        let read = match idle {
            None => Ok(reading.await),
            Some(limit) => timeout(limit, reading).await.map_err(|_| limit),
        };
        let length = match read {
            Ok(Ok(0)) => return End::OfOctets,
            Ok(Ok(length)) => length,
            // The end of TCP that TLS did not announce: what is whole was said, and the rest shows as not whole.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return End::OfOctets,
            Ok(Err(error)) => return End::Broken(why(&error)),
            Err(limit) => {
                let limit = limit.as_secs_f32();
                return End::Broken(format!("the peer was silent for {limit} s"));
            }
        };
        // Copied, so that whoever keeps a few octets does not keep the room for many.
        let octets = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        let event = Event::Octets(octets);
        if reports.send(Report { carrier, event }).await.is_err() {
            return End::Broken("the client has ended".to_owned());
        }
    }
}

/// Lets the peer read what was said last.
async fn linger(reader: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = vec![0; READ];
    let mut left = LINGER_OCTETS;
    let dropping = async {
        while left > 0 {
            match reader.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    };
    // Whoever says nothing has no reason to be waited for longer.
    timeout(LINGER, dropping).await.ok();
}

/// What is to be sent. What was taken from the outbox outlives a run that is broken off.
struct Writer<'a, W> {
    half: W,
    outbox: &'a mut mpsc::Receiver<Bytes>,
    unsent: &'a AtomicUsize,
    limit: Duration,
    batch: Vec<Bytes>,
    buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> Writer<'_, W> {
    /// Writes until there is nothing more to come, and ends the connection's own direction.
    async fn run(&mut self) -> Result<(), String> {
        loop {
            while self.buffer.has_remaining() {
                match in_time(self.limit, self.half.write(&self.buffer)).await? {
                    0 => return Err("the peer takes nothing more".to_owned()),
                    written => {
                        self.buffer.advance(written);
                        self.unsent.fetch_sub(written, Ordering::Relaxed);
                    }
                }
            }
            in_time(self.limit, self.half.flush()).await?;
            if self.buffer.capacity() > KEPT {
                self.buffer = BytesMut::new();
            }
            if self.outbox.recv_many(&mut self.batch, WRITES).await == 0 {
                return in_time(self.limit, self.half.shutdown()).await;
            }
            for octets in self.batch.drain(..) {
                self.buffer.extend_from_slice(&octets);
            }
        }
    }
}

/// Gives up when the peer reads nothing for so long.
async fn in_time<T>(
    limit: Duration,
    writing: impl Future<Output = io::Result<T>>,
) -> Result<T, String> {
    match timeout(limit, writing).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(why(&error)),
        Err(_) => Err(format!(
            "the peer read nothing for {} s",
            limit.as_secs_f32()
        )),
    }
}
