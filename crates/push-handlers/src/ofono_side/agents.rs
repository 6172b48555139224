//! The agents that registered, and those that left and may return.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use zbus::Connection;

use super::OfonoSideSettings;
use crate::peers::Agent;

/// The agents on our side of oFono.
#[derive(Debug, Default)]
pub struct Agents {
    /// The paths of modems, and the device of each.
    modems: BTreeMap<String, Option<String>>,
    known: Mutex<BTreeMap<Agent, Known>>,
    /// The connection that agents are served over: their names mean what they do on it alone, and they know who calls by it.
    serving: Mutex<Option<Connection>>,
    /// Something changed that may end sooner.
    pub(super) changed: Notify,
}

/// What is known of an agent.
#[derive(Debug, Clone)]
struct Known {
    /// Its connection to the bus, while it is there.
    name: Option<String>,
    /// Since when it is not.
    absent: Option<Instant>,
}

impl Agents {
    /// None yet, for these modems.
    pub fn new(settings: &OfonoSideSettings) -> Self {
        Self {
            modems: settings.modems(),
            ..Self::default()
        }
    }

    /// The name of an agent that is there.
    pub(crate) fn present(&self, agent: &Agent) -> Option<String> {
        self.lock().get(agent)?.name.clone()
    }

    /// The connection that agents are served over.
    pub(crate) fn connection(&self) -> Option<Connection> {
        self.serving().clone()
    }

    /// Agents are served over this connection from here on.
    pub(super) fn serve_over(&self, connection: Option<Connection>) {
        *self.serving() = connection;
    }

    fn serving(&self) -> MutexGuard<'_, Option<Connection>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the agents of a modem get what came by a device.
    pub(crate) fn serves(&self, modem: &str, device: Option<&str>) -> bool {
        let named = device.and_then(|device| {
            let mut modems = self.modems.iter();
            modems.find(|(_, known)| known.as_deref() == Some(device))
        });
        match named {
            Some((path, _)) => path == modem,
            None => self.modems.get(modem).is_some_and(Option::is_none),
        }
    }

    /// How many there are, those that left included; and how many of them are this user's.
    pub(super) fn count(&self, user: u32) -> (usize, usize) {
        let known = self.lock();
        let own = known.keys().filter(|agent| agent.user == user).count();
        (known.len(), own)
    }

    /// Whether any is there by this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let known = self.lock();
        known
            .values()
            .any(|known| known.name.as_deref() == Some(name))
    }

    /// The place for an agent with this user, modem and path that calls by `name`: its own, one whose agent left, or a new one.
    pub(super) fn place(&self, user: u32, modem: &str, path: &str, name: &str) -> Agent {
        let known = self.lock();
        let place = |number| Agent {
            user,
            modem: modem.to_owned(),
            path: path.to_owned(),
            number,
        };
        let is_its_own = |agent: &Agent| {
            let known = known.get(agent);
            known.is_some_and(|known| known.name.as_deref() == Some(name))
        };
        let is_free = |agent: &Agent| known.get(agent).is_none_or(|known| known.name.is_none());
        let numbers = 1..=u32::try_from(known.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let mut own = numbers.clone().map(place).filter(is_its_own);
        let mut free = numbers.map(place).filter(is_free);
        own.next()
            .or_else(|| free.next())
            .unwrap_or_else(|| place(1))
    }

    pub(super) fn knows(&self, agent: &Agent) -> bool {
        self.lock().contains_key(agent)
    }

    pub(super) fn enter(&self, agent: Agent, name: &str) {
        let known = Known {
            name: Some(name.to_owned()),
            absent: None,
        };
        self.lock().insert(agent, known);
    }

    /// One of an earlier run, which may return.
    pub(super) fn remember(&self, agent: Agent) {
        let known = Known {
            name: None,
            absent: Some(Instant::now()),
        };
        self.lock().entry(agent).or_insert(known);
        self.changed.notify_one();
    }

    /// The agent with this modem and path that calls by `name`.
    pub(super) fn find(&self, modem: &str, path: &str, name: &str) -> Option<Agent> {
        let known = self.lock();
        let mut found = known.iter().filter(|(agent, known)| {
            agent.modem == modem && agent.path == path && known.name.as_deref() == Some(name)
        });
        found.next().map(|(agent, _)| agent.clone())
    }

    pub(super) fn forget(&self, agent: &Agent) {
        self.lock().remove(agent);
    }

    /// A connection has left the bus.
    pub(super) fn left(&self, name: &str) {
        self.leave(|known| known == name);
    }

    /// Those that are there, with their connections; from here on they count as having left.
    pub(super) fn dismiss(&self) -> Vec<(String, Agent)> {
        let known = self.lock();
        let present = known.iter();
        let present = present
            .filter_map(|(agent, known)| Some((known.name.clone()?, agent.clone())))
            .collect();
        drop(known);
        self.leave(|_| true);
        present
    }

    fn leave(&self, whose: impl Fn(&str) -> bool) {
        let mut known = self.lock();
        for known in known.values_mut() {
            if known.name.as_deref().is_some_and(&whose) {
                known.name = None;
                known.absent = Some(Instant::now());
            }
        }
        drop(known);
        self.changed.notify_one();
    }

    /// When the first of those that left is given up.
    pub(super) fn next_end(&self, keep: Duration) -> Option<Instant> {
        let known = self.lock();
        let absent = known.values().filter_map(|known| known.absent);
        absent.min().and_then(|since| since.checked_add(keep))
    }

    /// Those that left so long ago.
    pub(super) fn given_up(&self, keep: Duration) -> Vec<Agent> {
        let known = self.lock();
        let given_up = known
            .iter()
            .filter(|(_, known)| known.absent.is_some_and(|since| since.elapsed() >= keep));
        given_up.map(|(agent, _)| agent.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Agent, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents() -> Agents {
        Agents::new(&OfonoSideSettings {
            modems: BTreeMap::from([("/left".to_owned(), "usb1".to_owned())]),
            ..OfonoSideSettings::default()
        })
    }

    #[tokio::test]
    async fn one_that_returns_has_its_place_and_another_at_the_same_time_has_its_own() {
        let agents = agents();
        let first = agents.place(7, "/pushcai", "/agent", ":1.1");
        assert_eq!(first.number, 1);
        agents.enter(first.clone(), ":1.1");
        assert_eq!(agents.place(7, "/pushcai", "/agent", ":1.1"), first);
        let second = agents.place(7, "/pushcai", "/agent", ":1.2");
        assert_eq!(second.number, 2);
        agents.enter(second.clone(), ":1.2");
        agents.left(":1.1");
        assert_eq!(agents.present(&first), None);
        assert_eq!(agents.present(&second).as_deref(), Some(":1.2"));
        assert_eq!(agents.place(7, "/pushcai", "/agent", ":1.3"), first);
        assert_eq!(agents.place(8, "/pushcai", "/agent", ":1.4").number, 1);
        assert_eq!(
            agents.find("/pushcai", "/agent", ":1.2"),
            Some(second.clone())
        );
        assert_eq!(agents.find("/pushcai", "/agent", ":1.1"), None);
        assert_eq!(agents.given_up(Duration::ZERO), [first]);
        assert_eq!(agents.dismiss(), [(":1.2".to_owned(), second)]);
        assert_eq!(agents.given_up(Duration::ZERO).len(), 2);
    }

    #[test]
    fn a_modem_has_the_pushes_of_its_device_and_the_first_has_all_others() {
        let agents = agents();
        for (device, expected) in [
            (Some("usb1"), "/left"),
            (Some("usb2"), "/pushcai"),
            (None, "/pushcai"),
        ] {
            let serving = ["/left", "/pushcai", "/other"].map(|modem| agents.serves(modem, device));
            assert_eq!(
                serving,
                ["/left", "/pushcai", "/other"].map(|modem| modem == expected)
            );
        }
    }
}
