//! `systemd:UNIT@` and `systemd:UNIT.service`: a unit that is started when events wait, and takes them over a connection of its own.

mod manager;

use std::sync::Arc;
use std::time::Duration;

use push_api::Caller;
use push_client::{Boxed, RegistrationId, RegistrationRecord};
use push_message::Refusal;
use zbus::OwnedObjectPath;

pub use manager::Manager;
pub(crate) use manager::{DONE, SERVICE, Session, UNIT, unit_path};
pub use push_dbus::BusAddress;

use crate::host::{not_available, not_nameable};
use crate::{Opened, Scheme, Unreachable};

const SUFFIX: &str = ".service";

/// Settings of units as event handlers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemdSettings {
    /// The units that may be named: `supl@.service`, `meter.service`.
    pub units: Vec<String>,
    /// The owners that may name them; absent: any.
    pub owners: Option<Vec<String>>,
    /// How long an application may take, once its unit is started, until it takes its events.
    pub within: Duration,
}

/// The scheme `systemd`.
#[derive(Debug)]
pub struct Systemd {
    settings: SystemdSettings,
    manager: Arc<Manager>,
}

impl Systemd {
    /// Units of this manager.
    pub fn new(settings: SystemdSettings, manager: Arc<Manager>) -> Self {
        Self { settings, manager }
    }

    /// The unit that a handler names, if this owner may name it.
    fn unit(&self, owner: &str, handler: &str) -> Result<Unit, Refusal> {
        let unit = Unit::of(handler);
        let SystemdSettings { units, owners, .. } = &self.settings;
        let is_open = crate::exec::is_open_to(owners.as_deref(), owner);
        let listed = units
            .iter()
            .any(|listed| is_open && Unit::named(listed) == unit);
        if listed {
            return Ok(unit);
        }
        let names: Vec<String> = units
            .iter()
            .filter(|_| is_open)
            .map(|name| format!("systemd:{name}"))
            .collect();
        let listed = "the administrator lists them in [handlers.systemd] units";
        Err(not_nameable(handler, owner, "unit", &names, listed))
    }

    async fn judge(&self, owner: &str, handler: &str) -> Result<(), Refusal> {
        let unit = self.unit(owner, handler)?;
        // What stands behind the `@` does not matter for whether there is such a unit.
        let name = unit.instance(RegistrationId(0));
        let state = self.load_state(&name).await.map_err(|error| {
            not_available(format!(
                "the manager of systemd does not say whether {name} is there: {error}"
            ))
        })?;
        match state.as_str() {
            "loaded" => Ok(()),
            "not-found" => Err(not_available(format!(
                "there is no unit {}; install it, then `systemctl daemon-reload`",
                unit.0
            ))),
            state => Err(not_available(format!(
                "the unit {} cannot be started: it is {state}",
                unit.0
            ))),
        }
    }

    async fn load_state(&self, name: &str) -> zbus::Result<String> {
        let session = self.manager.session().await?;
        let answer = session.ask("LoadUnit", &(name,)).await?;
        let path: OwnedObjectPath = answer.body().deserialize()?;
        session.property(path.as_str(), UNIT, "LoadState").await
    }

    async fn start(&self, record: &RegistrationRecord) -> Result<Opened, Unreachable> {
        let handler = record.event_handler.as_deref().unwrap_or_default();
        let unit = self
            .unit(record.owner.as_str(), handler)
            .map_err(|refusal| Unreachable::new(refusal.detail))?;
        let name = unit.instance(record.id);
        let failed = |error: zbus::Error| Unreachable::new(format!("{name}: {error}"));
        let session = self.manager.session().await.map_err(failed)?;
        let result = session
            .job("StartUnit", &(name.as_str(), "replace"))
            .await
            .map_err(failed)?;
        if result == DONE {
            let within = self.settings.within;
            return Ok(Opened::Started { within });
        }
        let why: zbus::Result<String> =
            session.property(&unit_path(&name), SERVICE, "Result").await;
        let why = why.map_or_else(|_| String::new(), |why| format!(", its result {why}"));
        Err(Unreachable::new(format!(
            "{name} did not start: the job is {result}{why}; `journalctl -u {name}` says more"
        )))
    }
}

/// The name of a unit, whole; of a template: with nothing behind its `@`.
#[derive(Debug, PartialEq, Eq)]
struct Unit(String);

impl Unit {
    fn of(handler: &str) -> Self {
        Self::named(handler.split_once(':').map_or("", |(_, name)| name))
    }

    fn named(name: &str) -> Self {
        let name = name.strip_suffix(SUFFIX).unwrap_or(name);
        Self(format!("{name}{SUFFIX}"))
    }

    /// The unit to start for a registration.
    fn instance(&self, registration: RegistrationId) -> String {
        let stem = self.0.strip_suffix(SUFFIX).unwrap_or(&self.0);
        if stem.ends_with('@') {
            format!("{stem}{registration}{SUFFIX}")
        } else {
            self.0.clone()
        }
    }
}

impl Scheme for Systemd {
    fn names(&self) -> &'static [&'static str] {
        &["systemd"]
    }

    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(self.judge(caller.owner.as_str(), handler))
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        Box::pin(self.start(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_started_by_the_registration() {
        for name in ["systemd:supl@", "systemd:supl@.service"] {
            let unit = Unit::of(name);
            assert_eq!(unit, Unit::named("supl@.service"));
            assert_eq!(
                unit.instance(RegistrationId(10)),
                "supl@000000000000000a.service"
            );
        }
        let unit = Unit::of("systemd:meter.service");
        assert_eq!(unit.instance(RegistrationId(10)), "meter.service");
    }
}
