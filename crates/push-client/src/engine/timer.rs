//! The one timer of the engine.

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use push_core::Now;
use tokio::time::Sleep;

use crate::clock::Clock;

/// Wakes the engine when the machine has something to do by the clock.
///
/// A later deadline than the one armed moves nothing: most deadlines are put off with every event, and to be woken once too
/// early is cheaper than to move the timer each time.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Clock,
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Duration>,
    deadline: Option<Duration>,
}

impl Timer {
    pub(crate) const fn new(clock: Clock) -> Self {
        Self {
            clock,
            sleep: None,
            armed: None,
            deadline: None,
        }
    }

    /// Wakes at `deadline` at the latest; absent: there is nothing to wake for.
    pub(crate) fn arm(&mut self, deadline: Option<Duration>) {
        self.deadline = deadline;
        let Some(deadline) = deadline else { return };
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        self.armed = Some(deadline);
        let instant = self.clock.instant(deadline);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(instant),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(instant))),
        }
    }

    /// Whether the timer has gone off; else `context` is woken when it does.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let (Some(sleep), Some(_)) = (&mut self.sleep, self.armed) else {
            return false;
        };
        if sleep.as_mut().poll(context).is_pending() {
            return false;
        }
        self.armed = None;
        true
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= now.monotonic)
    }
}
