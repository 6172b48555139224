//! The events of one handler that are under way: each until it is answered, each answer until it is written down.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use push_client::{
    Acknowledgement, Boxed, Client, Event, EventId, HandlerReport, Outcome, RegistrationRecord,
    handler_scheme,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::shown::harmless_text;
use crate::{Answer, Answering, Handed, RunnerSettings, Unreachable};

/// An event that a handler has.
#[derive(Debug)]
struct UnderWay {
    event: EventId,
    attempt: u32,
    since: Instant,
    /// Whether it may have come to the application.
    may_have_come: bool,
    answer: oneshot::Receiver<Answer>,
}

/// What was answered, and is not on its way to the engine.
#[derive(Debug, Default)]
struct Answered {
    acknowledgements: Vec<Acknowledgement>,
    reports: Vec<HandlerReport>,
}

/// The events of one handler that are under way.
pub(crate) struct Flow<'a> {
    client: &'a Client,
    record: &'a Arc<RegistrationRecord>,
    settings: &'a RunnerSettings,
    /// How long the handler may take over one event.
    limit: Duration,
    scheme: Box<str>,
    under_way: VecDeque<UnderWay>,
    answered: Answered,
    acknowledging: Option<Boxed<'a, ()>>,
    /// When the oldest event that is under way has had its time.
    overdue: Pin<Box<Sleep>>,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(
        client: &'a Client,
        record: &'a Arc<RegistrationRecord>,
        settings: &'a RunnerSettings,
        limit: Duration,
    ) -> Self {
        let handler = record.event_handler.as_deref().unwrap_or_default();
        Self {
            client,
            record,
            settings,
            limit,
            scheme: handler_scheme(handler).unwrap_or_default().into(),
            under_way: VecDeque::new(),
            answered: Answered::default(),
            acknowledging: None,
            overdue: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// How many events are not answered.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether everything is answered, and every answer written down.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
            && self.answered.acknowledgements.is_empty()
            && self.acknowledging.is_none()
    }

    /// Notes that the handler is given this event, and whether that may have come to the application before the handler has taken it;
    /// says where its answer goes.
    pub(crate) fn depart(&mut self, event: &Event, may_have_come: bool) -> Answering {
        let (answering, answer) = Answering::new();
        let since = Instant::now();
        if self.under_way.is_empty() {
            let end = self.end_of(since);
            self.overdue.as_mut().reset(end);
        }
        self.under_way.push_back(UnderWay {
            event: event.id(),
            attempt: event.attempt(),
            since,
            may_have_come,
            answer,
        });
        answering
    }

    /// The handler has taken what it was given.
    pub(crate) fn taken(&mut self) {
        let last = self.under_way.iter_mut().rev();
        for one in last.take_while(|one| !one.may_have_come) {
            one.may_have_come = true;
        }
    }

    /// Settles an event that the handler did not take in time.
    ///
    /// # Errors
    /// It has not come to the application, of which this says nothing but that it cannot be reached.
    pub(crate) fn give_up(&mut self, event: EventId) -> Result<(), Unreachable> {
        let found = self.under_way.iter().position(|one| one.event == event);
        match found.and_then(|index| self.under_way.remove(index)) {
            Some(given_up) => self.late(&given_up),
            None => Ok(()),
        }
    }

    /// Waits until an event is answered, or answers are written down; for ever where nothing is under way. Safe to cancel.
    ///
    /// # Errors
    /// The application cannot be reached; nothing is said of what it has.
    pub(crate) async fn progress(&mut self) -> Result<(), Unreachable> {
        poll_fn(|context| self.poll_progress(context)).await
    }

    /// Writes down what was answered; of what is under way nothing is said any more.
    pub(crate) async fn write_down(&mut self) {
        self.collect();
        while self.acknowledging.is_some() || !self.answered.acknowledgements.is_empty() {
            poll_fn(|context| {
                if self.poll_acknowledging(context) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    /// Takes in the answers that are there. An event without one did not end without one: the way to the application did.
    fn collect(&mut self) {
        for mut one in std::mem::take(&mut self.under_way) {
            if let Ok(answer) = one.answer.try_recv() {
                // Of what cannot be reached nothing is written down.
                self.settle(&one, answer).ok();
            }
        }
    }

    fn poll_progress(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unreachable>> {
        let answered = self.poll_answers(context)?;
        let overdue = self.poll_overdue(context)?;
        let written = self.poll_acknowledging(context);
        if answered || overdue || written {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn poll_answers(&mut self, context: &mut Context<'_>) -> Result<bool, Unreachable> {
        let mut answered = Ok(false);
        let mut index = 0;
        while let Some(one) = self.under_way.get_mut(index) {
            let Poll::Ready(answer) = Pin::new(&mut one.answer).poll(context) else {
                index += 1;
                continue;
            };
            if let Some(one) = self.under_way.remove(index) {
                let settled = self.settle(&one, answer.unwrap_or_else(|_| Ok(unanswered())));
                // What was answered behind one that cannot be reached any more is answered all the same.
                answered = answered.and_then(|_| settled.map(|()| true));
            }
        }
        answered
    }

    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Result<bool, Unreachable> {
        let mut any = false;
        while let Some(oldest) = self.under_way.front() {
            let end = self.end_of(oldest.since);
            if self.overdue.deadline() != end {
                self.overdue.as_mut().reset(end);
            }
            if self.overdue.as_mut().poll(context).is_pending() {
                break;
            }
            if let Some(oldest) = self.under_way.pop_front() {
                self.late(&oldest)?;
            }
            any = true;
        }
        Ok(any)
    }

    /// Whether answers have been written down. Those that came meanwhile are on their way then.
    fn poll_acknowledging(&mut self, context: &mut Context<'_>) -> bool {
        let mut any = false;
        loop {
            if self.acknowledging.is_none() && !self.answered.acknowledgements.is_empty() {
                let answered = std::mem::take(&mut self.answered);
                self.acknowledging = Some(acknowledge(self.client, self.record, answered));
            }
            let Some(acknowledging) = &mut self.acknowledging else {
                return any;
            };
            if acknowledging.as_mut().poll(context).is_pending() {
                return any;
            }
            self.acknowledging = None;
            any = true;
        }
    }

    fn settle(&mut self, one: &UnderWay, answer: Answer) -> Result<(), Unreachable> {
        let Handed {
            outcome,
            after,
            said,
            output,
        } = answer?;
        let acknowledgement = Acknowledgement {
            event: one.event,
            outcome,
            after,
        };
        let report = HandlerReport {
            event: one.event,
            registration: self.record.id,
            attempt: one.attempt,
            scheme: self.scheme.clone(),
            outcome: harmless_text(said).into(),
            output: shortened(harmless_text(output), self.settings.kept_output).into(),
            took: one.since.elapsed(),
        };
        self.answered.acknowledgements.push(acknowledgement);
        self.answered.reports.push(report);
        Ok(())
    }

    fn late(&mut self, one: &UnderWay) -> Result<(), Unreachable> {
        let limit = self.limit;
        let late = if one.may_have_come {
            let said = format!("no answer within {limit:?}");
            Ok(Handed::new(Outcome::Later, said))
        } else {
            Err(Unreachable::new(format!(
                "it took nothing within {limit:?}"
            )))
        };
        self.settle(one, late)
    }

    fn end_of(&self, since: Instant) -> Instant {
        since + self.limit.min(LONGEST)
    }
}

/// What is added to an instant without care.
const LONGEST: Duration = Duration::from_hours(24 * 365);

fn unanswered() -> Handed {
    Handed::new(Outcome::Later, "ended without an answer")
}

/// Tells the engine what became of events; returns once that is durable.
fn acknowledge<'a>(
    client: &'a Client,
    record: &'a RegistrationRecord,
    answered: Answered,
) -> Boxed<'a, ()> {
    Box::pin(async move {
        let Answered {
            acknowledgements,
            reports,
        } = answered;
        client.report_handler(reports).await;
        let written = client.acknowledge_as(record.owner.clone(), acknowledgements);
        match written.await {
            Ok(refused) => {
                for (event, refusal) in refused {
                    tracing::debug!(%event, %refusal, "an answer came too late");
                }
            }
            // The engine waits for them as before, and delivers them again.
            Err(refusal) => tracing::warn!(%refusal, "answers of a handler are not written down"),
        }
    })
}

/// The first octets of a text, so many at most, cut between characters.
fn shortened(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}
