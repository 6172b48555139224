//! What the daemon gives out, in lanes: one for each opening of a handler. None waits for another.

use std::collections::BTreeMap;

use push_api::{
    DeliveredEvent as _, OpenedEvent, SessionAnswer, SessionApplication, SessionCheck,
    SessionClosing, SessionEvent, SessionLoss, SessionOutcome,
};
use push_handlers::dbus::{Delivery, ServiceName, SessionBus};
use push_handlers::{Answering, Unreachable};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lane::{Lane, shortened};

/// Lanes that are kept; beyond, the oldest are ended.
const MAX_LANES: usize = 256;
/// Events that wait in a lane. The daemon bounds them before.
const MAX_WAITING: usize = 256;

/// Where applications are.
pub(super) trait Applications: Clone + Send + Sync + 'static {
    /// The way to one that runs.
    type Way: Way;

    /// Whether an application is there or would be started; if not, what is missing, in words for people.
    fn check(
        &self,
        application: &SessionApplication,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Tells an application, which is started where it does not run, what became of its registration; if it cannot, why.
    fn tell(&self, loss: &SessionLoss) -> impl Future<Output = Result<(), String>> + Send;

    /// The way to an application, which is started where it does not run.
    fn reach(
        &self,
        application: &SessionApplication,
    ) -> impl Future<Output = Result<Self::Way, Unreachable>> + Send;
}

/// The way to one application that runs: to none that is started after it.
pub(super) trait Way: Send + Sync + 'static {
    /// Gives an event to it. Returns once it is on its way; what becomes of it comes by `answering`.
    fn give(
        &self,
        event: &OpenedEvent,
        answering: Answering,
    ) -> impl Future<Output = Result<(), Unreachable>> + Send;
}

/// Every opening that events came of.
pub(super) struct Lanes<A> {
    applications: A,
    answers: mpsc::Sender<SessionAnswer>,
    /// Where the events of an opening go; absent: it takes no more.
    by_opening: BTreeMap<u64, Option<mpsc::Sender<SessionEvent>>>,
    /// The latest opening whose lane was ended for want of room.
    ended: Option<u64>,
    tasks: JoinSet<()>,
}

impl<A: Applications> Lanes<A> {
    /// Nothing came so far.
    pub(super) fn new(applications: A, answers: mpsc::Sender<SessionAnswer>) -> Self {
        Self {
            applications,
            answers,
            by_opening: BTreeMap::new(),
            ended: None,
            tasks: JoinSet::new(),
        }
    }

    /// Looks for an application.
    pub(super) fn check(&mut self, check: SessionCheck) {
        let applications = self.applications.clone();
        let found = async move { applications.check(&check.application).await };
        self.answer(check.task, found);
    }

    /// Tells an application of its registration.
    pub(super) fn tell(&mut self, loss: SessionLoss) {
        let applications = self.applications.clone();
        let task = loss.task;
        self.answer(task, async move { applications.tell(&loss).await });
    }

    /// Hands an event to its application, behind those of the same opening.
    pub(super) fn deliver(&mut self, event: SessionEvent) {
        let task = event.task;
        if let Err(reason) = self.put(event) {
            let answers = self.answers.clone();
            self.spawn(async move {
                let detail = reason.to_owned();
                give(&answers, task, SessionOutcome::Unreachable, detail).await;
            });
        }
    }

    /// Forgets an opening, with what has not come to its application.
    pub(super) fn close(&mut self, closing: SessionClosing) {
        self.by_opening.remove(&closing.opening);
    }

    fn answer(
        &mut self,
        task: u64,
        found: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        let answers = self.answers.clone();
        self.spawn(async move {
            let (outcome, detail) = match found.await {
                Ok(()) => (SessionOutcome::Available, String::new()),
                Err(missing) => (SessionOutcome::Missing, missing),
            };
            give(&answers, task, outcome, detail).await;
        });
    }

    fn put(&mut self, event: SessionEvent) -> Result<(), &'static str> {
        let opening = event.opening;
        if !self.by_opening.contains_key(&opening) {
            if self.ended.is_some_and(|ended| opening <= ended) {
                return Err("too many applications have events at a time");
            }
            self.open(opening);
        }
        let lane = self.by_opening.get_mut(&opening);
        let taken = lane.and_then(|lane| {
            let taken = lane.as_ref()?.try_send(event);
            // What comes behind this one must not go before it.
            taken.inspect_err(|_| *lane = None).ok()
        });
        taken.ok_or("too many events wait for the application")
    }

    fn open(&mut self, opening: u64) {
        while self.by_opening.len() >= MAX_LANES {
            self.ended = self.by_opening.pop_first().map(|(ended, _)| ended);
        }
        let (sender, events) = mpsc::channel(MAX_WAITING);
        let lane = Lane::new(self.applications.clone(), self.answers.clone(), events);
        self.spawn(lane.run());
        self.by_opening.insert(opening, Some(sender));
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }
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

impl Applications for SessionBus {
    type Way = Delivery;

    async fn check(&self, application: &SessionApplication) -> Result<(), String> {
        Self::check(self, &service(application)?).await
    }

    async fn tell(&self, loss: &SessionLoss) -> Result<(), String> {
        let service = service(&loss.application)?;
        self.tell_lost(&service, &loss.registration_id, &loss.cause)
            .await
    }

    async fn reach(&self, application: &SessionApplication) -> Result<Delivery, Unreachable> {
        let service = service(application).map_err(Unreachable::new)?;
        Self::reach(self, &service).await
    }
}

impl Way for Delivery {
    async fn give(&self, event: &OpenedEvent, answering: Answering) -> Result<(), Unreachable> {
        Self::give(self, event.view(), answering).await
    }
}

fn service(application: &SessionApplication) -> Result<ServiceName, String> {
    let SessionApplication { name, path } = application;
    ServiceName::parse(&format!("dbus:{name}{path}"))
}
