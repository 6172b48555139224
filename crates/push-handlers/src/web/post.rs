//! Events as POST requests of HTTP/1.1 (RFC 9112), one at a time on a connection that is kept open between them.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use push_api::DeliveredEvent as _;
use push_client::{Boxed, Event, Outcome, unix_time};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::outcome::{Answered, Rests, judge};
use super::settings::PostSettings;
use super::signature::Secret;
use crate::{Answer, Answering, Handed, Handler, Unreachable};

/// The least that hyper takes for the head of an answer.
const LEAST_HEAD_OCTETS: usize = 8 << 10;

/// A connection to a receiver, whatever it runs over.
pub(super) trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

/// A way to a receiver.
pub(super) trait Road: Debug + Send + Sync {
    /// Connects.
    fn connect(&self) -> Boxed<'_, Result<Box<dyn Octets>, Unreachable>>;

    /// What the header `Host` says.
    fn host(&self) -> String;

    /// Path and query.
    fn path(&self) -> &str;
}

/// Events to one receiver.
#[derive(Debug)]
pub(super) struct Courier {
    road: Box<dyn Road>,
    secret: Secret,
    settings: Arc<PostSettings>,
    connection: Option<Connection>,
}

/// An open connection; it is closed once this is dropped.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
    /// Whether an event has gone over it: the receiver may close it at any time since.
    used: bool,
}

/// Why there was no answer.
#[derive(Debug)]
enum Failure {
    /// No octet of it came, over a connection that was used before: the receiver has most likely closed it meanwhile.
    Stale,
    /// What happened.
    Broken(String),
}

impl Courier {
    /// Connects to a receiver.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(super) async fn reach(
        road: Box<dyn Road>,
        secret: Secret,
        settings: Arc<PostSettings>,
    ) -> Result<Self, Unreachable> {
        let mut courier = Self {
            road,
            secret,
            settings,
            connection: None,
        };
        courier.connection = Some(courier.connect().await?);
        Ok(courier)
    }

    async fn connect(&self) -> Result<Connection, Unreachable> {
        let limit = self.settings.connect_timeout;
        let octets = timeout(limit, self.road.connect());
        let late = |_| Unreachable::new(format!("no connection within {limit:?}"));
        let octets = octets.await.map_err(late)??;
        let head = self.settings.max_head_octets.max(LEAST_HEAD_OCTETS);
        let opened = http1::Builder::new()
            .max_buf_size(head)
            .max_headers(self.settings.max_headers.max(1))
            .handshake(TokioIo::new(octets))
            .await;
        let (sender, connection) = opened.map_err(|error| Unreachable::new(error.to_string()))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What went wrong is told to whoever waits for an answer.
            connection.await.ok();
        });
        Ok(Connection {
            sender,
            _driver: driver,
            used: false,
        })
    }

    /// The open connection, or a new one where the receiver has closed that.
    async fn connected(&mut self) -> Result<Connection, Unreachable> {
        if let Some(mut connection) = self.connection.take()
            && connection.sender.ready().await.is_ok()
        {
            return Ok(connection);
        }
        self.connect().await
    }

    /// Sends an event; once more over a new connection where the old one turns out to be closed. The receiver knows the event again by
    /// its id, should it have had it.
    async fn deliver(&mut self, event: &Event) -> Answer {
        let began = Instant::now();
        let mut body = Vec::new();
        event.view().write_json(&mut body);
        let body = Bytes::from(body);
        let connection = self.connected().await?;
        let posted = match self.post(event, body.clone(), connection, began).await {
            Err(Failure::Stale) => {
                let connection = self.connect().await?;
                self.post(event, body, connection, began).await
            }
            posted => posted,
        };
        match posted {
            Ok(answered) => {
                let now = Duration::from_millis(unix_time().0);
                judge(answered, self.rests(), now)
            }
            Err(failure) => Ok(Handed::new(Outcome::Later, failure.to_string())),
        }
    }

    fn rests(&self) -> Rests {
        Rests {
            max_retry_after: self.settings.max_retry_after,
            gone: self.settings.gone_rest,
        }
    }

    async fn post(
        &mut self,
        event: &Event,
        body: Bytes,
        mut connection: Connection,
        began: Instant,
    ) -> Result<Answered, Failure> {
        let request = self
            .request(event, body)
            .map_err(|error| Failure::Broken(error.to_string()))?;
        let limit = self.settings.answer_timeout;
        let answer = timeout(limit, connection.sender.send_request(request)).await;
        let answer = answer
            .map_err(|_| Failure::Broken(format!("no answer within {limit:?}")))?
            .map_err(|error| failed(&error, connection.used))?;
        let (answered, whole) = self.read(answer, began).await;
        if whole {
            connection.used = true;
            self.connection = Some(connection);
        }
        Ok(answered)
    }

    /// How long a body is waited for: the event is not to count as unanswered for want of it, so a tenth of its time is left.
    fn body_patience(&self, began: Instant) -> Duration {
        let for_all = self.settings.event_timeout;
        let left = for_all.mul_f64(0.9).saturating_sub(began.elapsed());
        self.settings.body_timeout.min(left)
    }

    fn request(&self, event: &Event, body: Bytes) -> hyper::http::Result<Request<Full<Bytes>>> {
        let id = event.id().to_string();
        let timestamp = unix_time().0 / 1000;
        let signature = self.secret.sign(&id, timestamp, &body);
        Request::post(self.road.path())
            .header(HOST, self.road.host())
            .header(USER_AGENT, &self.settings.user_agent)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .header("pushcai-attempt", event.attempt())
            .body(Full::new(body))
    }

    /// Reads an answer's body as far as it is kept, and as long as there is time; says whether that was all of it. Its status has been
    /// said by then, so that no more depends on the rest.
    async fn read(&self, answer: Response<Incoming>, began: Instant) -> (Answered, bool) {
        let (head, mut body) = answer.into_parts();
        let most = self.settings.max_body_octets;
        let mut kept = Vec::new();
        let reading = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let data = frame.into_data().unwrap_or_default();
                let room = most.saturating_sub(kept.len());
                kept.extend_from_slice(data.get(..room).unwrap_or(&data));
                if data.len() > room {
                    return false;
                }
            }
            true
        };
        let whole = timeout(self.body_patience(began), reading).await;
        let retry_after = head.headers.get(RETRY_AFTER);
        let answered = Answered {
            status: head.status.as_u16(),
            retry_after: retry_after
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            body: String::from_utf8_lossy(&kept).into_owned(),
        };
        (answered, whole.unwrap_or(false))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stale => f.write_str("the connection was closed before an answer"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

fn failed(error: &hyper::Error, used: bool) -> Failure {
    let unanswered = error.is_canceled() || error.is_closed() || error.is_incomplete_message();
    if used && (unanswered || !error.is_parse()) {
        return Failure::Stale;
    }
    Failure::Broken(if unanswered {
        Failure::Stale.to_string()
    } else if error.is_parse_too_large() {
        "the head of its answer is too long".to_owned()
    } else if error.is_parse() {
        format!("its answer is no HTTP: {error}")
    } else {
        format!("the connection broke: {error}")
    })
}

impl Handler for Courier {
    fn linger(&self) -> Duration {
        self.settings.idle_timeout
    }

    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            answering.give(self.deliver(&event).await);
            Ok(())
        })
    }
}
