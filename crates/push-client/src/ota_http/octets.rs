//! The octets of a connection below hyper: checked for their framing, watched for the time they take.
//!
//! What cannot be read in one way alone is not given to hyper. The requests before it are answered; then the peer is told,
//! here, and the connection ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use push_ota::http::PushStatus;
use push_ota::http::framing::{Framing, FramingError, FramingLimits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::client::TlsStream;

use super::life::{Life, Phase};

/// Octets that are read and dropped behind the last answer, so that the peer can read it before the connection is reset.
const LINGER_OCTETS: usize = 256 << 10;
/// For how long that is done.
const LINGER: Duration = Duration::from_secs(2);

/// A connection over TCP, with TLS or without.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// What becomes of a framing error: it is counted and remembered.
pub(super) trait OnFault: Fn(FramingError) + Send + Unpin {}

impl<F: Fn(FramingError) + Send + Unpin> OnFault for F {}

/// The octets of one connection.
pub(super) struct Octets<F> {
    stream: Stream,
    framing: Framing,
    /// Octets that the framing has seen.
    seen: u64,
    life: Arc<Life>,
    on_fault: F,
    write_timeout: Duration,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// Something was written that has not been flushed.
    unflushed: bool,
    farewell: Farewell,
}

/// How far the end of the connection has come.
enum Farewell {
    /// Nowhere.
    None,
    /// The peer is told that it is not understood; so many octets of that are written.
    Telling(Vec<u8>, usize),
    /// Nothing more is written.
    ShuttingDown,
    /// What still comes is dropped, so many octets of it at most.
    Lingering(usize, Pin<Box<Sleep>>),
    /// It is over.
    Done,
}

impl<F: OnFault> Octets<F> {
    pub(super) fn new(
        stream: Stream,
        limits: FramingLimits,
        life: Arc<Life>,
        write_timeout: Duration,
        on_fault: F,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(limits),
            seen: 0,
            life,
            on_fault,
            write_timeout,
            write_timer: None,
            unflushed: false,
            farewell: Farewell::None,
        }
    }

    /// Checks what was just read; cuts it off where it is refused.
    fn check(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        let checked = self.framing.check(fresh);
        let read = fresh.len() as u64;
        match checked {
            Ok(()) => self.seen += read,
            Err(error) => {
                let good = error.offset.saturating_sub(self.seen).min(read);
                buffer.set_filled(before + usize::try_from(good).unwrap_or_default());
                self.seen += good;
                self.life.break_off();
                (self.on_fault)(error);
            }
        }
        self.life.in_head(self.framing.is_within_head());
    }

    /// What hyper reads once the octets are refused: nothing while a request is being answered, an error within a body, and
    /// the end once everything before has been answered and the peer knows.
    fn poll_broken(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.life.phase() {
            Phase::Body => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            Phase::Busy => return Poll::Pending,
            Phase::Head | Phase::Idle if self.unflushed => return Poll::Pending,
            Phase::Head | Phase::Idle => {}
        }
        if matches!(self.farewell, Farewell::None) && self.life.takes_broken_answer() {
            self.farewell = Farewell::Telling(refusal(), 0);
        }
        ready!(self.poll_farewell(context));
        Poll::Ready(Ok(()))
    }

    /// Says what is left to say, shuts down, and lets the peer finish. Errors end it early: there is nobody to tell.
    fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            self.farewell = match &mut self.farewell {
                Farewell::Telling(octets, written) => {
                    let rest = octets.get(*written..).unwrap_or_default();
                    if rest.is_empty() {
                        ready!(Pin::new(&mut self.stream).poll_flush(context)).ok();
                        Farewell::ShuttingDown
                    } else {
                        match ready!(Pin::new(&mut self.stream).poll_write(context, rest)) {
                            Ok(0) | Err(_) => Farewell::Done,
                            Ok(more) => {
                                *written += more;
                                continue;
                            }
                        }
                    }
                }
                Farewell::None | Farewell::ShuttingDown => {
                    match ready!(Pin::new(&mut self.stream).poll_shutdown(context)) {
                        // A peer that asked for the end, or that said nothing wrong, has nothing more to say.
                        Ok(()) if !self.life.lingers() => Farewell::Done,
                        Ok(()) => Farewell::Lingering(LINGER_OCTETS, Box::pin(sleep(LINGER))),
                        Err(_) => Farewell::Done,
                    }
                }
                Farewell::Lingering(left, timer) => {
                    if timer.as_mut().poll(context).is_ready() {
                        self.farewell = Farewell::Done;
                        return Poll::Ready(());
                    }
                    let mut room = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut room);
                    let read = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
                    let read = ready!(read).map(|()| buffer.filled().len());
                    match read {
                        Ok(0) | Err(_) => Farewell::Done,
                        Ok(read) if read >= *left => Farewell::Done,
                        Ok(read) => {
                            *left -= read;
                            continue;
                        }
                    }
                }
                Farewell::Done => return Poll::Ready(()),
            }
        }
    }

    fn poll_write_deadline<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.write_timer = None;
            return written;
        }
        let timeout = self.write_timeout;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep(timeout)));
        timer
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The answer to what is not understood: at this layer nothing is known of the request but that it is broken.
fn refusal() -> Vec<u8> {
    let status = PushStatus::Refused;
    format!(
        "HTTP/1.1 400 Bad Request\r\nX-Wap-Push-Status: {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

impl<F: OnFault> AsyncRead for Octets<F> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.life.is_broken() {
            return this.poll_broken(context);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if buffer.filled().len() == before {
            return Poll::Ready(Ok(()));
        }
        this.check(buffer, before);
        if buffer.filled().len() == before {
            // Nothing was good, and an empty read would be the end.
            return this.poll_broken(context);
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: OnFault> AsyncWrite for Octets<F> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.unflushed = true;
        let written = Pin::new(&mut this.stream).poll_write(context, octets);
        this.poll_write_deadline(context, written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        ready!(this.poll_write_deadline(context, flushed))?;
        if std::mem::take(&mut this.unflushed) && this.life.is_broken() {
            // Reading waited for this, and nobody else would say so.
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_farewell(context));
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.unflushed = true;
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, octets);
        this.poll_write_deadline(context, written)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Secure(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Secure(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Secure(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, octets),
            Self::Secure(stream) => Pin::new(stream).poll_write_vectored(context, octets),
        }
    }
}
