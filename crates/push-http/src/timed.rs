//! A connection's octets with deadlines: for heads, between requests, and for a reader that does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::HttpSettings;

/// How a connection stands, shared between its octets and what answers its requests.
///
/// The two lowest bits are the phase, the others count the changes: so a phase that came again is a new one.
#[derive(Debug)]
pub(crate) struct Activity(AtomicU64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A head is being read.
    Head,
    /// Nothing is asked.
    Idle,
    /// A request is being answered.
    Busy,
}

impl Activity {
    /// A fresh connection: its first head is awaited.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(0)))
    }

    /// The time from here to the drop of what is returned belongs to the answer.
    pub(crate) fn begin(self: &Arc<Self>) -> Answering {
        self.enter(Phase::Busy);
        Answering(Arc::clone(self))
    }

    fn enter(&self, phase: Phase) {
        let bits = match phase {
            Phase::Head => 0,
            Phase::Idle => 1,
            Phase::Busy => 2,
        };
        let changes = (self.0.load(Ordering::Relaxed) >> 2).wrapping_add(1);
        self.0.store(changes << 2 | bits, Ordering::Relaxed);
    }

    fn phase(&self) -> (u64, Phase) {
        let value = self.0.load(Ordering::Relaxed);
        let phase = match value & 3 {
            0 => Phase::Head,
            1 => Phase::Idle,
            _ => Phase::Busy,
        };
        (value >> 2, phase)
    }
}

/// Held for as long as a request is being answered.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

/// The deadline of a connection that is not busy. It is polled with the connection, after it: what the connection does
/// changes the phase, and a read that hyper has begun already is not begun again at the end of an answer.
#[derive(Debug)]
pub(crate) struct Deadline {
    activity: Arc<Activity>,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// For the phase after so many changes, the deadline.
    current: Option<(u64, Instant)>,
    /// Armed no later than the deadline; left armed from request to request, because arming costs more than waking.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(crate) fn new(activity: Arc<Activity>, settings: &HttpSettings) -> Self {
        Self {
            activity,
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            current: None,
            timer: None,
        }
    }

    /// Ready once the connection was idle, or in a head, for too long.
    pub(crate) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (change, phase) = self.activity.phase();
        let timeout = match phase {
            Phase::Head => self.header_timeout,
            Phase::Idle => self.idle_timeout,
            Phase::Busy => return Poll::Pending,
        };
        let deadline = match self.current {
            Some((of, deadline)) if of == change => deadline,
            _ => Instant::now() + timeout,
        };
        self.current = Some((change, deadline));
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

/// Octets of a connection: they tell when a head begins, and fail with `TimedOut` when the client leaves what is written
/// unread for too long.
#[derive(Debug)]
pub(crate) struct Timed<T> {
    octets: TokioIo<T>,
    activity: Arc<Activity>,
    write_timeout: Duration,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<T> Timed<T> {
    pub(crate) fn new(stream: T, activity: Arc<Activity>, settings: &HttpSettings) -> Self {
        Self {
            octets: TokioIo::new(stream),
            activity,
            write_timeout: settings.write_timeout,
            write_timer: None,
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

impl<T: AsyncRead + Unpin> Read for Timed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.octets).poll_read(context, buffer);
        if read.is_ready() && self.activity.phase().1 == Phase::Idle {
            self.activity.enter(Phase::Head);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> Write for Timed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.octets).poll_write(context, octets);
        self.poll_write_deadline(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.octets).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.octets).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.octets.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.octets).poll_write_vectored(context, octets);
        self.poll_write_deadline(context, written)
    }
}
