//! What the engine is told and asked from outside its task, in order. Whoever tells it cannot wait for room, or need not.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use push_core::{PersistTicket, RequestTicket, SubscriberId};

use crate::ota_http::Event;

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

/// Messages that wait for the engine: notices, where nothing else is said.
#[derive(Debug)]
pub(crate) struct Mailbox<M = Notice>(Mutex<State<M>>);

#[derive(Debug)]
struct State<M> {
    waiting: VecDeque<M>,
    /// The engine, where it waits.
    engine: Option<Waker>,
    closed: bool,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        Self(Mutex::new(State {
            waiting: VecDeque::new(),
            engine: None,
            closed: false,
        }))
    }
}

impl<M> Mailbox<M> {
    /// Puts messages in and wakes the engine. A mailbox that is closed drops them.
    pub(crate) fn post(&self, messages: impl IntoIterator<Item = M>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.waiting.extend(messages);
        let engine = state.engine.take();
        drop(state);
        if let Some(engine) = engine {
            engine.wake();
        }
    }

    /// Moves so many messages at most behind `messages`; where there is none, `context` is woken by the next one.
    pub(crate) fn poll_take(
        &self,
        context: &Context<'_>,
        messages: &mut Vec<M>,
        most: usize,
    ) -> Poll<()> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            match &mut state.engine {
                Some(engine) => engine.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        let taken = state.waiting.len().min(most);
        messages.extend(state.waiting.drain(..taken));
        Poll::Ready(())
    }

    /// Nobody takes anything any more: what waits is dropped, and so is what comes.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        // Whoever waits for an answer is woken when its message is dropped.
        drop(state);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::sync::oneshot;

    use super::*;

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
        let all = usize::MAX;
        assert!(mailbox.poll_take(&context, &mut notices, all).is_pending());
        mailbox.post([Notice::Unsubscribed(SubscriberId(1))]);
        mailbox.post([Notice::Unsubscribed(SubscriberId(2))]);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(mailbox.poll_take(&context, &mut notices, all).is_ready());
        assert_eq!(notices.len(), 2);
    }

    #[test]
    fn an_engine_that_waits_is_woken_once_and_takes_no_more_than_it_wants() {
        let questions = Mailbox::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&waker);
        let mut taken = Vec::new();
        assert!(questions.poll_take(&context, &mut taken, 2).is_pending());
        for question in 0..3 {
            questions.post([question]);
        }
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        for expected in [2, 3] {
            assert!(questions.poll_take(&context, &mut taken, 2).is_ready());
            assert_eq!(taken.len(), expected);
        }
        assert!(questions.poll_take(&context, &mut taken, 2).is_pending());
    }

    #[test]
    fn an_engine_that_has_ended_answers_nobody() {
        let questions = Mailbox::default();
        let (before, mut answered_before) = oneshot::channel::<bool>();
        questions.post([before]);
        questions.close();
        let (after, mut answered_after) = oneshot::channel::<bool>();
        questions.post([after]);
        let closed = Err(oneshot::error::TryRecvError::Closed);
        assert_eq!(answered_before.try_recv(), closed);
        assert_eq!(answered_after.try_recv(), closed);
    }
}
