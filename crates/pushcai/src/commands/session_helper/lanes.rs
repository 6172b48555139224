//! Applications that events are handed to, each in a lane of its own: none waits for another.

use std::collections::BTreeMap;

use push_api::{
    DeliveredEvent as _, OpenedEvent, SessionAnswer, SessionApplication, SessionCheck,
    SessionEvent, SessionOutcome,
};
use push_client::Outcome;
use push_handlers::dbus::{Delivery, ServiceName, SessionBus};
use push_handlers::{Answer, Answering, Handed, Unreachable};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Lanes that are kept; beyond, those without work are ended.
const MAX_LANES: usize = 256;
/// Events that wait in a lane. The daemon bounds them before.
const MAX_WAITING: usize = 256;

/// Every application that was handed an event.
pub(super) struct Lanes {
    bus: SessionBus,
    answers: mpsc::Sender<SessionAnswer>,
    by_application: BTreeMap<SessionApplication, mpsc::Sender<SessionEvent>>,
    tasks: JoinSet<()>,
}

impl Lanes {
    /// No application so far.
    pub(super) fn new(bus: SessionBus, answers: mpsc::Sender<SessionAnswer>) -> Self {
        Self {
            bus,
            answers,
            by_application: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Looks for an application.
    pub(super) fn check(&mut self, check: SessionCheck) {
        let (bus, answers) = (self.bus.clone(), self.answers.clone());
        self.spawn(async move {
            let checked = match service(&check.application) {
                Ok(service) => bus.check(&service).await,
                Err(wrong) => Err(wrong),
            };
            let (outcome, detail) = match checked {
                Ok(()) => (SessionOutcome::Available, String::new()),
                Err(missing) => (SessionOutcome::Missing, missing),
            };
            give(&answers, check.task, outcome, detail).await;
        });
    }

    /// Hands an event to its application, behind those that it has.
    pub(super) fn deliver(&mut self, event: SessionEvent) {
        self.make_room();
        let lane = match self.by_application.get(&event.application) {
            Some(lane) => lane.clone(),
            None => self.open(event.application.clone()),
        };
        let task = event.task;
        if lane.try_send(event).is_err() {
            let answers = self.answers.clone();
            let detail = "too many events wait for the application".to_owned();
            self.spawn(async move {
                give(&answers, task, SessionOutcome::Unreachable, detail).await;
            });
        }
    }

    fn open(&mut self, application: SessionApplication) -> mpsc::Sender<SessionEvent> {
        let (sender, events) = mpsc::channel(MAX_WAITING);
        let lane = Lane {
            bus: self.bus.clone(),
            answers: self.answers.clone(),
            events,
        };
        self.spawn(lane.run(application.clone()));
        self.by_application.insert(application, sender.clone());
        sender
    }

    fn make_room(&mut self) {
        if self.by_application.len() >= MAX_LANES {
            self.by_application
                .retain(|_, lane| lane.capacity() < MAX_WAITING);
        }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task)
    }
}

/// The events of one application.
struct Lane {
    bus: SessionBus,
    answers: mpsc::Sender<SessionAnswer>,
    events: mpsc::Receiver<SessionEvent>,
}

impl Lane {
    async fn run(mut self, application: SessionApplication) {
        while let Some(first) = self.events.recv().await {
            let reached = match service(&application) {
                Ok(service) => self.bus.reach(&service).await,
                Err(wrong) => Err(Unreachable::new(wrong)),
            };
            match reached {
                Ok(delivery) => self.serve(&delivery, first).await,
                Err(unreachable) => self.refuse(first, unreachable).await,
            }
        }
    }

    /// Gives events to an application that runs, until it has answered on each that came meanwhile.
    async fn serve(&mut self, delivery: &Delivery, first: SessionEvent) {
        let mut under_way = JoinSet::new();
        self.start(delivery, first, &mut under_way).await;
        while !under_way.is_empty() {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => self.start(delivery, event, &mut under_way).await,
                Some(answered) = under_way.join_next() => {
                    // A task that only waits ends in no other way.
                    if let Ok((task, answer)) = answered {
                        self.answer(task, answer).await;
                    }
                }
            }
        }
    }

    async fn start(
        &self,
        delivery: &Delivery,
        event: SessionEvent,
        under_way: &mut JoinSet<(u64, Answer)>,
    ) {
        let task = event.task;
        let opened = match OpenedEvent::try_from(event.event) {
            Ok(opened) => opened,
            Err(error) => {
                return self
                    .answer(task, Err(Unreachable::new(error.to_string())))
                    .await;
            }
        };
        let (answering, answer) = Answering::new();
        match delivery.give(opened.view(), answering).await {
            Ok(()) => {
                under_way.spawn(async move {
                    let gone = || Err(Unreachable::new("the bus of the session is lost"));
                    (task, answer.await.unwrap_or_else(|_| gone()))
                });
            }
            Err(unreachable) => self.answer(task, Err(unreachable)).await,
        }
    }

    /// Says of everything that waits that the application cannot be reached.
    async fn refuse(&mut self, first: SessionEvent, unreachable: Unreachable) {
        let mut next = Some(first);
        while let Some(event) = next {
            self.answer(event.task, Err(unreachable.clone())).await;
            next = self.events.try_recv().ok();
        }
    }

    async fn answer(&self, task: u64, answer: Answer) {
        let answer = match answer {
            Ok(handed) => of_application(task, handed),
            Err(unreachable) => SessionAnswer {
                task,
                outcome: SessionOutcome::Unreachable,
                detail: unreachable.reason,
                after: None,
            },
        };
        // Nobody waits for it when the daemon is gone.
        self.answers.send(answer).await.ok();
    }
}

/// What an application said of an event.
fn of_application(task: u64, handed: Handed) -> SessionAnswer {
    let Handed {
        outcome,
        after,
        said,
        output,
    } = handed;
    let after = after.map(|after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX));
    SessionAnswer {
        task,
        outcome: match outcome {
            Outcome::Accepted => SessionOutcome::Accepted,
            Outcome::Later => SessionOutcome::Later,
            Outcome::Rejected => SessionOutcome::Rejected,
        },
        detail: shortened(if output.is_empty() {
            said
        } else {
            format!("{said}: {output}")
        }),
        after,
    }
}

/// The most octets of a detail: the daemon bounds the octets of a request with many.
const MAX_DETAIL: usize = 512;

fn shortened(mut detail: String) -> String {
    detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
    detail
}

async fn give(
    answers: &mpsc::Sender<SessionAnswer>,
    task: u64,
    outcome: SessionOutcome,
    detail: String,
) {
    let answer = SessionAnswer {
        task,
        outcome,
        detail: shortened(detail),
        after: None,
    };
    // Nobody waits for it when the daemon is gone.
    answers.send(answer).await.ok();
}

fn service(application: &SessionApplication) -> Result<ServiceName, String> {
    let SessionApplication { name, path } = application;
    ServiceName::parse(&format!("dbus:{name}{path}"))
}
