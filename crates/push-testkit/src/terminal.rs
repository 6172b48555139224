//! A Push Client with everything round it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use push_core::{
    Acknowledgement, Answer, DeadLetters, Delivery, DeregistrationRequest, EventId, Fate, Input,
    Occurrence, Outcome, Output, PushClient, RegistrationId, RegistrationRequest, RequestTicket,
    SegmentId, Selector, ServerState, Settings, SubscriberId, Verdict,
};
use push_message::{Owner, Refusal};

use crate::store::StoreResult;
use crate::{Clock, Ports, PushBuilder, Servers, ServersAnswer, Store};

/// What came out of a Push Client and was not taken yet.
#[derive(Debug, Default)]
pub struct Collected {
    /// Answers to requests.
    pub answers: BTreeMap<RequestTicket, Answer>,
    /// Judgements on pushes.
    pub verdicts: BTreeMap<RequestTicket, Verdict>,
    /// Events handed to connections, in order.
    pub deliveries: Vec<(SubscriberId, Delivery)>,
    /// Connections that were refused.
    pub refused: Vec<(SubscriberId, Refusal)>,
    /// Event handlers that are wanted, each with whether it is to be probed; or wanted no longer.
    pub wanted: Vec<(RegistrationId, Option<bool>)>,
    /// Host names to resolve.
    pub hosts: Vec<Box<str>>,
    /// What occurred.
    pub occurrences: Vec<Occurrence>,
}

/// A Push Client with a clock, a store and Push Servers.
#[derive(Debug)]
pub struct Terminal {
    /// The machine.
    pub client: PushClient,
    /// Its clock.
    pub clock: Clock,
    /// Its store.
    pub store: Store,
    /// Its servers.
    pub servers: Servers,
    /// Its ports, but for those that are always open.
    pub ports: Ports,
    /// What came out of it.
    pub out: Collected,
    settings: Settings,
    last_ticket: u64,
}

impl Terminal {
    /// A Push Client that has never run before.
    pub fn new(settings: Settings) -> Self {
        let clock = Clock::default();
        let store = Store::default();
        let client = PushClient::new(settings.clone(), 1, store.snapshot(), clock.now());
        let mut terminal = Self {
            client,
            clock,
            store,
            servers: Servers::default(),
            ports: Ports::default(),
            out: Collected::default(),
            settings,
            last_ticket: 0,
        };
        terminal.settle();
        terminal
    }

    /// Ends the machine without notice and starts it with other settings.
    pub fn restart_with(&mut self, settings: Settings) {
        self.settings = settings;
        self.crash();
    }

    /// Ends the machine without notice and starts it from what was written down.
    pub fn crash(&mut self) {
        let snapshot = self.store.crash();
        self.ports.crash();
        self.clock.restart();
        self.out = Collected::default();
        self.client = PushClient::new(self.settings.clone(), 2, snapshot, self.clock.now());
        self.settle();
    }

    /// Gives the machine an input and carries out what comes of it.
    pub fn input(&mut self, input: Input) {
        self.client.handle_input(input, self.clock.now());
        self.settle();
    }

    /// Lets time pass, stopping wherever the machine wants to be woken.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.clock.now().monotonic + duration;
        while let Some((deadline, _)) = self.client.poll_timeout()
            && deadline <= end
        {
            let left = deadline.saturating_sub(self.clock.now().monotonic);
            self.clock.advance(left);
            self.client.handle_timeout(self.clock.now());
            self.settle();
        }
        let left = end.saturating_sub(self.clock.now().monotonic);
        self.clock.advance(left);
    }

    /// Lets the store write everything that waits.
    pub fn write_all(&mut self) {
        while let Some(result) = self.store.write_next() {
            self.persisted(result);
        }
    }

    /// Lets the store answer this.
    pub fn persisted(&mut self, (ticket, result): StoreResult) {
        self.input(Input::Persisted { ticket, result });
    }

    /// Lets the servers answer this from here on, what they have been silent on included.
    pub fn servers_say(&mut self, state: ServerState) {
        self.servers.answer = ServersAnswer::All(state);
        while let Some((ticket, servers)) = self.servers.answer_late() {
            self.input(Input::Announced { ticket, servers });
        }
    }

    /// Registers an application.
    pub fn register(&mut self, owner: &str, request: RegistrationRequest) -> RequestTicket {
        let ticket = self.ticket();
        self.input(Input::Register {
            ticket,
            owner: Owner::proved(owner),
            request,
        });
        ticket
    }

    /// Deregisters an application.
    pub fn deregister(&mut self, owner: &str, request: DeregistrationRequest) -> RequestTicket {
        let ticket = self.ticket();
        self.input(Input::Deregister {
            ticket,
            owner: Owner::proved(owner),
            request,
        });
        ticket
    }

    /// Lets a push arrive.
    pub fn push(&mut self, push: PushBuilder) -> RequestTicket {
        self.push_in_segments(push, &[])
    }

    /// Lets a push arrive that was put together from stored segments.
    pub fn push_in_segments(&mut self, push: PushBuilder, segments: &[SegmentId]) -> RequestTicket {
        let ticket = self.ticket();
        let push = push.received(self.clock.now().unix);
        self.input(Input::Push {
            ticket,
            push: Arc::new(push),
            segments: segments.into(),
        });
        ticket
    }

    /// Lets the system open the port that has been asked for longest and not answered, or say that it is taken.
    pub fn ports_say(&mut self, open: bool) {
        if let Some((ticket, result)) = self.ports.say(open) {
            self.input(Input::PortOpened { ticket, result });
        }
    }

    /// Attaches a connection.
    pub fn subscribe(&mut self, owner: &str, selector: Selector, window: u32) -> SubscriberId {
        self.subscribe_after(owner, selector, window, None)
    }

    /// Attaches a connection of an application that has received events up to `after`.
    pub fn subscribe_after(
        &mut self,
        owner: &str,
        selector: Selector,
        window: u32,
        after: Option<EventId>,
    ) -> SubscriberId {
        let subscriber = SubscriberId(self.ticket().0);
        self.input(Input::Subscribe {
            subscriber,
            owner: Owner::proved(owner),
            selector,
            after,
            window,
        });
        subscriber
    }

    /// Detaches a connection.
    pub fn unsubscribe(&mut self, subscriber: SubscriberId) {
        self.input(Input::Unsubscribe { subscriber });
    }

    /// Fetches events.
    pub fn fetch(
        &mut self,
        owner: &str,
        selector: Selector,
        limit: u32,
        wait: Duration,
    ) -> RequestTicket {
        let ticket = self.ticket();
        self.input(Input::Fetch {
            ticket,
            owner: Owner::proved(owner),
            selector,
            limit,
            wait,
        });
        ticket
    }

    /// Acknowledges events, each with the same outcome.
    pub fn acknowledge(
        &mut self,
        owner: &str,
        events: &[EventId],
        outcome: Outcome,
    ) -> RequestTicket {
        let ticket = self.ticket();
        let acknowledgements = events
            .iter()
            .map(|&event| Acknowledgement::new(event, outcome))
            .collect();
        self.input(Input::Acknowledge {
            ticket,
            owner: Owner::proved(owner),
            acknowledgements,
        });
        ticket
    }

    /// Replays or drops dead letters; gives the answer.
    ///
    /// # Panics
    /// Where the store has not answered yet.
    #[expect(clippy::panic, reason = "a test is to fail")]
    pub fn settle_letters(
        &mut self,
        owner: Option<&str>,
        letters: DeadLetters,
        fate: Fate,
    ) -> Answer {
        let ticket = self.ask_to_settle(owner, letters, fate);
        self.answer(ticket)
            .unwrap_or_else(|| panic!("nothing is settled yet"))
    }

    /// Asks for dead letters to be replayed or dropped.
    pub fn ask_to_settle(
        &mut self,
        owner: Option<&str>,
        letters: DeadLetters,
        fate: Fate,
    ) -> RequestTicket {
        let ticket = self.ticket();
        self.input(Input::SettleDeadLetters {
            ticket,
            owner: owner.map(Owner::proved),
            letters,
            fate,
        });
        ticket
    }

    /// Takes the answer to a request, if it has come.
    pub fn answer(&mut self, ticket: RequestTicket) -> Option<Answer> {
        self.out.answers.remove(&ticket)
    }

    /// Takes the judgement on a push, if it has come.
    pub fn verdict(&mut self, ticket: RequestTicket) -> Option<Verdict> {
        self.out.verdicts.remove(&ticket)
    }

    /// Takes the events handed to connections so far.
    pub fn deliveries(&mut self) -> Vec<(SubscriberId, Delivery)> {
        std::mem::take(&mut self.out.deliveries)
    }

    fn ticket(&mut self) -> RequestTicket {
        self.last_ticket += 1;
        RequestTicket(self.last_ticket)
    }

    /// No application may see what a crash would take back.
    fn check_durable(&self, delivery: &Delivery) {
        let mut written = self.store.events();
        assert!(
            written.any(|event| event.id == delivery.event),
            "event {} was delivered before it was durable",
            delivery.event
        );
    }

    /// Carries out everything that the machine asks for.
    fn settle(&mut self) {
        while let Some(output) = self.client.poll_output() {
            let answer = self.carry_out(output);
            if let Some(input) = answer {
                self.client.handle_input(input, self.clock.now());
            }
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Persist { ticket, changes } => {
                let (ticket, result) = self.store.take(ticket, changes)?;
                return Some(Input::Persisted { ticket, result });
            }
            Output::Announce {
                ticket,
                capabilities,
            } => {
                let servers = self.servers.take(ticket, capabilities)?;
                return Some(Input::Announced { ticket, servers });
            }
            Output::OpenPort {
                ticket,
                protocol,
                bearer,
                port,
            } => {
                let (ticket, result) = self.ports.take(ticket, (protocol, bearer, port))?;
                return Some(Input::PortOpened { ticket, result });
            }
            Output::ClosePort {
                protocol,
                bearer,
                port,
            } => self.ports.close((protocol, bearer, port)),
            Output::Resolve { host } => self.out.hosts.push(host),
            Output::Answer { ticket, answer } => {
                if let Answer::Fetched(deliveries) = &answer {
                    for delivery in deliveries {
                        self.check_durable(delivery);
                    }
                }
                self.out.answers.insert(ticket, answer);
            }
            Output::Judged { ticket, verdict } => {
                self.out.verdicts.insert(ticket, verdict);
            }
            Output::Deliver {
                subscriber,
                delivery,
            } => {
                self.check_durable(&delivery);
                self.out.deliveries.push((subscriber, delivery));
            }
            Output::SubscriptionRefused {
                subscriber,
                refusal,
            } => self.out.refused.push((subscriber, refusal)),
            Output::Activate { record, probe } => self.out.wanted.push((record.id, Some(probe))),
            Output::Deactivate { registration } => self.out.wanted.push((registration, None)),
            Output::Occurred(occurrence) => self.out.occurrences.push(occurrence),
        }
        None
    }
}
