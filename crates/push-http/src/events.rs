//! Push events (Push-CAI 5.3): as a stream of server-sent events, or as a list.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, HeaderMap};
use http::request::Parts;
use http::{HeaderName, Method, Response, StatusCode};
use push_api::{
    Caller, DeliveredEvent, EventStream, FetchQuery, PushEventView, PushService, SubscribeQuery,
    id_digits,
};

use crate::answer;
use crate::body::{Body, Frames};
use crate::connection::Shared;
use crate::failure::{Failure, Fallible};
use crate::parameters::Parameters;
use crate::stream::{self, STREAM, Stream, take_wait};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A frame is handed over once it has this many octets, so that long events do not pile up.
const FRAME_OCTETS: usize = 64 * 1024;

/// Answers `GET /v1/events`.
pub(crate) async fn answer<S: PushService>(
    shared: &Arc<Shared<S>>,
    caller: Caller,
    head: &Parts,
) -> Fallible<Response<Body>> {
    let query = head.uri.query();
    let known = &[
        "pushApplicationID",
        "applicationID",
        "window",
        "fetch",
        "wait",
    ];
    let mut parameters = Parameters::parse(query, known)?;
    if let Some(limit) = parameters.number("fetch", &(1..=shared.settings.max_fetch))? {
        check_list_wanted(&head.headers)?;
        let query = fetch_query(parameters, limit, shared.settings.max_wait)?;
        fetch(shared, caller, query, &head.method).await
    } else {
        let query = subscribe_query(parameters, &head.headers)?;
        subscribe(shared, caller, query, &head.method).await
    }
}

fn check_list_wanted(headers: &HeaderMap) -> Fallible<()> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accept {
        Some(accept) if accept.trim().eq_ignore_ascii_case(STREAM) => Err(Failure::invalid(
            406,
            "`fetch` gives a list in application/json, but `Accept` asks for text/event-stream alone; leave one of \
             the two out",
        )),
        _ => Ok(()),
    }
}

fn fetch_query(mut parameters: Parameters, limit: u32, most: Duration) -> Fallible<FetchQuery> {
    let wait = parameters.number("wait", &(0..=most.as_secs()))?;
    if parameters.number("window", &(1..=u32::MAX))?.is_some() {
        return Err(Failure::invalid_option(
            "window",
            "`window` is for streams; with `fetch`, the number fetched bounds what is under way",
        ));
    }
    Ok(FetchQuery {
        push_application_id: parameters.text("pushApplicationID")?,
        application_id: parameters.text("applicationID")?,
        limit,
        wait: Duration::from_secs(wait.unwrap_or_default()),
    })
}

fn subscribe_query(mut parameters: Parameters, headers: &HeaderMap) -> Fallible<SubscribeQuery> {
    if parameters.text("wait")?.is_some() {
        return Err(Failure::invalid_option(
            "wait",
            "`wait` goes with `fetch`; a stream waits for as long as it is open",
        ));
    }
    let after = headers.get(LAST_EVENT_ID).map(|value| value.to_str());
    let after = after.transpose().map_err(|_| {
        Failure::invalid_option(
            "Last-Event-ID",
            "the header `Last-Event-ID` is no event's id",
        )
    })?;
    Ok(SubscribeQuery {
        push_application_id: parameters.text("pushApplicationID")?,
        application_id: parameters.text("applicationID")?,
        after: after.filter(|after| !after.is_empty()).map(str::to_owned),
        window: parameters.number("window", &(1..=u32::MAX))?,
    })
}

async fn subscribe<S: PushService>(
    shared: &Arc<Shared<S>>,
    caller: Caller,
    query: SubscribeQuery,
    method: &Method,
) -> Fallible<Response<Body>> {
    // HEAD opens no stream: it would take the events away from the connection that has one.
    if method == Method::HEAD {
        return Ok(stream::head());
    }
    let place = take_wait(shared)?;
    let events = shared.service.subscribe(caller, query).await?;
    let most = shared.settings.events_per_write;
    let write = move |stream| write_events(stream, events, most);
    Ok(stream::open(shared, place, "push events", write))
}

async fn write_events<E: EventStream>(mut stream: Stream, mut source: E, most: usize) {
    let mut events = Vec::new();
    let mut text = Vec::new();
    loop {
        match stream.next(source.next(&mut events, most)).await {
            None | Some(0) => return,
            Some(_) => {}
        }
        for event in events.drain(..) {
            write_event(&mut text, &event.view());
            if text.len() >= FRAME_OCTETS {
                hand_over(&mut text, &stream.frames).await;
            }
        }
        hand_over(&mut text, &stream.frames).await;
    }
}

fn write_event(text: &mut Vec<u8>, event: &PushEventView<'_>) {
    text.extend_from_slice(b"event: push\nid: ");
    text.extend_from_slice(&id_digits(event.id));
    text.extend_from_slice(b"\ndata: ");
    event.write_json(text);
    text.extend_from_slice(b"\n\n");
}

/// Hands over what is in `text`, and leaves room in it for as much again: the next frame is likely to be as long.
async fn hand_over(text: &mut Vec<u8>, frames: &Frames) {
    // A frame is little longer than its bound; an event may be much longer, once.
    let next = Vec::with_capacity(text.len().min(FRAME_OCTETS));
    frames.write(std::mem::replace(text, next).into()).await;
}

async fn fetch<S: PushService>(
    shared: &Arc<Shared<S>>,
    caller: Caller,
    query: FetchQuery,
    method: &Method,
) -> Fallible<Response<Body>> {
    if method == Method::HEAD {
        return Ok(answer::with_body(
            StatusCode::OK,
            "application/json",
            Body::whole(""),
        ));
    }
    let _place = if query.wait.is_zero() {
        None
    } else {
        Some(take_wait(shared)?)
    };
    let events = tokio::select! {
        biased;
        events = shared.service.fetch(caller, query) => events?,
        () = shared.closing.clone().begun() => Vec::new(),
    };
    let body = Body::frames(|frames| write_list(events, frames));
    Ok(answer::with_body(StatusCode::OK, "application/json", body))
}

async fn write_list<E: DeliveredEvent>(events: Vec<E>, frames: Frames) {
    let mut text = b"[".to_vec();
    for (index, event) in events.into_iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(b",");
        }
        event.view().write_json(&mut text);
        if text.len() >= FRAME_OCTETS {
            hand_over(&mut text, &frames).await;
        }
    }
    text.extend_from_slice(b"]");
    hand_over(&mut text, &frames).await;
}
