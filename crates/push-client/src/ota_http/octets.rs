//! The octets of a connection below hyper: checked for their framing, watched for the time they take.
//!
//! What cannot be read in one way alone is not given to hyper. The requests before it are answered; then the peer is told,
//! here, and the connection ends. So it is where hyper would answer a request by itself that it cannot read.
//!
//! A peer that sends nothing more may still read. So hyper does not hear of that before every request is answered; and
//! the last octets of a connection tell whether the peer had those answers.
//!
//! Over TCP alone, hyper reads nothing while a request is being answered (its `half_close`): for each read it makes room, which is a
//! buffer anew as long as it holds the one that the request came in. What comes meanwhile is only looked at, here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use push_ota::http::PushStatus;
use push_ota::http::framing::{Framing, FramingError, FramingLimits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::client::TlsStream;

use super::life::{Life, Phase};
use super::receipts::Receipts;

/// Octets that are read and dropped behind the last answer, so that the peer can read it before the connection is reset.
const LINGER_OCTETS: usize = 256 << 10;
/// For how long that is done, and for how long the peer's system is waited for behind that.
const LINGER: Duration = Duration::from_secs(2);
/// How often the system is asked whether the peer's has taken everything: it does not say so by itself.
const RECEIPT_INTERVAL: Duration = Duration::from_millis(20);

/// A connection over TCP, with TLS or without.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// What becomes of a framing error: it is counted and remembered.
pub(super) trait OnFault: Fn(FramingError) + Send + Unpin {}

impl<F: Fn(FramingError) + Send + Unpin> OnFault for F {}

/// What the octets share with who answers the requests.
pub(super) struct Shared {
    pub(super) life: Arc<Life>,
    pub(super) receipts: Arc<Receipts>,
}

/// The octets of one connection.
pub(super) struct Octets<F> {
    stream: Stream,
    framing: Framing,
    /// Octets that the framing has seen.
    seen: u64,
    life: Arc<Life>,
    receipts: Arc<Receipts>,
    /// The peer sends nothing more.
    half_closed: bool,
    /// The peer had sent more already when that was looked for; it has not been read.
    ahead: bool,
    on_fault: F,
    write_timeout: Duration,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// Something was written that has not been flushed.
    unflushed: bool,
    /// Requests whose answers are written.
    answered: u64,
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
    /// Both sides are at their end; whether the peer's system has taken everything is still to be seen.
    Awaiting(Instant, Pin<Box<Sleep>>),
    /// It is over.
    Done,
}

impl<F: OnFault> Octets<F> {
    pub(super) fn new(
        stream: Stream,
        limits: FramingLimits,
        shared: Shared,
        write_timeout: Duration,
        on_fault: F,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(limits),
            seen: 0,
            life: shared.life,
            receipts: shared.receipts,
            half_closed: false,
            ahead: false,
            on_fault,
            write_timeout,
            write_timer: None,
            unflushed: false,
            answered: 0,
            farewell: Farewell::None,
        }
    }

    /// Looks for what the peer has sent, or for its end, where nobody reads before the answer is written.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Stream::Plain(stream) = &self.stream else {
            return Ok(());
        };
        if self.half_closed || self.ahead || self.life.is_broken() {
            return Ok(());
        }
        let mut octet = [0];
        match stream.poll_peek(context, &mut ReadBuf::new(&mut octet)) {
            Poll::Pending => {}
            Poll::Ready(Ok(0)) => {
                self.half_closed = true;
                self.receipts.half_closed();
            }
            Poll::Ready(Ok(_)) => {
                self.ahead = true;
                self.receipts.heard();
            }
            Poll::Ready(Err(error)) => {
                self.receipts.broken();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Looks before the first octets of an answer are written.
    fn look_before_write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if std::mem::replace(&mut self.unflushed, true) {
            return Ok(());
        }
        self.look(context)
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
                            Ok(0) | Err(_) => self.lost(),
                            Ok(more) => {
                                *written += more;
                                continue;
                            }
                        }
                    }
                }
                Farewell::None | Farewell::ShuttingDown => {
                    match ready!(Pin::new(&mut self.stream).poll_shutdown(context)) {
                        Ok(()) if self.half_closed => self.await_receipt(),
                        // A peer that said nothing wrong, and had its answers, has nothing more to say.
                        Ok(()) if !self.life.lingers(self.receipts.is_open()) => Farewell::Done,
                        Ok(()) => Farewell::Lingering(LINGER_OCTETS, Box::pin(sleep(LINGER))),
                        Err(_) => self.lost(),
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
                        Ok(0) => self.await_receipt(),
                        Err(error) if is_bare_end(&error) => self.await_receipt(),
                        Err(_) => self.lost(),
                        Ok(read) if read >= *left => Farewell::Done,
                        Ok(read) => {
                            *left -= read;
                            continue;
                        }
                    }
                }
                Farewell::Awaiting(until, timer) => match self.stream.receipt() {
                    Receipt::Given => {
                        self.receipts.received();
                        Farewell::Done
                    }
                    Receipt::Lost => self.lost(),
                    Receipt::Open => {
                        ready!(timer.as_mut().poll(context));
                        if Instant::now() >= *until {
                            Farewell::Done
                        } else {
                            timer.as_mut().reset(Instant::now() + RECEIPT_INTERVAL);
                            continue;
                        }
                    }
                },
                Farewell::Done => return Poll::Ready(()),
            }
        }
    }

    /// The connection has broken.
    fn lost(&self) -> Farewell {
        self.receipts.broken();
        Farewell::Done
    }

    /// Both sides have ended.
    fn await_receipt(&self) -> Farewell {
        if self.receipts.is_open() {
            let interval = Box::pin(sleep(RECEIPT_INTERVAL));
            Farewell::Awaiting(Instant::now() + LINGER, interval)
        } else {
            Farewell::Done
        }
    }

    /// The peer sends nothing more: the end for hyper, once every request that has come is answered.
    fn poll_half_closed(&mut self) -> Poll<io::Result<()>> {
        let answered = self.life.answered() >= self.framing.requests() && !self.unflushed;
        if self.framing.is_between_requests() && !answered {
            // The flush of the answer wakes.
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether hyper writes what answers no request that it gave to be answered: it could not read one, and knows no push
    /// status. What is written in its place is said at the end, which follows.
    fn writes_by_itself(&mut self) -> bool {
        let by_itself = self.life.begun() <= self.answered;
        if by_itself && matches!(self.farewell, Farewell::None) && self.life.takes_broken_answer() {
            self.life.cut_short();
            self.farewell = Farewell::Telling(refusal(), 0);
        }
        by_itself
    }

    fn poll_write_deadline<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(result) = &written {
            self.write_timer = None;
            // Behind our own end, an error says nothing of the peer.
            if result.is_err() && matches!(self.farewell, Farewell::None) {
                self.receipts.broken();
            }
            return written;
        }
        let timeout = self.write_timeout;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep(timeout)));
        timer.as_mut().poll(context).map(|()| {
            self.receipts.broken();
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

/// What the system knows of the peer's, once both sides have ended.
enum Receipt {
    /// The peer's system has taken everything.
    Given,
    /// The connection was reset.
    Lost,
    /// Nothing yet.
    Open,
}

impl Stream {
    fn receipt(&self) -> Receipt {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.get_ref().0,
        };
        // A socket without a peer is at its end; the error is asked for behind that, because it comes no later.
        let over = stream.peer_addr().is_err();
        match stream.take_error() {
            Ok(None) if over => Receipt::Given,
            Ok(None) => Receipt::Open,
            Ok(Some(_)) | Err(_) => Receipt::Lost,
        }
    }
}

/// Whether an error is the end of TCP that TLS did not announce.
fn is_bare_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
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
        if this.half_closed {
            return this.poll_half_closed();
        }
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut this.stream).poll_read(context, buffer)) {
            Ok(()) => {}
            // An end that TLS was not told of cuts nothing off where no request is begun.
            Err(error) if is_bare_end(&error) && this.framing.is_between_requests() => {}
            Err(error) => {
                this.receipts.broken();
                return Poll::Ready(Err(error));
            }
        }
        if buffer.filled().len() == before {
            this.half_closed = true;
            this.receipts.half_closed();
            return this.poll_half_closed();
        }
        // What had come before an answer does not show that the peer had it.
        if !std::mem::take(&mut this.ahead) {
            this.receipts.heard();
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
        if this.writes_by_itself() {
            return Poll::Ready(Ok(octets.len()));
        }
        this.look_before_write(context)?;
        let written = Pin::new(&mut this.stream).poll_write(context, octets);
        this.poll_write_deadline(context, written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unflushed && this.life.phase() == Phase::Busy {
            this.look(context)?;
        }
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        ready!(this.poll_write_deadline(context, flushed))?;
        this.receipts.written();
        this.answered = this.life.answered();
        if std::mem::take(&mut this.unflushed) && (this.half_closed || this.life.is_broken()) {
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
        if this.writes_by_itself() {
            return Poll::Ready(Ok(octets.iter().map(|piece| piece.len()).sum()));
        }
        this.look_before_write(context)?;
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
