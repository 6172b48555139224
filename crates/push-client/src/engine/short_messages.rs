//! The engine's part in short messages: what sources hand over, and what they are told.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use push_api::Server;
use push_core::{Input, Now, PushRefusal, RequestTicket, Verdict};
use push_message::{Bearer, Protocol, ReceivedPush, ServerAddress, ShortMessageOrigin};
use push_ota::wsp::connectionless::{self, Datagram};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Engine, REQUEST_BATCH};
use crate::short_messages::{
    Content, Delivery, Intake, Running, Settled, ShortMessageSettings, Source, SourceState,
    Submission, Taken,
};

/// Short messages, as the engine has them.
#[derive(Debug)]
pub(crate) struct ShortMessages {
    submissions: mpsc::Receiver<Box<Submission>>,
    batch: Vec<Box<Submission>>,
    judging: BTreeMap<RequestTicket, oneshot::Sender<Settled>>,
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
            judging: BTreeMap::new(),
            stop,
            sources: Running::new(sources, intake.clone(), states),
            stop_timeout: settings.stop_timeout,
            end: None,
        };
        (short_messages, intake)
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
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> bool {
        self.sources.poll_ended(context)
    }

    /// Whether no source is waited for any more.
    pub(super) fn has_ended(&self) -> bool {
        self.sources.count() == 0
    }

    /// When something is due.
    pub(super) const fn poll_timeout(&self) -> Option<Duration> {
        self.end
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
                // The source may be gone, here and below: then it offers the message again.
                answer.send(Settled::NotNow).ok();
            } else {
                self.take_short_message(&delivery, answer, now);
            }
        }
        self.short_messages.batch = batch;
    }

    fn take_short_message(
        &mut self,
        delivery: &Delivery,
        answer: oneshot::Sender<Settled>,
        now: Now,
    ) {
        match self.unit_push(delivery, now) {
            Ok(push) => {
                let ticket = self.next_push();
                self.short_messages.judging.insert(ticket, answer);
                let segments = Box::default();
                self.core.handle_input(
                    Input::Push {
                        ticket,
                        push: Arc::new(push),
                        segments,
                    },
                    now,
                );
            }
            Err(settled) => drop(answer.send(settled)),
        }
    }

    fn unit_push(&self, delivery: &Delivery, now: Now) -> Result<ReceivedPush, Settled> {
        let Content::Assembled {
            smsc,
            originator,
            ports,
            octets,
            ..
        } = &delivery.content
        else {
            return Err(Settled::NotAPush {
                detail: "only short messages that are put together are taken".to_owned(),
            });
        };
        let datagram = Datagram {
            octets,
            source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            destination_port: 0,
            received: now.unix,
        };
        let mut push = connectionless::receive(&datagram, &self.settings.datagram_limits).map_err(
            |refusal| Settled::NotAPush {
                detail: refusal.to_string(),
            },
        )?;
        push.origin.bearer = Bearer::GsmSms;
        push.origin.server = smsc
            .clone()
            .map_or(ServerAddress::Unknown, ServerAddress::E164);
        push.origin.destination_port = ports.map(|ports| ports.destination);
        push.origin.origin_port = ports.map(|ports| ports.originator);
        push.origin.short_message = Some(Box::new(ShortMessageOrigin {
            originator: originator.clone(),
            device: Box::from(&*delivery.device),
        }));
        Ok(push)
    }

    /// A push has been judged; the source that it came by is told, if it came by one.
    pub(super) fn judged_short_message(&mut self, ticket: RequestTicket, verdict: &Verdict) {
        if let Some(answer) = self.short_messages.judging.remove(&ticket) {
            answer.send(settled(verdict)).ok();
        }
    }

    /// Does what is due by the clock.
    pub(super) fn short_messages_timeout(&mut self, now: Now) {
        if self
            .short_messages
            .end
            .is_some_and(|end| end <= now.monotonic)
        {
            let left = self.short_messages.sources.count();
            tracing::warn!(left, "sources of short messages are cut off");
            self.short_messages.end = None;
            self.short_messages.sources.abort();
        }
    }
}

/// What a source is told of a judgement.
fn settled(verdict: &Verdict) -> Settled {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Duplicate | Verdict::Held { .. } => {
            Settled::Durable(*verdict)
        }
        Verdict::Refused(PushRefusal::NoRoom | PushRefusal::NotYet) => Settled::NotNow,
        Verdict::Refused(refusal) => Settled::Refused {
            word: refusal.as_str(),
            detail: refused(*refusal).to_owned(),
        },
    }
}

const fn refused(refusal: PushRefusal) -> &'static str {
    match refusal {
        PushRefusal::NoSuchApplication => "no application is registered for it",
        PushRefusal::ContentType => "no registration for its application accepts its content type",
        PushRefusal::ServerNotListed => "its sender is on no whitelist that counts",
        PushRefusal::NoRoom => "there is no room, or the store cannot write",
        PushRefusal::NotYet => "an application for it is being registered",
    }
}
