//! What may be set of oFono's side.

use std::collections::BTreeMap;
use std::time::Duration;

use push_dbus::BusAddress;

/// Settings of [`OfonoSide`](super::OfonoSide).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfonoSideSettings {
    /// The bus; agents are on it as well.
    pub bus: BusAddress,
    /// The path of the modem whose agents get what no other modem's do.
    pub modem: String,
    /// Further modems: their paths, and what events call their devices.
    pub modems: BTreeMap<String, String>,
    /// The IMSI of the SIM in each modem, by the name that the modem has in events.
    pub subscriber_identities: BTreeMap<String, String>,
    /// Agents at a time, those that left and may return included.
    pub max_agents: usize,
    /// Agents of one user, those that left and may return included.
    pub max_agents_per_user: usize,
    /// For how long pushes wait for an agent that left the bus.
    pub keep_absent: Duration,
    /// How long the bus may take to answer.
    pub call_timeout: Duration,
    /// The first pause before the bus is connected to again; it doubles.
    pub backoff_base: Duration,
    /// The greatest pause.
    pub backoff_limit: Duration,
}

impl Default for OfonoSideSettings {
    fn default() -> Self {
        Self {
            bus: BusAddress::System,
            modem: "/pushcai".to_owned(),
            modems: BTreeMap::new(),
            subscriber_identities: BTreeMap::new(),
            max_agents: 32,
            max_agents_per_user: 16,
            keep_absent: Duration::from_hours(1),
            call_timeout: Duration::from_secs(30),
            backoff_base: Duration::from_secs(1),
            backoff_limit: Duration::from_mins(1),
        }
    }
}

impl OfonoSideSettings {
    /// The paths of all modems, and the device of each; the one for what is left has none.
    pub(super) fn modems(&self) -> BTreeMap<String, Option<String>> {
        let named = self.modems.iter();
        let named = named.map(|(path, device)| (path.clone(), Some(device.clone())));
        std::iter::once((self.modem.clone(), None))
            .chain(named)
            .collect()
    }
}
