//! Session initiation requests that came during the lockout, and wait for its end (WAP-235 8.3).

use std::collections::VecDeque;

use push_message::{Headers, ReceivedPush};

/// Requests that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    waiting: VecDeque<ReceivedPush>,
}

impl Deferred {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Keeps a request, in the place of an equal one of the same source. Where `most` wait already, the oldest one of that source
    /// makes way of which most wait, so that none keeps the others out. False: every one that waits is another source's only one.
    pub(super) fn keep(&mut self, push: &ReceivedPush, most: usize) -> bool {
        let is_equal = |one: &ReceivedPush| {
            is_same_source(one, push) && one.message.content == push.message.content
        };
        self.waiting.retain(|one| !is_equal(one));
        if self.waiting.len() >= most && !self.make_way(push) {
            return false;
        }
        let mut kept = push.clone();
        // Only the content counts.
        kept.message.headers = Headers::new();
        self.waiting.push_back(kept);
        true
    }

    fn make_way(&mut self, push: &ReceivedPush) -> bool {
        let of_source = |source: &ReceivedPush| {
            let same = self
                .waiting
                .iter()
                .filter(|one| is_same_source(one, source));
            same.count()
        };
        let own = (of_source(push) + 1, None);
        let others = self.waiting.iter().map(|one| (of_source(one), Some(one)));
        // Of equal counts the last one is taken: the new one's own source before others.
        let noisiest = others.chain([own]).max_by_key(|(count, _)| *count);
        let source = match noisiest {
            Some((2.., source)) => source.unwrap_or(push),
            Some(_) | None => return false,
        };
        let oldest = self
            .waiting
            .iter()
            .position(|one| is_same_source(one, source));
        oldest.is_some_and(|oldest| self.waiting.remove(oldest).is_some())
    }

    /// The one that has waited longest.
    pub(super) fn next(&mut self) -> Option<ReceivedPush> {
        self.waiting.pop_front()
    }
}

fn is_same_source(one: &ReceivedPush, other: &ReceivedPush) -> bool {
    one.origin.server == other.origin.server && one.origin.proved_names == other.origin.proved_names
}
