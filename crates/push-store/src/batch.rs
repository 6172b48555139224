//! Several events as one blob of the journal.
//!
//! | octets | what |
//! |--------|------|
//! | 1      | version, 1 |
//!
//! and then, for each event in order of their ids, which follow each other:
//!
//! | octets | what |
//! |--------|------|
//! | 8      | time of arrival in milliseconds since 1970, big-endian |
//! | 1      | 1 if it has a registration, otherwise 0 |
//! | 8      | the registration, big-endian, where it has one |
//! | 4      | length of the push, big-endian |
//! | octets | the push, as in a row of its own |
//!
//! None of them was tried, put off or rejected yet.

use push_core::{EventRecord, EventState, RegistrationId};
use push_message::UnixMillis;

use crate::encoding::encode_push;

const VERSION: u8 = 1;

/// Octets of the length of a push.
const LENGTH_OCTETS: usize = 4;

/// The state of an event that nothing happened to yet, as every event of a batch has it.
pub(crate) const FRESH: EventState = EventState {
    attempts: 0,
    not_before: UnixMillis(0),
    dead: false,
};

/// A batch that is being put together.
#[derive(Debug)]
pub(crate) struct Packing {
    octets: Vec<u8>,
    events: u32,
}

impl Packing {
    pub(crate) const fn new() -> Self {
        Self {
            octets: Vec::new(),
            events: 0,
        }
    }

    /// Begins the next batch, which has so many octets, about.
    pub(crate) fn begin(&mut self, octets: usize) {
        self.octets.clear();
        self.octets.reserve(octets);
        self.octets.push(VERSION);
        self.events = 0;
    }

    /// Puts an event behind the others, if it takes no more than `most` octets and the whole no more than `whole`.
    pub(crate) fn put(&mut self, event: &EventRecord, most: usize, whole: usize) -> bool {
        let start = self.octets.len();
        self.octets
            .extend_from_slice(&event.push.received.0.to_be_bytes());
        self.octets.push(event.registration.is_some().into());
        if let Some(registration) = event.registration {
            self.octets.extend_from_slice(&registration.0.to_be_bytes());
        }
        let length_at = self.octets.len();
        self.octets.extend_from_slice(&[0; LENGTH_OCTETS]);
        encode_push(&event.push, &mut self.octets);
        let end = self.octets.len();
        let length = u32::try_from(end - length_at - LENGTH_OCTETS).ok();
        let fits = end - start <= most && end <= whole;
        let place = self.octets.get_mut(length_at..length_at + LENGTH_OCTETS);
        if let (true, Some((place, length))) = (fits, place.zip(length)) {
            place.copy_from_slice(&length.to_be_bytes());
            self.events += 1;
            return true;
        }
        self.octets.truncate(start);
        false
    }

    /// How many events it has.
    pub(crate) const fn events(&self) -> u32 {
        self.events
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// One event of a batch. Its id is that of the batch plus its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    pub(crate) received: UnixMillis,
    pub(crate) registration: Option<RegistrationId>,
    pub(crate) push: &'a [u8],
}

/// Reads back the events of a batch; absent where the blob is none.
pub(crate) fn unpack(blob: &[u8]) -> Option<Vec<Packed<'_>>> {
    let (&version, mut rest) = blob.split_first()?;
    if version != VERSION {
        return None;
    }
    let mut events = Vec::new();
    while !rest.is_empty() {
        events.push(unpack_one(&mut rest)?);
    }
    Some(events)
}

fn unpack_one<'a>(rest: &mut &'a [u8]) -> Option<Packed<'a>> {
    let received = UnixMillis(number(rest)?);
    let (&has_registration, after) = rest.split_first()?;
    *rest = after;
    let registration = match has_registration {
        0 => None,
        1 => Some(RegistrationId(number(rest)?)),
        _ => return None,
    };
    let (length, after) = rest.split_first_chunk::<LENGTH_OCTETS>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (push, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(Packed {
        received,
        registration,
        push,
    })
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrived at 7 for registration 3, then at 8 for nobody.
    const TWO: &[u8] = b"\x01\
        \0\0\0\0\0\0\0\x07\x01\0\0\0\0\0\0\0\x03\0\0\0\x02hi\
        \0\0\0\0\0\0\0\x08\x00\0\0\0\x00";

    #[test]
    fn the_events_of_a_batch_are_told_apart() {
        let expected = [
            Packed {
                received: UnixMillis(7),
                registration: Some(RegistrationId(3)),
                push: b"hi",
            },
            Packed {
                received: UnixMillis(8),
                registration: None,
                push: b"",
            },
        ];
        assert_eq!(unpack(TWO).unwrap(), expected);
        assert_eq!(unpack(&[VERSION]).unwrap(), []);
    }

    #[test]
    fn a_batch_cut_within_an_event_is_refused() {
        let whole = [1, 24, TWO.len()];
        for length in 0..=TWO.len() {
            let is_whole = whole.contains(&length);
            assert_eq!(unpack(&TWO[..length]).is_some(), is_whole, "{length}");
        }
    }

    #[test]
    fn what_this_crate_does_not_write_is_refused() {
        for (place, octet) in [(0, 0), (0, 2), (9, 2), (18, 0xff), (20, 0xff)] {
            let mut blob = TWO.to_vec();
            blob[place] = octet;
            assert!(unpack(&blob).is_none(), "{place}");
        }
    }
}
