//! Applications on buses of sessions, as handlers of events.

use std::time::Duration;

use push_api::{Caller, DeliveredEvent as _, SessionApplication, SessionTask};
use push_client::{Boxed, ChangeCause, Event, RegistrationId, RegistrationRecord};
use push_message::{Owner, Reason, Refusal};

use super::losses::Loss;
use super::{Opening, SessionFault, SessionHelperTable, Waits};
use crate::dbus::{Bus, ServiceName};
use crate::host::OPTION;
use crate::owner::Registrant;
use crate::{Answering, Handler, Unreachable};

impl Bus for SessionHelperTable {
    fn check<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let uid = user(&caller.owner, service)
                .map_err(|(reason, detail)| Refusal::of_option(reason, OPTION, detail))?;
            let checked = self.check_application(uid, &application(service)).await;
            checked.map_err(|fault| {
                let detail = format!("on the bus of the session: {fault}");
                Refusal::of_option(Reason::OptionNotAvailable, OPTION, detail)
            })
        })
    }

    fn open<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<Box<dyn Handler>, Unreachable>> {
        Box::pin(async move {
            let uid = user(&record.owner, service);
            let uid = uid.map_err(|(_, detail)| Unreachable::new(detail))?;
            self.open_application(uid, record.id, application(service))
        })
    }

    fn lost<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
        cause: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        Box::pin(async move {
            let uid = user(&record.owner, service);
            let uid = uid.map_err(|(_, detail)| Unreachable::new(detail))?;
            let loss = Loss {
                uid,
                registrant: Registrant::of(record),
                registration: record.id,
                application: application(service),
                cause,
            };
            let told = self.tell_application(loss).await;
            told.map_err(|fault| Unreachable::new(fault.to_string()))
        })
    }

    fn outdated(&self, record: &RegistrationRecord) {
        self.0.state().losses.forget(&Registrant::of(record));
    }
}

fn application(service: &ServiceName) -> SessionApplication {
    SessionApplication {
        name: service.name.to_string(),
        path: service.path.to_string(),
    }
}

/// The user whose session has the service, where this owner may name it there. A Flatpak application has its own names alone; whose
/// the names of snaps are, nobody says.
fn user(owner: &Owner, service: &ServiceName) -> Result<u32, (Reason, String)> {
    let Some((uid, beside)) = owner.user() else {
        let detail = format!("{owner} is no user of this machine, and has no session");
        return Err((Reason::OptionNotAvailable, detail));
    };
    let anothers = |detail: String| Err((Reason::NotAuthorized, detail));
    match beside.and_then(|beside| beside.split_once(':')) {
        Some(("flatpak", id)) if !is_own(service.name.as_str(), id) => anothers(format!(
            "{service} is another application's; {id} may name {id} and what begins with `{id}.`"
        )),
        Some(("snap", id)) => anothers(format!(
            "whether {service} on the bus of the session belongs to the snap {id} cannot be told"
        )),
        Some(_) | None => Ok(uid),
    }
}

/// Whether a Flatpak application with this id owns a name.
fn is_own(name: &str, id: &str) -> bool {
    let rest = name.strip_prefix(id);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The way to an application on the bus of a session.
#[derive(Debug)]
pub(super) struct SessionHandler {
    table: SessionHelperTable,
    opening: Opening,
    registration: RegistrationId,
    application: SessionApplication,
    /// Whether the helper has heard of this opening.
    is_known: bool,
}

impl SessionHandler {
    /// This opening of the way to an application, for the events of a registration.
    pub(super) const fn new(
        table: SessionHelperTable,
        opening: Opening,
        registration: RegistrationId,
        application: SessionApplication,
    ) -> Self {
        Self {
            table,
            opening,
            registration,
            application,
            is_known: false,
        }
    }
}

impl Handler for SessionHandler {
    fn window(&self) -> u32 {
        self.table.0.settings.window
    }

    fn linger(&self) -> Duration {
        self.table.0.settings.linger
    }

    fn may_have_come(&self) -> bool {
        // It waits for room in the queue to the helper.
        false
    }

    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let Opening {
                uid,
                connection,
                number,
            } = self.opening;
            let waits = Waits::Event {
                registration: self.registration,
                opening: number,
                answering,
            };
            let begun = self.table.0.begin(uid, Some(connection), waits);
            let (tasks, task) = begun.map_err(|fault| self.unreachable(&fault))?;
            self.is_known = true;
            let task = SessionTask::event(task, number, &self.application, &event.view());
            let sent = tasks.send(task.into()).await;
            sent.map_err(|_| self.unreachable(&SessionFault::Gone(uid)))
        })
    }
}

impl Drop for SessionHandler {
    fn drop(&mut self) {
        if self.is_known {
            self.table.0.close(self.opening);
        }
    }
}

impl SessionHandler {
    fn unreachable(&self, fault: &SessionFault) -> Unreachable {
        let table = &self.table.0;
        let uid = self.opening.uid;
        let mut state = table.state();
        // Where the next helper is there already, nobody would say that it has come.
        if !state.helpers.contains_key(&uid) {
            state
                .missed
                .note(self.registration, uid, table.settings.max_missed);
        }
        Unreachable::new(fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_name_what_may_be_theirs() {
        let allowed = |owner: &str, name: &str| {
            let service = ServiceName::parse(&format!("dbus:{name}")).unwrap();
            user(&Owner::proved(owner.to_owned()), &service).map_err(|(reason, _)| reason)
        };
        assert_eq!(allowed("uid:7", "org.example.App"), Ok(7));
        assert_eq!(allowed("uid:7/unit:a.service", "org.example.App"), Ok(7));
        let flatpak = "uid:7/flatpak:org.example.App";
        assert_eq!(allowed(flatpak, "org.example.App"), Ok(7));
        assert_eq!(allowed(flatpak, "org.example.App.Push"), Ok(7));
        for name in ["org.example.Application", "org.example", "org.other.App"] {
            assert_eq!(allowed(flatpak, name), Err(Reason::NotAuthorized), "{name}");
        }
        let snap = allowed("uid:7/snap:meter", "org.example.App");
        assert_eq!(snap, Err(Reason::NotAuthorized));
        let token = allowed("token:lab", "org.example.App");
        assert_eq!(token, Err(Reason::OptionNotAvailable));
    }
}
