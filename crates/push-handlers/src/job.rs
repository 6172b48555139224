//! One registration whose handler is at work: opened, given its events in order, closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use push_api::EventStream as _;
use push_client::{Client, Event, EventId, Events, RegistrationRecord};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::flow::Flow;
use crate::runner::Place;
use crate::{Handler, Opened, RunnerSettings, Scheme, Unreachable};

/// For how long an open handler waits for the next event at least: the engine sends one after the answer to the last.
const LEAST_LINGER: Duration = Duration::from_millis(50);

/// One registration whose handler is at work.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) client: Client,
    pub(crate) settings: RunnerSettings,
    pub(crate) scheme: Arc<dyn Scheme>,
    pub(crate) record: Arc<RegistrationRecord>,
    pub(crate) probe: bool,
    /// True once the handler is not wanted any more.
    pub(crate) let_go: watch::Receiver<bool>,
    /// Whether others wait for their turn.
    pub(crate) others_wait: watch::Receiver<bool>,
    /// Its place among those at work.
    pub(crate) place: Arc<Place>,
}

impl Job {
    /// Works until nothing is left to do, it is somebody else's turn, or the application cannot be reached.
    pub(crate) async fn run(mut self) {
        let limit = self.settings.event_timeout;
        let scheme = Arc::clone(&self.scheme);
        let record = Arc::clone(&self.record);
        let opened = tokio::select! {
            biased;
            () = until(&mut self.let_go) => return,
            opened = timeout(limit, scheme.open(&record)) => opened,
        };
        match opened {
            Ok(Ok(Opened::Handler(handler))) => self.serve(handler).await,
            Ok(Ok(Opened::Started { within })) => self.await_application(within).await,
            Ok(Err(unreachable)) => self.fail(unreachable).await,
            Err(_) => {
                let reason = format!("it was not reached within {limit:?}");
                self.fail(Unreachable::new(reason)).await;
            }
        }
    }

    async fn serve(self, mut handler: Box<dyn Handler>) {
        let limit = handler.timeout().unwrap_or(self.settings.event_timeout);
        let (window, ahead) = if self.probe {
            (1, 0)
        } else {
            let window = handler.window().max(1);
            (window, handler.ahead().min(window))
        };
        let fetched = window.saturating_add(ahead);
        // No more than a window is held: by then each that went before has been answered, or given up.
        let held = if ahead > 0 { limit } else { Duration::ZERO };
        let events = self.client.events_of_handler(&self.record, fetched, held);
        let events = match events.await {
            Ok(events) => events,
            Err(refusal) => return self.fail(Unreachable::new(refusal.to_string())).await,
        };
        let mut work = Work {
            flow: Flow::new(&self.client, &self.record, &self.settings, limit),
            limit,
            let_go: self.let_go.clone(),
            others_wait: self.others_wait.clone(),
            window: usize::try_from(window).unwrap_or(usize::MAX),
            // A probe is one event.
            turn: if self.probe { 1 } else { u32::MAX },
            is_leaving: false,
            events,
            arrived: Vec::new(),
        };
        let ended = work.carry_out(handler.as_mut(), &self.settings).await;
        work.flow.write_down().await;
        // Before the stream ends, or the engine would ask for the handler again.
        if let Err(unreachable) = ended {
            self.fail(unreachable).await;
        }
    }

    /// The application was started: it is to connect by itself, without a place of its own here.
    async fn await_application(self, within: Duration) {
        let Self {
            client,
            record,
            mut let_go,
            place,
            ..
        } = self;
        drop(place);
        tokio::select! {
            () = until(&mut let_go) => {}
            () = sleep(within) => {
                let reason = format!("it was started, but took no events within {within:?}");
                client.handler_failed(&record, reason, None).await;
            }
        }
    }

    async fn fail(&self, unreachable: Unreachable) {
        let Unreachable { reason, after } = unreachable;
        tracing::debug!(registration = %self.record.id, %reason, "a handler is not reached");
        self.client
            .handler_failed(&self.record, reason, after)
            .await;
    }
}

/// The events of an open handler.
struct Work<'a> {
    flow: Flow<'a>,
    let_go: watch::Receiver<bool>,
    others_wait: watch::Receiver<bool>,
    window: usize,
    /// How long the handler may take over one event.
    limit: Duration,
    /// How many events it may be given, whoever waits.
    turn: u32,
    /// Whether the handler is not wanted any more.
    is_leaving: bool,
    events: Events,
    /// Events that the handler is given next.
    arrived: Vec<Event>,
}

/// What happened next.
enum Next {
    /// Events have arrived, so many.
    Events(usize),
    /// The handler is not wanted any more.
    LetGo,
    /// No more events are taken.
    Enough,
    Progress,
}

impl Work<'_> {
    async fn carry_out(
        &mut self,
        handler: &mut dyn Handler,
        settings: &RunnerSettings,
    ) -> Result<(), Unreachable> {
        let linger = handler.linger().max(LEAST_LINGER);
        let mut given = 0_u32;
        while let left @ 1.. = self.left(given, settings) {
            let most = handler.together(self.flow.len()).clamp(1, left);
            match self.next(linger, most).await? {
                Next::Events(count) => {
                    given = given.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                    if !self.give(handler).await? {
                        break;
                    }
                }
                Next::LetGo => self.leave(given),
                Next::Enough => break,
                Next::Progress => {}
            }
        }
        while !self.flow.is_idle() {
            self.flow.progress().await?;
        }
        Ok(())
    }

    /// How many events it may be given beside those that it was given.
    fn left(&self, given: u32, settings: &RunnerSettings) -> u32 {
        // What is held for a registration that has ended meanwhile is nobody's.
        if self.is_leaving && self.events.waiting() == 0 {
            return 0;
        }
        let turn = if *self.others_wait.borrow() {
            settings.events_per_turn.min(self.turn)
        } else {
            self.turn
        };
        turn.saturating_sub(given)
    }

    /// From now on it is given nothing but what is held for it: whoever takes the events from here on gets those behind.
    fn leave(&mut self, given: u32) {
        let held = u32::try_from(self.events.waiting()).unwrap_or(u32::MAX);
        self.turn = self.turn.min(given.saturating_add(held));
        self.is_leaving = true;
    }

    /// Waits for what is next; takes so many events at most.
    async fn next(&mut self, linger: Duration, most: u32) -> Result<Next, Unreachable> {
        let room = self.window.saturating_sub(self.flow.len());
        let room = room.min(usize::try_from(most).unwrap_or(usize::MAX));
        let is_idle = self.flow.is_idle();
        let is_leaving = self.is_leaving;
        let Self {
            flow,
            let_go,
            others_wait,
            events,
            arrived,
            ..
        } = self;
        tokio::select! {
            biased;
            progress = flow.progress() => progress.map(|()| Next::Progress),
            () = until(let_go), if !is_leaving => Ok(Next::LetGo),
            count = events.next(arrived, room), if room > 0 => Ok(match count {
                0 => Next::Enough,
                count => Next::Events(count),
            }),
            () = sleep(linger), if is_idle => Ok(Next::Enough),
            () = after(LEAST_LINGER, others_wait), if is_idle => Ok(Next::Enough),
        }
    }

    /// Gives the handler what has arrived, and takes answers on others meanwhile; says whether the handler takes more.
    async fn give(&mut self, handler: &mut dyn Handler) -> Result<bool, Unreachable> {
        let Self { flow, arrived, .. } = self;
        let ids: Vec<EventId> = arrived.iter().map(Event::id).collect();
        let events = arrived.drain(..);
        let may_have_come = handler.may_have_come();
        let events = events.map(|event| {
            let answering = flow.depart(&event, may_have_come);
            (event, answering)
        });
        let mut taking = pin!(handler.take_together(events.collect()));
        let end = Instant::now() + self.limit;
        loop {
            tokio::select! {
                biased;
                taken = &mut taking => {
                    taken?;
                    flow.taken();
                    return Ok(true);
                }
                progress = flow.progress() => progress?,
                () = tokio::time::sleep_until(end) => {
                    for id in ids {
                        flow.give_up(id)?;
                    }
                    return Ok(false);
                }
            }
        }
    }
}

/// Waits until it is true, or nobody is left to say so.
async fn until(condition: &mut watch::Receiver<bool>) {
    condition.wait_for(|is_so| *is_so).await.ok();
}

/// Waits so long at least, and until it is true.
async fn after(least: Duration, condition: &mut watch::Receiver<bool>) {
    sleep(least).await;
    until(condition).await;
}
