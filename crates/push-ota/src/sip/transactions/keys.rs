//! What tells one transaction from another (RFC 3261 17.2.3, 8.2.2.2).
//!
//! Keys are hashes over a seed that nobody knows: of one length, whatever the message, and nobody makes two messages of one key.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use crate::sip::stack::Request;

/// A hash of parts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(u64);

/// Values by their keys. Keys are chance to whom the seed is secret, and nobody asks in which order they stand.
pub(super) type ByKey<T> = HashMap<Key, T, BuildHasherDefault<AsItIs>>;

/// The hash of what is a hash already.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What keys and names are made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    seed: u64,
}

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    fn hash(self, kind: u8, parts: &[&str], numbers: [u32; 2]) -> Key {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write_u8(kind);
        for number in numbers {
            hasher.write_u32(number);
        }
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
        Key(hasher.finish())
    }

    /// A name that nobody can guess, of this number.
    pub(super) fn name(self, number: u64) -> u128 {
        let number = number.to_string();
        let half = |kind| u128::from(self.hash(kind, &[&number], [0; 2]).0);
        half(5) << 64 | half(6)
    }

    /// The transaction that a request belongs to. `method` is the request's own, or INVITE for its ACK and its CANCEL.
    pub(super) fn transaction(self, request: &Request, method: &str) -> Option<Key> {
        let via = request.via()?;
        if let Some(branch) = via.unique_branch() {
            let parts = [branch, &via.host, method];
            let port = [
                via.port.is_some().into(),
                via.port.unwrap_or_default().into(),
            ];
            return Some(self.hash(1, &parts, port));
        }
        // A peer from before RFC 3261. The tag in To is left out where an ACK has it and its INVITE has not.
        let to_tag = request.to_tag().filter(|_| method != "INVITE");
        let line = request.header("Via").unwrap_or_default();
        let parts = [
            request.uri(),
            to_tag.unwrap_or_default(),
            request.from_tag().unwrap_or_default(),
            request.call_id(),
            method,
            &line,
        ];
        Some(self.hash(2, &parts, [request.cseq(), 0]))
    }

    /// What requests share that came from one by different ways; absent where they belong to a dialog.
    pub(super) fn merged(self, request: &Request) -> Option<Key> {
        let from_tag = request.from_tag().filter(|_| request.to_tag().is_none())?;
        let parts = [from_tag, request.call_id(), request.method().as_str()];
        Some(self.hash(3, &parts, [request.cseq(), 0]))
    }

    /// A tag for the answer to a request without a transaction: the same for the same request.
    pub(super) fn tag(self, request: &Request) -> String {
        let from_tag = request.from_tag().unwrap_or_default();
        let parts = [from_tag, request.call_id()];
        let Key(tag) = self.hash(4, &parts, [request.cseq(), 0]);
        format!("{tag:016x}")
    }
}
