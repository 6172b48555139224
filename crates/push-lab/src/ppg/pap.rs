//! The front door for push initiators: the Push Access Protocol over HTTP (WAP-247).

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::delivery::{Outcome, PushResult, Ticket, Unfit, deliver};
use super::events::PpgEvent;
use super::gateway::Inner;
use super::message::HttpPush;
use super::multipart;
use super::notification;
use super::pap_address::ClientAddress;
use super::pap_document::{
    Bad, DeliveryMethod, Document, Element, Message, PushMessage, Quality, parse, write_time,
};

/// Where messages are taken.
const PATH: &str = "/pap";
/// Bearers that initiators name, with their numbers (WAP-259).
const BEARERS: &[(&str, u8)] = &[
    ("ANY", 0x00),
    ("USSD", 0x02),
    ("SMS", 0x03),
    ("CSD", 0x0a),
    ("GPRS", 0x0b),
    ("CDPD", 0x0d),
];

/// What was submitted, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    by_id: Mutex<ById>,
}

#[derive(Debug, Default)]
struct ById {
    all: BTreeMap<String, Arc<Submission>>,
    /// The oldest first.
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Submission {
    push_id: String,
    received: u64,
    notify: Option<String>,
    quality: Option<Quality>,
    /// Which version of the protocol notifications are written in.
    versions: bool,
    recipients: Vec<Recipient>,
}

#[derive(Debug)]
struct Recipient {
    address: String,
    terminal: String,
    ticket: Ticket,
    report: Mutex<Option<Report>>,
}

impl Recipient {
    fn report(&self) -> MutexGuard<'_, Option<Report>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it ended for one recipient.
#[derive(Debug, Clone)]
struct Report {
    state: &'static str,
    code: u16,
    description: String,
    time: u64,
    confirmed: bool,
}

impl Submissions {
    fn lock(&self) -> MutexGuard<'_, ById> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, push_id: &str) -> Option<Arc<Submission>> {
        self.lock().all.get(push_id).cloned()
    }

    /// Keeps a submission; at the bound the oldest settled one goes for it. Says which status code speaks against that.
    fn add(&self, submission: &Arc<Submission>, bound: usize) -> Result<(), u16> {
        let mut by_id = self.lock();
        if by_id.all.contains_key(&submission.push_id) {
            return Err(2007);
        }
        if by_id.order.len() >= bound {
            let settled = |push_id: &String| {
                let recipients = by_id.all.get(push_id).map(|known| &known.recipients);
                recipients.is_none_or(|all| all.iter().all(|one| one.report().is_some()))
            };
            let oldest = by_id.order.iter().position(settled).ok_or(4001_u16)?;
            if let Some(push_id) = by_id.order.remove(oldest) {
                by_id.all.remove(&push_id);
            }
        }
        by_id.order.push_back(submission.push_id.clone());
        by_id
            .all
            .insert(submission.push_id.clone(), Arc::clone(submission));
        Ok(())
    }
}

/// Takes messages until the gateway ends.
pub(super) async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(inner.settings.bounds.connections.max(1)));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let serving = Arc::clone(&inner);
        inner.spawn(async move {
            let time = serving.settings.bounds.answer_time;
            let service = service_fn(|request| {
                let inner = Arc::clone(&serving);
                async move { Ok::<_, Infallible>(answer(&inner, request).await) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(time);
            // An initiator that goes away in the middle of a message has said nothing.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
            drop(permit);
        });
    }
}

async fn answer(inner: &Arc<Inner>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, &format!("messages go to {PATH}\n"));
    }
    if request.method() != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "messages are POSTed\n");
        let allowed = hyper::header::HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = Limited::new(request.into_body(), inner.settings.bounds.body).collect();
    let body = match tokio::time::timeout(inner.settings.bounds.answer_time, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the message is too long\n");
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the message did not come whole\n"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the message came too slowly\n"),
    };
    // Whatever is wrong with the message itself is said in the document.
    let document = converse(inner, &content_type, &body);
    let mut response = Response::new(Full::new(Bytes::from(document)));
    *response.status_mut() = StatusCode::ACCEPTED;
    let xml = hyper::header::HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = status;
    let name = HeaderName::from_static("content-type");
    let value = hyper::header::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(name, value);
    response
}

/// What is answered to a message.
fn converse(inner: &Arc<Inner>, content_type: &str, body: &[u8]) -> String {
    let tell = |message: &str, push_id: Option<&str>, code: u16| {
        inner.log.tell(PpgEvent::Pap {
            message: message.to_owned(),
            push_id: push_id.map(str::to_owned),
            code,
        });
    };
    let refuse = |bad: &Bad, versions: bool| {
        tell("", None, bad.code);
        Element::bad_message(bad, body).document(versions)
    };
    let (control, content) = match entities(content_type, body) {
        Ok(entities) => entities,
        Err(reason) => return refuse(&Bad { code: 2000, reason }, false),
    };
    let Document { message, versions } = match parse(&control) {
        Ok(document) => document,
        Err(bad) => return refuse(&bad, bad.code != 3002),
    };
    let element = match message {
        Message::Push(push) => {
            let (push_id, notes) = (push.push_id.clone(), push.progress_notes);
            let result = submit(inner, push, content, versions);
            let (code, why) = match &result {
                Ok(()) => (1001, "accepted for processing"),
                Err((code, why)) => (*code, why.as_str()),
            };
            tell("push-message", Some(&push_id), code);
            push_response(inner, &push_id, code, why, notes)
        }
        Message::Cancel { push_id, addresses } => {
            let (code, element) = cancel(inner, &push_id, &addresses);
            tell("cancel-message", Some(&push_id), code);
            element
        }
        Message::StatusQuery { push_id, addresses } => {
            let (code, element) = status(inner, &push_id, &addresses);
            tell("statusquery-message", Some(&push_id), code);
            element
        }
        Message::CapabilitiesQuery { query_id, address } => {
            tell("ccq-message", None, 3001);
            let response = Element::new("ccq-response")
                .with("code", "3001")
                .with("desc", "capabilities cannot be asked for here")
                .holding([Element::address(&address)]);
            match query_id {
                Some(id) => response.with("query-id", id),
                None => response,
            }
        }
        Message::ResultNotificationResponse { .. } => {
            let reason = "nothing was asked that this answers".to_owned();
            return refuse(&Bad { code: 2000, reason }, versions);
        }
    };
    element.document(versions)
}

type Content = Option<multipart::Part>;

/// The control entity, and the content where there is one. Assumed capabilities are not looked at.
fn entities(content_type: &str, body: &[u8]) -> Result<(Vec<u8>, Content), String> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if ["application/xml", "text/xml"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known))
    {
        return Ok((body.to_vec(), None));
    }
    let boundary = multipart::boundary(content_type)
        .ok_or_else(|| format!("{content_type:?} is no content type of a message"))?;
    let mut parts = multipart::split(body, &boundary)?.into_iter();
    let control = parts.next().ok_or("the message has no parts")?;
    Ok((control.content, parts.next()))
}

type Refused = (u16, String);

fn submit(
    inner: &Arc<Inner>,
    message: PushMessage,
    content: Content,
    versions: bool,
) -> Result<(), Refused> {
    let refused = |code: u16, why: &str| (code, why.to_owned());
    if message.replaces.is_some() {
        return Err(refused(3011, "replacing is not supported"));
    }
    let content = content.ok_or_else(|| refused(2000, "the message has no content"))?;
    let push = push_of(&content).ok_or_else(|| refused(2000, "the content has no type"))?;
    let now = now();
    if message.deliver_before.is_some_and(|before| before <= now) {
        return Err(refused(2000, "deliver-before-timestamp has passed"));
    }
    let mut recipients = Vec::with_capacity(message.addresses.len());
    for address in &message.addresses {
        let client = ClientAddress::parse(address)
            .ok_or_else(|| (2002, format!("{address:?} is no address known here")))?;
        recipients.push(Recipient {
            address: address.clone(),
            terminal: terminal_of(inner, &client),
            ticket: Ticket::new(),
            report: Mutex::new(None),
        });
    }
    if let Some(quality) = &message.quality {
        check_quality(inner, quality, &recipients)?;
    }
    let submission = Arc::new(Submission {
        push_id: message.push_id,
        received: now,
        notify: message.notify,
        quality: message.quality,
        versions,
        recipients,
    });
    let bound = inner.settings.bounds.submissions;
    let added = inner.submissions.add(&submission, bound);
    added.map_err(|code| {
        let why = if code == 2007 {
            "the push-id was used before"
        } else {
            "too many submissions are pending"
        };
        refused(code, why)
    })?;
    for index in 0..submission.recipients.len() {
        let task = Delivery {
            inner: Arc::clone(inner),
            submission: Arc::clone(&submission),
            index,
            push: push.clone(),
            after: message.deliver_after.map(|after| after.saturating_sub(now)),
            before: message.deliver_before.map(|before| before - now),
        };
        inner.spawn(task.run());
    }
    Ok(())
}

/// The content entity as a push: its headers are the push headers.
fn push_of(content: &multipart::Part) -> Option<HttpPush> {
    let mut push = HttpPush::new(content.content_type()?, content.content.clone());
    for (name, value) in &content.headers {
        let of_the_entity = ["Content-Type", "Content-Length"];
        if !of_the_entity
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            push = push.push_header(name, value);
        }
    }
    Some(push)
}

/// The Terminal-ID that an address stands for: one that is known, or else the likeliest.
fn terminal_of(inner: &Inner, client: &ClientAddress) -> String {
    let connections = inner.connections().clone();
    if let ClientAddress::Ip(address) = client {
        let mut there = connections
            .iter()
            .rev()
            .filter(|connection| connection.peer().ip() == *address);
        if let Some((terminal, _)) = there.find_map(super::Connection::terminal) {
            return terminal;
        }
    }
    let known = |id: &String| {
        let connected = connections
            .iter()
            .any(|one| one.terminal().is_some_and(|(terminal, _)| terminal == *id));
        let routes = inner.routes.lock();
        connected
            || routes
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(id)
            || inner
                .store()
                .contexts()
                .any(|(terminal, _, _)| terminal == id)
    };
    let ids = client.terminal_ids();
    let found = ids.iter().find(|id| known(id)).or_else(|| ids.first());
    found.cloned().unwrap_or_default()
}

fn check_quality(
    inner: &Inner,
    quality: &Quality,
    recipients: &[Recipient],
) -> Result<(), Refused> {
    if quality.network_required && quality.network.is_some() {
        let why = "which network it goes over is not known here".to_owned();
        return Err((3009, why));
    }
    let Some(bearer) = quality.bearer.as_ref().filter(|_| quality.bearer_required) else {
        return Ok(());
    };
    let unavailable = || (3010, format!("the bearer {bearer:?} is not available"));
    let number = BEARERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(bearer))
        .map(|(_, number)| *number)
        .ok_or_else(unavailable)?;
    let store = inner.store();
    let available = |recipient: &Recipient| {
        let mut contexts = store.contexts();
        number == 0
            || contexts.any(|(id, bearer, _)| id == recipient.terminal && bearer == Some(number))
    };
    if recipients.iter().all(available) {
        Ok(())
    } else {
        Err(unavailable())
    }
}

fn push_response(
    inner: &Inner,
    push_id: &str,
    code: u16,
    description: &str,
    notes: bool,
) -> Element {
    let time = write_time(now());
    let note = Element::new("progress-note")
        .with("stage", "submission")
        .with("note", description)
        .with("time", time.as_str());
    let result = Element::new("response-result")
        .with("code", code.to_string())
        .with("desc", description);
    Element::new("push-response")
        .with("push-id", push_id)
        .with("sender-name", inner.settings.id.as_str())
        .with("reply-time", time)
        .holding(notes.then_some(note))
        .holding([result])
}

/// The recipients that a message is about; all where it names none.
fn chosen<'a>(
    submission: &'a Submission,
    addresses: &'a [String],
) -> Vec<(&'a str, Option<&'a Recipient>)> {
    if addresses.is_empty() {
        let all = submission.recipients.iter();
        return all.map(|one| (one.address.as_str(), Some(one))).collect();
    }
    let find = |address: &'a String| {
        let mut all = submission.recipients.iter();
        (address.as_str(), all.find(|one| one.address == *address))
    };
    addresses.iter().map(find).collect()
}

fn cancel(inner: &Inner, push_id: &str, addresses: &[String]) -> (u16, Element) {
    let result = |code: u16, description: &str| {
        Element::new("cancel-result")
            .with("code", code.to_string())
            .with("desc", description)
    };
    let response = Element::new("cancel-response").with("push-id", push_id);
    let Some(submission) = inner.submissions.get(push_id) else {
        let none = result(2004, "no such push-id");
        return (2004, response.holding([none]));
    };
    let mut worst = 1000;
    let mut results = Vec::new();
    for (address, recipient) in chosen(&submission, addresses) {
        let (code, description) = match recipient {
            Some(recipient) if recipient.ticket.stop(Outcome::Cancelled) => (1000, "cancelled"),
            Some(_) => (2008, "it is under way, or done with"),
            None => (2003, "no such address"),
        };
        worst = worst.max(code);
        results.push(result(code, description).holding([Element::address(address)]));
    }
    (worst, response.holding(results))
}

fn status(inner: &Inner, push_id: &str, addresses: &[String]) -> (u16, Element) {
    let result = |state: &str, code: u16, description: &str| {
        Element::new("statusquery-result")
            .with("message-state", state)
            .with("code", code.to_string())
            .with("desc", description)
    };
    let response = Element::new("statusquery-response").with("push-id", push_id);
    let Some(submission) = inner.submissions.get(push_id) else {
        let none = result("unknown", 2004, "no such push-id");
        return (2004, response.holding([none]));
    };
    let mut worst = 1000;
    let mut results = Vec::new();
    for (address, recipient) in chosen(&submission, addresses) {
        let known = recipient.map(|recipient| recipient.report().clone());
        let element = match known {
            None => {
                worst = 2003;
                result("unknown", 2003, "no such address")
            }
            Some(None) => result("pending", 1000, "it waits, or is under way"),
            Some(Some(report)) => result(report.state, report.code, &report.description)
                .with("event-time", write_time(report.time)),
        };
        let used = submission.quality.as_ref();
        let confirmed = recipient
            .and_then(|recipient| recipient.report().as_ref().map(|report| report.confirmed));
        let used = used.map(|quality| used_quality(quality, confirmed.unwrap_or(true)));
        let address = Element::address(address);
        results.push(element.holding([address]).holding(used));
    }
    (worst, response.holding(results))
}

/// The quality of service that was used.
fn used_quality(asked: &Quality, confirmed: bool) -> Element {
    let method = if confirmed {
        "confirmed"
    } else {
        "unconfirmed"
    };
    let element = Element::new("quality-of-service").with("delivery-method", method);
    match &asked.bearer {
        Some(bearer) if asked.bearer_required => element.with("bearer", bearer.as_str()),
        Some(_) | None => element,
    }
}

/// A push on its way to one recipient.
struct Delivery {
    inner: Arc<Inner>,
    submission: Arc<Submission>,
    index: usize,
    push: HttpPush,
    /// Seconds until it may be delivered, and until it must be.
    after: Option<u64>,
    before: Option<u64>,
}

impl Delivery {
    async fn run(self) {
        let Some(recipient) = self.submission.recipients.get(self.index) else {
            return;
        };
        let asked = self.submission.quality.as_ref();
        let method = asked.map_or(DeliveryMethod::NotSpecified, |asked| asked.delivery_method);
        let confirmed = method != DeliveryMethod::Unconfirmed;
        let result = self.deliver(recipient).await;
        let report = report(&result, confirmed);
        *recipient.report() = Some(report.clone());
        if let Some(url) = &self.submission.notify {
            let document = self.notification(recipient, &report);
            let result = notification::send(&self.inner.settings, url, document).await;
            self.inner.log.tell(PpgEvent::Notified {
                push_id: self.submission.push_id.clone(),
                state: report.state.to_owned(),
                result,
            });
        }
    }

    async fn deliver(&self, recipient: &Recipient) -> PushResult {
        let expiring = async {
            match self.before {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
            // What is under way may still arrive.
            recipient.ticket.stop(Outcome::Expired);
            std::future::pending::<()>().await;
        };
        let delivering = async {
            if let Some(seconds) = self.after {
                let stopped = recipient.ticket.stopped();
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                    _ = stopped => {}
                }
            }
            let push = self.push.clone();
            deliver(&self.inner, &recipient.terminal, push, &recipient.ticket).await
        };
        tokio::pin!(delivering);
        tokio::select! {
            result = &mut delivering => result,
            () = expiring => delivering.await,
        }
    }

    fn notification(&self, recipient: &Recipient, report: &Report) -> String {
        let submission = &self.submission;
        let quality = submission.quality.as_ref();
        Element::new("resultnotification-message")
            .with("push-id", submission.push_id.as_str())
            .with("sender-name", self.inner.settings.id.as_str())
            .with("received-time", write_time(submission.received))
            .with("event-time", write_time(report.time))
            .with("message-state", report.state)
            .with("code", report.code.to_string())
            .with("desc", report.description.as_str())
            .holding([Element::address(&recipient.address)])
            .holding(quality.map(|quality| used_quality(quality, report.confirmed)))
            .document(submission.versions)
    }
}

/// What the initiator is told (WAP-249 5.1.2).
fn report(result: &PushResult, confirmed: bool) -> Report {
    let sent = !result.answers.is_empty() || matches!(result.outcome, Outcome::Unanswered(_));
    let (state, code, description) = if !confirmed && sent {
        // Nobody wanted to know whether it arrived.
        ("delivered", 1000, "sent".to_owned())
    } else {
        match &result.outcome {
            Outcome::Accepted => ("delivered", 1000, "the terminal took it".to_owned()),
            Outcome::Refused(status) => (
                "aborted",
                5000 + status.min(&999),
                format!("the terminal refused it with push status {status}"),
            ),
            Outcome::Unfit(unfit) => ("undeliverable", 2006, describe(*unfit).to_owned()),
            Outcome::Unreachable(why) => ("undeliverable", 4000, why.clone()),
            Outcome::QueueFull => (
                "undeliverable",
                4001,
                "the gateway's queue is full".to_owned(),
            ),
            Outcome::Unanswered(why) => ("timeout", 4000, why.clone()),
            Outcome::NotAuthenticated(why) => ("undeliverable", 2001, why.clone()),
            Outcome::Cancelled => ("cancelled", 1000, "it was cancelled".to_owned()),
            Outcome::Expired => ("expired", 4000, "its time was over".to_owned()),
        }
    };
    Report {
        state,
        code,
        description,
        time: now(),
        confirmed,
    }
}

const fn describe(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::ContentType => "the terminal does not take this content type",
        Unfit::Application => "the terminal does not take pushes to this application",
        Unfit::Size => "the terminal does not take pushes of this size",
    }
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a gateway of the lab has its own clock, for times that people read"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(outcome: Outcome, confirmed: bool) -> (&'static str, u16) {
        let result = PushResult {
            outcome,
            answers: Vec::new(),
            bearer: None,
        };
        let report = report(&result, confirmed);
        (report.state, report.code)
    }

    #[test]
    fn outcomes_become_states_and_codes() {
        for (outcome, expected) in [
            (Outcome::Accepted, ("delivered", 1000)),
            (Outcome::Refused(236), ("aborted", 5236)),
            (Outcome::Refused(600), ("aborted", 5600)),
            (Outcome::Unfit(Unfit::Size), ("undeliverable", 2006)),
            (Outcome::Unreachable(String::new()), ("undeliverable", 4000)),
            (Outcome::QueueFull, ("undeliverable", 4001)),
            (Outcome::Unanswered(String::new()), ("timeout", 4000)),
            (
                Outcome::NotAuthenticated(String::new()),
                ("undeliverable", 2001),
            ),
            (Outcome::Cancelled, ("cancelled", 1000)),
            (Outcome::Expired, ("expired", 4000)),
        ] {
            assert_eq!(reported(outcome, true), expected);
        }
        let lost = Outcome::Unanswered(String::new());
        assert_eq!(reported(lost, false), ("delivered", 1000));
        assert_eq!(reported(Outcome::Expired, false), ("expired", 4000));
    }

    #[test]
    fn the_oldest_settled_submission_makes_room() {
        let submissions = Submissions::default();
        let submission = |push_id: &str, settled: bool| {
            let recipient = Recipient {
                address: String::new(),
                terminal: String::new(),
                ticket: Ticket::new(),
                report: Mutex::new(settled.then(|| Report {
                    state: "delivered",
                    code: 1000,
                    description: String::new(),
                    time: 0,
                    confirmed: true,
                })),
            };
            Arc::new(Submission {
                push_id: push_id.to_owned(),
                received: 0,
                notify: None,
                quality: None,
                versions: true,
                recipients: vec![recipient],
            })
        };
        assert_eq!(submissions.add(&submission("1", false), 2), Ok(()));
        assert_eq!(submissions.add(&submission("1", false), 2), Err(2007));
        assert_eq!(submissions.add(&submission("2", true), 2), Ok(()));
        assert_eq!(submissions.add(&submission("3", false), 2), Ok(()));
        assert!(submissions.get("2").is_none());
        assert_eq!(submissions.add(&submission("4", false), 2), Err(4001));
    }
}
