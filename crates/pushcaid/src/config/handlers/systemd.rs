//! `[handlers.systemd]`: units as event handlers, and as places for commands.

use std::sync::Arc;
use std::time::Duration;

use push_handlers::exec::Isolation;
use push_handlers::systemd::{Manager, Systemd, SystemdSettings};
use serde::{Deserialize, Serialize};

use crate::config::checks::{at_least_a_millisecond, bus_address};
use crate::config::section::section;
use crate::config::value::Span;
use crate::config::wiring::{Wrong, wrong};

const SECTION: &str = "handlers.systemd";

section! {
    /// Units of systemd as event handlers, `systemd:UNIT`: started when events wait, they take them by the interface for applications
    /// (docs/handlers.md). The daemon's user needs the right to start them.
    SystemdTable, "handlers.systemd", ONCE {
        /// The units that may be named: `["supl@.service", "meter.service"]`. Of a template, the instance is the registration.
        units: Vec<String> = Vec::new(),
        /// The owners that may name them; absent: every owner.
        owners: Option<Vec<String>> = None,
        /// The bus that systemd is on: `system`, or an address such as `unix:path=/run/dbus/system_bus_socket`.
        bus: String = "system".to_owned(),
        /// How long systemd may take to answer a call.
        call_timeout: Span = Span(Duration::from_secs(10)),
    }
}

/// What keeps commands from the rest of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IsolationName {
    /// Units where there may be any, else limits of our own.
    Auto,
    /// Units.
    Systemd,
    /// Limits of our own.
    Own,
}

impl From<IsolationName> for Isolation {
    fn from(name: IsolationName) -> Self {
        match name {
            IsolationName::Auto => Self::Auto,
            IsolationName::Systemd => Self::Systemd,
            IsolationName::Own => Self::Own,
        }
    }
}

/// The manager of systemd.
pub(super) fn manager(table: &SystemdTable) -> Result<Arc<Manager>, Wrong> {
    at_least_a_millisecond(SECTION, [("call_timeout", table.call_timeout)])?;
    let address = bus_address(SECTION, "bus", &table.bus)?;
    Ok(Arc::new(Manager::new(address, table.call_timeout.0)))
}

/// The units that may be named.
pub(super) fn scheme(
    table: &SystemdTable,
    manager: Arc<Manager>,
    within: Span,
) -> Result<Systemd, Wrong> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "@:_.\\-".contains(c);
    let is_wrong = |unit: &&String| {
        !unit.ends_with(".service") || unit.len() > 200 || !unit.chars().all(is_taken)
    };
    if let Some(unit) = table.units.iter().find(is_wrong) {
        let message = format!("`{unit}` is no service, such as \"supl@.service\"");
        return Err(wrong(SECTION, "units")(&message));
    }
    let settings = SystemdSettings {
        units: table.units.clone(),
        owners: table.owners.clone(),
        within: within.0,
    };
    Ok(Systemd::new(settings, manager))
}
