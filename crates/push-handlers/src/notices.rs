//! Applications are told of what becomes of their registrations: each in order, and none in the way of another.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use push_client::{ChangeCause, RegistrationRecord};
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

/// Who is told that a registration is not what it was.
#[derive(Debug)]
pub(crate) struct Notices {
    handlers: Arc<Handlers>,
    /// Of each application that is told: what it is told next, which is the last that became of its registration.
    waiting: BTreeMap<Registrant, Option<Notice>>,
    under_way: JoinSet<Registrant>,
}

impl Notices {
    /// By these schemes.
    pub(crate) fn new(handlers: Arc<Handlers>) -> Self {
        Self {
            handlers,
            waiting: BTreeMap::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Tells an application that its registration is not what it was, once it has been told what it is being told.
    pub(crate) fn lost(&mut self, record: Arc<RegistrationRecord>, cause: ChangeCause) {
        let registrant = Registrant::of(&record);
        let notice = Notice { record, cause };
        if let Some(next) = self.waiting.get_mut(&registrant) {
            *next = Some(notice);
        } else if self.waiting.len() >= MAX_NOTICES {
            tracing::warn!(registration = %notice.record.id, "too many applications are told of changes at a time; this one is not");
        } else {
            self.tell(registrant, notice);
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
        if let Some(Some(notice)) = self.waiting.remove(&registrant) {
            self.tell(registrant, notice);
        }
    }

    fn tell(&mut self, registrant: Registrant, notice: Notice) {
        let Notice { record, cause } = notice;
        let handler = record.event_handler.as_deref().unwrap_or_default();
        let Some(scheme) = self.handlers.scheme_of(handler).map(Arc::clone) else {
            return;
        };
        self.waiting.insert(registrant.clone(), None);
        self.under_way.spawn(async move {
            if let Err(error) = scheme.lost(&record, cause).await {
                tracing::debug!(registration = %record.id, %error, "an application was not told of a change");
            }
            registrant
        });
    }
}
