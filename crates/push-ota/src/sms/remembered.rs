//! Messages that were taken, so that a late repetition of a segment is known for what it is.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use push_message::UnixMillis;

use super::gathering::{Gathering, Key};

/// The latest message of each key that was taken.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    messages: BTreeMap<Key, Taken>,
    /// The keys in the order in which their messages were taken.
    order: BTreeMap<u64, Key>,
    next: u64,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    until: Duration,
    parts: BTreeMap<u8, (u64, Option<UnixMillis>)>,
}

impl Remembered {
    /// Remembers a message until this time, and at most so many.
    pub(super) fn insert(&mut self, message: Gathering, until: Duration, most: usize) {
        let parts = message.parts.into_iter();
        let parts = parts.map(|(sequence, part)| (sequence, (digest(&part.octets), part.sent)));
        let taken = Taken {
            number: self.next,
            until,
            parts: parts.collect(),
        };
        self.order.insert(self.next, message.key.clone());
        self.next += 1;
        if let Some(before) = self.messages.insert(message.key, taken) {
            self.order.remove(&before.number);
        }
        while self.order.len() > most {
            let Some((_, key)) = self.order.pop_first() else {
                return;
            };
            self.messages.remove(&key);
        }
    }

    /// Whether this segment was one of a message that is remembered at the time `now`.
    pub(super) fn knows(
        &self,
        key: &Key,
        sequence: u8,
        octets: &[u8],
        sent: Option<UnixMillis>,
        now: Duration,
    ) -> bool {
        self.messages.get(key).is_some_and(|taken| {
            taken.until > now && taken.parts.get(&sequence) == Some(&(digest(octets), sent))
        })
    }
}

fn digest(octets: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(octets);
    hasher.finish()
}
