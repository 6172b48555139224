//! A way to reach applications that does what the test says.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use push_api::Caller;
use push_client::{Boxed, ChangeCause, Event, Outcome, RegistrationId, RegistrationRecord};
use push_handlers::{Answering, Handed, Handler, Opened, Scheme, Unreachable};
use push_message::Refusal;
use tokio::sync::{mpsc, oneshot};

/// What a handler was asked for.
#[derive(Debug)]
pub(crate) enum Act {
    Opened,
    Taken(RegistrationId, Event, Answering),
    Closed,
    /// The application is told of this registration, until the other end says that it has heard.
    Lost(RegistrationId, oneshot::Sender<()>),
    /// Whatever the application was to hear holds no longer.
    Outdated,
}

/// What an opened handler does of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first event that it is given is accepted, and the application is gone before the next.
    Breaks,
    /// It takes nothing.
    Hangs,
}

/// Lets the test decide what becomes of events.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) window: u32,
    /// What handlers do that are opened next.
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    pub(crate) acts: mpsc::Sender<Act>,
}

#[derive(Debug)]
struct PlayedHandler {
    registration: RegistrationId,
    window: u32,
    fault: Option<Fault>,
    acts: mpsc::Sender<Act>,
}

impl Scheme for Played {
    fn names(&self) -> &'static [&'static str] {
        &["played"]
    }

    fn check<'a>(&'a self, _: &'a Caller, _: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }

    fn lost<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
        _: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        Box::pin(async {
            let (sender, heard) = oneshot::channel();
            self.acts.try_send(Act::Lost(record.id, sender)).ok();
            heard.await.ok();
            Ok(())
        })
    }

    fn outdated(&self, _: &RegistrationRecord) {
        self.acts.try_send(Act::Outdated).ok();
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        self.acts.try_send(Act::Opened).ok();
        let handler = PlayedHandler {
            registration: record.id,
            window: self.window,
            fault: self.faults.lock().unwrap().pop_front(),
            acts: self.acts.clone(),
        };
        Box::pin(async move { Ok(Opened::Handler(Box::new(handler))) })
    }
}

impl Handler for PlayedHandler {
    fn window(&self) -> u32 {
        self.window
    }

    fn ahead(&self) -> u32 {
        // One that takes one at a time is given it as it comes.
        if self.window > 1 { self.window } else { 0 }
    }

    fn together(&self, _: usize) -> u32 {
        self.window
    }

    fn timeout(&self) -> Option<Duration> {
        (self.fault == Some(Fault::Hangs)).then_some(Duration::from_millis(1))
    }

    fn may_have_come(&self) -> bool {
        false
    }

    fn take_together(
        &mut self,
        events: Vec<(Event, Answering)>,
    ) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let fault = self.fault;
            for (event, answering) in events {
                match fault {
                    None => self.take(event, answering).await?,
                    Some(Fault::Breaks) => {
                        accept(answering);
                        return Err(Unreachable::new("gone"));
                    }
                    Some(Fault::Hangs) => pending().await,
                }
            }
            Ok(())
        })
    }

    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        let act = Act::Taken(self.registration, event, answering);
        self.acts.try_send(act).ok();
        Box::pin(async { Ok(()) })
    }
}

impl Drop for PlayedHandler {
    fn drop(&mut self) {
        self.acts.try_send(Act::Closed).ok();
    }
}

pub(crate) fn accept(answering: Answering) {
    answering.give(Ok(Handed::new(Outcome::Accepted, "")));
}
