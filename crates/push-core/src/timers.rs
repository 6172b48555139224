//! Deadlines on the monotonic clock, in order.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ports::OwnPort;
use crate::rising::Rising;
use crate::sparse::Sparse;
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
    /// A port that could not be opened is tried again.
    Port(OwnPort),
    /// An event handler has rested, or took too long to come.
    Handler(RegistrationId),
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
            Self::Port(_) => "a port is tried again",
            Self::Handler(_) => "an event handler has rested, or has not come",
        }
    }
}

/// Every deadline that stands. Holds nothing where there is nothing to wait for.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Those of acknowledgements: all are equally far off, so they come and go in order.
    acknowledgements: Rising<(Duration, EventId)>,
    /// Those of events that expire behind all that are there already: nearly all do, because they live equally long.
    expiries: Sparse<(Duration, EventId), ()>,
    others: BTreeSet<(Duration, Timer)>,
}

impl Timers {
    pub(crate) fn start(&mut self, deadline: Duration, timer: Timer) {
        match timer {
            Timer::Acknowledgement(event) => self.acknowledgements.add((deadline, event)),
            Timer::Expiry(event) if self.expiries.last() <= Some((deadline, event)) => {
                self.expiries.insert((deadline, event), ());
            }
            Timer::Expiry(_)
            | Timer::Resumption(_)
            | Timer::Fetch(_)
            | Timer::Announcement(_)
            | Timer::Resolution
            | Timer::Port(_)
            | Timer::Handler(_) => {
                self.others.insert((deadline, timer));
            }
        }
    }

    pub(crate) fn stop(&mut self, deadline: Duration, timer: Timer) {
        if let Timer::Acknowledgement(event) = timer {
            self.acknowledgements.remove((deadline, event));
            return;
        }
        if let Timer::Expiry(event) = timer {
            self.expiries.remove((deadline, event));
        }
        self.others.remove(&(deadline, timer));
    }

    /// The next deadline and why.
    pub(crate) fn next(&self) -> Option<(Duration, &'static str)> {
        self.first()
            .map(|(deadline, timer)| (deadline, timer.reason()))
    }

    /// Takes the first timer whose deadline is reached.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Timer> {
        let (deadline, timer) = self.first().filter(|&(deadline, _)| deadline <= now)?;
        self.stop(deadline, timer);
        Some(timer)
    }

    fn first(&self) -> Option<(Duration, Timer)> {
        let acknowledgement = self.acknowledgements.first();
        let acknowledgement =
            acknowledgement.map(|(deadline, event)| (deadline, Timer::Acknowledgement(event)));
        let expiry = self.expiries.first();
        let expiry = expiry.map(|(deadline, event)| (deadline, Timer::Expiry(event)));
        let other = self.others.first().copied();
        [acknowledgement, expiry, other].into_iter().flatten().min()
    }
}
