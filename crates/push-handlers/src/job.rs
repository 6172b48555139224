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
        let (window, ahead) = if self.probe {
            (1, 0)
        } else {
            (handler.window().max(1), handler.ahead())
        };
        let fetched = window.saturating_add(ahead);
        let events = self.client.events_of_handler(&self.record, fetched);
        let events = match events.await {
            Ok(events) => events,
            Err(refusal) => return self.fail(Unreachable::new(refusal.to_string())).await,
        };
        let limit = handler.timeout().unwrap_or(self.settings.event_timeout);
        let mut work = Work {
            flow: Flow::new(&self.client, &self.record, &self.settings, limit),
            limit,
            let_go: self.let_go.clone(),
            others_wait: self.others_wait.clone(),
            window: usize::try_from(window).unwrap_or(usize::MAX),
            // A probe is one event.
            turn: if self.probe { 1 } else { u32::MAX },
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
    /// How many events it may still be given, whoever waits.
    turn: u32,
    events: Events,
    /// Events that the handler is given next.
    arrived: Vec<Event>,
}

/// What happened next.
enum Next {
    /// Events have arrived, so many.
    Events(usize),
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
        loop {
            let turn = if *self.others_wait.borrow() {
                settings.events_per_turn.min(self.turn)
            } else {
                self.turn
            };
            if given >= turn {
                break;
            }
            let most = handler.together(self.flow.len()).clamp(1, turn - given);
            match self.next(linger, most).await? {
                Next::Events(count) => {
                    given = given.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                    if !self.give(handler).await? {
                        break;
                    }
                }
                Next::Enough => break,
                Next::Progress => {}
            }
        }
        while !self.flow.is_idle() {
            self.flow.progress().await?;
        }
        Ok(())
    }

    /// Waits for what is next; takes so many events at most.
    async fn next(&mut self, linger: Duration, most: u32) -> Result<Next, Unreachable> {
        let room = self.window.saturating_sub(self.flow.len());
        let room = room.min(usize::try_from(most).unwrap_or(usize::MAX));
        let is_idle = self.flow.is_idle();
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
            () = until(let_go) => Ok(Next::Enough),
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
