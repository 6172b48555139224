//! What goes on, as one watcher sees it: a queue that the engine fills and never waits for.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_api::{Happening, WatchStream, Watched};
use push_message::{Headers, ReceivedPush};

/// What an entry counts for beside its content and what a handler said.
const ENTRY_OCTETS: usize = 1024;

/// What goes on, as one watcher sees it. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watching(Arc<WatchQueue>);

/// What one watcher has not taken yet, within bounds.
#[derive(Debug)]
pub(crate) struct WatchQueue {
    most: usize,
    most_octets: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    octets: usize,
    /// What came last and found no room: told once there is room, or the queue is empty.
    missed: Missed,
    watcher: Option<Waker>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Missed {
    count: u64,
    /// When the last of it happened.
    time: u64,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) watched: Arc<Watched>,
    /// The push whose content goes with it; the document is made of it when it is taken, because most are not taken at once.
    pub(crate) push: Option<Arc<ReceivedPush>>,
}

impl WatchQueue {
    /// A queue of so many entries and octets.
    pub(crate) fn new(most: usize, most_octets: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_octets,
            state: Mutex::default(),
        })
    }

    /// The half that the watcher reads.
    pub(crate) fn watching(self: &Arc<Self>) -> Watching {
        Watching(Arc::clone(self))
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_abandoned(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }

    /// Puts an entry in, or counts it where there is no room; says whether it did.
    pub(crate) fn put(&self, entry: Entry) -> bool {
        let octets = entry.octets();
        let mut state = self.lock();
        // The note on what was missed needs room as well.
        let needed = 1 + usize::from(state.missed.count > 0);
        let has_room = state.entries.len() + needed <= self.most
            && (state.entries.is_empty() || state.octets + octets <= self.most_octets);
        if !has_room {
            state.missed.count += 1;
            state.missed.time = entry.watched.time;
            return false;
        }
        if let Some(missed) = state.missed.take() {
            state.push(missed);
        }
        state.push(entry);
        let watcher = state.watcher.take();
        drop(state);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
        true
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let watcher = state.watcher.take();
        drop(state);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }

    fn poll_take(&self, context: &Context<'_>) -> Poll<Option<Entry>> {
        let mut state = self.lock();
        if let Some(entry) = state.entries.pop_front() {
            state.octets -= entry.octets();
            return Poll::Ready(Some(entry));
        }
        if let Some(missed) = state.missed.take() {
            return Poll::Ready(Some(missed));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.watcher = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, entry: Entry) {
        self.octets += entry.octets();
        self.entries.push_back(entry);
    }
}

impl Missed {
    fn take(&mut self) -> Option<Entry> {
        let Self { count, time } = std::mem::take(self);
        (count > 0).then(|| Entry {
            watched: Arc::new(Watched {
                time,
                what: Happening::Missed { count },
            }),
            push: None,
        })
    }
}

impl Entry {
    fn octets(&self) -> usize {
        let content = self.push.as_ref().map_or(0, |push| {
            let message = &push.message;
            message.content.len()
                + message.headers.text_length()
                + message.content_type.parameters.text_length()
        });
        ENTRY_OCTETS + content + length_of_text(&self.watched.what)
    }

    fn into_watched(self) -> Watched {
        let mut watched = Arc::unwrap_or_clone(self.watched);
        if let (Happening::Judged(judged), Some(push)) = (&mut watched.what, self.push) {
            let message = &push.message;
            judged.parameters = pairs(&message.content_type.parameters);
            judged.headers = pairs(&message.headers);
            judged.content = Some(STANDARD.encode(&message.content));
        }
        watched
    }
}

/// Octets of the text that somebody else may make long.
fn length_of_text(what: &Happening) -> usize {
    match what {
        Happening::Handled { output: text, .. }
        | Happening::HandlerFailed { reason: text, .. }
        | Happening::RegistrationRefused { detail: text, .. }
        | Happening::RegistrationChanged { detail: text, .. }
        | Happening::Malformed { detail: text, .. } => text.len(),
        Happening::Judged(judged) => judged.detail.as_ref().map_or(0, String::len),
        Happening::Registered(_)
        | Happening::Deregistered(_)
        | Happening::Delivered { .. }
        | Happening::Accepted(_)
        | Happening::Delayed { .. }
        | Happening::Died(_)
        | Happening::Replayed(_)
        | Happening::Dropped(_)
        | Happening::Expired(_)
        | Happening::ServerChanged { .. }
        | Happening::Missed { .. } => 0,
    }
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl WatchStream for Watching {
    async fn next(&mut self) -> Option<Watched> {
        let entry = poll_fn(|context| self.0.poll_take(context)).await?;
        Some(entry.into_watched())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: u64, output: usize) -> Entry {
        let what = Happening::Handled {
            event: push_api::WatchedEvent::default(),
            attempt: 1,
            scheme: "exec".to_owned(),
            outcome: "exit status 0".to_owned(),
            output: "x".repeat(output),
            took: 0,
        };
        Entry {
            watched: Arc::new(Watched { time, what }),
            push: None,
        }
    }

    fn taken(queue: &WatchQueue) -> Vec<(u64, Option<u64>)> {
        let context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(Some(entry)) = queue.poll_take(&context) {
            let missed = if let Happening::Missed { count } = entry.watched.what {
                Some(count)
            } else {
                None
            };
            taken.push((entry.watched.time, missed));
        }
        taken
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_in_its_place() {
        let queue = WatchQueue::new(3, usize::MAX);
        for time in 1..=5 {
            queue.put(entry(time, 0));
        }
        let context = Context::from_waker(Waker::noop());
        assert!(queue.poll_take(&context).is_ready());
        // One place is free: too little for the note and what comes.
        assert!(!queue.put(entry(6, 0)));
        assert!(queue.poll_take(&context).is_ready());
        assert!(queue.put(entry(7, 0)));
        assert_eq!(taken(&queue), [(3, None), (6, Some(3)), (7, None)]);
        assert!(queue.put(entry(8, 0)));
    }

    #[test]
    fn what_was_missed_last_is_told_even_if_nothing_follows() {
        let queue = WatchQueue::new(1, usize::MAX);
        queue.put(entry(1, 0));
        queue.put(entry(2, 0));
        assert_eq!(taken(&queue), [(1, None), (2, Some(1))]);
    }

    #[test]
    fn octets_are_bounded_as_well_but_one_entry_always_fits() {
        let queue = WatchQueue::new(100, 3 * ENTRY_OCTETS);
        assert!(queue.put(entry(1, 1 << 20)));
        assert!(!queue.put(entry(2, 0)));
        assert_eq!(taken(&queue), [(1, None), (2, Some(1))]);
        assert!(queue.put(entry(3, 0)) && queue.put(entry(4, 0)) && queue.put(entry(5, 0)));
        assert!(!queue.put(entry(6, 0)));
    }

    #[test]
    fn a_queue_that_is_closed_is_read_to_its_end() {
        let queue = WatchQueue::new(2, usize::MAX);
        let watching = queue.watching();
        assert!(!queue.is_abandoned());
        queue.put(entry(1, 0));
        queue.close();
        let context = Context::from_waker(Waker::noop());
        assert!(matches!(queue.poll_take(&context), Poll::Ready(Some(_))));
        assert!(matches!(queue.poll_take(&context), Poll::Ready(None)));
        drop(watching);
        assert!(queue.is_abandoned());
    }
}
