//! Deadlines on the monotonic clock, in order.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{EventId, PersistTicket, RegistrationId, RequestTicket};

/// What there is to do at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An event has outlived its time.
    Expiry(EventId),
    /// An application took too long to acknowledge an event.
    Acknowledgement(EventId),
    /// The back-off of a registration's first event is over.
    Resumption(RegistrationId),
    /// A fetch has waited long enough.
    Fetch(RequestTicket),
    /// The Push Servers took too long to answer.
    Announcement(PersistTicket),
    /// Host names of whitelists are to be resolved again.
    Resolution,
}

impl Timer {
    /// Why the machine wants to be woken, for logs.
    const fn reason(self) -> &'static str {
        match self {
            Self::Expiry(_) => "an event expires",
            Self::Acknowledgement(_) => "an acknowledgement is overdue",
            Self::Resumption(_) => "a back-off ends",
            Self::Fetch(_) => "a fetch has waited long enough",
            Self::Announcement(_) => "the Push Servers have not answered",
            Self::Resolution => "host names are resolved again",
        }
    }
}

/// Every deadline that stands. Holds nothing where there is nothing to wait for.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Duration, Timer)>);

impl Timers {
    pub(crate) fn start(&mut self, deadline: Duration, timer: Timer) {
        self.0.insert((deadline, timer));
    }

    pub(crate) fn stop(&mut self, deadline: Duration, timer: Timer) {
        self.0.remove(&(deadline, timer));
    }

    /// The next deadline and why.
    pub(crate) fn next(&self) -> Option<(Duration, &'static str)> {
        self.0
            .first()
            .map(|&(deadline, timer)| (deadline, timer.reason()))
    }

    /// Takes the first timer whose deadline is reached.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Timer> {
        let &(deadline, _) = self.0.first()?;
        if deadline > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}
