//! `dbus:NAME[/PATH]`: a service of D-Bus that implements `org.pushcai.Handler1`, started by its bus where it does not run.
//!
//! A [`Bus`] is one that services are on: the system's ([`SystemBus`]), or one that is reached through somebody else, such as that of a
//! user's session. A registration's events go to the first bus that has its service.

mod delivery;
mod presence;
mod reply;
mod service_files;
mod service_name;
mod session_bus;
mod system;

use std::future::ready;
use std::sync::Arc;

use push_api::Caller;
use push_client::{Boxed, ChangeCause, RegistrationRecord};
use push_message::{Reason, Refusal};

use crate::host::{not_available, refusal};
use crate::{Handler, Opened, Scheme, Unreachable};

pub use delivery::{Delivery, DeliverySettings};
pub use service_name::ServiceName;
pub use session_bus::SessionBus;
pub use system::{SystemBus, SystemBusSettings};

/// A bus that applications' services are on.
pub trait Bus: std::fmt::Debug + Send + Sync + 'static {
    /// Whether the service is there, and this caller may name it.
    ///
    /// # Errors
    /// `optionNotAvailable` where it is not there, with what is missing: the next bus is asked. `notAuthorized` where it is another's.
    fn check<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<(), Refusal>>;

    /// Reaches the service of a registration's owner, and starts it where it does not run.
    ///
    /// # Errors
    /// It is not there, does not start, or is another's.
    fn open<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<Box<dyn Handler>, Unreachable>>;

    /// Tells the service of a registration's owner that the registration is not what it was, and starts it where it does not run.
    ///
    /// # Errors
    /// As [`Bus::open`]; or there is no way to say so on this bus.
    fn lost<'a>(
        &'a self,
        _record: &'a RegistrationRecord,
        _service: &'a ServiceName,
        _cause: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        let unable = Unreachable::new("nothing but events goes there");
        Box::pin(ready(Err(unable)))
    }

    /// What an application was to hear by [`Bus::lost`] holds no longer: where it has not heard so yet, it is not told any more.
    fn outdated(&self, _record: &RegistrationRecord) {}
}

/// Services of D-Bus as event handlers.
#[derive(Debug)]
pub struct DbusScheme {
    buses: Vec<Arc<dyn Bus>>,
}

impl DbusScheme {
    /// Services on these buses, asked in this order.
    pub fn new(buses: Vec<Arc<dyn Bus>>) -> Self {
        Self { buses }
    }
}

impl Scheme for DbusScheme {
    fn names(&self) -> &'static [&'static str] {
        &["dbus"]
    }

    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let service = ServiceName::parse(handler)
                .map_err(|detail| refusal(Reason::InvalidRequest, detail))?;
            let mut refused: Option<Refusal> = None;
            for bus in &self.buses {
                match bus.check(caller, &service).await {
                    Ok(()) => return Ok(()),
                    Err(next) => refused = Some(together(refused, next)),
                }
            }
            Err(refused.unwrap_or_else(|| not_available("no bus is served here")))
        })
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        Box::pin(async move {
            let handler = record.event_handler.as_deref().unwrap_or_default();
            let service = ServiceName::parse(handler).map_err(Unreachable::new)?;
            let mut reasons: Vec<String> = Vec::new();
            for bus in &self.buses {
                match bus.open(record, &service).await {
                    Ok(handler) => return Ok(Opened::Handler(handler)),
                    Err(unreachable) => reasons.push(unreachable.reason),
                }
            }
            Err(Unreachable::new(reasons.join("; ")))
        })
    }

    fn lost<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
        cause: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        Box::pin(async move {
            let handler = record.event_handler.as_deref().unwrap_or_default();
            let service = ServiceName::parse(handler).map_err(Unreachable::new)?;
            let mut reasons: Vec<String> = Vec::new();
            for bus in &self.buses {
                match bus.lost(record, &service, cause).await {
                    Ok(()) => return Ok(()),
                    Err(unreachable) => reasons.push(unreachable.reason),
                }
            }
            Err(Unreachable::new(reasons.join("; ")))
        })
    }

    fn outdated(&self, record: &RegistrationRecord) {
        for bus in &self.buses {
            bus.outdated(record);
        }
    }
}

/// What several buses say: that the service is another's on one of them matters more than that it is not on the next.
fn together(before: Option<Refusal>, next: Refusal) -> Refusal {
    match before {
        Some(before) if before.reason == next.reason => {
            let detail = format!("{}; {}", before.detail, next.detail);
            refusal(next.reason, detail)
        }
        Some(before) if before.reason == Reason::NotAuthorized => before,
        Some(_) | None => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_buses_say_is_one_refusal() {
        let missing = refusal(Reason::OptionNotAvailable, "not here");
        let anothers = refusal(Reason::NotAuthorized, "another's");
        assert_eq!(together(None, missing.clone()), missing);
        assert_eq!(together(Some(anothers.clone()), missing.clone()), anothers);
        assert_eq!(together(Some(missing.clone()), anothers.clone()), anothers);
        let both = together(Some(missing.clone()), missing);
        assert_eq!(both.detail, "not here; not here");
    }
}
