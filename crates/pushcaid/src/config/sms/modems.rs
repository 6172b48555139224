//! From `[sms.modem_manager]` and `[sms.ofono]` to the settings of these sources.

use std::time::Duration;

use push_client::modem::{BusSettings, ModemManagerSettings, OfonoSettings, StoragePolicy};
use push_message::MediaType;
use serde::{Deserialize, Serialize};

use super::{ModemManagerTable, OfonoTable};
use crate::config::checks::{at_least_a_millisecond, at_least_one};
use crate::config::value::Span;
use crate::config::wiring::{Wrong, wrong};

const MODEM_MANAGER: &str = "sms.modem_manager";
const OFONO: &str = "sms.ofono";

/// How long oFono waits for an answer.
const OFONO_PATIENCE: Duration = Duration::from_secs(25);

/// The name of a [`StoragePolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageName {
    /// Deleted.
    Delete,
    /// Deleted once the storage is nearly full.
    WhenFull,
    /// Kept.
    Keep,
}

impl From<StorageName> for StoragePolicy {
    fn from(name: StorageName) -> Self {
        match name {
            StorageName::Delete => Self::Delete,
            StorageName::WhenFull => Self::WhenFull,
            StorageName::Keep => Self::Keep,
        }
    }
}

impl From<StoragePolicy> for StorageName {
    fn from(policy: StoragePolicy) -> Self {
        match policy {
            StoragePolicy::Delete => Self::Delete,
            StoragePolicy::WhenFull => Self::WhenFull,
            StoragePolicy::Keep => Self::Keep,
        }
    }
}

/// The settings that are not said.
pub(super) fn modem_manager() -> ModemManagerSettings {
    ModemManagerSettings::default()
}

/// The settings that are not said.
pub(super) fn ofono() -> OfonoSettings {
    OfonoSettings::default()
}

pub(super) fn modem_manager_settings(
    table: &ModemManagerTable,
) -> Result<ModemManagerSettings, Wrong> {
    let leave = table
        .leave
        .iter()
        .map(|text| MediaType::parse(text).map_err(|error| wrong(MODEM_MANAGER, "leave")(&error)));
    let numbers = [
        ("full_at", table.full_at),
        ("max_remembered", table.max_remembered),
        ("max_waiting", table.max_waiting),
    ];
    at_least_one(MODEM_MANAGER, numbers)?;
    let pauses = [table.backoff_base, table.backoff_limit];
    Ok(ModemManagerSettings {
        bus: bus(MODEM_MANAGER, &table.bus, table.call_timeout, pauses)?,
        storage: table.storage.into(),
        full_at: table.full_at,
        leave: leave.collect::<Result<_, _>>()?,
        names: table.names.clone(),
        max_remembered: table.max_remembered,
        max_waiting: table.max_waiting,
        ..ModemManagerSettings::default()
    })
}

pub(super) fn ofono_settings(table: &OfonoTable) -> Result<OfonoSettings, Wrong> {
    if table.answer_timeout.0 >= OFONO_PATIENCE {
        let message = format!(
            "{} is too long: oFono waits for no more than 25 s, and takes it amiss",
            table.answer_timeout
        );
        return Err(wrong(OFONO, "answer_timeout")(&message));
    }
    at_least_one(OFONO, [("max_waiting", table.max_waiting)])?;
    let pauses = [table.backoff_base, table.backoff_limit];
    Ok(OfonoSettings {
        bus: bus(OFONO, &table.bus, table.call_timeout, pauses)?,
        names: table.names.clone(),
        answer_timeout: table.answer_timeout.0,
        max_waiting: table.max_waiting,
        ..OfonoSettings::default()
    })
}

fn bus(
    section: &'static str,
    address: &str,
    call_timeout: Span,
    [backoff_base, backoff_limit]: [Span; 2],
) -> Result<BusSettings, Wrong> {
    let spans = [
        ("call_timeout", call_timeout),
        ("backoff_base", backoff_base),
        ("backoff_limit", backoff_limit),
    ];
    at_least_a_millisecond(section, spans)?;
    Ok(BusSettings {
        address: address
            .parse()
            .map_err(|error: String| wrong(section, "bus")(&error))?,
        call_timeout: call_timeout.0,
        backoff_base: backoff_base.0,
        backoff_limit: backoff_limit.0,
    })
}
