//! A push by a session: INVITE, MSRP, BYE.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::events::SipEvent;
use super::exchange::Exchange;
use super::header::SipUri;
use super::message::SipMessage;
use super::msrp::{Paths, Session, Then};
use super::push::{MsrpManner, MsrpOutcome, Setup, SipManner, SipPush, SipPushResult};
use super::server::{Server, result};

/// Pushes in a session of its own.
pub(super) async fn push(
    server: &Arc<Server>,
    to: &str,
    push: &SipPush,
    manner: &SipManner,
) -> SipPushResult {
    match attempt(server, to, push, manner).await {
        Ok(result) => result,
        Err(error) => SipPushResult {
            status: 0,
            reason: error.to_string(),
            answer: None,
            session: None,
        },
    }
}

async fn attempt(
    server: &Arc<Server>,
    to: &str,
    push: &SipPush,
    manner: &SipManner,
) -> std::io::Result<SipPushResult> {
    let endpoint = &server.endpoint;
    let ip = endpoint.address().ip();
    let listener = TcpListener::bind(SocketAddr::new(ip, 0)).await?;
    let own = format!("msrp://{}/{};tcp", listener.local_addr()?, endpoint.token());
    let offer = manner.session.offer.clone();
    let offer = offer.unwrap_or_else(|| offered(&manner.session, &own, listener.local_addr()));
    let request = server
        .request("INVITE", to, push, manner)
        .with("Contact", server.contact())
        .with_body("application/sdp", offer);
    let flow = server.flow(manner, to).await?;
    let mut exchange = Exchange::begin(endpoint, flow, request, manner.branch.clone()).await;
    if manner.session.cancel {
        // Nothing may be cancelled that nobody has answered yet (RFC 3261 9.1).
        drop(timeout(endpoint.timers.t1, exchange.next()).await);
        exchange.cancel().await;
    }
    let answer = exchange.last().await;
    let Some(accepted) = answer
        .as_ref()
        .filter(|answer| (200..300).contains(&answer.status()))
    else {
        return Ok(result(answer, None));
    };
    let dialog = Dialog::new(server, &exchange, accepted);
    if !manner.session.no_ack {
        dialog.acknowledge(&exchange, true).await;
    }
    server
        .endpoint
        .spawn(others(Arc::clone(server), exchange, accepted.clone()));
    let ended = server.dialog(accepted.call_id());
    let own = Own {
        path: own,
        listener,
    };
    let (mut outcome, then) = tokio::select! {
        biased;
        done = converse(server, accepted, own, push, &manner.session) => done,
        () = ended.notified() => {
            let fault = Some("the terminal ended the session too early".to_owned());
            let ended_by_terminal = true;
            let wanted = manner.session.messages;
            (MsrpOutcome { ended_by_terminal, fault, wanted, ..MsrpOutcome::default() }, Then::Wait)
        }
    };
    if !outcome.ended_by_terminal {
        let waits = then == Then::Wait || manner.session.leave;
        if waits
            && timeout(manner.session.patience, ended.notified())
                .await
                .is_ok()
        {
            outcome.ended_by_terminal = true;
        } else {
            dialog.end().await;
        }
    }
    server.forget(accepted.call_id());
    Ok(result(answer, Some(outcome)))
}

/// Ends the sessions of further contacts that accepted the same invitation.
async fn others(server: Arc<Server>, mut exchange: Exchange, first: SipMessage) {
    while let Some(answer) = exchange.next().await {
        let is_other = answer.get("To") != first.get("To");
        if is_other && (200..300).contains(&answer.status()) {
            let dialog = Dialog::new(&server, &exchange, &answer);
            dialog.acknowledge(&exchange, false).await;
            dialog.end().await;
        }
    }
}

/// The connection's own end.
struct Own {
    path: String,
    listener: TcpListener,
}

fn offered(manner: &MsrpManner, path: &str, address: std::io::Result<SocketAddr>) -> String {
    let (ip, port) = address.map_or_else(
        |_| (String::new(), 0),
        |address| (address.ip().to_string(), address.port()),
    );
    let family = if ip.contains(':') { "IP6" } else { "IP4" };
    let setup = manner
        .setup
        .word()
        .map_or_else(String::new, |word| format!("a=setup:{word}\r\n"));
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=message {port} TCP/MSRP *\r\n\
         a=accept-types:{}\r\na=path:{path}\r\n{setup}a=sendonly\r\n",
        manner.accept_types
    )
}

/// The value of an attribute in an SDP.
fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines()
        .filter_map(|line| line.strip_prefix("a="))
        .filter_map(|line| line.split_once(':'))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.trim())
}

/// Brings the connection about and sends on it.
async fn converse(
    server: &Arc<Server>,
    answer: &SipMessage,
    own: Own,
    push: &SipPush,
    manner: &MsrpManner,
) -> (MsrpOutcome, Then) {
    let failed = |fault: String, then: Then| {
        let outcome = MsrpOutcome {
            fault: Some(fault),
            wanted: manner.messages,
            ..MsrpOutcome::default()
        };
        (outcome, then)
    };
    if manner.no_connection {
        return failed("there is to be no connection".to_owned(), Then::Wait);
    }
    let sdp = String::from_utf8_lossy(&answer.body).into_owned();
    let Some(path) = attribute(&sdp, "path") else {
        return failed("the answer has no path".to_owned(), Then::Bye);
    };
    let terminal_opens = match (manner.setup, attribute(&sdp, "setup")) {
        (Setup::Absent | Setup::Active, _) | (_, Some("passive") | None) => false,
        (Setup::ActPass | Setup::Passive, Some(_)) => true,
    };
    let opened = if terminal_opens {
        timeout(manner.patience, own.listener.accept())
            .await
            .map_err(|_| "the terminal opened no connection".to_owned())
            .and_then(|accepted| accepted.map_err(|error| error.to_string()))
    } else {
        open(path, manner.patience).await
    };
    let (stream, peer) = match opened {
        Ok(opened) => opened,
        Err(fault) => return failed(fault, Then::Bye),
    };
    server.endpoint.log.tell(SipEvent::MsrpOpened {
        peer,
        by_terminal: terminal_opens,
    });
    let paths = Paths {
        to: path.to_owned(),
        from: own.path,
    };
    let limits = (server.endpoint.bounds.msrp, server.chance());
    let endpoint = Arc::clone(&server.endpoint);
    let mut session = Session::begin(stream, paths, manner, limits, move |task| {
        endpoint.spawn(task);
    });
    if terminal_opens && !session.greeted().await {
        return (session.send_nothing(), Then::Bye);
    }
    session.send(push).await
}

async fn open(path: &str, patience: Duration) -> Result<(TcpStream, SocketAddr), String> {
    let address = path
        .strip_prefix("msrp://")
        .and_then(|rest| rest.split('/').next())
        .map(|host| host.rsplit('@').next().unwrap_or(host))
        .and_then(|host| host.parse::<SocketAddr>().ok())
        .ok_or_else(|| format!("the path leads nowhere: {path}"))?;
    timeout(patience, TcpStream::connect(address))
        .await
        .map_err(|_| "the terminal took no connection".to_owned())?
        .map(|stream| (stream, address))
        .map_err(|error| error.to_string())
}

/// What later requests of the session need.
struct Dialog {
    server: Arc<Server>,
    base: SipMessage,
    flow: super::events::SipFlow,
}

impl Dialog {
    fn new(server: &Arc<Server>, exchange: &Exchange, answer: &SipMessage) -> Self {
        let contact = answer.address("Contact").map(|contact| contact.uri);
        let uri = contact.unwrap_or_else(|| exchange.request.uri().to_owned());
        let mut base = SipMessage::request("BYE", &uri).with("Max-Forwards", "70");
        let mut route = answer.values("Record-Route");
        route.reverse();
        for value in route {
            base = base.with("Route", value);
        }
        let get = |name: &str| answer.get(name).unwrap_or_default().to_owned();
        base = base
            .with("From", get("From"))
            .with("To", get("To"))
            .with("Call-ID", get("Call-ID"));
        Self {
            server: Arc::clone(server),
            base,
            flow: exchange.flow,
        }
    }

    fn request(&self, method: &str, number: u32) -> SipMessage {
        let mut request = SipMessage::request(method, self.base.uri());
        request.headers.clone_from(&self.base.headers);
        request.with("CSeq", format!("{number} {method}"))
    }

    async fn acknowledge(&self, exchange: &Exchange, remembered: bool) {
        let endpoint = &self.server.endpoint;
        let (number, _) = exchange.request.cseq();
        let mut ack = self.request("ACK", number);
        let branch = format!("z9hG4bK{}", endpoint.token());
        ack.put_first("Via", endpoint.via(self.flow, &branch));
        let via = exchange.request.via();
        let own = via.as_ref().and_then(|via| via.param("branch"));
        let key = (own.unwrap_or_default().to_owned(), "INVITE".to_owned());
        if remembered {
            endpoint.remember_ack(key, self.flow, &ack);
        }
        endpoint.send(self.flow, ack.encode()).await;
    }

    async fn end(&self) {
        let request = self.request("BYE", 1_000);
        let endpoint = &self.server.endpoint;
        let mut exchange = Exchange::begin(endpoint, self.flow, request, None).await;
        // A terminal that does not answer has gone.
        tokio::select! {
            _ = exchange.last() => {}
            () = sleep(endpoint.timers.patience) => {}
        }
    }
}

/// Where a URI leads, if it is an address.
pub(super) fn address_of(uri: &str) -> Option<SocketAddr> {
    SipUri::parse(uri)?.address()
}
