//! What a way to reach applications looks like.

use std::fmt::Debug;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use push_api::Caller;
use push_client::{Boxed, ChangeCause, Event, Outcome, RegistrationId, RegistrationRecord};
use push_message::Refusal;
use tokio::sync::oneshot;

/// One way to reach applications, named by the scheme of an event handler.
pub trait Scheme: Debug + Send + Sync + 'static {
    /// The schemes, in lower case, without the colon.
    fn names(&self) -> &'static [&'static str];

    /// Whether applications may name it; otherwise only this process does, for registrations of its own making.
    fn is_public(&self) -> bool {
        true
    }

    /// Whether this caller may name this handler (the whole of it, scheme included), and whether it is there.
    ///
    /// # Errors
    /// See [`HandlerHost::check`](push_client::HandlerHost::check).
    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>>;

    /// What the application is told once, at its registration.
    fn secret(&self, _registration: RegistrationId, _handler: &str) -> Option<String> {
        None
    }

    /// Tells the application that its registration is not what it was, where the scheme has a way to say so; nobody waits for it.
    fn lost<'a>(
        &'a self,
        _record: &'a Arc<RegistrationRecord>,
        _cause: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        Box::pin(ready(Ok(())))
    }

    /// What the application of a registration was to hear by [`lost`](Self::lost), of this one or one before, holds no longer. Where it
    /// has not heard so yet, it is not told any more.
    fn outdated(&self, _record: &RegistrationRecord) {}

    /// Reaches the application of a registration.
    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>>;
}

/// An application that was reached.
#[derive(Debug)]
pub enum Opened {
    /// It takes events by this.
    Handler(Box<dyn Handler>),
    /// It was started, and takes its events over a connection of its own; it has so long to do so.
    Started {
        /// After this time without a connection the handler counts as failed.
        within: Duration,
    },
}

/// A way to one application, open for a while.
pub trait Handler: Debug + Send {
    /// How many events it takes before the first is answered.
    fn window(&self) -> u32 {
        1
    }

    /// How long it may take over one event, where that is not what is common to all.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Whether an event that it does not take in time may have come to the application all the same, so that this counts as an attempt.
    fn may_have_come(&self) -> bool {
        true
    }

    /// How long it is kept open where nothing is under way and nothing waits.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// Gives an event to the application. Returns once it is on its way, so that events keep their order; what becomes of it
    /// comes by `answering`.
    ///
    /// # Errors
    /// The application cannot be reached (any more): nothing is said of this event nor of those that are not answered.
    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>>;

    /// How many events beyond its window are held for it, so that none has to be fetched once it has room; a window's at most.
    fn ahead(&self) -> u32 {
        0
    }

    /// How many events it is given at one time where it has so many already: more than one where that is less work than one after the
    /// other.
    fn together(&self, _under_way: usize) -> u32 {
        1
    }

    /// As [`take`](Self::take) of several events, in this order. Returns once all are on their way.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    fn take_together(
        &mut self,
        events: Vec<(Event, Answering)>,
    ) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            for (event, answering) in events {
                self.take(event, answering).await?;
            }
            Ok(())
        })
    }
}

/// Why an application cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// In words for people: what was tried, and what is missing.
    pub reason: String,
    /// It is not to be tried sooner than after this time.
    pub after: Option<Duration>,
}

impl Unreachable {
    /// It cannot be reached, for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            after: None,
        }
    }
}

/// What an application said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// What became of it.
    pub outcome: Outcome,
    /// Where it is to come again: not sooner than after this time.
    pub after: Option<Duration>,
    /// What it came to, in words for people: `exit status 3`, `HTTP 503`.
    pub said: String,
    /// What the application wrote, as far as it is kept.
    pub output: String,
}

impl Handed {
    /// What became of an event, with nothing more to say of it.
    pub fn new(outcome: Outcome, said: impl Into<String>) -> Self {
        Self {
            outcome,
            after: None,
            said: said.into(),
            output: String::new(),
        }
    }
}

/// What an answer comes to: what the application said, or that it could not be reached after all.
pub type Answer = Result<Handed, Unreachable>;

/// Where the answer on one event goes. Dropped without one, the event is delivered again after a back-off.
#[derive(Debug)]
pub struct Answering(oneshot::Sender<Answer>);

impl Answering {
    /// Where an answer goes, and where it comes out.
    pub fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers.
    pub fn give(self, answer: Answer) {
        // A runner that has let go of the event waits for no answer.
        self.0.send(answer).ok();
    }
}
