//! The tasks of a session helper, as a stream of server-sent events.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Response};
use push_api::{Caller, PushService, SessionTask, SessionTasks};

use crate::body::Body;
use crate::connection::Shared;
use crate::failure::Fallible;
use crate::parameters::Parameters;
use crate::stream::{self, Stream, take_wait};

/// Answers `GET /v1/session-helper`.
pub(crate) async fn answer<S: PushService>(
    shared: &Arc<Shared<S>>,
    caller: Caller,
    head: &Parts,
) -> Fallible<Response<Body>> {
    Parameters::parse(head.uri.query(), &[])?;
    // HEAD takes nobody's place.
    if head.method == Method::HEAD {
        return Ok(stream::head());
    }
    let place = take_wait(shared)?;
    let tasks = shared.service.session_tasks(caller).await?;
    let write = |stream| write(stream, tasks);
    Ok(stream::open(
        shared,
        place,
        "tasks on the bus of your session",
        write,
    ))
}

async fn write(mut stream: Stream, mut tasks: Box<dyn SessionTasks>) {
    while let Some(Some(task)) = stream.next(tasks.next()).await {
        stream.frames.write(text(&task).into()).await;
    }
}

fn text(task: &SessionTask) -> Vec<u8> {
    let SessionTask { kind, document } = task;
    let mut text = Vec::with_capacity(kind.len() + document.len() + 20);
    for piece in [b"event: ", kind.as_bytes(), b"\ndata: ", document, b"\n\n"] {
        text.extend_from_slice(piece);
    }
    text
}
