//! The modems that are there, and their messages that wait to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use zbus::{ObjectPath, OwnedObjectPath};

use super::message::Place;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Ask a modem for its name and its messages.
    Meet(OwnedObjectPath),
    /// Look at a message.
    Look(Place),
}

/// A modem that is there.
#[derive(Debug, Default)]
struct Modem {
    /// Absent until it was asked.
    device: Option<Arc<str>>,
    /// Messages from this number on found no room: they are asked for again once others are done.
    missed: Option<u64>,
}

/// The modems and what is to be done for them, in the order of arrival: ModemManager numbers messages as they come, those of
/// all modems in one row.
#[derive(Debug)]
pub(super) struct Waiting {
    modems: BTreeMap<String, Modem>,
    /// The modem of each message that waits.
    messages: BTreeMap<u64, String>,
    /// Those of them that changed since they were taken up.
    changed: BTreeSet<u64>,
    /// The modem of each message that is not whole yet.
    incomplete: BTreeMap<u64, String>,
    bound: usize,
}

/// What the path of every message begins with.
const MESSAGES: &str = "/org/freedesktop/ModemManager1/SMS/";

impl Waiting {
    /// Room for `bound` messages that wait, and as many that are not whole yet.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            modems: BTreeMap::new(),
            messages: BTreeMap::new(),
            changed: BTreeSet::new(),
            incomplete: BTreeMap::new(),
            bound: bound.max(1),
        }
    }

    /// A modem is there.
    pub(super) fn add_modem(&mut self, path: &str) {
        self.modems.entry(path.to_owned()).or_default();
    }

    /// A modem has gone; its name, if it was known.
    pub(super) fn remove_modem(&mut self, path: &str) -> Option<Arc<str>> {
        self.messages.retain(|_, modem| modem != path);
        self.incomplete.retain(|_, modem| modem != path);
        self.modems.remove(path)?.device
    }

    /// Every modem has gone.
    pub(super) fn clear(&mut self) {
        self.modems.clear();
        self.messages.clear();
        self.changed.clear();
        self.incomplete.clear();
    }

    /// A modem has told its name and its messages.
    pub(super) fn met(&mut self, path: &str, device: Arc<str>, messages: &[OwnedObjectPath]) {
        let Some(modem) = self.modems.get_mut(path) else {
            return;
        };
        modem.device = Some(device);
        let from = modem.missed.take().unwrap_or(0);
        let mut numbers: Vec<u64> = messages.iter().filter_map(|path| number(path)).collect();
        numbers.sort_unstable();
        for number in numbers.into_iter().filter(|number| *number >= from) {
            self.add_number(path, number);
        }
    }

    /// A message was added.
    pub(super) fn add(&mut self, modem: &str, message: &ObjectPath<'_>) {
        if let Some(number) = number(message) {
            self.add_number(modem, number);
        }
    }

    /// A message has changed: one that was not whole may be.
    pub(super) fn change(&mut self, message: &ObjectPath<'_>) {
        let Some(number) = number(message) else {
            return;
        };
        if self.messages.contains_key(&number) {
            self.changed.insert(number);
        } else if let Some(modem) = self.incomplete.remove(&number) {
            self.add_number(&modem, number);
        }
    }

    /// What is to be done next. It comes again until [`met`](Self::met) or [`done`](Self::done) says that it was done.
    pub(super) fn next(&mut self) -> Option<Task> {
        if let Some(path) = self.modem_where(|modem| modem.device.is_none()) {
            return Some(Task::Meet(path));
        }
        while let Some(entry) = self.messages.first_entry() {
            let (number, path) = (*entry.key(), entry.get());
            let device = self.modems.get(path).and_then(|modem| modem.device.clone());
            let modem = OwnedObjectPath::try_from(path.as_str());
            let message = OwnedObjectPath::try_from(format!("{MESSAGES}{number}"));
            if let (Some(device), Ok(modem), Ok(message)) = (device, modem, message) {
                self.changed.remove(&number);
                return Some(Task::Look(Place {
                    modem,
                    device,
                    message,
                }));
            }
            entry.remove();
        }
        self.modem_where(|modem| modem.missed.is_some())
            .map(Task::Meet)
    }

    /// A message has been looked at, and need not be looked at again, unless it has changed meanwhile.
    pub(super) fn done(&mut self, place: &Place) {
        if let Some(number) = number(&place.message)
            && !self.changed.remove(&number)
        {
            self.messages.remove(&number);
        }
    }

    /// A message has been looked at, and is to be looked at again once it changes.
    pub(super) fn not_whole(&mut self, place: &Place) {
        self.done(place);
        let Some(number) = number(&place.message) else {
            return;
        };
        if self.messages.contains_key(&number) {
            return;
        }
        if self.incomplete.len() == self.bound {
            self.incomplete.pop_first();
        }
        self.incomplete.insert(number, place.modem.to_string());
    }

    fn modem_where(&self, wanted: impl Fn(&Modem) -> bool) -> Option<OwnedObjectPath> {
        let (path, _) = self.modems.iter().find(|(_, modem)| wanted(modem))?;
        OwnedObjectPath::try_from(path.as_str()).ok()
    }

    fn add_number(&mut self, modem: &str, number: u64) {
        let Some(known) = self.modems.get_mut(modem) else {
            return;
        };
        if self.messages.len() < self.bound {
            self.messages.insert(number, modem.to_owned());
        } else if !self.messages.contains_key(&number) {
            known.missed = Some(known.missed.map_or(number, |missed| missed.min(number)));
        }
    }
}

/// The number of a message.
fn number(path: &ObjectPath<'_>) -> Option<u64> {
    path.as_str().strip_prefix(MESSAGES)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "/org/freedesktop/ModemManager1/Modem/0";
    const TWO: &str = "/org/freedesktop/ModemManager1/Modem/1";

    fn message(number: u64) -> OwnedObjectPath {
        OwnedObjectPath::try_from(format!("{MESSAGES}{number}")).unwrap()
    }

    fn waiting(bound: usize, messages: &[u64]) -> Waiting {
        let mut waiting = Waiting::new(bound);
        waiting.add_modem(ONE);
        assert!(matches!(waiting.next(), Some(Task::Meet(path)) if path.as_str() == ONE));
        let messages: Vec<_> = messages.iter().map(|number| message(*number)).collect();
        waiting.met(ONE, "one".into(), &messages);
        waiting
    }

    fn look(waiting: &mut Waiting) -> Place {
        match waiting.next() {
            Some(Task::Look(place)) => place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_come_in_the_order_of_their_numbers_and_until_they_are_done() {
        let mut waiting = waiting(10, &[12, 3]);
        waiting.add(ONE, &message(7));
        for expected in [3, 7, 12] {
            let place = look(&mut waiting);
            assert_eq!(place.message, message(expected));
            assert_eq!(look(&mut waiting), place);
            waiting.done(&place);
        }
        assert_eq!(waiting.next(), None);
    }

    #[test]
    fn what_finds_no_room_is_listed_again_and_nothing_twice() {
        let mut waiting = waiting(2, &[5, 1, 4, 2, 3]);
        let all: Vec<_> = (1..=5).map(message).collect();
        let mut seen = Vec::new();
        while let Some(task) = waiting.next() {
            match task {
                Task::Meet(_) => waiting.met(ONE, "one".into(), &all),
                Task::Look(place) => {
                    seen.push(place.message.clone());
                    waiting.done(&place);
                }
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_message_that_becomes_whole_comes_again_even_while_it_is_looked_at() {
        let mut waiting = waiting(10, &[1]);
        let place = look(&mut waiting);
        waiting.not_whole(&place);
        assert_eq!(waiting.next(), None);
        waiting.change(&place.message);
        assert_eq!(look(&mut waiting), place);
        waiting.change(&place.message);
        waiting.not_whole(&place);
        assert_eq!(look(&mut waiting), place);
        waiting.done(&place);
        assert_eq!(waiting.next(), None);
    }

    #[test]
    fn the_messages_of_a_modem_go_with_it() {
        let mut waiting = waiting(10, &[1]);
        waiting.add_modem(TWO);
        waiting.met(TWO, "two".into(), &[message(2)]);
        assert_eq!(waiting.remove_modem(ONE).as_deref(), Some("one"));
        let place = look(&mut waiting);
        assert_eq!((&*place.device, place.message.clone()), ("two", message(2)));
        waiting.clear();
        assert_eq!(waiting.next(), None);
    }
}
