//! What connections have heard of their owners' registrations, so that each hears what differs from it.

use std::collections::{BTreeMap, BTreeSet};

use push_api::{Happening, WatchedRegistration};
use zbus::names::OwnedUniqueName;

/// The word for a registration that is whole again.
const RESTORED: &str = "restored";

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) registration: WatchedRegistration,
    pub(crate) cause: String,
    pub(crate) detail: String,
}

impl Change {
    /// What became of a registration, where it is that which happened.
    pub(crate) fn of(what: Happening) -> Option<Self> {
        if let Happening::RegistrationChanged {
            registration,
            cause,
            detail,
        } = what
        {
            Some(Self {
                registration,
                cause,
                detail,
            })
        } else {
            None
        }
    }

    /// It is whole again.
    pub(crate) fn restored(registration: WatchedRegistration) -> Self {
        Self {
            registration,
            cause: RESTORED.to_owned(),
            detail: "it is whole again".to_owned(),
        }
    }
}

/// What a connection has heard last of a registration.
#[derive(Debug)]
struct Last {
    registration: WatchedRegistration,
    cause: String,
}

/// What each connection has heard, for as long as it holds. Of a registration that is forgotten it may hear twice that it is lost, and
/// after something was missed not that it is whole again.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Registrations that are remembered of one connection.
    most: usize,
    connections: BTreeMap<OwnedUniqueName, BTreeMap<String, Last>>,
}

impl Heard {
    /// Nobody has heard anything.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            connections: BTreeMap::new(),
        }
    }

    /// A connection is told this.
    pub(crate) fn note(&mut self, connection: &OwnedUniqueName, change: &Change) {
        let heard = self.connections.entry(connection.clone()).or_default();
        let id = &change.registration.registration_id;
        if change.cause == RESTORED {
            heard.remove(id);
        } else {
            let last = Last {
                registration: change.registration.clone(),
                cause: change.cause.clone(),
            };
            heard.insert(id.clone(), last);
            if heard.len() > self.most {
                heard.pop_first();
            }
        }
    }

    /// Forgets all connections but these.
    pub(crate) fn keep(&mut self, is_known: impl Fn(&OwnedUniqueName) -> bool) {
        self.connections
            .retain(|connection, _| is_known(connection));
    }

    /// Forgets what a connection has heard of registrations that are not among those that are not what they were; says of which ones.
    pub(crate) fn forget_others(
        &mut self,
        connection: &OwnedUniqueName,
        now: &[Change],
    ) -> Vec<WatchedRegistration> {
        let Some(heard) = self.connections.get_mut(connection) else {
            return Vec::new();
        };
        let now = now
            .iter()
            .map(|change| &change.registration.registration_id);
        let now: BTreeSet<_> = now.collect();
        let others = heard.extract_if(.., |id, _| !now.contains(id));
        others.map(|(_, last)| last.registration).collect()
    }

    /// Whether a connection has heard this last of its registration.
    pub(crate) fn knows(&self, connection: &OwnedUniqueName, change: &Change) -> bool {
        let heard = self.connections.get(connection);
        let last = heard.and_then(|heard| heard.get(&change.registration.registration_id));
        last.is_some_and(|last| last.cause == change.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(name: &'static str) -> OwnedUniqueName {
        name.try_into().unwrap()
    }

    fn change(id: usize, cause: &str) -> Change {
        let registration = WatchedRegistration {
            registration_id: format!("{id:04}"),
            ..WatchedRegistration::default()
        };
        let restored = Change::restored(registration);
        Change {
            cause: cause.to_owned(),
            ..restored
        }
    }

    #[test]
    fn what_each_connection_has_heard_last_is_known() {
        let (one, other) = (connection(":1.1"), connection(":1.2"));
        let mut heard = Heard::new(4);
        for (id, cause) in [(1, "lost"), (2, "lost"), (2, "restored"), (3, "lost")] {
            heard.note(&one, &change(id, cause));
        }
        assert!(heard.knows(&one, &change(1, "lost")));
        assert!(!heard.knows(&one, &change(1, "revoked")));
        assert!(!heard.knows(&one, &change(2, "lost")));
        assert!(!heard.knows(&other, &change(1, "lost")));
        let forgotten = heard.forget_others(&one, &[change(3, "revoked"), change(4, "lost")]);
        assert_eq!(forgotten, [change(1, "lost").registration]);
        assert!(!heard.knows(&one, &change(1, "lost")));
        assert!(heard.knows(&one, &change(3, "lost")));
        heard.keep(|_| false);
        assert!(heard.connections.is_empty());
    }

    #[test]
    fn so_many_are_remembered_of_a_connection() {
        let one = connection(":1.1");
        let mut heard = Heard::new(4);
        for id in 0..=4 {
            heard.note(&one, &change(id, "lost"));
        }
        assert_eq!(heard.connections[&one].len(), 4);
        let oldest = heard.connections[&one].first_key_value();
        assert_eq!(oldest.unwrap().0, "0001");
    }
}
