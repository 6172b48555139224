//! Streams of server-sent events: how they begin, what keeps them open, and how they end.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::time::{Sleep, sleep};

use crate::answer;
use crate::body::{Body, Frames};
use crate::connection::Shared;
use crate::failure::{Failure, Fallible};
use crate::limits::Place;

/// The media type of a stream.
pub(crate) const STREAM: &str = "text/event-stream";

/// A place among the streams and fetches that wait.
pub(crate) fn take_wait<S>(shared: &Shared<S>) -> Fallible<Place> {
    shared.waits.take().ok_or_else(|| {
        let most = shared.waits.most();
        let detail =
            format!("{most} streams and fetches wait already; try again when one has ended");
        Failure::bound(503, detail)
    })
}

/// What HEAD is answered where GET opens a stream.
pub(crate) fn head() -> Response<Body> {
    answer::with_body(StatusCode::OK, STREAM, Body::whole(""))
}

/// Opens a stream that `write` writes to until it ends.
pub(crate) fn open<S, F>(
    shared: &Arc<Shared<S>>,
    place: Place,
    greeting: &str,
    write: impl FnOnce(Stream) -> F + Send + 'static,
) -> Response<Body>
where
    F: Future<Output = ()> + Send + 'static,
{
    let retry = shared.settings.retry.as_millis();
    let beginning = format!("retry: {retry}\n: {greeting}\n\n");
    let closing = shared.closing.clone();
    let heartbeat = Heartbeat::new(shared.settings.heartbeat);
    let body = Body::frames(|frames| async move {
        frames.write(beginning.into()).await;
        write(Stream {
            frames,
            closing: Box::pin(closing.begun()),
            heartbeat,
            _place: place,
        })
        .await;
    });
    answer::with_body(StatusCode::OK, STREAM, body)
}

/// A stream that is open.
pub(crate) struct Stream {
    pub(crate) frames: Frames,
    closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    heartbeat: Heartbeat,
    _place: Place,
}

impl Stream {
    /// Waits for what is to be written next, and keeps the stream open meanwhile; `None` once the Push Client shuts down.
    pub(crate) async fn next<T>(&mut self, next: impl Future<Output = T>) -> Option<T> {
        let mut next = pin!(next);
        loop {
            tokio::select! {
                biased;
                () = &mut self.closing => {
                    let farewell = Bytes::from_static(b": the Push Client shuts down\n\n");
                    self.frames.write(farewell).await;
                    return None;
                }
                next = &mut next => {
                    self.heartbeat.quiet = false;
                    return Some(next);
                }
                () = self.heartbeat.due() => self.frames.write(Bytes::from_static(b":\n\n")).await,
            }
        }
    }
}

/// Tells when a stream had no event for a while. The timer runs through, because arming it anew for each event would
/// cost more than waking once in a period.
struct Heartbeat {
    period: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    quiet: bool,
}

impl Heartbeat {
    const fn new(period: Duration) -> Self {
        Self {
            period,
            timer: None,
            quiet: true,
        }
    }

    /// Waits for the end of a period without an event; for ever where the period is zero.
    async fn due(&mut self) {
        if self.period.is_zero() {
            return std::future::pending().await;
        }
        loop {
            let period = self.period;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(period)));
            timer.as_mut().await;
            self.timer = None;
            if std::mem::replace(&mut self.quiet, true) {
                return;
            }
        }
    }
}
