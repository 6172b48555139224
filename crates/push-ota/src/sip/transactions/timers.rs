//! Timers in the order of time.

use std::collections::BTreeSet;
use std::time::Duration;

use super::table::Timer;
use super::{ClientId, ServerId};

/// Whose timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Client(ClientId),
    Server(ServerId),
}

/// The timers that run for one transaction: no state has more than two.
#[derive(Debug, Default)]
pub(super) struct Running([Option<(Timer, Duration)>; 2]);

/// The timers of all transactions.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Duration, Owner, Timer)>,
}

impl Timers {
    pub(super) fn start(
        &mut self,
        owner: Owner,
        running: &mut Running,
        timer: Timer,
        at: Duration,
    ) {
        if let Some(slot) = running.0.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some((timer, at));
            self.queue.insert((at, owner, timer));
        }
    }

    pub(super) fn stop_all(&mut self, owner: Owner, running: &mut Running) {
        for (timer, at) in running.0.iter_mut().filter_map(Option::take) {
            self.queue.remove(&(at, owner, timer));
        }
    }

    /// Takes the next one that is due; its transaction still has it in `running`: see [`fired`](Running::fired).
    pub(super) fn due(&mut self, now: Duration) -> Option<(Owner, Timer)> {
        let (at, ..) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue
            .pop_first()
            .map(|(_, owner, timer)| (owner, timer))
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.queue.first().map(|(at, ..)| *at)
    }

    /// Those that run, with their times.
    #[cfg(test)]
    pub(super) fn running(&self) -> Vec<(Timer, Duration)> {
        self.queue
            .iter()
            .map(|(at, _, timer)| (*timer, *at))
            .collect()
    }

    /// Takes one off before its time.
    #[cfg(test)]
    pub(super) fn take(&mut self, timer: Timer) {
        self.queue.retain(|(_, _, queued)| *queued != timer);
    }
}

impl Running {
    pub(super) fn fired(&mut self, timer: Timer) {
        for slot in &mut self.0 {
            if slot.is_some_and(|(running, _)| running == timer) {
                *slot = None;
            }
        }
    }
}
