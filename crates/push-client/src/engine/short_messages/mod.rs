//! The engine's part in short messages: what sources hand over, and what they are told.

mod segments;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use push_api::Server;
use push_core::{Now, PersistTicket, RequestTicket};
use push_message::Protocol;
use push_ota::sms::{Held, MessageId, Reassembler, SegmentId, Ticket};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Engine, REQUEST_BATCH};
use crate::short_messages::{
    Intake, Running, Settled, ShortMessageSettings, Source, SourceState, Submission, Taken,
};

/// Short messages, as the engine has them.
#[derive(Debug)]
pub(crate) struct ShortMessages {
    submissions: mpsc::Receiver<Box<Submission>>,
    #[expect(
        clippy::vec_box,
        reason = "a channel keeps room for many, and most of the time there is none: each is a box there"
    )]
    batch: Vec<Box<Submission>>,
    reassembler: Reassembler,
    /// Who waits for each segment to be settled.
    waiting: BTreeMap<Ticket, oneshot::Sender<Settled>>,
    last_ticket: u64,
    /// Segments on their way to the store, and those on their way out of it.
    writes: BTreeMap<PersistTicket, Option<SegmentId>>,
    last_write: u64,
    /// Messages that are being judged.
    judging: BTreeMap<RequestTicket, MessageId>,
    /// What became of messages that have just been judged.
    outcomes: BTreeMap<MessageId, Settled>,
    stop: watch::Sender<bool>,
    sources: Running,
    stop_timeout: Duration,
    /// When sources that still run are waited for no longer.
    end: Option<Duration>,
}

impl ShortMessages {
    /// Short messages from these sources, and the intake for others.
    pub(crate) fn new(
        settings: &ShortMessageSettings,
        sources: Vec<Arc<dyn Source>>,
    ) -> (Self, Intake) {
        let (intake, taken) = Intake::new(settings.queue);
        let Taken {
            submissions,
            stop,
            states,
        } = taken;
        let short_messages = Self {
            submissions,
            batch: Vec::new(),
            reassembler: Reassembler::new(settings.reassembly.clone()),
            waiting: BTreeMap::new(),
            last_ticket: 0,
            writes: BTreeMap::new(),
            last_write: 0,
            judging: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            stop,
            sources: Running::new(sources, intake.clone(), states),
            stop_timeout: settings.stop_timeout,
            end: None,
        };
        (short_messages, intake)
    }

    /// Takes up the segments that the store holds.
    pub(crate) fn restore(&mut self, stored: Vec<push_core::SegmentRecord>, now: Now) {
        let stored = stored
            .into_iter()
            .map(|record| (SegmentId(record.id.0), record.octets));
        self.reassembler.restore(stored, now.monotonic);
    }

    /// Starts the sources.
    pub(super) fn start(&mut self) {
        self.sources.start();
    }

    /// Whether deliveries wait; else `context` is woken by the next one.
    pub(super) fn poll_submissions(&mut self, context: &mut Context<'_>) -> bool {
        let polled = self
            .submissions
            .poll_recv_many(context, &mut self.batch, REQUEST_BATCH);
        matches!(polled, Poll::Ready(taken) if taken > 0)
    }

    /// Whether a source has just ended; else `context` is woken when one does.
    pub(super) fn poll_ended(&mut self, stopping: bool, context: &mut Context<'_>) -> bool {
        self.sources.poll_ended(stopping, context)
    }

    /// Whether no source is waited for any more.
    pub(super) fn has_ended(&self) -> bool {
        self.sources.count() == 0
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let end = self.end;
        self.reassembler.poll_timeout().into_iter().chain(end).min()
    }

    /// What is held of messages that are not whole.
    pub(super) fn held(&self) -> Held {
        self.reassembler.held()
    }

    /// What became of the short messages of each source, by word.
    pub(super) fn counts(&self) -> Vec<(String, BTreeMap<&'static str, u64>)> {
        self.sources.counts()
    }

    /// The sources, as an operator sees them.
    pub(super) fn servers(&self) -> impl Iterator<Item = Server> {
        self.sources.view().map(|(uri, state)| Server {
            uri,
            protocol: Protocol::OtaWsp.to_string(),
            state: state.as_str().to_owned(),
            reason: match state {
                SourceState::Failed(reason) => Some(reason),
                SourceState::Connecting | SourceState::Connected => None,
            },
            ..Server::default()
        })
    }
}

impl Engine {
    /// Tells sources to stop; what they still hand over is put off.
    pub(super) fn stop_short_messages(&mut self, now: Now) {
        // Nobody may be left to hear it.
        self.short_messages.stop.send_replace(true);
        self.short_messages.submissions.close();
        self.short_messages.end = Some(now.monotonic + self.short_messages.stop_timeout);
    }

    /// Takes what sources handed over.
    pub(super) fn take_submissions(&mut self, now: Now) {
        let mut batch = std::mem::take(&mut self.short_messages.batch);
        for submission in batch.drain(..) {
            let Submission { delivery, answer } = *submission;
            if self.stopping {
                // The source may be gone: then it offers the message again.
                answer.send(Settled::NotNow).ok();
            } else {
                self.take_short_message(delivery, answer, now);
            }
        }
        self.short_messages.batch = batch;
    }

    /// Does what is due by the clock.
    pub(super) fn short_messages_timeout(&mut self, now: Now) {
        let short_messages = &mut self.short_messages;
        short_messages.reassembler.handle_timeout(now.monotonic);
        if short_messages.end.is_some_and(|end| end <= now.monotonic) {
            let left = short_messages.sources.count();
            tracing::warn!(left, "sources of short messages are cut off");
            short_messages.end = None;
            short_messages.sources.abort();
        }
    }
}
