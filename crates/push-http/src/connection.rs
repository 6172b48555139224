//! One connection: who is at its other end, and its requests one after the other.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use push_api::{
    AcknowledgeRequest, BatchAcknowledgeAnswer, BatchAcknowledgement, Caller, DeregistrationQuery,
    OPENAPI, Outcome, Owner, PushService, Reason, Refusal, Share, Shares,
};
use push_identity::Lookups;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::answer;
use crate::body::Body;
use crate::closing::Closing;
use crate::dead_letters;
use crate::events;
use crate::failure::{Failure, Fallible};
use crate::host;
use crate::limits::Limit;
use crate::parameters::Parameters;
use crate::request;
use crate::route::{Command, Route, View};
use crate::session_helper;
use crate::timed::{Activity, Deadline, Timed};
use crate::watch;
use crate::{HttpSettings, Tokens};

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    pub(crate) service: S,
    pub(crate) settings: HttpSettings,
    pub(crate) waits: Arc<Limit>,
    pub(crate) owners: Arc<Shares>,
    /// Connections of which only the user is known yet.
    pub(crate) unproved: Arc<Shares>,
    pub(crate) lookups: Lookups,
    pub(crate) closing: Closing,
}

/// How the requests of a connection prove who asks.
#[derive(Debug)]
pub(crate) enum Proof {
    /// The connection itself proved it.
    Peer(
        Caller,
        #[expect(dead_code, reason = "held for as long as the connection")] Share,
    ),
    /// Each request does, by its token; it has to be addressed to us.
    Token {
        tokens: Arc<Tokens>,
        local: IpAddr,
        place: Mutex<Option<Share>>,
    },
    /// Whoever it is, every request is refused.
    Refused(Box<Failure>),
}

impl<S: PushService> Shared<S> {
    /// The proof of a peer, within the bounds of its owner and its user.
    pub(crate) fn admit(&self, caller: Caller) -> Proof {
        match self.take_place(&caller.owner) {
            Ok(place) => Proof::Peer(caller, place),
            Err(failure) => Proof::Refused(failure),
        }
    }

    fn take_place(&self, owner: &Owner) -> Fallible<Share> {
        self.owners.take(owner).map_err(|taken| {
            let connections = taken.describe("connections", "max_connections");
            let detail = format!("{connections} are open already; close one");
            Failure::bound(429, detail)
        })
    }
}

/// Serves the requests of one connection until it ends.
pub(crate) async fn serve<S, T>(shared: Arc<Shared<S>>, stream: T, proof: Proof)
where
    S: PushService,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity = Activity::new();
    let octets = Timed::new(stream, Arc::clone(&activity), &shared.settings);
    let mut deadline = Deadline::new(Arc::clone(&activity), &shared.settings);
    let proof = Arc::new(proof);
    let closing = shared.closing.clone();
    let most_octets = shared.settings.max_header_octets.max(8192);
    let service = service_fn(move |request| {
        let answering = activity.begin();
        let (shared, proof) = (Arc::clone(&shared), Arc::clone(&proof));
        async move {
            let response = respond(&shared, &proof, request)
                .await
                .unwrap_or_else(|failure| answer::problem(*failure));
            Ok::<_, Infallible>(response.map(|body| body.with(answering)))
        }
    });
    // Not `pipeline_flush`: with it hyper buffers a stream without bound when the client does not read.
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .max_buf_size(most_octets)
            .header_read_timeout(None)
            .serve_connection(octets, service)
    );
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = closing.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = poll_fn(|context| deadline.poll_passed(context)) => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

async fn respond<S: PushService>(
    shared: &Arc<Shared<S>>,
    proof: &Proof,
    request: Request<Incoming>,
) -> Fallible<Response<Body>> {
    let (head, body) = request.into_parts();
    let caller = prove(shared, proof, &head)?;
    match Route::find(&head.method, head.uri.path())? {
        Route::Events => events::answer(shared, caller, &head).await,
        Route::DeadLetters => dead_letters::answer(shared, caller, &head).await,
        Route::Watch => watch::answer(shared, caller, &head).await,
        Route::SessionTasks => session_helper::answer(shared, caller, &head).await,
        Route::Deregister => deregister(shared, caller, &head).await,
        Route::Show(view) => {
            Parameters::parse(head.uri.query(), &[])?;
            show(&shared.service, caller, view).await
        }
        Route::Do(command) => {
            Parameters::parse(head.uri.query(), &[])?;
            carry_out(shared, caller, command, &head.headers, body).await
        }
    }
}

fn prove<S: PushService>(shared: &Shared<S>, proof: &Proof, head: &Parts) -> Fallible<Caller> {
    match proof {
        Proof::Peer(caller, _) => Ok(caller.clone()),
        Proof::Refused(failure) => Err(failure.clone()),
        Proof::Token {
            tokens,
            local,
            place,
        } => {
            host::check(head, *local, &shared.settings.hosts)?;
            let caller = tokens.caller(&head.headers)?;
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            if place
                .as_ref()
                .is_none_or(|place| *place.owner() != caller.owner)
            {
                *place = None;
                *place = Some(shared.take_place(&caller.owner)?);
            }
            Ok(caller)
        }
    }
}

async fn show<S: PushService>(service: &S, caller: Caller, view: View) -> Fallible<Response<Body>> {
    Ok(match view {
        View::Registrations => answer::json(StatusCode::OK, &service.registrations(caller).await?),
        View::Status => answer::json(StatusCode::OK, &service.status(caller).await?),
        View::Servers => answer::json(StatusCode::OK, &service.servers(caller).await?),
        View::Metrics => {
            let text = service.metrics().await;
            answer::text(metrics_type(&text), text)
        }
        View::OpenApi => answer::text("application/yaml", OPENAPI),
    })
}

/// `OpenMetrics` and the older text format of Prometheus differ in little but their end.
fn metrics_type(text: &str) -> &'static str {
    if text.ends_with("# EOF\n") {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    }
}

async fn carry_out<S: PushService>(
    shared: &Shared<S>,
    caller: Caller,
    command: Command<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Fallible<Response<Body>> {
    let (service, settings) = (&shared.service, &shared.settings);
    Ok(match command {
        Command::Register => {
            let request = request::json(headers, body, settings).await?;
            answer::json(
                StatusCode::CREATED,
                &service.register(caller, request).await?,
            )
        }
        Command::Acknowledge(id) => {
            let AcknowledgeRequest { outcome } = request::json(headers, body, settings).await?;
            answer::json(
                StatusCode::OK,
                &acknowledge(service, caller, id, outcome).await?,
            )
        }
        Command::AcknowledgeBatch => {
            let acknowledgements = request::json_list(headers, body, settings).await?;
            let answered = service.acknowledge(caller, acknowledgements).await?;
            answer::json(StatusCode::OK, &answered)
        }
        Command::SettleDeadLetters => {
            let request = request::json(headers, body, settings).await?;
            let answered = service.settle_dead_letters(caller, request).await?;
            answer::json(StatusCode::OK, &answered)
        }
        Command::AnswerSessionTasks => {
            let answers = request::json_list(headers, body, settings).await?;
            let answered = service.session_answers(caller, answers).await?;
            answer::json(StatusCode::OK, &answered)
        }
        Command::Explain => {
            let request = request::json(headers, body, settings).await?;
            answer::json(StatusCode::OK, &service.explain(caller, request).await?)
        }
        Command::Submit => {
            let request = request::json(headers, body, settings).await?;
            answer::json(StatusCode::OK, &service.submit(caller, request).await?)
        }
    })
}

/// Acknowledges one event: where it is refused, so is the request.
async fn acknowledge<S: PushService>(
    service: &S,
    caller: Caller,
    id: &str,
    outcome: Outcome,
) -> Result<BatchAcknowledgeAnswer, Refusal> {
    let acknowledgement = BatchAcknowledgement {
        id: id.to_owned(),
        outcome,
    };
    let mut answered = service.acknowledge(caller, vec![acknowledgement]).await?;
    match answered.refused.pop() {
        None => Ok(answered),
        Some((_, reason, detail)) => Err(Refusal::new(
            Reason::from_word(&reason).unwrap_or(Reason::InvalidRequest),
            detail,
        )),
    }
}

async fn deregister<S: PushService>(
    shared: &Shared<S>,
    caller: Caller,
    head: &Parts,
) -> Fallible<Response<Body>> {
    let known = &["pushApplicationID", "applicationID", "owner", "force"];
    let mut parameters = Parameters::parse(head.uri.query(), known)?;
    //= specs/push-cai.md#deregistration-request
    //# A deregistration that names no pushApplicationID MUST be refused as an invalid request.
    let query = DeregistrationQuery {
        push_application_id: parameters
            .required("pushApplicationID", "x-wap-application:mms.ua")?,
        application_id: parameters.text("applicationID")?,
        owner: parameters.text("owner")?,
        force: parameters.flag("force")?,
    };
    Ok(answer::json(
        StatusCode::OK,
        &shared.service.deregister(caller, query).await?,
    ))
}
