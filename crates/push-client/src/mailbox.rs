//! Notices to the engine from outside its task, such as the store's thread and destructors, which cannot wait for room.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::ota_http::Event;
use push_core::{PersistTicket, RequestTicket, SubscriberId};
use std::net::IpAddr;

/// Something that the engine has to hear of.
///
/// Each notice answers or ends one thing that the engine holds under a bound (a persist under way, a subscription, a fetch, a
/// name that is resolved), so a mailbox never holds more of them than these bounds allow.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The store answered.
    Persisted(PersistTicket, Result<(), String>),
    /// A stream of events was dropped.
    Unsubscribed(SubscriberId),
    /// A waiting fetch was dropped.
    FetchDropped(RequestTicket),
    /// A host name was resolved.
    Resolved(Box<str>, Vec<IpAddr>),
    /// Something happened to a connection of OTA-HTTP.
    OtaHttp(Event),
}

/// Notices that wait for the engine.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    notices: Vec<Notice>,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Puts notices in and wakes the engine.
    pub(crate) fn post(&self, notices: impl IntoIterator<Item = Notice>) {
        let waker = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.notices.extend(notices);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves every notice behind `notices`, or has `context` woken by the next one.
    pub(crate) fn poll_take(&self, context: &Context<'_>, notices: &mut Vec<Notice>) -> Poll<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.notices.is_empty() {
            match &mut state.waker {
                Some(waker) => waker.clone_from(context.waker()),
                empty => *empty = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        notices.append(&mut state.notices);
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_notice_wakes_the_one_who_waits_and_no_one_else() {
        let mailbox = Mailbox::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&waker);
        let mut notices = Vec::new();
        assert!(mailbox.poll_take(&context, &mut notices).is_pending());
        mailbox.post([Notice::Unsubscribed(SubscriberId(1))]);
        mailbox.post([Notice::Unsubscribed(SubscriberId(2))]);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(mailbox.poll_take(&context, &mut notices).is_ready());
        assert_eq!(notices.len(), 2);
    }
}
