//! The last head that was good: a gateway writes the same one request after request, and to compare octets costs far less than to
//! read them.

use std::fmt;

use super::head::Head;

/// The most octets of a head that is remembered.
const MAX_LENGTH: usize = 1_024;

/// The head of a request, from its first octet to its empty line, and what it said.
#[derive(Default)]
pub(super) struct KnownHead {
    octets: Vec<u8>,
    head: Head,
}

impl KnownHead {
    /// What the head says that these octets begin with, if it is this one. Where a head ends is found in itself, so that what
    /// begins with it can have no other.
    pub(super) fn of(&self, octets: &[u8]) -> Option<&Head> {
        let known = !self.octets.is_empty() && octets.starts_with(&self.octets);
        known.then_some(&self.head)
    }

    /// Remembers a head that was found good, which these octets are.
    pub(super) fn note(&mut self, octets: &[u8], head: &Head) {
        if octets.len() <= MAX_LENGTH {
            self.octets.clear();
            self.octets.extend_from_slice(octets);
            self.head.clone_from(head);
        }
    }
}

impl fmt::Debug for KnownHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values are personal data.
        f.debug_struct("KnownHead").finish_non_exhaustive()
    }
}
