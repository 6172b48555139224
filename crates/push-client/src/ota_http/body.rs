//! The bodies of requests, within their limit; those of answers, which have none.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use super::life::Answering;

/// What was read of a body.
#[derive(Debug)]
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// It has more octets than may be. Where it announces so, none of it was read.
    TooLong,
    /// The connection broke off, or the octets are no body.
    Broken,
}

/// Reads a body of at most `limit` octets.
pub(super) async fn read(mut body: Incoming, limit: usize) -> Read {
    if body.is_end_stream() {
        return Read::Whole(Bytes::new());
    }
    if is_longer(&body, limit) {
        return Read::TooLong;
    }
    let mut only = Bytes::new();
    let mut pieces = Vec::new();
    loop {
        let data = match next(&mut body).await {
            None => break,
            Some(Err(_)) => return Read::Broken,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                // Trailers say nothing here.
                Err(_) => continue,
            },
        };
        if only.len() + pieces.len() + data.len() > limit {
            return Read::TooLong;
        }
        if only.is_empty() && pieces.is_empty() {
            only = data;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&only);
                only = Bytes::new();
            }
            pieces.extend_from_slice(&data);
        }
    }
    Read::Whole(if pieces.is_empty() {
        only
    } else {
        pieces.into()
    })
}

/// Reads a body of at most `limit` octets and drops it; says whether that was all of it.
pub(super) async fn drain(mut body: Incoming, limit: usize) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if is_longer(&body, limit) {
        return false;
    }
    let mut length = 0;
    while let Some(frame) = next(&mut body).await {
        let Ok(frame) = frame else { return false };
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > limit {
            return false;
        }
    }
    true
}

fn is_longer(body: &Incoming, limit: usize) -> bool {
    usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced > limit)
}

async fn next(body: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

/// The body of an answer: none. It lasts until hyper has the answer.
#[derive(Debug)]
pub(super) struct NoBody(#[expect(dead_code, reason = "told by its drop")] pub(super) Answering);

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
