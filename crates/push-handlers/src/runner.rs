//! Who is wanted, and whose turn it is.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use push_client::{Client, RegistrationId, RegistrationRecord, Wanted, WantedHandlers};
use push_message::Owner;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::job::Job;
use crate::{Handlers, RunnerSettings};

/// Carries out the event handlers that a Push Client wants: each registration's events in order, so many registrations at a
/// time, none in the way of another.
#[derive(Debug)]
pub struct Runner {
    handlers: Arc<Handlers>,
    wanted: WantedHandlers,
    client: Client,
    settings: RunnerSettings,
    /// Who waits for a turn, in order.
    waiting: VecDeque<Turn>,
    /// Who is at work, and how it is told to let go.
    at_work: BTreeMap<RegistrationId, AtWork>,
    jobs: JoinSet<RegistrationId>,
    places: Arc<Semaphore>,
    place_left: Arc<Notify>,
    others_wait: watch::Sender<bool>,
}

/// A registration whose handler is at work.
#[derive(Debug)]
struct AtWork {
    owner: Owner,
    /// Its place, for as long as it needs one.
    place: Weak<Place>,
    let_go: watch::Sender<bool>,
}

/// A place among those at work.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    left: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.left.notify_one();
    }
}

/// A registration whose handler is wanted.
#[derive(Debug)]
struct Turn {
    record: Arc<RegistrationRecord>,
    probe: bool,
}

impl Runner {
    /// Carries out what `wanted` says, for the Push Client that `client` is a handle to.
    pub fn new(
        handlers: Arc<Handlers>,
        wanted: WantedHandlers,
        client: Client,
        settings: RunnerSettings,
    ) -> Self {
        let places = Arc::new(Semaphore::new(
            settings.max_at_work.clamp(1, Semaphore::MAX_PERMITS),
        ));
        Self {
            handlers,
            wanted,
            client,
            settings,
            waiting: VecDeque::new(),
            at_work: BTreeMap::new(),
            jobs: JoinSet::new(),
            places,
            place_left: Arc::default(),
            others_wait: watch::Sender::new(false),
        }
    }

    /// Runs until `stop`; what is under way then has a bounded time, and what is not done by then waits for the next start.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let next = self.next_turn();
            self.others_wait.send_if_modified(|others| {
                let wait = self.is_somebody_kept_waiting(next);
                std::mem::replace(others, wait) != wait
            });
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = self.jobs.join_next() => {
                    // A task that was taken down says nothing; that happens at the end alone.
                    if let Ok(registration) = ended {
                        self.at_work.remove(&registration);
                    }
                }
                wanted = self.wanted.next() => self.want(wanted),
                () = self.place_left.notified() => {}
                place = Arc::clone(&self.places).acquire_owned(), if next.is_some() => {
                    if let (Some(index), Ok(place)) = (next, place) {
                        self.start(index, place);
                    }
                }
            }
        }
        self.end().await;
    }

    /// The first that waits, is not at work still, and whose owner has not its share of the places: whoever names many handlers that
    /// hang keeps no other owner waiting.
    fn next_turn(&self) -> Option<usize> {
        self.waiting
            .iter()
            .position(|turn| self.is_ready(turn) && self.has_room(&turn.record.owner))
    }

    fn is_ready(&self, turn: &Turn) -> bool {
        !self.at_work.contains_key(&turn.record.id)
    }

    fn has_room(&self, owner: &Owner) -> bool {
        let has_place = |one: &&AtWork| one.owner == *owner && one.place.strong_count() > 0;
        self.at_work.values().filter(has_place).count() < self.settings.max_at_work_per_owner.max(1)
    }

    /// Whether a registration waits for the place of another one.
    fn is_somebody_kept_waiting(&self, next: Option<usize>) -> bool {
        match next {
            Some(_) => self.places.available_permits() == 0,
            None => self.waiting.iter().any(|turn| self.is_ready(turn)),
        }
    }

    fn want(&mut self, wanted: Wanted) {
        let registration = match &wanted {
            Wanted::Handler { record, .. } => record.id,
            Wanted::NoLonger(registration) => *registration,
        };
        // Asked for anew, it is not what the engine takes it for either.
        if let Some(at_work) = self.at_work.get(&registration) {
            at_work.let_go.send_replace(true);
        }
        self.waiting.retain(|turn| turn.record.id != registration);
        if let Wanted::Handler { record, probe } = wanted {
            self.waiting.push_back(Turn { record, probe });
        }
    }

    fn start(&mut self, index: usize, place: OwnedSemaphorePermit) {
        let Some(Turn { record, probe }) = self.waiting.remove(index) else {
            return;
        };
        let registration = record.id;
        let (let_go, wanted) = watch::channel(false);
        let place = Arc::new(Place {
            _permit: place,
            left: Arc::clone(&self.place_left),
        });
        let at_work = AtWork {
            owner: record.owner.clone(),
            place: Arc::downgrade(&place),
            let_go,
        };
        self.at_work.insert(registration, at_work);
        let client = self.client.clone();
        let handler = record.event_handler.as_deref().unwrap_or_default();
        let Some(scheme) = self.handlers.scheme_of(handler).map(Arc::clone) else {
            let reason = format!("`{handler}` is of a scheme that is not served any more");
            self.jobs.spawn(async move {
                client.handler_failed(registration, reason, None).await;
                registration
            });
            return;
        };
        let job = Job {
            client: client.clone(),
            settings: self.settings.clone(),
            scheme,
            record,
            probe,
            let_go: wanted,
            others_wait: self.others_wait.subscribe(),
            place,
        };
        self.jobs.spawn(async move {
            if let Err(panic) = contained(job.run()).await {
                let reason = format!("its part of this program failed: {panic}");
                tracing::error!(%registration, %reason, "a handler failed");
                client.handler_failed(registration, reason, None).await;
            }
            registration
        });
    }

    async fn end(mut self) {
        for at_work in self.at_work.values() {
            at_work.let_go.send_replace(true);
        }
        let all = async { while self.jobs.join_next().await.is_some() {} };
        if timeout(self.settings.stop_timeout, all).await.is_err() {
            tracing::info!(
                left = self.jobs.len(),
                "handlers did not end in time; their events wait for the next start"
            );
        }
        self.jobs.shutdown().await;
    }
}

/// Runs a future; where it panics, says what it said.
async fn contained<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(words(panic.as_ref()))),
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}
