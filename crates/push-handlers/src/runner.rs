//! Who is wanted, and whose turn it is.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Weak};

use push_client::{Client, RegistrationId, RegistrationRecord, Wanted, WantedHandlers};
use push_message::{Owner, ShareBounds};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::job::Job;
use crate::notices::Notices;
use crate::turns::Turns;
use crate::{Handlers, RunnerSettings};

/// Carries out the event handlers that a Push Client wants: each registration's events in order, so many registrations at a
/// time, none in the way of another.
#[derive(Debug)]
pub struct Runner {
    handlers: Arc<Handlers>,
    wanted: WantedHandlers,
    client: Client,
    settings: RunnerSettings,
    /// Who waits for a turn.
    waiting: Turns<Turn>,
    /// Who is at work, and how it is told to let go.
    at_work: BTreeMap<RegistrationId, AtWork>,
    jobs: JoinSet<RegistrationId>,
    /// Who is told that a registration is not what it was.
    notices: Notices,
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
        let notices = Notices::new(Arc::clone(&handlers));
        Self {
            handlers,
            wanted,
            client,
            settings,
            waiting: Turns::default(),
            at_work: BTreeMap::new(),
            jobs: JoinSet::new(),
            notices,
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
                    self.leave(ended);
                }
                () = self.notices.progress() => {}
                wanted = self.wanted.next() => self.want(wanted),
                () = self.place_left.notified() => {}
                place = Arc::clone(&self.places).acquire_owned(), if next.is_some() => {
                    if let (Some(next), Ok(place)) = (next, place) {
                        self.start(next, place);
                    }
                }
            }
        }
        self.end().await;
    }

    fn leave(&mut self, ended: Result<RegistrationId, JoinError>) {
        match ended {
            Ok(registration) => drop(self.at_work.remove(&registration)),
            // What holds of a panic elsewhere in this process holds here. Tasks are taken down at the end alone.
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    /// Who is next, of those that are not at work still: whoever names many handlers that hang keeps no other owner waiting.
    fn next_turn(&self) -> Option<RegistrationId> {
        let at_work = self.at_work.values();
        let with_place = at_work.filter(|one| one.place.strong_count() > 0);
        self.waiting.next(
            |registration| self.is_ready(registration),
            with_place.map(|one| &one.owner),
            self.shares(),
        )
    }

    /// One place at least, so that every handler has its turn. All together are bounded by the places there are.
    fn shares(&self) -> ShareBounds {
        ShareBounds {
            all: usize::MAX,
            per_owner: self.settings.max_at_work_per_owner.max(1),
            per_user: self.settings.max_at_work_per_user.max(1),
        }
    }

    fn is_ready(&self, registration: RegistrationId) -> bool {
        !self.at_work.contains_key(&registration)
    }

    /// Whether a registration waits for the place of another one.
    fn is_somebody_kept_waiting(&self, next: Option<RegistrationId>) -> bool {
        match next {
            Some(_) => self.places.available_permits() == 0,
            None => self.waiting.any(|registration| self.is_ready(registration)),
        }
    }

    fn want(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Handler { record, probe } => {
                let (registration, owner) = (record.id, record.owner.clone());
                // Asked for anew, it is not what the engine takes it for either.
                self.let_go(registration);
                self.waiting
                    .push(registration, &owner, Turn { record, probe });
            }
            Wanted::NoLonger(registration) => {
                self.let_go(registration);
                drop(self.waiting.remove(registration));
            }
            Wanted::Lost { record, cause } => self.notices.lost(record, cause),
            Wanted::Outdated { record } => self.notices.outdated(record),
        }
    }

    fn let_go(&self, registration: RegistrationId) {
        if let Some(at_work) = self.at_work.get(&registration) {
            at_work.let_go.send_replace(true);
        }
    }

    fn start(&mut self, registration: RegistrationId, place: OwnedSemaphorePermit) {
        let Some(Turn { record, probe }) = self.waiting.remove(registration) else {
            return;
        };
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
                client.handler_failed(&record, reason, None).await;
                registration
            });
            return;
        };
        let job = Job {
            client,
            settings: self.settings.clone(),
            scheme,
            record,
            probe,
            let_go: wanted,
            others_wait: self.others_wait.subscribe(),
            place,
        };
        self.jobs.spawn(async move {
            job.run().await;
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
