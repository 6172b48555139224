//! How one connection stands: what it is at, since when, and whether it has been told to end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::ConnectionSettings;

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A head is being read, or awaited as the first thing of all.
    Head,
    /// Nothing is asked.
    Idle,
    /// A body is being read.
    Body,
    /// A request is being answered.
    Busy,
}

impl Phase {
    /// A word for metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Body => "body",
            Self::Busy => "answer",
        }
    }
}

/// How a connection has been told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Once the request under way is answered.
    Gracefully,
    /// At once.
    AtOnce,
}

const GRACEFULLY: u8 = 1;
const AT_ONCE: u8 = 2;

/// How a connection stands, shared between its octets, what answers its requests, and who may end it.
#[derive(Debug)]
pub(crate) struct Life {
    /// The two lowest bits are the phase, the others count the changes: so a phase that came again is a new one.
    phase: AtomicU64,
    /// When something was asked last, in milliseconds of the engine's clock.
    asked: AtomicU64,
    end: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// Part of a head has come, and not all of it.
    in_head: AtomicBool,
    /// Requests that hyper gave to be answered.
    begun: AtomicU64,
    /// Requests that hyper has the answers of.
    answered: AtomicU64,
    /// The peer sent what is no HTTP, or of more than one meaning.
    broken: AtomicBool,
    /// The connection ends although the peer may still be sending.
    cut_short: AtomicBool,
    lingering: AtomicBool,
    /// It has been told so.
    broken_answered: AtomicBool,
}

impl Life {
    /// A connection that was just accepted, which owes a head, or one just opened, which does not.
    pub(crate) fn new(accepted: bool, now: Duration) -> Arc<Self> {
        let phase = if accepted { Phase::Head } else { Phase::Idle };
        Arc::new(Self {
            phase: AtomicU64::new(bits(phase)),
            asked: AtomicU64::new(millis(now)),
            end: AtomicU8::new(0),
            waker: Mutex::default(),
            in_head: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            cut_short: AtomicBool::new(false),
            lingering: AtomicBool::new(false),
            broken_answered: AtomicBool::new(false),
        })
    }

    /// A request begins to be answered; the time from here to the drop of what is returned belongs to the answer.
    pub(super) fn begin(self: &Arc<Self>, now: Duration) -> Answering {
        self.asked.store(millis(now), Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.enter(Phase::Busy);
        Answering(Arc::clone(self))
    }

    pub(super) fn enter(&self, phase: Phase) {
        let changes = (self.phase.load(Ordering::Relaxed) >> 2).wrapping_add(1);
        self.phase
            .store(changes << 2 | bits(phase), Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        self.stand().1
    }

    fn stand(&self) -> (u64, Phase) {
        let value = self.phase.load(Ordering::Relaxed);
        let phase = match value & 3 {
            0 => Phase::Head,
            1 => Phase::Idle,
            2 => Phase::Body,
            _ => Phase::Busy,
        };
        (value >> 2, phase)
    }

    /// When something was asked last; absent while a request is being read or answered.
    pub(super) fn idle_since(&self) -> Option<u64> {
        match self.phase() {
            Phase::Head | Phase::Idle => Some(self.asked.load(Ordering::Relaxed)),
            Phase::Body | Phase::Busy => None,
        }
    }

    /// Tells the connection to end once the request under way is answered.
    pub(crate) fn end_gracefully(&self) {
        self.tell(GRACEFULLY);
    }

    /// Tells the connection to end at once.
    pub(crate) fn end_at_once(&self) {
        self.tell(AT_ONCE);
    }

    fn tell(&self, end: u8) {
        self.end.fetch_max(end, Ordering::AcqRel);
        let waker = self
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn told(&self) -> Option<End> {
        match self.end.load(Ordering::Acquire) {
            0 => None,
            GRACEFULLY => Some(End::Gracefully),
            _ => Some(End::AtOnce),
        }
    }

    /// Whether part of a head has come, and not all of it.
    pub(super) fn in_head(&self, in_head: bool) {
        self.in_head.store(in_head, Ordering::Relaxed);
        if in_head && self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// Nothing more of this connection is read as requests.
    pub(super) fn break_off(&self) {
        self.broken.store(true, Ordering::Relaxed);
        self.cut_short();
    }

    /// The connection ends although the peer may still be sending: what comes is dropped for a while, so that the last
    /// answer is not lost to a reset.
    pub(super) fn cut_short(&self) {
        self.cut_short.store(true, Ordering::Relaxed);
    }

    /// Whether the last octets of the peer are waited for: who has been told to end does not wait.
    /// `doubtful` if its end tells whether it had the last answer.
    pub(super) fn lingers(&self, doubtful: bool) -> bool {
        let wanted = doubtful || self.cut_short.load(Ordering::Relaxed);
        let lingers = wanted && self.told().is_none();
        self.lingering.store(lingers, Ordering::Relaxed);
        lingers
    }

    /// Whether nothing is left but to wait for the last octets of the peer.
    pub(super) fn is_lingering(&self) -> bool {
        self.lingering.load(Ordering::Relaxed)
    }

    /// Requests that hyper gave to be answered.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Requests that hyper has the answers of.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Whether it falls to the caller to say so to the peer: to the first one who asks.
    pub(super) fn takes_broken_answer(&self) -> bool {
        !self.broken_answered.swap(true, Ordering::Relaxed)
    }
}

const fn bits(phase: Phase) -> u64 {
    match phase {
        Phase::Head => 0,
        Phase::Idle => 1,
        Phase::Body => 2,
        Phase::Busy => 3,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Held for as long as a request is being answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Life>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        // The next request may have begun already, behind this one.
        let in_head = self.0.in_head.load(Ordering::Relaxed);
        self.0
            .enter(if in_head { Phase::Head } else { Phase::Idle });
    }
}

/// Waits for the order to end.
#[derive(Debug)]
pub(super) struct Orders {
    life: Arc<Life>,
    registered: Option<Waker>,
    obeyed: Option<End>,
}

impl Orders {
    pub(super) const fn new(life: Arc<Life>) -> Self {
        Self {
            life,
            registered: None,
            obeyed: None,
        }
    }

    /// Ready with each order once.
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<End> {
        let known = self
            .registered
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()));
        // An order takes the waker along; the next one, if there is one, has to find a new one.
        if !known || self.life.told() != self.obeyed {
            let waker = context.waker().clone();
            self.registered = Some(waker.clone());
            *self
                .life
                .waker
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(waker);
        }
        match self.life.told() {
            told if told == self.obeyed => Poll::Pending,
            Some(end) => {
                self.obeyed = Some(end);
                Poll::Ready(end)
            }
            None => Poll::Pending,
        }
    }

    /// Waits for the next order.
    pub(super) async fn next(&mut self) -> End {
        std::future::poll_fn(|context| self.poll(context)).await
    }
}

/// The deadline of what a connection is at. It is polled with the connection, after it: what the connection does changes
/// the phase.
#[derive(Debug)]
pub(super) struct Deadline {
    life: Arc<Life>,
    header_timeout: Duration,
    body_timeout: Duration,
    idle_timeout: Duration,
    /// For the phase after so many changes, the deadline.
    current: Option<(u64, Instant)>,
    /// Armed no later than the deadline; left armed from request to request, because arming costs more than waking.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) const fn new(
        life: Arc<Life>,
        settings: &ConnectionSettings,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            life,
            header_timeout: settings.header_timeout,
            body_timeout: settings.body_timeout,
            idle_timeout,
            current: None,
            timer: None,
        }
    }

    /// Ready, with what took too long, once that is so.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Phase> {
        let (change, phase) = self.life.stand();
        let timeout = match phase {
            Phase::Head => self.header_timeout,
            Phase::Idle if self.idle_timeout.is_zero() => return Poll::Pending,
            Phase::Idle => self.idle_timeout,
            Phase::Body => self.body_timeout,
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
                return Poll::Ready(phase);
            }
            timer.as_mut().reset(deadline);
        }
    }
}
