//! The seam to event handlers (Push-CAI 5.1, `eventHandler`): the machine says which are wanted, whoever carries them out takes their
//! events from here and says what became of them.
//!
//! Make a pair by [`handlers`], give the one half to the [`Builder`](crate::Builder), and drive the other beside the engine:
//! for each [`Wanted::Handler`], take its events by [`Client::events_of_handler`], acknowledge each by [`Client::acknowledge_as`], drop
//! the stream once nothing is under way and nothing comes for a while; or say [`Client::handler_failed`].

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use push_api::Caller;
use push_core::{
    Acknowledgement, ChangeCause, EventId, HandlerOf, Input, RegistrationId, RegistrationRecord,
    Selector,
};
use push_message::{Owner, Refusal};

use crate::client::Client;
use crate::engine::Request;
use crate::event::Events;
use crate::mailbox::Mailbox;
use crate::session_helpers::SessionHelpers;

/// A future on the heap, for traits that are used as objects.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What judges event handlers before a registration that names one is taken.
pub trait HandlerHost: Debug + Send + Sync + 'static {
    /// The schemes that applications may name.
    fn schemes(&self) -> Vec<String>;

    /// The schemes that only this process names, for registrations of its own making.
    fn own_schemes(&self) -> Vec<String>;

    /// Whether this caller may name this handler, and whether it is there.
    ///
    /// # Errors
    /// Refusals on the option `eventHandler`: `invalidRequest` (it is malformed), `notAuthorized` (it is another's), `unsupportedOption`
    /// (its scheme is not served), `optionNotAvailable` (what is missing at present).
    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>>;

    /// What the application is told once, so that it can tell this client's deliveries from anybody's.
    fn secret(&self, registration: RegistrationId, handler: &str) -> Option<String>;

    /// What takes session helpers in, if any are taken.
    fn session_helpers(&self) -> Option<&dyn SessionHelpers> {
        None
    }
}

/// What the machine says of handlers.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Events wait for this registration, and nobody is there to take them.
    Handler {
        /// The registration.
        record: Arc<RegistrationRecord>,
        /// It failed the last time: one event is to be tried before more are.
        probe: bool,
    },
    /// The handler of this registration is wanted no longer.
    NoLonger(RegistrationId),
    /// Its application is to hear that this registration is not what it was.
    Lost {
        /// The registration, which may be gone.
        record: Arc<RegistrationRecord>,
        /// Why.
        cause: ChangeCause,
    },
    /// What its application was to hear by [`Wanted::Lost`] holds no longer: this registration is whole again, took the place of
    /// that one, or was given up by its application.
    Outdated {
        /// The registration, which may be gone.
        record: Arc<RegistrationRecord>,
    },
}

/// The half that the [`Builder`](crate::Builder) takes.
#[derive(Debug, Clone)]
pub struct HandlerSeam {
    pub(crate) host: Arc<dyn HandlerHost>,
    pub(crate) wanted: Arc<Mailbox<Wanted>>,
}

/// The half that is driven: which handlers are wanted, in order. The machine asks once for each registration, so that no more wait than
/// there are registrations.
#[derive(Debug)]
pub struct WantedHandlers {
    wanted: Arc<Mailbox<Wanted>>,
    taken: Vec<Wanted>,
}

/// The two halves of the seam.
pub fn handlers(host: Arc<dyn HandlerHost>) -> (HandlerSeam, WantedHandlers) {
    let wanted = Arc::new(Mailbox::default());
    let driven = WantedHandlers {
        wanted: Arc::clone(&wanted),
        taken: Vec::new(),
    };
    (HandlerSeam { host, wanted }, driven)
}

impl WantedHandlers {
    /// Waits for the next. Never ends: the engine's end shows in every request to it. Safe to cancel.
    pub async fn next(&mut self) -> Wanted {
        loop {
            if let Some(next) = self.taken.pop() {
                return next;
            }
            let Self { wanted, taken } = self;
            poll_fn(|context| wanted.poll_take(context, taken, usize::MAX)).await;
            taken.reverse();
        }
    }
}

/// What became of one event at a handler, beside its acknowledgement: kept for a while for `explain`, and shown to those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerReport {
    /// The event.
    pub event: EventId,
    /// The registration.
    pub registration: RegistrationId,
    /// Which attempt it was.
    pub attempt: u32,
    /// The scheme of the handler.
    pub scheme: Box<str>,
    /// What it came to, in words for people: `exit status 3`, `HTTP 503`.
    pub outcome: Box<str>,
    /// What the handler said, as far as it is kept: a command's output, an answer's body.
    pub output: Box<str>,
    /// How long it took.
    pub took: Duration,
}

impl Client {
    /// Whether a caller may name this handler. Without handlers the machine refuses their schemes itself.
    pub(crate) async fn check_handler(
        &self,
        caller: &Caller,
        handler: &str,
    ) -> Result<(), Refusal> {
        match self.handler_host() {
            Some(host) => host.check(caller, handler).await,
            None => Ok(()),
        }
    }

    pub(crate) fn handler_secret(
        &self,
        registration: RegistrationId,
        handler: &str,
    ) -> Option<String> {
        self.handler_host()?.secret(registration, handler)
    }

    /// The events of a registration, on behalf of its event handler; at most `window` of them are unacknowledged at a time. One may be
    /// `held` for so long before the handler is given it. What is not acknowledged when the stream ends counts as not given to the
    /// handler, so each that was given needs an acknowledgement.
    ///
    /// # Errors
    /// The registration has ended or has another handler by now; the handler rests; or the engine has ended.
    pub async fn events_of_handler(
        &self,
        record: &RegistrationRecord,
        window: u32,
        held: Duration,
    ) -> Result<Events, Refusal> {
        let selector = Selector {
            handler_of: Some(HandlerOf {
                registration: record.id,
                handler: record.event_handler.as_deref().unwrap_or_default().into(),
                held,
            }),
            ..Selector::default()
        };
        self.subscribe_for(record.owner.clone(), selector, None, Some(window))
            .await
    }

    /// Acknowledges events of an owner; returns once that is durable, with those that were refused.
    pub async fn acknowledge_as(
        &self,
        owner: Owner,
        acknowledgements: Vec<Acknowledgement>,
    ) -> Result<Vec<(EventId, Refusal)>, Refusal> {
        self.acknowledge_for(owner, acknowledgements).await
    }

    /// Says that the handler of a registration cannot be reached; it is wanted again after a back-off. Where the registration has
    /// another handler by now, this says nothing of that one.
    pub async fn handler_failed(
        &self,
        record: &RegistrationRecord,
        reason: String,
        after: Option<Duration>,
    ) {
        let input = Input::HandlerFailed {
            registration: record.id,
            handler: record.event_handler.as_deref().unwrap_or_default().into(),
            reason,
            after,
        };
        // An engine that has ended wants no handler.
        self.send(Request::Tell(input)).await.ok();
    }

    /// Says what became of events at a handler, beside their acknowledgements.
    pub async fn report_handler(&self, reports: Vec<HandlerReport>) {
        // An engine that has ended explains nothing.
        self.send(Request::Handled(reports)).await.ok();
    }
}
