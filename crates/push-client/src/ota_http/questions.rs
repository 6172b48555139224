//! What connections ask of the engine, in order.
//!
//! Every push makes this way, and a general channel counts permits, and wakes with each message. There is no need for either: a
//! connection asks one thing at a time, so that connections are bound enough, and the engine takes all that wait when it wakes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::link::Question;

/// Questions that wait for the engine.
#[derive(Debug, Default)]
pub(crate) struct Questions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Question>,
    /// The engine, where it waits.
    engine: Option<Waker>,
    ended: bool,
}

impl Questions {
    /// Asks the engine. One that has ended drops the question, which whoever waits for the answer hears of.
    pub(super) fn ask(&self, question: Question) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        state.waiting.push_back(question);
        let engine = state.engine.take();
        drop(state);
        if let Some(engine) = engine {
            engine.wake();
        }
    }

    /// Moves so many questions at most behind `questions`; where there is none, `context` is woken by the next one.
    pub(crate) fn poll_take(
        &self,
        context: &Context<'_>,
        questions: &mut Vec<Question>,
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
        questions.extend(state.waiting.drain(..taken));
        Poll::Ready(())
    }

    /// Nobody answers any more.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let waiting = std::mem::take(&mut state.waiting);
        // Whoever waits for an answer is woken when its question is dropped.
        drop(state);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use push_message::ServerAddress;
    use tokio::sync::oneshot;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn question() -> (Question, oneshot::Receiver<bool>) {
        let (answer, answered) = oneshot::channel();
        let question = Question::IsListed {
            server: ServerAddress::Unknown,
            proved_names: Box::default(),
            answer,
        };
        (question, answered)
    }

    #[test]
    fn an_engine_that_waits_is_woken_once_and_takes_no_more_than_it_wants() {
        let questions = Questions::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&waker);
        let mut taken = Vec::new();
        assert!(questions.poll_take(&context, &mut taken, 2).is_pending());
        let _answered: Vec<_> = (0..3)
            .map(|_| {
                let (question, answered) = question();
                questions.ask(question);
                answered
            })
            .collect();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        for expected in [2, 3] {
            assert!(questions.poll_take(&context, &mut taken, 2).is_ready());
            assert_eq!(taken.len(), expected);
        }
        assert!(questions.poll_take(&context, &mut taken, 2).is_pending());
    }

    #[test]
    fn an_engine_that_has_ended_answers_nobody() {
        let questions = Questions::default();
        let (before, mut answered_before) = question();
        questions.ask(before);
        questions.end();
        let (after, mut answered_after) = question();
        questions.ask(after);
        let closed = Err(oneshot::error::TryRecvError::Closed);
        assert_eq!(answered_before.try_recv(), closed);
        assert_eq!(answered_after.try_recv(), closed);
    }
}
