//! What a driver knows of event handlers: whom it was asked for, and who is at work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use push_core::{HandlerOf, HandlerStage, Input, RegistrationId, Selector, SubscriberId};
use push_testkit::Terminal;

/// Whom the driver was asked for and has not answered for, and the connections of those at work.
#[derive(Default)]
pub(crate) struct HandlersAtWork {
    asked: BTreeSet<RegistrationId>,
    attached: BTreeMap<RegistrationId, SubscriberId>,
    /// They were told to give way, and have not gone yet.
    leaving: BTreeSet<RegistrationId>,
}

impl HandlersAtWork {
    /// Takes what the machine said: it asks once, and takes back what it has asked for alone.
    pub(crate) fn note(&mut self, terminal: &mut Terminal) {
        for (subscriber, _) in std::mem::take(&mut terminal.out.refused) {
            self.ended(subscriber);
        }
        for (registration, wanted) in std::mem::take(&mut terminal.out.wanted) {
            if wanted.is_some() {
                assert!(self.asked.insert(registration), "asked for twice");
                self.leaving.remove(&registration);
            } else if self.attached.contains_key(&registration) {
                assert!(self.leaving.insert(registration), "told twice to go");
            } else {
                // One whose connection was ended has gone with it.
                self.asked.remove(&registration);
            }
        }
    }

    fn ended(&mut self, subscriber: SubscriberId) {
        let of_it = self.of(subscriber);
        if let Some(registration) = of_it {
            self.attached.remove(&registration);
            self.leaving.remove(&registration);
        }
    }

    /// Whose handler a connection is.
    pub(crate) fn of(&self, subscriber: SubscriberId) -> Option<RegistrationId> {
        let mut attached = self.attached.iter();
        attached.find_map(|(registration, own)| (*own == subscriber).then_some(*registration))
    }

    pub(crate) fn attach(&mut self, terminal: &mut Terminal, index: usize, window: u32) {
        let count = self.asked.len().max(1);
        let Some(&registration) = self.asked.iter().nth(index % count) else {
            return;
        };
        self.asked.remove(&registration);
        let mut views = terminal.client.registrations();
        let Some(view) = views.find(|view| view.record.id == registration) else {
            return;
        };
        let owner = view.record.owner.to_string();
        let handler = view.record.event_handler.as_deref().unwrap_or_default();
        let selector = Selector {
            handler_of: Some(HandlerOf {
                registration,
                handler: handler.into(),
                // Some hold events for longer than others.
                held: Duration::from_secs(u64::from(window)),
            }),
            ..Selector::default()
        };
        drop(views);
        let subscriber = terminal.subscribe(&owner, selector, window);
        self.attached.insert(registration, subscriber);
    }

    pub(crate) fn detach(&mut self, terminal: &mut Terminal, index: usize) {
        let count = self.attached.len().max(1);
        let Some((&registration, &subscriber)) = self.attached.iter().nth(index % count) else {
            return;
        };
        self.attached.remove(&registration);
        self.leaving.remove(&registration);
        terminal.unsubscribe(subscriber);
    }

    pub(crate) fn detach_all(&mut self, terminal: &mut Terminal) {
        while !self.attached.is_empty() {
            self.detach(terminal, 0);
        }
    }

    /// One that was asked for, or is at work, cannot be reached.
    pub(crate) fn fail(&mut self, terminal: &mut Terminal, index: usize) {
        let known: Vec<_> = self.asked.iter().chain(self.attached.keys()).collect();
        let count = known.len().max(1);
        let Some(&&registration) = known.get(index % count) else {
            return;
        };
        self.asked.remove(&registration);
        let mut views = terminal.client.registrations();
        let record = views.find_map(|view| (view.record.id == registration).then_some(view.record));
        let handler = record.and_then(|record| record.event_handler.clone());
        drop(views);
        terminal.input(Input::HandlerFailed {
            registration,
            handler: handler.unwrap_or_default(),
            reason: "connection refused".to_owned(),
            after: None,
        });
    }

    /// What the machine says of a handler is what the driver knows.
    pub(crate) fn check(&self, registration: RegistrationId, stage: HandlerStage) {
        let (asked, attached) = (
            self.asked.contains(&registration),
            self.attached.contains_key(&registration),
        );
        let expected = match stage {
            HandlerStage::Idle | HandlerStage::Resting { .. } => (false, false),
            HandlerStage::Wanted => (true, false),
            HandlerStage::Attached => (false, true),
        };
        assert_eq!((asked, attached), expected, "{registration} {stage:?}");
    }
}

/// Whether a handler rests, for which the machine wakes up.
pub(crate) fn any_rests(terminal: &Terminal) -> bool {
    let rests = |stage| matches!(stage, HandlerStage::Resting { .. });
    let mut views = terminal.client.registrations();
    views.any(|view| view.handler.is_some_and(|handler| rests(handler.stage)))
}
