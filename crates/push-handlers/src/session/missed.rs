//! Registrations that are tried at once when the helper of their user returns.

use std::collections::{BTreeMap, BTreeSet};

use push_client::RegistrationId;

/// Those of each user.
#[derive(Debug, Default)]
pub(super) struct Missed(BTreeMap<u32, BTreeSet<RegistrationId>>);

impl Missed {
    /// A registration waits for the helper of its user. So many are remembered; one of the user with the most gives way, so that nobody's
    /// take the room of others.
    pub(super) fn note(&mut self, registration: RegistrationId, uid: u32, most: usize) {
        self.0.entry(uid).or_default().insert(registration);
        while self.0.values().map(BTreeSet::len).sum::<usize>() > most {
            let users = self.0.iter_mut();
            // Of two with as many, whoever has one more gives way.
            let largest = users.max_by_key(|(user, own)| (own.len(), **user == uid));
            largest.and_then(|(_, own)| own.pop_first());
        }
        self.0.retain(|_, own| !own.is_empty());
    }

    /// The helper of its user is asked for it.
    pub(super) fn forget(&mut self, registration: RegistrationId, uid: u32) {
        if let Some(own) = self.0.get_mut(&uid) {
            own.remove(&registration);
            self.0.retain(|_, own| !own.is_empty());
        }
    }

    /// The helper of a user is there.
    pub(super) fn take(&mut self, uid: u32) -> Vec<RegistrationId> {
        let own = self.0.remove(&uid).unwrap_or_default();
        own.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_s_take_the_room_of_others() {
        let mut missed = Missed::default();
        let mut note = |registration, uid| missed.note(RegistrationId(registration), uid, 4);
        for registration in 1..=9 {
            note(registration, 7);
        }
        for registration in 11..=19 {
            note(registration, 8);
        }
        note(21, 9);
        let ids = |of: Vec<RegistrationId>| of.into_iter().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(ids(missed.take(9)), [21]);
        assert_eq!(ids(missed.take(7)), [8, 9]);
        assert_eq!(ids(missed.take(8)), [19]);
        assert!(missed.0.is_empty());
    }

    #[test]
    fn what_is_asked_for_is_missed_no_more() {
        let mut missed = Missed::default();
        missed.note(RegistrationId(3), 7, 1);
        missed.forget(RegistrationId(3), 8);
        missed.forget(RegistrationId(3), 7);
        assert!(missed.0.is_empty());
        missed.note(RegistrationId(3), 7, 0);
        assert!(missed.0.is_empty());
    }
}
