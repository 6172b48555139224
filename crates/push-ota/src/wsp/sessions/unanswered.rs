//! Confirmed pushes that were accepted when their gateway could not be told any more.
//!
//! A gateway sends such a push again, in a new transaction: perhaps in another session. The same octets are the same push then, until the window is
//! over. Equal pushes whose gateway was told are each a push of their own.

use std::collections::VecDeque;
use std::time::Duration;

use sha1::{Digest as _, Sha1};

use super::place::PlaceId;

/// Tells pushes apart.
pub(super) type Digest = [u8; 20];

pub(super) fn digest(octets: &[u8]) -> Digest {
    Sha1::digest(octets).into()
}

/// Which pushes they are, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    pushes: VecDeque<(PlaceId, Digest, Duration)>,
}

impl Unanswered {
    /// Remembers a push of this gateway until then. Of more than `most` the oldest are forgotten.
    pub(super) fn remember(
        &mut self,
        place: PlaceId,
        digest: Digest,
        until: Duration,
        most: usize,
    ) {
        self.pushes.push_back((place, digest, until));
        while self.pushes.len() > most {
            self.pushes.pop_front();
        }
    }

    /// Whether it is one of them; it is forgotten then.
    pub(super) fn take(&mut self, place: PlaceId, digest: Digest, now: Duration) -> bool {
        while self
            .pushes
            .front()
            .is_some_and(|(_, _, until)| *until <= now)
        {
            self.pushes.pop_front();
        }
        let is_it = |one: &(PlaceId, Digest, Duration)| one.0 == place && one.1 == digest;
        let found = self.pushes.iter().position(is_it);
        found.is_some_and(|found| self.pushes.remove(found).is_some())
    }
}
