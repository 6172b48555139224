//! The answer to one request.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method as HttpMethod, Request, Response, Uri};
use push_core::Now;
use push_message::{Protocol, ReceivedPush, ServerAddress};
use push_ota::http::{Answer, ContentPush, PpgId, PushStatus, Pushed, Registering, Step};
use tokio::sync::oneshot;

use super::body::{self, NoBody, Read};
use super::connection::Session;
use super::life::Phase;
use super::link::{Exchange, Question};
use super::outstanding::Pusher;
use super::tally::Method;
use crate::masked::Masked;
use crate::recent::Unjudged;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Answers a request, which is taken apart before the future is made: that is moved about, and holds no more than it needs.
pub(super) fn answer(
    session: Arc<Session>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<NoBody>, Infallible>> {
    let (mut head, body) = request.into_parts();
    async move {
        let now = session.link.clock.now();
        let answering = session.life.begin(now.monotonic);
        let method = method_of(&head);
        let (step, ppg) = {
            let cpi = session.link.present_cpi();
            let mut connection = session.connection();
            let step = connection.request(&head, &cpi, now.unix);
            // What the peer is known to be does not change before its next request.
            (step, connection.ppg().cloned())
        };
        let decided = decide(&session, step, ppg.as_ref(), &mut head, body, now).await;
        Ok(finish(&session, method, ppg, decided, now).map(|()| NoBody(answering)))
    }
}

/// An answer, and whether what it refuses has to be remembered here: nobody else does.
struct Decided {
    answer: Answer,
    unexplained: Option<&'static str>,
}

impl Decided {
    /// An answer that the machine gave.
    const fn of(answer: Answer) -> Self {
        let unexplained = answer.reason;
        Self {
            answer,
            unexplained,
        }
    }

    /// An answer whose reasons are remembered elsewhere.
    const fn explained(answer: Answer) -> Self {
        Self {
            answer,
            unexplained: None,
        }
    }
}

fn method_of(head: &Parts) -> Method {
    match head.method {
        HttpMethod::OPTIONS => Method::Options,
        HttpMethod::POST => Method::Post,
        _ => Method::Other,
    }
}

async fn decide(
    session: &Session,
    step: Step,
    ppg: Option<&PpgId>,
    head: &mut Parts,
    body: Incoming,
    now: Now,
) -> Decided {
    match step {
        Step::Answer(answer) => Decided::of(drop_body(session, head, body, answer).await),
        Step::Register(registering) => {
            let whole = drain(session, body).await;
            let mut answer = register(session, registering).await;
            if !whole {
                cut_short(session, &mut answer);
            }
            Decided::of(answer)
        }
        Step::Push(push) => {
            let pusher = match ppg {
                Some(ppg) => Pusher::Gateway(ppg.clone()),
                None => Pusher::Address(session.remote.ip()),
            };
            take_push(session, pusher, head, body, push, now).await
        }
    }
}

/// Reads and drops what there is of a body, unless the peer waits for a word before it sends it, or sends too much.
async fn drop_body(session: &Session, head: &Parts, body: Incoming, mut answer: Answer) -> Answer {
    if body.is_end_stream() {
        return answer;
    }
    let waits = head.headers.contains_key(EXPECT);
    if answer.close || waits || !drain(session, body).await {
        cut_short(session, &mut answer);
    }
    answer
}

/// Reads a body and drops it; says whether that was all of it.
async fn drain(session: &Session, body: Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    session.life.enter(Phase::Body);
    let whole = body::drain(body, session.link.terminal.max_message_length).await;
    session.life.enter(Phase::Busy);
    whole
}

/// The connection ends behind an answer because the rest of its request was not read.
fn cut_short(session: &Session, answer: &mut Answer) {
    answer.close = true;
    session.life.cut_short();
}

async fn register(session: &Session, registering: Registering) -> Answer {
    let listed = !registering.needs_listing() || is_listed(session).await;
    // What holds now: it may have changed since the head came, and been told on another connection.
    let cpi = session.link.cpi();
    registering.answer(&mut session.connection(), listed, &cpi)
}

async fn is_listed(session: &Session) -> bool {
    let (answer, answered) = oneshot::channel();
    let question = Question::IsListed {
        server: ServerAddress::Ip(session.remote.ip().to_canonical()),
        proved_names: session.connection().proved_names().into(),
        answer,
    };
    // Where the engine has ended nobody is registered for anything any more.
    session.link.questions.post([question]);
    answered.await.unwrap_or(false)
}

async fn take_push(
    session: &Session,
    pusher: Pusher,
    head: &mut Parts,
    body: Incoming,
    push: Box<ContentPush>,
    now: Now,
) -> Decided {
    let link = &session.link;
    let under_way = link.outstanding.begin(pusher);
    session.life.enter(Phase::Body);
    let read = body::read(body, push.limit()).await;
    session.life.enter(Phase::Busy);
    let body = match read {
        Read::Whole(body) => body,
        Read::TooLong => {
            let mut answer = push.too_long();
            cut_short(session, &mut answer);
            return Decided::of(answer);
        }
        Read::Broken => {
            // Whether anybody reads it or not.
            session.life.takes_broken_answer();
            return Decided::explained(push.broken());
        }
    };
    let digest = link.transmissions.digest(&head.headers, &body);
    let transaction = session.receipts.begin(digest, now.monotonic);
    let name = transaction.into();
    let pushed = push.body(&mut session.connection(), &body, now.unix, name);
    // Nothing of the request is held while the push is judged: the buffer that it came in, of 8 KiB, is free for another request.
    // Where its headers lay is room for those of the answer.
    let room = std::mem::take(&mut head.headers);
    head.uri = Uri::default();
    drop(body);
    let (push, judging) = match pushed {
        Pushed::Answer(answer) => {
            session.receipts.answered();
            return Decided::of(answer);
        }
        Pushed::Judge(push, judging) => (push, judging.within(room)),
    };
    let Some(_under_way) = under_way else {
        session.receipts.answered();
        return Decided {
            answer: judging.answer(PushStatus::NoRoom),
            unexplained: Some("maxPushRequests"),
        };
    };
    let status = judge(session, push).await;
    session.receipts.answered();
    // An engine that has ended takes nothing any more; what it did not judge may be sent again.
    Decided::explained(judging.answer(status.unwrap_or(PushStatus::RequestRefused)))
}

/// What becomes of a push; absent where the engine has ended.
async fn judge(session: &Session, push: Arc<ReceivedPush>) -> Option<PushStatus> {
    let (answer, answered) = oneshot::channel();
    let question = Question::Judge { push, answer };
    session.link.questions.post([question]);
    answered.await.ok()
}

/// Counts an answer, tells of it, and gives it to hyper.
fn finish(
    session: &Session,
    method: Method,
    ppg: Option<PpgId>,
    decided: Decided,
    now: Now,
) -> Response<()> {
    let Decided {
        answer,
        unexplained,
    } = decided;
    let Answer {
        mut response,
        push_status,
        close,
        notice,
        reason: _,
    } = answer;
    if close {
        response.headers_mut().insert(CONNECTION, CLOSE);
    }
    let link = &session.link;
    link.tally.answered(method, push_status);
    if let Some(word) = unexplained {
        explain(session, &response, word, push_status, now);
    }
    if let (Some(ppg), Some(method)) = (ppg, method.as_str()) {
        let news = session.is_news(notice.as_ref(), &link.cpi());
        let exchange = Exchange {
            ppg,
            method,
            status: push_status,
            at: now.unix,
            notice,
        };
        link.exchanged(exchange, news);
    }
    response
}

/// Remembers and logs a request that was refused.
fn explain(
    session: &Session,
    response: &Response<()>,
    word: &'static str,
    status: Option<PushStatus>,
    now: Now,
) {
    let source = session.remote;
    let http = response.status().as_u16();
    let shown = Masked::new(source, session.link.shown);
    tracing::debug!(word, http, source = %shown, "request refused");
    let status = status.map_or("no push status", PushStatus::as_str);
    session.link.refuse(Unjudged {
        received: now.unix,
        protocol: Protocol::OtaHttp,
        source: ServerAddress::Ip(source.ip().to_canonical()),
        word,
        length: 0,
        detail: format!("{}; answered HTTP {http}, {status}", meaning(word)),
    });
}

/// What a word means, and what would work.
fn meaning(word: &str) -> &'static str {
    match word {
        "version" => "the gateway offers no version that is spoken here",
        "repeatedHeader" => "a header stands there twice that may stand there once",
        "noContext" => "no provisioning context has the ProvURL that the gateway names",
        "path" => "there is nothing but /wappush",
        "method" => "there is nothing to do but OPTIONS and POST",
        "disbelieved" => "the gateway does not believe that the terminal is what it says",
        "challenge" => {
            "the gateway's challenge cannot be answered; check password_file and the gateway's id"
        }
        "notIdentified" => "the gateway proved no name; see identified_only",
        "notAuthenticated" => {
            "the gateway was asked to prove who it is, as it always is at first; see authentication"
        }
        "wrongCredentials" => {
            "the gateway did not prove who it is; check its id, its scheme (authentication) and its password (ppg_password_file)"
        }
        "cpiTag" => {
            "the gateway shows a CPITag that is not the present one; it registers first, and pushes again"
        }
        "contentType" => "the content type of the request cannot be read",
        "notListed" => "no whitelist names the gateway",
        "maxPushRequests" => "the gateway has more pushes under way than max_push_requests",
        "messageTooLong" => "the push is longer than max_message_length",
        _ => "the body is not one push message",
    }
}
