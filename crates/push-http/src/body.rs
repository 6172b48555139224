//! The body of an answer: octets at once, or frames as they come.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::timed::Answering;

/// The body of an answer.
pub(crate) struct Body {
    content: Content,
    /// Dropped with the body, which is when it is written or the client is gone.
    _answering: Option<Answering>,
}

enum Content {
    Whole(Bytes),
    Frames(Frames, Pin<Box<dyn Future<Output = ()> + Send>>),
    Ended,
}

/// Where the writer of a body puts its frames: one at a time.
#[derive(Clone, Default)]
pub(crate) struct Frames(Arc<Mutex<Option<Bytes>>>);

impl Frames {
    /// Writes a frame, and waits until the connection has taken it.
    pub(crate) async fn write(&self, frame: Bytes) {
        if frame.is_empty() {
            return;
        }
        self.slot().replace(frame);
        // The connection polls the writer whenever it wants a frame, so no one has to be woken.
        poll_fn(|_| match *self.slot() {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        })
        .await;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body {
    pub(crate) fn whole(octets: impl Into<Bytes>) -> Self {
        Self {
            content: Content::Whole(octets.into()),
            _answering: None,
        }
    }

    /// A body written by `writer`, which runs only as fast as the client reads.
    pub(crate) fn frames<F>(writer: impl FnOnce(Frames) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let frames = Frames::default();
        let writer = writer(frames.clone());
        Self {
            content: Content::Frames(frames, Box::pin(writer)),
            _answering: None,
        }
    }

    /// The same body, which holds `answering` until it is written.
    pub(crate) fn with(self, answering: Answering) -> Self {
        Self {
            content: self.content,
            _answering: Some(answering),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Ended => Poll::Ready(None),
            Content::Whole(octets) => {
                let octets = std::mem::take(octets);
                self.content = Content::Ended;
                Poll::Ready(Some(Ok(Frame::data(octets))))
            }
            Content::Frames(frames, writer) => {
                let ended = writer.as_mut().poll(context).is_ready();
                let frame = frames.slot().take();
                if ended {
                    self.content = Content::Ended;
                }
                match frame {
                    Some(octets) => Poll::Ready(Some(Ok(Frame::data(octets)))),
                    None if ended => Poll::Ready(None),
                    None => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(octets) => octets.is_empty(),
            Content::Frames(..) => false,
            Content::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(octets) => SizeHint::with_exact(octets.len() as u64),
            Content::Frames(..) => SizeHint::default(),
            Content::Ended => SizeHint::with_exact(0),
        }
    }
}
