//! What goes on, as a stream of server-sent events.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Response};
use push_api::{Caller, PushService, WatchQuery, WatchStream, Watched, WatchedKind, nearest};

use crate::body::Body;
use crate::connection::Shared;
use crate::failure::{Failure, Fallible};
use crate::parameters::Parameters;
use crate::stream::{self, Stream, take_wait};

/// Answers `GET /v1/watch`.
pub(crate) async fn answer<S: PushService>(
    shared: &Arc<Shared<S>>,
    caller: Caller,
    head: &Parts,
) -> Fallible<Response<Body>> {
    let query = query(head)?;
    if head.method == Method::HEAD {
        return Ok(stream::head());
    }
    let place = take_wait(shared)?;
    let watching = shared.service.watch(caller, query).await?;
    let write = |stream| write(stream, watching);
    Ok(stream::open(shared, place, "watching", write))
}

fn query(head: &Parts) -> Fallible<WatchQuery> {
    let known = &["pushApplicationID", "applicationID", "kind", "content"];
    let mut parameters = Parameters::parse(head.uri.query(), known)?;
    Ok(WatchQuery {
        push_application_id: parameters.text("pushApplicationID")?,
        application_id: parameters.text("applicationID")?,
        kinds: kinds(parameters.text("kind")?.as_deref())?,
        content: parameters.flag("content")?,
    })
}

fn kinds(list: Option<&str>) -> Fallible<Vec<WatchedKind>> {
    let words = list.into_iter().flat_map(|list| list.split(','));
    words.map(|word| kind(word.trim())).collect()
}

fn kind(word: &str) -> Fallible<WatchedKind> {
    WatchedKind::from_word(word).ok_or_else(|| {
        let words = WatchedKind::ALL.map(WatchedKind::as_str);
        let hint = nearest(word, words).map_or_else(
            || format!("known are {}", words.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        Failure::invalid_option("kind", format!("`{word}` is no kind of happening; {hint}"))
    })
}

/// Writes one thing at a time, so that what a slow reader misses is left out by the Push Client, which counts it, and no more than
/// one is held here.
async fn write(mut stream: Stream, mut watching: impl WatchStream) {
    while let Some(Some(watched)) = stream.next(watching.next()).await {
        stream.frames.write(text(&watched).into()).await;
    }
}

fn text(watched: &Watched) -> Vec<u8> {
    let mut text = format!("event: {}\ndata: ", watched.kind().as_str()).into_bytes();
    if let Err(error) = serde_json::to_writer(&mut text, watched) {
        tracing::error!(%error, "what happened could not be written as JSON");
        return Vec::new();
    }
    text.extend_from_slice(b"\n\n");
    text
}
