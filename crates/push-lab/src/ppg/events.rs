//! What happened, from the start on.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::connection::Direction;
use super::cpi::Cpi;
use super::delivery::Outcome;

/// Something that happened in a gateway. `connection` is [`Connection::id`](super::Connection::id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PpgEvent {
    /// A connection is open; where it is secured, TLS is established.
    Opened {
        /// Which one.
        connection: u64,
        /// The terminal's address.
        peer: SocketAddr,
        /// Who opened it.
        direction: Direction,
        /// Whether it is secured.
        tls: bool,
    },
    /// A connection was opened, but TLS was not established on it.
    TlsFailed {
        /// The terminal's address.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A connection has ended.
    Closed {
        /// Which one.
        connection: u64,
        /// Why.
        reason: String,
    },
    /// A request was sent.
    Asked {
        /// Where.
        connection: u64,
        /// `OPTIONS` or `POST`; empty for raw octets.
        method: String,
        /// The assumed tag in it.
        tag: Option<String>,
    },
    /// A request was answered.
    Answered {
        /// Where.
        connection: u64,
        /// The method that was asked with; empty for raw octets.
        method: String,
        /// The HTTP status code.
        status: u16,
        /// The code of X-Wap-Push-Status.
        push_status: Option<u16>,
        /// The tag in the answer.
        tag: Option<String>,
    },
    /// A terminal has registered.
    Registered {
        /// Where.
        connection: u64,
        /// Its Terminal-ID.
        terminal: String,
        /// The bearer that it named.
        bearer: Option<u8>,
        /// The tag of its CPI.
        tag: Option<String>,
        /// Its capabilities and preferences.
        cpi: Cpi,
        /// Whether the CPI came with this answer (501), and not with an earlier one (500).
        conveyed: bool,
        /// Whether its credentials were checked and are right.
        authenticated: bool,
    },
    /// A registration came to nothing.
    NotRegistered {
        /// Where.
        connection: u64,
        /// Why.
        reason: String,
    },
    /// A push waits for its terminal.
    Queued {
        /// The Terminal-ID.
        terminal: String,
        /// How many wait for it now.
        waiting: usize,
    },
    /// A session initiation request was sent.
    Initiated {
        /// The Terminal-ID.
        terminal: String,
        /// Where it was sent to.
        destination: SocketAddr,
    },
    /// A push has reached its end, whatever that is.
    Pushed {
        /// The Terminal-ID.
        terminal: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// A message of the Push Access Protocol was answered.
    Pap {
        /// The name of the message's element; empty where it could not be told.
        message: String,
        /// The push-id in it.
        push_id: Option<String>,
        /// The status code that it was answered with.
        code: u16,
    },
    /// A result notification was sent.
    Notified {
        /// The push-id.
        push_id: String,
        /// The message state that was told.
        state: String,
        /// The HTTP status code of the answer, or why there was none.
        result: Result<u16, String>,
    },
}

/// How many events are kept.
const MAX_KEPT: usize = 100_000;

#[derive(Debug)]
struct Kept {
    events: VecDeque<PpgEvent>,
    /// The number of the first event that is still kept.
    first: u64,
}

/// Where events are written.
#[derive(Debug, Clone)]
pub(super) struct Log {
    kept: Arc<Mutex<Kept>>,
    count: Arc<watch::Sender<u64>>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self {
            kept: Arc::new(Mutex::new(Kept {
                events: VecDeque::new(),
                first: 0,
            })),
            count: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(super) fn tell(&self, event: PpgEvent) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.events.len() >= MAX_KEPT {
            kept.events.pop_front();
            kept.first += 1;
        }
        kept.events.push_back(event);
        self.count.send_modify(|count| *count += 1);
    }

    pub(super) fn read(&self) -> Events {
        Events {
            kept: Arc::clone(&self.kept),
            count: self.count.subscribe(),
            next: 0,
        }
    }
}

/// A reader of a gateway's events, which begins with the first one.
#[derive(Debug)]
pub struct Events {
    kept: Arc<Mutex<Kept>>,
    count: watch::Receiver<u64>,
    next: u64,
}

impl Events {
    /// The next event, once there is one; nothing once the gateway is gone and all events are read.
    pub async fn next(&mut self) -> Option<PpgEvent> {
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
    pub async fn until<T>(&mut self, mut wanted: impl FnMut(PpgEvent) -> Option<T>) -> Option<T> {
        while let Some(event) = self.next().await {
            if let Some(value) = wanted(event) {
                return Some(value);
            }
        }
        None
    }

    /// All events that there are by now.
    pub fn drain(&mut self) -> Vec<PpgEvent> {
        std::iter::from_fn(|| self.read()).collect()
    }

    /// The next event, if there is one already.
    pub fn read(&mut self) -> Option<PpgEvent> {
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

    fn event(waiting: usize) -> PpgEvent {
        PpgEvent::Queued {
            terminal: "t".to_owned(),
            waiting,
        }
    }

    #[tokio::test]
    async fn each_reader_begins_with_the_first_event() {
        let log = Log::new();
        let mut early = log.read();
        log.tell(event(1));
        log.tell(event(2));
        let mut late = log.read();
        drop(log);
        for events in [&mut early, &mut late] {
            assert_eq!(events.next().await, Some(event(1)));
            assert_eq!(events.next().await, Some(event(2)));
            assert_eq!(events.next().await, None);
        }
    }

    #[tokio::test]
    async fn the_oldest_events_are_forgotten_at_the_bound() {
        let log = Log::new();
        for number in 0..=MAX_KEPT {
            log.tell(event(number));
        }
        assert_eq!(log.read().next().await, Some(event(1)));
    }
}
