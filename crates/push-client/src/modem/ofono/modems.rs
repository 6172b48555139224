//! The modems of oFono, and whose agent we are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::modem::bus::BusSettings;
use crate::modem::pause::Pauses;

/// Whether we are a modem's agent.
#[derive(Debug)]
enum Standing {
    /// The modem hands pushes to nobody at present.
    Silent,
    /// We want to be, from now on.
    Wanted,
    /// We are.
    Agent,
    /// We want to be, from this time on, for this reason.
    Later(Instant, String),
}

#[derive(Debug)]
struct Modem {
    device: Arc<str>,
    standing: Standing,
    pauses: Pauses,
    /// It has been told that we cannot be the agent.
    told: bool,
}

/// The modems, by path.
#[derive(Debug)]
pub(super) struct Modems {
    by_path: BTreeMap<String, Modem>,
    names: BTreeMap<String, String>,
    pauses: Pauses,
}

/// What the path of an agent begins with; the modem's follows.
const AGENTS: &str = "/org/pushcai/PushNotificationAgent";

/// The path of the agent for a modem.
pub(super) fn agent_path(modem: &str) -> String {
    format!("{AGENTS}{modem}")
}

/// The modem that an agent is for.
pub(super) fn modem_of(agent: &str) -> Option<&str> {
    agent.strip_prefix(AGENTS)
}

impl Modems {
    /// None yet.
    pub(super) const fn new(bus: &BusSettings, names: BTreeMap<String, String>) -> Self {
        Self {
            by_path: BTreeMap::new(),
            names,
            pauses: Pauses::new(bus.backoff_base, bus.backoff_limit),
        }
    }

    /// All have gone.
    pub(super) fn clear(&mut self) {
        self.by_path.clear();
    }

    /// A modem is there; `pushes`: it hands pushes to an agent.
    pub(super) fn set(&mut self, path: &str, pushes: bool) {
        let device = self.name(path);
        let modem = self
            .by_path
            .entry(path.to_owned())
            .or_insert_with(|| Modem {
                device,
                standing: Standing::Silent,
                pauses: self.pauses.clone(),
                told: false,
            });
        match (&modem.standing, pushes) {
            (Standing::Silent, true) => modem.standing = Standing::Wanted,
            (Standing::Wanted | Standing::Agent | Standing::Later(..), false) => {
                modem.standing = Standing::Silent;
            }
            (Standing::Silent, false)
            | (Standing::Wanted | Standing::Agent | Standing::Later(..), true) => {}
        }
    }

    /// A modem has gone.
    pub(super) fn remove(&mut self, path: &str) {
        self.by_path.remove(path);
    }

    /// A modem that we want to be the agent of now.
    pub(super) fn wanted(&self, now: Instant) -> Option<String> {
        let is_wanted = |modem: &Modem| match &modem.standing {
            Standing::Wanted => true,
            Standing::Later(from, _) => *from <= now,
            Standing::Silent | Standing::Agent => false,
        };
        let (path, _) = self.by_path.iter().find(|(_, modem)| is_wanted(modem))?;
        Some(path.clone())
    }

    /// When there is something to do that nobody says.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let later = |modem: &Modem| match &modem.standing {
            Standing::Later(from, _) => Some(*from),
            Standing::Silent | Standing::Wanted | Standing::Agent => None,
        };
        self.by_path.values().filter_map(later).min()
    }

    /// We are the agent of a modem, unless it has stopped handing pushes over meanwhile. Its name.
    pub(super) fn registered(&mut self, path: &str) -> Option<Arc<str>> {
        let modem = self.by_path.get_mut(path)?;
        if matches!(modem.standing, Standing::Silent) {
            return None;
        }
        modem.standing = Standing::Agent;
        modem.pauses.reset();
        modem.told = false;
        Some(Arc::clone(&modem.device))
    }

    /// We are not the agent of a modem, for this reason. Its name and the pause before the next attempt, where that has
    /// not been told already.
    pub(super) fn refused(
        &mut self,
        path: &str,
        reason: String,
        now: Instant,
    ) -> Option<(Arc<str>, Duration)> {
        let modem = self.by_path.get_mut(path)?;
        if matches!(modem.standing, Standing::Silent) {
            return None;
        }
        let pause = modem.pauses.take();
        modem.standing = Standing::Later(now + pause, reason);
        let told = std::mem::replace(&mut modem.told, true);
        (!told).then(|| (Arc::clone(&modem.device), pause))
    }

    /// oFono let us go.
    pub(super) fn released(&mut self, path: &str, now: Instant) -> Option<Arc<str>> {
        let modem = self.by_path.get_mut(path)?;
        if matches!(modem.standing, Standing::Silent) {
            return None;
        }
        let pause = modem.pauses.take();
        modem.standing = Standing::Later(now + pause, "oFono let the agent go".to_owned());
        Some(Arc::clone(&modem.device))
    }

    /// What a modem is called.
    pub(super) fn name(&self, path: &str) -> Arc<str> {
        let end = path.rsplit('/').next().unwrap_or(path);
        self.names.get(end).map_or(end, String::as_str).into()
    }

    /// Why nothing can come, if so.
    pub(super) fn trouble(&self) -> Option<String> {
        let mut agents = 0_u32;
        for Modem {
            device, standing, ..
        } in self.by_path.values()
        {
            match standing {
                Standing::Later(_, reason) => return Some(format!("{device}: {reason}")),
                Standing::Agent => agents += 1,
                Standing::Silent | Standing::Wanted => {}
            }
        }
        (agents == 0).then(|| "oFono has no modem that is online with short messages".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modems() -> Modems {
        let names = [("ril_1".to_owned(), "spare".to_owned())].into();
        Modems::new(&BusSettings::default(), names)
    }

    #[test]
    fn an_agent_is_wanted_where_pushes_are_handed_over_and_again_after_a_release() {
        let mut modems = modems();
        let now = Instant::now();
        modems.set("/ril_0", false);
        assert_eq!(modems.wanted(now), None);
        modems.set("/ril_0", true);
        assert_eq!(modems.wanted(now).as_deref(), Some("/ril_0"));
        assert_eq!(modems.registered("/ril_0").as_deref(), Some("ril_0"));
        assert_eq!((modems.wanted(now), modems.timeout()), (None, None));
        assert_eq!(modems.trouble(), None);
        modems.released("/ril_0", now);
        assert_eq!(modems.wanted(now), None);
        let from = modems.timeout().unwrap();
        assert_eq!(modems.wanted(from).as_deref(), Some("/ril_0"));
        modems.set("/ril_0", false);
        assert_eq!(modems.wanted(from), None);
        assert!(modems.trouble().is_some());
    }

    #[test]
    fn somebody_elses_agent_is_told_once_and_tried_with_growing_pauses() {
        let mut modems = modems();
        let now = Instant::now();
        modems.set("/ril_1", true);
        let (device, first) = modems.refused("/ril_1", "busy".to_owned(), now).unwrap();
        assert_eq!(&*device, "spare");
        assert_eq!(modems.refused("/ril_1", "busy".to_owned(), now), None);
        assert!(modems.timeout().unwrap() - now > first);
        assert_eq!(modems.trouble().as_deref(), Some("spare: busy"));
    }

    #[test]
    fn a_modem_that_went_silent_stays_so_whatever_an_earlier_call_came_to() {
        let mut modems = modems();
        let now = Instant::now();
        modems.set("/ril_0", true);
        modems.set("/ril_0", false);
        assert_eq!(modems.registered("/ril_0"), None);
        assert_eq!(modems.refused("/ril_0", "gone".to_owned(), now), None);
        assert_eq!(modems.released("/ril_0", now), None);
        assert_eq!((modems.wanted(now), modems.timeout()), (None, None));
        modems.set("/ril_0", true);
        assert_eq!(modems.wanted(now).as_deref(), Some("/ril_0"));
    }

    #[test]
    fn agents_have_paths_of_their_own() {
        assert_eq!(modem_of(&agent_path("/ril_0")), Some("/ril_0"));
        assert_eq!(modem_of("/elsewhere"), None);
    }
}
