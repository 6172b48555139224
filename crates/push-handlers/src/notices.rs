//! Applications are told of what becomes of their registrations: each in order, and none in the way of another.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use push_client::{ChangeCause, RegistrationRecord};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Handlers;
use crate::owner::Registrant;

/// The most applications that are told of changes at a time.
const MAX_NOTICES: usize = 64;

/// What an application is told. `watch` and the list of registrations say so as well, so that a notice too many is left out.
#[derive(Debug)]
struct Notice {
    record: Arc<RegistrationRecord>,
    cause: ChangeCause,
}

/// An application that is being told.
#[derive(Debug)]
struct Telling {
    /// It is told no more once this is dropped.
    _going_on: Option<oneshot::Sender<()>>,
    /// Whatever it was to hear holds no longer, since this became of its registration.
    outdated: Option<Arc<RegistrationRecord>>,
    /// What it is told next, which is the last that became of its registration.
    next: Option<Notice>,
}

/// Who is told that a registration is not what it was.
#[derive(Debug)]
pub(crate) struct Notices {
    handlers: Arc<Handlers>,
    telling: BTreeMap<Registrant, Telling>,
    under_way: JoinSet<Registrant>,
}

impl Notices {
    /// By these schemes.
    pub(crate) fn new(handlers: Arc<Handlers>) -> Self {
        Self {
            handlers,
            telling: BTreeMap::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Tells an application that its registration is not what it was, once it has been told what it is being told.
    pub(crate) fn lost(&mut self, record: Arc<RegistrationRecord>, cause: ChangeCause) {
        let registrant = Registrant::of(&record);
        let notice = Notice { record, cause };
        if let Some(telling) = self.telling.get_mut(&registrant) {
            telling.next = Some(notice);
        } else if self.telling.len() >= MAX_NOTICES {
            tracing::warn!(registration = %notice.record.id, "too many applications are told of changes at a time; this one is not");
        } else {
            self.tell(registrant, notice);
        }
    }

    /// What an application was to hear holds no longer: what it has not heard yet, it is not told.
    pub(crate) fn outdated(&mut self, record: Arc<RegistrationRecord>) {
        match self.telling.get_mut(&Registrant::of(&record)) {
            // Whoever tells it keeps nothing any more once the telling has ended.
            Some(telling) => {
                *telling = Telling {
                    _going_on: None,
                    outdated: Some(record),
                    next: None,
                };
            }
            None => self.handlers.outdated(&record),
        }
    }

    /// Waits until an application has been told, which may hear the next then. Never ends where none is being told. Safe to cancel.
    pub(crate) async fn progress(&mut self) {
        let registrant = match self.under_way.join_next().await {
            Some(Ok(registrant)) => registrant,
            Some(Err(error)) => match error.try_into_panic() {
                // What holds of a panic elsewhere in this process holds here.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
            None => return pending().await,
        };
        let Some(telling) = self.telling.remove(&registrant) else {
            return;
        };
        if let Some(record) = telling.outdated {
            self.handlers.outdated(&record);
        }
        if let Some(notice) = telling.next {
            self.tell(registrant, notice);
        }
    }

    fn tell(&mut self, registrant: Registrant, notice: Notice) {
        let Notice { record, cause } = notice;
        let handler = record.event_handler.as_deref().unwrap_or_default();
        let Some(scheme) = self.handlers.scheme_of(handler).map(Arc::clone) else {
            return;
        };
        let (going_on, ended) = oneshot::channel();
        let telling = Telling {
            _going_on: Some(going_on),
            outdated: None,
            next: None,
        };
        self.telling.insert(registrant.clone(), telling);
        self.under_way.spawn(async move {
            let told = tokio::select! {
                biased;
                _ = ended => return registrant,
                told = scheme.lost(&record, cause) => told,
            };
            if let Err(error) = told {
                tracing::debug!(registration = %record.id, %error, "an application was not told of a change");
            }
            registrant
        });
    }
}
