//! One opening of a handler: its events, to one application, in order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use push_api::{OpenedEvent, SessionAnswer, SessionEvent, SessionOutcome};
use push_client::Outcome;
use push_handlers::{Answer, Answering, Handed, Unreachable};
use tokio::sync::{mpsc, oneshot};

use super::lanes::{Applications, Way as _};

/// The most octets of a detail: the daemon bounds the octets of a request with many.
const MAX_DETAIL: usize = 512;

/// The events of one opening.
pub(super) struct Lane<A: Applications> {
    applications: A,
    answers: mpsc::Sender<SessionAnswer>,
    events: mpsc::Receiver<SessionEvent>,
    /// The application, since an event wanted it; or why none of the events that still come may reach it.
    reached: Option<Result<A::Way, Unreachable>>,
    /// Whether the application was done with every event that it answered on.
    was_done: bool,
    under_way: VecDeque<UnderWay>,
}

/// An event that the application has.
struct UnderWay {
    task: u64,
    answer: oneshot::Receiver<Answer>,
}

impl<A: Applications> Lane<A> {
    /// Nothing came of it so far.
    pub(super) fn new(
        applications: A,
        answers: mpsc::Sender<SessionAnswer>,
        events: mpsc::Receiver<SessionEvent>,
    ) -> Self {
        Self {
            applications,
            answers,
            events,
            reached: None,
            was_done: true,
            under_way: VecDeque::new(),
        }
    }

    /// Gives events to the application until the opening is over.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                (task, answer) = next_answer(&mut self.under_way) => self.answer(task, answer).await,
                event = self.events.recv() => match event {
                    Some(event) if !self.events.is_closed() => self.take(event).await,
                    Some(_) | None => return,
                },
            }
        }
    }

    async fn take(&mut self, event: SessionEvent) {
        let task = event.task;
        if let Err(unreachable) = self.give(event).await {
            self.answer(task, Err(unreachable)).await;
        }
    }

    async fn give(&mut self, event: SessionEvent) -> Result<(), Unreachable> {
        let opened = OpenedEvent::try_from(event.event)
            .map_err(|error| Unreachable::new(error.to_string()))?;
        let reached = match self.reached.take() {
            Some(reached) => reached,
            None => self.applications.reach(&event.application).await,
        };
        let way = self.reached.insert(reached).as_ref();
        let (answering, answer) = Answering::new();
        way.map_err(Clone::clone)?.give(&opened, answering).await?;
        let task = event.task;
        self.under_way.push_back(UnderWay { task, answer });
        Ok(())
    }

    async fn answer(&mut self, task: u64, answer: Answer) {
        match &answer {
            // Another process may be there by now: it gets this event first, when it is given out again.
            Err(unreachable) => self.reached = Some(Err(unreachable.clone())),
            Ok(handed) => self.was_done &= handed.outcome != Outcome::Later,
        }
        // An application that was done with everything may have ended since.
        let is_quiet = self.under_way.is_empty() && self.was_done;
        self.reached.take_if(|reached| is_quiet && reached.is_ok());
        // Nobody waits for it when the daemon is gone.
        self.answers.send(written(task, answer)).await.ok();
    }
}

/// Waits for an answer: of those that are there the one on the earliest event. For ever where nothing is under way.
async fn next_answer(under_way: &mut VecDeque<UnderWay>) -> (u64, Answer) {
    poll_fn(|context| poll_answer(under_way, context)).await
}

fn poll_answer(
    under_way: &mut VecDeque<UnderWay>,
    context: &mut Context<'_>,
) -> Poll<(u64, Answer)> {
    for index in 0..under_way.len() {
        let one = under_way.get_mut(index);
        let Some(Poll::Ready(answer)) = one.map(|one| Pin::new(&mut one.answer).poll(context))
        else {
            continue;
        };
        if let Some(UnderWay { task, .. }) = under_way.remove(index) {
            let gone = |_| Err(Unreachable::new("the bus of the session is lost"));
            return Poll::Ready((task, answer.unwrap_or_else(gone)));
        }
    }
    Poll::Pending
}

/// An answer as the daemon reads it.
fn written(task: u64, answer: Answer) -> SessionAnswer {
    match answer {
        Ok(handed) => of_application(task, handed),
        Err(unreachable) => SessionAnswer {
            task,
            outcome: SessionOutcome::Unreachable,
            detail: shortened(unreachable.reason),
            after: None,
        },
    }
}

/// What an application said of an event.
fn of_application(task: u64, handed: Handed) -> SessionAnswer {
    let Handed {
        outcome,
        after,
        said,
        output,
    } = handed;
    let after = after.map(|after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX));
    SessionAnswer {
        task,
        outcome: match outcome {
            Outcome::Accepted => SessionOutcome::Accepted,
            Outcome::Later => SessionOutcome::Later,
            Outcome::Rejected => SessionOutcome::Rejected,
        },
        detail: shortened(if output.is_empty() {
            said
        } else {
            format!("{said}: {output}")
        }),
        after,
    }
}

/// As much of a detail as is told.
pub(super) fn shortened(mut detail: String) -> String {
    detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
    detail
}
