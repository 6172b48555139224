//! The tasks of a session helper, as a stream of server-sent events.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use push_api::{Caller, PushService, SessionTask, SessionTasks};

use crate::answer;
use crate::body::{Body, Frames};
use crate::connection::Shared;
use crate::events::{Heartbeat, STREAM, take_wait};
use crate::failure::Fallible;
use crate::limits::Place;
use crate::parameters::Parameters;

/// Answers `GET /v1/session-helper`.
pub(crate) async fn answer<S: PushService>(
    shared: &Arc<Shared<S>>,
    caller: Caller,
    head: &Parts,
) -> Fallible<Response<Body>> {
    Parameters::parse(head.uri.query(), &[])?;
    // HEAD takes nobody's place.
    if head.method == Method::HEAD {
        return Ok(answer::with_body(StatusCode::OK, STREAM, Body::whole("")));
    }
    let place = take_wait(shared)?;
    let tasks = shared.service.session_tasks(caller).await?;
    let shared = Arc::clone(shared);
    let body = Body::frames(|frames| write(shared, tasks, frames, place));
    Ok(answer::with_body(StatusCode::OK, STREAM, body))
}

async fn write<S: PushService>(
    shared: Arc<Shared<S>>,
    mut tasks: Box<dyn SessionTasks>,
    frames: Frames,
    _place: Place,
) {
    let retry = format!(
        "retry: {}\n: tasks on the bus of your session\n\n",
        shared.settings.retry.as_millis()
    );
    frames.write(Bytes::from(retry)).await;
    let mut closing = pin!(shared.closing.clone().begun());
    let mut heartbeat = Heartbeat::new(shared.settings.heartbeat);
    loop {
        let task = tokio::select! {
            biased;
            () = &mut closing => return frames.write(Bytes::from_static(b": the Push Client shuts down\n\n")).await,
            task = tasks.next() => task,
            () = heartbeat.due() => {
                frames.write(Bytes::from_static(b":\n\n")).await;
                continue;
            }
        };
        let Some(task) = task else {
            return;
        };
        heartbeat.heard();
        frames.write(text(&task).into()).await;
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
