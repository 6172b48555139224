//! What the bus says by several ways, in the order in which it said it.
//!
//! Each match rule has a stream of its own, and the answer to a call comes by yet another way. Where more than one has something, the
//! positions on the connection say what came first: a modem that comes and goes online in one breath must not be seen
//! going online and then coming.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use zbus::export::futures_core::Stream;
use zbus::message::{Message, Sequence};
use zbus::{Error, MessageStream};

/// A call under way, and what becomes of its answer.
pub(super) type Work<A> = Pin<Box<dyn Future<Output = Answer<A>> + Send>>;

/// What a call came to.
pub(super) struct Answer<A> {
    /// Where in the connection's stream the answer stood; absent where none came.
    position: Option<Sequence>,
    outcome: A,
}

impl<A> Answer<A> {
    /// The answer to a call, made into what it means.
    pub(super) fn of(
        answer: zbus::Result<Message>,
        meaning: impl FnOnce(zbus::Result<Message>) -> A,
    ) -> Self {
        let position = match &answer {
            Ok(message) | Err(Error::MethodError(.., message)) => Some(message.recv_position()),
            Err(_) => None,
        };
        Self {
            position,
            outcome: meaning(answer),
        }
    }
}

/// One thing that was said.
pub(super) enum Said<A> {
    /// A signal or a call.
    Message(Message),
    /// The answer to the call under way.
    Answer(A),
}

/// The streams, with what of each has been taken out and not been looked at.
pub(super) struct News<A> {
    streams: [(MessageStream, Option<Message>); 3],
    answer: Option<Answer<A>>,
}

impl<A> News<A> {
    /// News by these streams.
    pub(super) fn of(streams: [MessageStream; 3]) -> Self {
        Self {
            streams: streams.map(|stream| (stream, None)),
            answer: None,
        }
    }

    /// Whether the answer to a call has come that [`next`](Self::next) has not given yet.
    pub(super) const fn has_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Whoever was asked is gone: its answer means nothing any more.
    pub(super) fn forget_answer(&mut self) {
        self.answer = None;
    }

    /// The next thing said; `None` once the connection is lost. Goes on with the call under way meanwhile, and forgets it when it
    /// is answered. Safe to cancel.
    pub(super) async fn next(&mut self, work: &mut Option<Work<A>>) -> Option<Said<A>> {
        poll_fn(|context| self.poll_next(work, context)).await
    }

    fn poll_next(
        &mut self,
        work: &mut Option<Work<A>>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Said<A>>> {
        // Looked at twice: what came first may have come to a stream after it was looked at, and before another was.
        let open = self.gather(work, context) && self.gather(work, context);
        match self.first() {
            Some(said) => Poll::Ready(Some(said)),
            None if open => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    /// Takes out what there is; says whether the connection stands.
    fn gather(&mut self, work: &mut Option<Work<A>>, context: &mut Context<'_>) -> bool {
        if let Some(under_way) = work
            && let Poll::Ready(answer) = under_way.as_mut().poll(context)
        {
            *work = None;
            self.answer = Some(answer);
        }
        let mut open = true;
        for (stream, head) in &mut self.streams {
            while head.is_none() {
                match Pin::new(&mut *stream).poll_next(context) {
                    Poll::Ready(Some(Ok(message))) => *head = Some(message),
                    // What cannot be read belongs to somebody who does not keep to D-Bus.
                    Poll::Ready(Some(Err(error))) => {
                        tracing::debug!(%error, "a message on D-Bus cannot be read");
                    }
                    Poll::Ready(None) => {
                        open = false;
                        break;
                    }
                    Poll::Pending => break,
                }
            }
        }
        open
    }

    /// Of what has been taken out, what was said first. An answer that did not come precedes all.
    fn first(&mut self) -> Option<Said<A>> {
        let heads = self.streams.iter_mut().map(|(_, head)| head);
        let message = heads
            .filter(|head| head.is_some())
            .min_by_key(|head| head.as_ref().map(Message::recv_position));
        let position = message
            .as_ref()
            .and_then(|head| head.as_ref().map(Message::recv_position));
        let answered = self
            .answer
            .take_if(|answer| position.is_none() || answer.position < position);
        match answered {
            Some(answer) => Some(Said::Answer(answer.outcome)),
            None => message.and_then(Option::take).map(Said::Message),
        }
    }
}
