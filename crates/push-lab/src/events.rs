//! What happened in a server of the lab, from its start on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How many events are kept.
const MAX_KEPT: usize = 100_000;

#[derive(Debug)]
struct Kept<E> {
    events: VecDeque<E>,
    /// The number of the first event that is still kept.
    first: u64,
}

/// Where events are written.
#[derive(Debug)]
pub(crate) struct Log<E> {
    kept: Arc<Mutex<Kept<E>>>,
    count: Arc<watch::Sender<u64>>,
}

impl<E> Clone for Log<E> {
    fn clone(&self) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            count: Arc::clone(&self.count),
        }
    }
}

impl<E: Clone> Log<E> {
    pub(crate) fn new() -> Self {
        Self {
            kept: Arc::new(Mutex::new(Kept {
                events: VecDeque::new(),
                first: 0,
            })),
            count: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(crate) fn tell(&self, event: E) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.events.len() >= MAX_KEPT {
            kept.events.pop_front();
            kept.first += 1;
        }
        kept.events.push_back(event);
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn read(&self) -> Events<E> {
        Events {
            kept: Arc::clone(&self.kept),
            count: self.count.subscribe(),
            next: 0,
        }
    }
}

/// A reader of a server's events, which begins with the first one.
#[derive(Debug)]
pub struct Events<E> {
    kept: Arc<Mutex<Kept<E>>>,
    count: watch::Receiver<u64>,
    next: u64,
}

impl<E: Clone> Events<E> {
    /// The next event, once there is one; nothing once the server is gone and all events are read.
    pub async fn next(&mut self) -> Option<E> {
        loop {
            if let Some(event) = self.read() {
                return Some(event);
            }
            if self.count.changed().await.is_err() {
                return self.read();
            }
        }
    }

    /// The first event from here on for which `wanted` gives a value.
    pub async fn until<T>(&mut self, mut wanted: impl FnMut(E) -> Option<T>) -> Option<T> {
        while let Some(event) = self.next().await {
            if let Some(value) = wanted(event) {
                return Some(value);
            }
        }
        None
    }

    /// All events that there are by now.
    pub fn drain(&mut self) -> Vec<E> {
        std::iter::from_fn(|| self.read()).collect()
    }

    /// The next event, if there is one already.
    pub fn read(&mut self) -> Option<E> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.next = self.next.max(kept.first);
        let index = usize::try_from(self.next - kept.first).ok()?;
        let event = kept.events.get(index)?.clone();
        self.next += 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_reader_begins_with_the_first_event() {
        let log = Log::new();
        let mut early = log.read();
        log.tell(1);
        log.tell(2);
        let mut late = log.read();
        drop(log);
        for events in [&mut early, &mut late] {
            assert_eq!(events.next().await, Some(1));
            assert_eq!(events.next().await, Some(2));
            assert_eq!(events.next().await, None);
        }
    }

    #[tokio::test]
    async fn the_oldest_events_are_forgotten_at_the_bound() {
        let log = Log::new();
        for number in 0..=MAX_KEPT {
            log.tell(number);
        }
        assert_eq!(log.read().next().await, Some(1));
    }
}
